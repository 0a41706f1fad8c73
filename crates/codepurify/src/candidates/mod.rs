//! The elements of a snippet that could be a trigger: identifiers with all their occurrences, and statements.

mod identifiers;
mod statements;

use std::cmp::Reverse;

use crate::snippet::{Snippet, Span};
use crate::verdict::ElementKind;

/// An element whose influence on the victim is measured (method, section 1: `c_i`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// What it is.
    pub kind: ElementKind,
    /// Its text (of the first occurrence).
    pub text: String,
    /// Its bytes in the snippet's text: at least one span, sorted, not overlapping.
    pub spans: Vec<Span>,
    /// Statements around it in its function; 0 for a statement directly in the body, and for identifiers.
    pub depth: usize,
}

/// Which families of candidates are looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Families {
    /// Names that the snippet declares.
    pub identifiers: bool,
    /// Statements.
    pub statements: bool,
    /// Statements at every depth, not only those directly in a function's body.
    pub nested: bool,
}

impl Default for Families {
    /// The published method's: identifiers, and statements directly in the body.
    fn default() -> Self {
        Self { identifiers: true, statements: true, nested: false }
    }
}

/// The candidates of `snippet`, each element once, in source order (the longer one first where two begin together).
/// Empty if the snippet was too large to be parsed.
#[must_use]
pub fn candidates(snippet: &Snippet, families: &Families) -> Vec<Candidate> {
    let Some(syntax) = snippet.syntax() else { return Vec::new() };
    let mut found = Vec::new();
    if families.identifiers {
        found.extend(identifiers::identifiers(snippet, syntax));
    }
    if families.statements {
        let statements = statements::statements(snippet, syntax);
        found.extend(statements.into_iter().filter(|statement| families.nested || statement.depth == 0));
    }
    // Stable: of two candidates with the same bytes the outer statement stays.
    found.sort_by_key(|candidate| {
        (candidate.spans[0].start, Reverse(candidate.spans[0].end), candidate.kind == ElementKind::Identifier)
    });
    found.dedup_by(|later, earlier| later.spans == earlier.spans);
    found
}

impl Candidate {
    /// The element at `spans`, or `None` if there is no byte to it.
    fn new(snippet: &Snippet, kind: ElementKind, spans: Vec<Span>, depth: usize) -> Option<Self> {
        let text = spans.first()?.of(snippet.text())?;
        (!text.is_empty()).then(|| Self { kind, text: text.to_owned(), spans, depth })
    }
}
