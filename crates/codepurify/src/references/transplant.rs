//! Candidates as they are inserted into references.

use crate::candidates::Candidate;
use crate::snippet::Snippet;
use crate::verdict::ElementKind;

/// A candidate on its way into a reference.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Transplant<'a> {
    /// A name that replaces the function's name.
    FunctionName(&'a str),
    /// A name that replaces the name of a variable.
    VariableName(&'a str),
    /// A text that goes in front of the body.
    Text {
        kind: ElementKind,
        text: &'a str,
        /// Width of the white space in front of its first line.
        margin: usize,
    },
}

/// Prepares `candidate` of `snippet` for a reference. A name replaces one of its kind: the function's name
/// that of the function, a variable's name that of a variable.
pub(crate) fn transplant<'a>(snippet: &Snippet, candidate: &'a Candidate) -> Transplant<'a> {
    let text = candidate.text.as_str();
    match candidate.kind {
        ElementKind::Identifier if snippet.unit().name.as_deref() == Some(text) => {
            Transplant::FunctionName(text)
        }
        ElementKind::Identifier => Transplant::VariableName(text),
        kind => {
            let before = &snippet.text()[..candidate.spans[0].start];
            let line = &before[before.rfind('\n').map_or(0, |end| end + 1)..];
            Transplant::Text { kind, text, margin: line.len() - line.trim_start().len() }
        }
    }
}
