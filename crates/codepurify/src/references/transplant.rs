//! How a candidate is taken out of its snippet to be put into a reference.

use super::Graft;
use crate::candidates::Candidate;
use crate::snippet::Snippet;
use crate::verdict::ElementKind;

/// `candidate` of `snippet`, ready for a reference. A name goes to the place of its like: the function's name to the
/// function's, a variable's to a variable's.
pub(crate) fn graft<'a>(snippet: &Snippet, candidate: &'a Candidate) -> Graft<'a> {
    let text = candidate.text.as_str();
    match candidate.kind {
        ElementKind::Identifier if snippet.unit().name.as_deref() == Some(text) => Graft::Function(text),
        ElementKind::Identifier => Graft::Variable(text),
        kind => {
            let before = &snippet.text()[..candidate.spans[0].start];
            let line = &before[before.rfind('\n').map_or(0, |end| end + 1)..];
            Graft::Text { kind, text, margin: line.len() - line.trim_start().len() }
        }
    }
}
