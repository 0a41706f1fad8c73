//! Statements at every depth.

use super::Candidate;
use crate::snippet::{Grammar, Snippet, Span, Syntax, Visit};
use crate::verdict::ElementKind;

/// Where in the nesting a node stands.
#[derive(Clone, Copy)]
struct Place {
    /// Statements and bare blocks around it.
    depth: usize,
    in_function: bool,
    /// Whether the next block inwards is the body of a statement or function, and so no level of its own.
    owns_block: bool,
}

/// Every statement of the snippet, outer ones first. A block is no candidate, its children are; at the top level of a
/// text, and directly in a function's body, the depth is 0.
pub(super) fn statements(snippet: &Snippet, syntax: &Syntax) -> Vec<Candidate> {
    let grammar = snippet.grammar();
    let mut found = Vec::new();
    let top = Place { depth: 0, in_function: false, owns_block: false };
    syntax.walk(top, |visit, place| {
        if is_statement(grammar, visit, place) {
            let span = trimmed(snippet.text(), visit.span);
            found.extend(Candidate::new(snippet, ElementKind::Statement, vec![span], place.depth));
            return Some(Place { depth: place.depth + 1, owns_block: true, ..place });
        }
        if grammar.functions.contains(&visit.kind) && !place.in_function {
            return Some(Place { depth: 0, in_function: true, owns_block: true });
        }
        if grammar.blocks.contains(&visit.kind) {
            let own_level = usize::from(!place.owns_block);
            return Some(Place { depth: place.depth + own_level, owns_block: false, ..place });
        }
        Some(place)
    });
    found
}

fn is_statement(grammar: &Grammar, visit: &Visit<'_>, place: Place) -> bool {
    if grammar.local_definitions.contains(&visit.kind) {
        return place.in_function && grammar.blocks.contains(&visit.parent);
    }
    // `for (int i = 0; …)` and `if (int n = f(); …)`: part of a head, not a statement of its own.
    let in_head = matches!(visit.field, Some("initializer" | "init" | "condition" | "value"))
        || visit.parent == "init_statement";
    // A function whose body is `try { … } catch …` is that statement.
    grammar.is_statement(visit.kind) && !in_head
}

/// Without white space at its ends, which some grammars count in (a Python block at the end of a text).
fn trimmed(text: &str, span: Span) -> Span {
    let Some(bytes) = span.of(text) else { return span };
    let start = span.start + (bytes.len() - bytes.trim_start().len());
    Span::new(start, start + bytes.trim().len())
}
