(class_declaration name: (type_identifier) @name) @class
(abstract_class_declaration name: (type_identifier) @name) @class
(interface_declaration name: (type_identifier) @name) @interface
(type_alias_declaration name: (type_identifier) @name) @type
(enum_declaration name: (identifier) @name) @enum
(internal_module name: (_) @name) @module
(public_field_definition name: (property_identifier) @name value: [(arrow_function) (function_expression)]) @method
(method_signature name: (property_identifier) @name) @method
(abstract_method_signature name: (property_identifier) @name) @method
(function_signature name: (identifier) @name) @function
(extends_clause (identifier) @ref)
(extends_clause (member_expression property: (property_identifier) @ref))
(type_annotation (type_identifier) @ref)
(implements_clause (type_identifier) @ref)
(generic_type name: (type_identifier) @ref)
(type_arguments (type_identifier) @ref)
(union_type (type_identifier) @ref)
(array_type (type_identifier) @ref)
(extends_type_clause (type_identifier) @ref)
(as_expression (type_identifier) @ref)
