//! Statements at every depth.

use std::collections::BTreeSet;

use super::heads::heads;
use super::{Candidate, Statements, together};
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

/// Statements up to this many bytes are looked at as a whole, longer ones in parts: triggers are short, and what a longer
/// statement does is seen in what it holds.
pub(super) const WHOLE: usize = 120;

/// The statements that `which` asks for, outer ones first. A block is no candidate, its children are; at the top level of a
/// text, and directly in a function's body, the depth is 0.
pub(super) fn statements(
    snippet: &Snippet,
    syntax: &Syntax,
    which: Statements,
    names: &[Candidate],
) -> Vec<Candidate> {
    let mut found = all(snippet, syntax);
    match which {
        Statements::None => Vec::new(),
        Statements::Body => {
            found.retain(|statement| statement.depth == 0);
            found
        }
        Statements::Nested => found,
        Statements::Parts => {
            let begins: BTreeSet<usize> = found.iter().map(|statement| statement.spans[0].start).collect();
            let is_long = |statement: &Candidate| {
                let span = statement.spans[0];
                // A statement that holds another has one begin inside of it.
                span.len() > WHOLE && begins.range(span.start + 1..span.end).next().is_some()
            };
            let heads = heads(snippet, syntax, names, &found, is_long);
            found.retain(|statement| !is_long(statement));
            found.extend(heads);
            together(found)
        }
    }
}

/// Every statement.
fn all(snippet: &Snippet, syntax: &Syntax) -> Vec<Candidate> {
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
pub(super) fn trimmed(text: &str, span: Span) -> Span {
    let Some(bytes) = span.of(text) else { return span };
    let start = span.start + (bytes.len() - bytes.trim_start().len());
    Span::new(start, start + bytes.trim().len())
}
