//! Statements at every depth.

use std::collections::BTreeSet;

use super::headers::headers;
use super::{Candidate, Statements, together};
use crate::snippet::{Grammar, Snippet, Span, Syntax, Visit};
use crate::verdict::ElementKind;

/// Place of a node in the nesting.
#[derive(Clone, Copy)]
struct Place {
    /// Number of statements and bare blocks around it.
    depth: usize,
    in_function: bool,
    /// True if the next inner block is the body of a statement or function, which adds no level.
    owns_block: bool,
}

/// Most bytes of a statement that is one candidate. Longer ones are split: triggers are short, and the
/// influence of a long statement shows in its parts.
pub(super) const WHOLE: usize = 120;

/// Most bytes of all nested statements that are candidates, the shortest first: of a hundred thousand nested
/// ones, each is nearly as long as the file.
const NESTED_BYTES: usize = 8 << 20;

/// Place of a statement.
#[derive(Clone, Copy)]
pub(super) struct Statement {
    pub(super) span: Span,
    pub(super) depth: usize,
}

/// The statements that `which` selects, outer ones first, and the number of those that are left out because they
/// hold too many bytes together. The children of a block are candidates, the block is not. The depth is 0 at the
/// top level of a text and directly in a function's body.
pub(super) fn statements(
    snippet: &Snippet,
    syntax: &Syntax,
    which: Statements,
    names: &[Candidate],
) -> (Vec<Candidate>, usize) {
    let mut found = all(snippet, syntax);
    let total = found.len();
    match which {
        Statements::None => (Vec::new(), 0),
        Statements::Body => {
            found.retain(|statement| statement.depth == 0);
            (candidates(snippet, &found), 0)
        }
        Statements::Nested => {
            keep_short(&mut found, NESTED_BYTES);
            let left_out = total - found.len();
            (candidates(snippet, &found), left_out)
        }
        Statements::Parts => {
            let begins: BTreeSet<usize> = found.iter().map(|statement| statement.span.start).collect();
            let is_long = |&Statement { span, .. }: &Statement| {
                // A statement holds another if one begins inside of it.
                span.len() > WHOLE && begins.range(span.start + 1..span.end).next().is_some()
            };
            let headers = headers(snippet, syntax, names, &found, is_long);
            found.retain(|statement| !is_long(statement));
            let mut parts = candidates(snippet, &found);
            parts.extend(headers);
            (together(parts), 0)
        }
    }
}

fn candidates(snippet: &Snippet, statements: &[Statement]) -> Vec<Candidate> {
    let candidate = |&Statement { span, depth }: &Statement| {
        Candidate::new(snippet, ElementKind::Statement, vec![span], depth)
    };
    statements.iter().filter_map(candidate).collect()
}

/// Keeps the shortest statements, of at most `most` bytes together.
fn keep_short(statements: &mut Vec<Statement>, most: usize) {
    let mut lengths: Vec<usize> = statements.iter().map(|statement| statement.span.len()).collect();
    lengths.sort_unstable();
    let mut sum = 0;
    let too_long = lengths.into_iter().find(|length| {
        sum += length;
        sum > most
    });
    if let Some(too_long) = too_long {
        statements.retain(|statement| statement.span.len() < too_long);
    }
}

/// Every statement.
fn all(snippet: &Snippet, syntax: &Syntax) -> Vec<Statement> {
    let grammar = snippet.grammar();
    let mut found = Vec::new();
    let top = Place { depth: 0, in_function: false, owns_block: false };
    syntax.walk(top, |visit, place| {
        if is_statement(grammar, visit, place) {
            let span = trimmed(snippet.text(), visit.span);
            if !span.is_empty() {
                found.push(Statement { span, depth: place.depth });
            }
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
    // `for (int i = 0; …)` and `if (int n = f(); …)`: part of a header, not a statement of its own.
    let in_header = matches!(visit.field, Some("initializer" | "init" | "condition" | "value"))
        || visit.parent == "init_statement";
    // A function whose body is `try { … } catch …` is that statement.
    grammar.is_statement(visit.kind) && !in_header
}

/// `span` without white space at its ends, which some grammars include (a Python block at the end of a text).
pub(super) fn trimmed(text: &str, span: Span) -> Span {
    let Some(bytes) = span.of(text) else { return span };
    let start = span.start + (bytes.len() - bytes.trim_start().len());
    Span::new(start, start + bytes.trim().len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::candidates::{Families, find};
    use crate::snippet::Language;

    #[test]
    fn deeply_nested_statements_are_left_out_and_counted() {
        let text = format!("void f(int n) {{ {}n = 1; }}", format!("if ({}) ", "n".repeat(300)).repeat(700));
        let snippet = Snippet::new(text, Language::C).unwrap();
        let (nested, left_out) =
            find(&snippet, Families { statements: Statements::Nested, ..Families::NONE });
        assert_eq!(nested.len() + left_out, 701);
        assert!(left_out > 0 && nested.iter().all(|statement| statement.text.ends_with("n = 1;")));
        let bytes = |found: &[Candidate]| found.iter().map(|statement| statement.text.len()).sum::<usize>();
        assert!(bytes(&nested) <= NESTED_BYTES && bytes(&nested) > NESTED_BYTES / 2);
        let (parts, left_out) = find(&snippet, Families { statements: Statements::Parts, ..Families::NONE });
        assert!(left_out == 0 && bytes(&parts) < 4_000, "{}", bytes(&parts));
    }
}
