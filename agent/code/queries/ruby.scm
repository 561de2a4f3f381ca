(class name: (_) @name) @class
(module name: (_) @name) @module
(method name: (_) @name) @method
(singleton_method name: (_) @name) @method
(program (assignment left: (constant) @name) @variable)
(body_statement (assignment left: (constant) @name) @variable)

(call method: (_) @ref)
(constant) @ref
(body_statement (identifier) @ref)
(argument_list (simple_symbol) @ref)
