(class_specifier name: (_) @name body: (_)) @class
(template_declaration (class_specifier name: (_) @name body: (_))) @class
(template_declaration (struct_specifier name: (_) @name body: (_))) @struct
(template_declaration (function_definition declarator: (_) @declarator)) @function
(alias_declaration name: (type_identifier) @name) @type
(concept_definition name: (identifier) @name) @type
(namespace_definition body: (declaration_list
  (declaration declarator: (init_declarator declarator: (_) @declarator)) @variable))

(call_expression function: (qualified_identifier name: (_) @ref))
(qualified_identifier name: (identifier) @ref)
(template_function name: (identifier) @ref)
(template_method name: (field_identifier) @ref)
