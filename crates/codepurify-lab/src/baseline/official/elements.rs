//! Candidates of the released code, and the rows that hide them.

use codepurify::{ElementKind, Families, Model, ModelError, Snippet, Span, candidates};
use rand::SeedableRng;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;

use super::ReleasedSettings;

/// Candidate of the released code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ReleasedCandidate {
    pub(super) kind: ElementKind,
    /// Places to hide: sorted, not overlapping, at least one.
    pub(super) spans: Vec<Span>,
}

/// Returns identifiers and top-level statements in an order that the seed decides.
pub(super) fn elements(snippet: &Snippet, settings: &ReleasedSettings) -> Vec<ReleasedCandidate> {
    let families = Families::default();
    let mut elements: Vec<ReleasedCandidate> = candidates(snippet, &families)
        .into_iter()
        .map(|candidate| {
            let spans = if settings.by_text {
                places(snippet.text(), &candidate.text, candidate.kind)
            } else {
                candidate.spans
            };
            ReleasedCandidate { kind: candidate.kind, spans }
        })
        .collect();
    // Statements of the same text are one candidate, and so are a variable and a method of the same
    // name.
    let mut seen = std::collections::HashSet::new();
    elements.retain(|element| seen.insert(element.spans.clone()));
    elements.shuffle(&mut StdRng::seed_from_u64(settings.seed));
    elements
}

/// Finds `element` in `text`: a name as a whole word, a statement wherever its text occurs.
fn places(text: &str, element: &str, kind: ElementKind) -> Vec<Span> {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    let whole =
        |at: usize| !text[..at].ends_with(is_word) && !text[at + element.len()..].starts_with(is_word);
    text.match_indices(element)
        .map(|(at, _)| at)
        .filter(|&at| kind == ElementKind::Statement || whole(at))
        .map(|at| Span::new(at, at + element.len()))
        .collect()
}

impl ReleasedCandidate {
    /// Replaces each of its places by one unknown token, and cuts the result to the window.
    ///
    /// The result is `None` if none of the places is left.
    /// then.
    pub(super) fn occluded(&self, text: &str, model: &dyn Model) -> Result<Option<Vec<u32>>, ModelError> {
        let filler = [model.occlusion_id()];
        let encode = |piece: &str| Ok(model.encode(piece)?.ids);
        let (row, first) = substituted(text, &self.spans, &encode, &|_| Ok(filler.to_vec()))?;
        Ok((first < model.window()).then(|| cut(row, model.window())))
    }
}

/// Conversion of a piece of text to token ids.
pub(super) type Encode<'e> = dyn Fn(&str) -> Result<Vec<u32>, ModelError> + 'e;

/// Returns the ids of `text` with `filler` in place of each span, and the position of the first
/// filler.
pub(super) fn substituted(
    text: &str,
    spans: &[Span],
    encode: &Encode<'_>,
    filler: &Encode<'_>,
) -> Result<(Vec<u32>, usize), ModelError> {
    let mut row = Vec::new();
    let (mut first, mut at) = (None, 0);
    for span in spans {
        row.extend(encode(text.get(at..span.start).unwrap_or_default())?);
        first = first.or(Some(row.len()));
        row.extend(filler(span.of(text).unwrap_or_default())?);
        at = span.end;
    }
    row.extend(encode(text.get(at..).unwrap_or_default())?);
    Ok((row, first.unwrap_or(0)))
}

/// Returns the first `window` tokens of `row`.
pub(super) fn cut(mut row: Vec<u32>, window: usize) -> Vec<u32> {
    row.truncate(window);
    row
}
