//! The elements of a snippet that could be a trigger: identifiers with all their occurrences, one by one and together,
//! statements, the heads of long ones and of the function, literals, comments and invisible characters.

mod headers;
mod identifiers;
mod invisible;
mod literals;
mod naming_style;
mod statements;

use std::cmp::Reverse;
use std::collections::BTreeMap;

pub(crate) use naming_style::SEPARATOR;

use crate::snippet::{Snippet, Span};
use crate::verdict::ElementKind;

/// An element whose influence on the victim is measured (method, section 1: `c_i`).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Candidate {
    /// What it is.
    pub kind: ElementKind,
    /// Its text (of the first occurrence; of a head without what is in it; of all names the first twelve of them).
    pub text: String,
    /// Its bytes in the snippet's text: at least one span, sorted, not overlapping.
    pub spans: Vec<Span>,
    /// Statements around it in its function; 0 for a statement directly in the body, and for all other elements.
    pub depth: usize,
}

/// Which statements are candidates.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Statements {
    /// None.
    None,
    /// Those directly in a function's body, as published.
    #[default]
    Body,
    /// Those at every depth.
    Nested,
    /// Those at every depth, but of long ones that hold others only these others and the head, as of the function: so no token
    /// stands in many candidates, and every name, number and string in one. Statements of the same text are one candidate, which a repeated trigger cannot hide behind.
    Parts,
}

/// Which families of candidates are looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(clippy::struct_excessive_bools, reason = "switches that have nothing to do with each other")]
pub struct Families {
    /// Names that the snippet declares.
    pub identifiers: bool,
    /// Statements.
    pub statements: Statements,
    /// Number, character and string literals, equal ones together. Each lies in a statement or a condition, which shows
    /// what it does; on its own it only says more precisely where.
    pub literals: bool,
    /// Comments.
    pub comments: bool,
    /// Characters that are not seen: zero-width ones, directional controls and the like. All of them are one candidate.
    pub invisible: bool,
    /// All variables and parameters that the snippet declares together, where these are two or more: one candidate, which stands
    /// behind all others.
    pub names: bool,
}

impl Default for Families {
    /// The published method's: identifiers, and statements directly in the body.
    fn default() -> Self {
        Self { identifiers: true, statements: Statements::Body, ..Self::NONE }
    }
}

impl Families {
    /// No family at all.
    pub const NONE: Self = Self {
        identifiers: false,
        statements: Statements::None,
        literals: false,
        comments: false,
        invisible: false,
        names: false,
    };

    /// All single elements that [`crate::Profile::standard`] looks at: everything but literals.
    pub const STANDARD: Self = Self {
        identifiers: true,
        statements: Statements::Parts,
        literals: false,
        comments: true,
        invisible: true,
        names: false,
    };
}

/// The candidates of `snippet`, each element once, in source order (the longer one first where two begin together).
/// Empty if the snippet was too large to be parsed. Of nested statements that hold more than 8 MiB together the longest are left out.
#[must_use]
pub fn candidates(snippet: &Snippet, families: &Families) -> Vec<Candidate> {
    find(snippet, *families).0
}

/// [`candidates`], and how many nested statements are left out.
pub(crate) fn find(snippet: &Snippet, families: Families) -> (Vec<Candidate>, usize) {
    let Some(syntax) = snippet.syntax() else { return (Vec::new(), 0) };
    let (mut found, mut left_out) = (Vec::new(), 0);
    let identifiers = if families.identifiers || families.names {
        identifiers::identifiers(snippet, syntax)
    } else {
        Vec::new()
    };
    let names = if families.names { naming_style::together(snippet, &identifiers) } else { None };
    if families.identifiers {
        found.extend(identifiers);
    }
    if families.statements != Statements::None {
        let (statements, longest) = statements::statements(snippet, syntax, families.statements, &found);
        found.extend(statements);
        left_out = longest;
    }
    if families.literals {
        found.extend(together(literals::literals(snippet, syntax)));
    }
    if families.comments {
        found.extend(together(literals::comments(snippet, syntax)));
    }
    if families.invisible {
        found.extend(invisible::invisible(snippet));
    }
    // Stable: of two candidates with the same bytes the outer statement stays.
    found.sort_by_key(|candidate| {
        (candidate.spans[0].start, Reverse(candidate.spans[0].end), candidate.kind == ElementKind::Identifier)
    });
    found.dedup_by(|later, earlier| later.spans == earlier.spans);
    found.extend(names);
    (found, left_out)
}

/// One candidate for all elements of the same kind and text, as deep as the outermost of them.
fn together(elements: Vec<Candidate>) -> Vec<Candidate> {
    let mut known: BTreeMap<(ElementKind, String), Candidate> = BTreeMap::new();
    for element in elements {
        if let Some(first) = known.get_mut(&(element.kind, element.text.clone())) {
            first.spans.extend(element.spans);
            first.spans.sort_unstable();
            first.depth = first.depth.min(element.depth);
        } else {
            known.insert((element.kind, element.text.clone()), element);
        }
    }
    known.into_values().collect()
}

impl Candidate {
    /// The element at `spans`, or `None` if there is nothing to it but white space.
    fn new(snippet: &Snippet, kind: ElementKind, spans: Vec<Span>, depth: usize) -> Option<Self> {
        let text = spans.first()?.of(snippet.text())?;
        (!text.trim().is_empty()).then(|| Self { kind, text: text.to_owned(), spans, depth })
    }
}
