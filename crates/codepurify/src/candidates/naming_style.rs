//! How a snippet names things, as one candidate. A style of naming is a trigger that none of its names is alone.

use super::Candidate;
use crate::snippet::{Snippet, Span};
use crate::verdict::ElementKind;

/// Names whose text is taken; more tell no more.
const TOLD: usize = 12;

/// All of `identifiers` together but the function's own name, which callers rely on; `None` for fewer than two.
pub(super) fn together(snippet: &Snippet, identifiers: &[Candidate]) -> Option<Candidate> {
    let function = snippet.unit().name.as_deref();
    let mut names: Vec<&Candidate> =
        identifiers.iter().filter(|name| Some(name.text.as_str()) != function).collect();
    names.sort_by_key(|name| name.spans[0]);
    if names.len() < 2 {
        return None;
    }
    let told: Vec<&str> = names.iter().take(TOLD).map(|name| name.text.as_str()).collect();
    let spans = Span::union(names.iter().flat_map(|name| name.spans.iter().copied()));
    Some(Candidate { kind: ElementKind::Names, text: told.join(SEPARATOR), spans, depth: 0 })
}

/// What stands between the names in the text of a candidate.
pub(crate) const SEPARATOR: &str = ", ";
