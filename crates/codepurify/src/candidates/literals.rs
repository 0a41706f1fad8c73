//! Literals and comments.

use super::Candidate;
use crate::snippet::{Leaf, Snippet, Syntax};
use crate::verdict::ElementKind;

/// Every number, character and string literal, strings with their quotes.
pub(super) fn literals(snippet: &Snippet, syntax: &Syntax) -> Vec<Candidate> {
    let mut found = Vec::new();
    syntax.walk((), |visit, ()| {
        let number = matches!(Leaf::of_kind(visit.kind), Some(Leaf::Number | Leaf::Character));
        let text = matches!(visit.kind, "string_literal" | "raw_string_literal" | "string");
        if number || text {
            found.extend(Candidate::new(snippet, ElementKind::Literal, vec![visit.span], 0));
            return None;
        }
        Some(())
    });
    found
}

/// Every comment, without trailing white space.
pub(super) fn comments(snippet: &Snippet, syntax: &Syntax) -> Vec<Candidate> {
    let mut found = Vec::new();
    syntax.walk((), |visit, ()| {
        if visit.kind.ends_with("comment") {
            let span = super::statements::trimmed(snippet.text(), visit.span);
            found.extend(Candidate::new(snippet, ElementKind::Comment, vec![span], 0));
            return None;
        }
        Some(())
    });
    found
}
