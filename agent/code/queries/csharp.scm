(class_declaration name: (identifier) @name) @class
(struct_declaration name: (identifier) @name) @struct
(record_declaration name: (identifier) @name) @class
(interface_declaration name: (identifier) @name) @interface
(enum_declaration name: (identifier) @name) @enum
(delegate_declaration name: (identifier) @name) @type
(method_declaration name: (identifier) @name) @method
(constructor_declaration name: (identifier) @name) @method
(local_function_statement name: (identifier) @name) @function
(property_declaration name: (identifier) @name) @property
(field_declaration (variable_declaration (variable_declarator name: (identifier) @name))) @variable

(invocation_expression function: [(identifier) @ref (generic_name (identifier) @ref)])
(member_access_expression name: [(identifier) @ref (generic_name (identifier) @ref)])
(member_access_expression expression: (identifier) @ref)
(member_binding_expression name: (identifier) @ref)
(object_creation_expression type: [(identifier) @ref (generic_name (identifier) @ref)])
(base_list [(identifier) @ref (generic_name (identifier) @ref)])
(parameter type: (identifier) @ref)
(variable_declaration type: (identifier) @ref)
(method_declaration returns: (identifier) @ref)
(property_declaration type: (identifier) @ref)
(type_argument_list (identifier) @ref)
(argument (identifier) @ref)
(attribute name: (identifier) @ref)
