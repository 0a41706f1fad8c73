//! Candidates: the elements of a snippet that may be a trigger. There is one file for each family: identifiers
//! with all their places, the naming style, statements, headers of long statements and of the function,
//! literals and comments, invisible characters.

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

/// An element whose influence on the victim is measured: `c_i` in formulas.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Candidate {
    /// Kind of the element.
    pub kind: ElementKind,
    /// Its text: of the first place; of a header without the statements in it; of a naming style the first twelve
    /// names.
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
    /// Those at every depth, but of long ones that hold others only the header, like that of the function. So
    /// every name, number and string is part of a candidate, and no token of many. Statements with the same text
    /// are one candidate, so a trigger cannot hide by repetition.
    Parts,
}

/// Families of candidates that are tested.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(clippy::struct_excessive_bools, reason = "independent switches")]
pub struct Families {
    /// Names that the snippet declares.
    pub identifiers: bool,
    /// Statements.
    pub statements: Statements,
    /// Number, character and string literals, equal ones together. Each is part of a statement or header, which
    /// shows its influence; alone it is only more precise.
    pub literals: bool,
    /// Comments.
    pub comments: bool,
    /// Invisible characters: zero-width ones, directional controls and the like. All of them are one candidate.
    pub invisible: bool,
    /// All variables and parameters that the snippet declares, if there are two or more: one candidate, the last.
    pub naming_style: bool,
}

impl Default for Families {
    /// Those of the published method: identifiers, and statements directly in the body.
    fn default() -> Self {
        Self { identifiers: true, statements: Statements::Body, ..Self::NONE }
    }
}

impl Families {
    /// No family.
    pub const NONE: Self = Self {
        identifiers: false,
        statements: Statements::None,
        literals: false,
        comments: false,
        invisible: false,
        naming_style: false,
    };

    /// Those of [`crate::Profile::transplant`]: all single elements but literals.
    pub const TRANSPLANT: Self = Self {
        identifiers: true,
        statements: Statements::Parts,
        literals: false,
        comments: true,
        invisible: true,
        naming_style: false,
    };
}

/// Returns the candidates of `snippet`, each element once, in source order (of two that begin together, the
/// longer first). Returns none if the snippet was too large to be parsed. If nested statements hold more than
/// 8 MiB together, the longest are left out.
#[must_use]
pub fn candidates(snippet: &Snippet, families: &Families) -> Vec<Candidate> {
    find(snippet, *families).0
}

/// [`candidates`], and the number of nested statements that are left out.
pub(crate) fn find(snippet: &Snippet, families: Families) -> (Vec<Candidate>, usize) {
    let Some(syntax) = snippet.syntax() else { return (Vec::new(), 0) };
    let (mut found, mut left_out) = (Vec::new(), 0);
    let identifiers = if families.identifiers || families.naming_style {
        identifiers::identifiers(snippet, syntax)
    } else {
        Vec::new()
    };
    let names = if families.naming_style { naming_style::together(snippet, &identifiers) } else { None };
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

/// Merges elements of the same kind and text, with the depth of the outermost.
fn together(elements: Vec<Candidate>) -> Vec<Candidate> {
    let mut known: BTreeMap<(ElementKind, String), Candidate> = BTreeMap::new();
    for element in elements {
        if let Some(first) = known.get_mut(&(element.kind, element.text.clone())) {
            first.spans.extend(element.spans);
            first.depth = first.depth.min(element.depth);
        } else {
            known.insert((element.kind, element.text.clone()), element);
        }
    }
    let sorted = |mut element: Candidate| {
        element.spans.sort_unstable();
        element
    };
    known.into_values().map(sorted).collect()
}

impl Candidate {
    /// The element at `spans`; `None` if it is white space only.
    fn new(snippet: &Snippet, kind: ElementKind, spans: Vec<Span>, depth: usize) -> Option<Self> {
        let text = spans.first()?.of(snippet.text())?;
        (!text.trim().is_empty()).then(|| Self { kind, text: text.to_owned(), spans, depth })
    }
}
