(class_declaration name: (identifier) @name) @class
(variable_declarator name: (identifier) @name value: (class)) @class
(field_definition property: (property_identifier) @name value: [(arrow_function) (function_expression)]) @method
(class_heritage (identifier) @ref)
