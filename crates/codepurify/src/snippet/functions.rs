//! Functions of a text.

use tree_sitter::Node;

use super::{Grammar, Language, Span, Syntax};

/// One function or method with its decorators or template header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Function {
    pub(crate) name: Option<String>,
    pub(crate) span: Span,
    /// True if it parsed without any error.
    pub(crate) clean: bool,
}

/// Returns the outermost functions and methods with a body, in source order. A lambda or local
/// function belongs to the function around it.
pub(crate) fn functions(text: &str, syntax: &Syntax, language: Language) -> Vec<Function> {
    let grammar = Grammar::of(language);
    let mut found: Vec<Function> = Vec::new();
    syntax.walk(None, |visit, wrapper: Option<Span>| {
        if grammar.functions.contains(&visit.kind) {
            if is_function(visit.kind, visit.node, language) {
                let span = wrapper.unwrap_or(visit.span);
                // A template header can hold functions, too.
                while found.pop_if(|inside| inside.span.start >= span.start).is_some() {}
                let name = name(text, syntax, visit.node);
                found.push(Function { name, span, clean: !visit.node.has_error() });
            }
            return None;
        }
        Some(grammar.wrappers.contains(&visit.kind).then(|| wrapper.unwrap_or(visit.span)))
    });
    found
}

/// Returns true if a node is a function or method with a body.
pub(crate) fn is_function(kind: &str, node: Node<'_>, language: Language) -> bool {
    Grammar::of(language).functions.contains(&kind)
        && (node.child_by_field_name("body").is_some() || has_try_body(node))
}

/// Returns true if a C++ function's body is a `try` block.
fn has_try_body(function: Node<'_>) -> bool {
    function
        .child(function.child_count().saturating_sub(1))
        .is_some_and(|last| last.kind() == "try_statement")
}

/// Returns the name inside a function's declarator, with its scope (`Stack::push`).
fn name(text: &str, syntax: &Syntax, function: Node<'_>) -> Option<String> {
    let mut at =
        function.child_by_field_name("name").or_else(|| function.child_by_field_name("declarator"))?;
    loop {
        let next = match at.kind() {
            // These two have no field for what they wrap.
            "reference_declarator" | "parenthesized_declarator" => {
                at.named_child(at.named_child_count().saturating_sub(1) as u32)
            }
            _ => at.child_by_field_name("declarator"),
        };
        match next {
            Some(node) => at = node,
            None => break,
        }
    }
    let name = syntax.span(at)?.of(text)?;
    (!name.is_empty()).then(|| name.to_owned())
}
