//! The naming style of a snippet: all its identifiers, as one candidate.

use super::Candidate;
use crate::snippet::{Snippet, Span};
use crate::verdict::ElementKind;

/// Names that make the text of the candidate.
const NAMES: usize = 12;

/// All of `identifiers` together, but the function's own name, which callers rely on; `None` for fewer than two.
pub(super) fn together(snippet: &Snippet, identifiers: &[Candidate]) -> Option<Candidate> {
    let function = snippet.unit().name.as_deref();
    let mut names: Vec<&Candidate> =
        identifiers.iter().filter(|name| Some(name.text.as_str()) != function).collect();
    names.sort_by_key(|name| name.spans[0]);
    if names.len() < 2 {
        return None;
    }
    let text: Vec<&str> = names.iter().take(NAMES).map(|name| name.text.as_str()).collect();
    let spans = Span::union(names.iter().flat_map(|name| name.spans.iter().copied()));
    Some(Candidate { kind: ElementKind::NamingStyle, text: text.join(SEPARATOR), spans, depth: 0 })
}

/// Separator of the names in the text of the candidate.
pub(crate) const SEPARATOR: &str = ", ";
