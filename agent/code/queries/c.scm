; What C and C++ have in common; a function's name stands inside its declarator.
(function_definition declarator: (_) @declarator) @function
(struct_specifier name: (type_identifier) @name body: (_)) @struct
(union_specifier name: (type_identifier) @name body: (_)) @struct
(enum_specifier name: (type_identifier) @name body: (_)) @enum
(type_definition declarator: (_) @declarator) @type
(preproc_function_def name: (identifier) @name) @macro
(preproc_def name: (identifier) @name) @variable
(translation_unit (declaration declarator: (init_declarator declarator: (_) @declarator)) @variable)

(call_expression function: (identifier) @ref)
(field_expression field: (field_identifier) @ref)
(type_identifier) @ref
(argument_list (identifier) @ref)
(initializer_list (identifier) @ref)
(initializer_pair value: (identifier) @ref)
(return_statement (identifier) @ref)
