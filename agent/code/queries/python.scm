; Definitions are captured by their kind, with their name; the widest node around a name is the definition.
(function_definition name: (identifier) @name) @function
(class_definition name: (identifier) @name) @class
(decorated_definition definition: (function_definition name: (identifier) @name)) @function
(decorated_definition definition: (class_definition name: (identifier) @name)) @class
(module (expression_statement (assignment left: (identifier) @name) @variable))
(class_definition body: (block (expression_statement (assignment left: (identifier) @name) @variable)))
(type_alias_statement left: (type (identifier) @name)) @type

(call function: (identifier) @ref)
(attribute attribute: (identifier) @ref)
(type (identifier) @ref)
(generic_type (identifier) @ref)
(decorator (identifier) @ref)
(argument_list (identifier) @ref)
(keyword_argument value: (identifier) @ref)
(default_parameter value: (identifier) @ref)
(typed_default_parameter value: (identifier) @ref)
(except_clause (identifier) @ref)
(assignment right: (identifier) @ref)
(return_statement (identifier) @ref)
(raise_statement (identifier) @ref)
(pair value: (identifier) @ref)
(list (identifier) @ref)
(tuple (identifier) @ref)
(attribute object: (identifier) @ref)
(subscript value: (identifier) @ref)
(comparison_operator (identifier) @ref)
(as_pattern (identifier) @ref)
