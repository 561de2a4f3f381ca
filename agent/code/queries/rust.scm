(function_item name: (identifier) @name) @function
(function_signature_item name: (identifier) @name) @function
(struct_item name: (type_identifier) @name) @struct
(union_item name: (type_identifier) @name) @struct
(enum_item name: (type_identifier) @name) @enum
(trait_item name: (type_identifier) @name) @trait
(type_item name: (type_identifier) @name) @type
(mod_item name: (identifier) @name body: (_)) @module
(macro_definition name: (identifier) @name) @macro
(const_item name: (identifier) @name) @variable
(static_item name: (identifier) @name) @variable
(impl_item type: [(type_identifier) @owner (generic_type type: (type_identifier) @owner)
                  (scoped_type_identifier name: (type_identifier) @owner)]) @scope

(call_expression function: [(identifier) @ref (scoped_identifier name: (identifier) @ref)
  (generic_function function: [(identifier) @ref (scoped_identifier name: (identifier) @ref)])])
(field_expression field: (field_identifier) @ref)
(generic_function function: (field_expression field: (field_identifier) @ref))
(scoped_identifier path: (identifier) @ref)
(macro_invocation macro: (identifier) @ref)
(type_identifier) @ref
(arguments (identifier) @ref)
(token_tree (identifier) @ref)
