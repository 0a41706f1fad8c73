//! Occlusion: the rows that the victim judges, one for the snippet as it stands and one without each candidate.

mod substitute;

pub(crate) use substitute::{check_encoding, substitute};

use crate::candidates::{Candidate, Families, candidates};
use crate::error::ModelError;
use crate::snippet::{Snippet, SyntaxQuality};
use crate::verdict::Coverage;
use crate::victim::{Encoding, Ragged, Victim};

/// Victim tokens that the variants of one snippet may hold together. A model with a window of 512 stays far below for
/// any text; only a victim without a window that is given a huge unit comes here.
const TOKEN_LIMIT: usize = 1 << 24;

/// What is to be judged about one snippet.
pub(crate) struct Inspection<'s> {
    pub(crate) snippet: &'s Snippet,
    /// The candidates that lie in the victim's window, at least partly.
    pub(crate) candidates: Vec<Candidate>,
    /// Row 0 is the snippet, row i + 1 the snippet without candidate i; no row if nothing can be judged.
    pub(crate) rows: Ragged,
    pub(crate) coverage: Coverage,
    /// Why nothing, or nothing but row 0, can be judged.
    pub(crate) obstacle: Option<String>,
}

impl<'s> Inspection<'s> {
    /// Encodes `snippet` once, cuts it to the victim's window and occludes each candidate in it.
    ///
    /// # Errors
    /// [`ModelError`] if the victim cannot tokenise the text.
    pub(crate) fn new(
        victim: &dyn Victim,
        snippet: &'s Snippet,
        families: Families,
    ) -> Result<Self, ModelError> {
        let mut inspection = Self {
            snippet,
            candidates: Vec::new(),
            rows: Ragged::new(),
            coverage: Coverage { tokens_inspected: 0, tokens_total: 0 },
            obstacle: None,
        };
        if let SyntaxQuality::NotParsed { bytes, limit } = snippet.quality() {
            inspection.obstacle = Some(format!("the unit has {bytes} bytes, more than the limit of {limit}"));
            return Ok(inspection);
        }
        let (encoding, coverage) = encode_window(victim, snippet.text())?;
        inspection.coverage = coverage;
        if encoding.ids.is_empty() {
            inspection.obstacle = Some("the model sees no token in this text".to_owned());
            return Ok(inspection);
        }
        inspection.rows.push(encoding.ids.iter().copied());
        inspection.occlude(victim, &encoding, candidates(snippet, &families))?;
        Ok(inspection)
    }

    fn occlude(
        &mut self,
        victim: &dyn Victim,
        encoding: &Encoding,
        candidates: Vec<Candidate>,
    ) -> Result<(), ModelError> {
        let end = encoding.spans.last().map_or(0, |span| span.end);
        let near: Vec<_> =
            candidates.into_iter().filter(|candidate| candidate.spans[0].start < end).collect();
        if near.len().saturating_mul(encoding.ids.len()) > TOKEN_LIMIT {
            let (count, tokens) = (near.len(), encoding.ids.len());
            self.obstacle =
                Some(format!("{count} candidates in {tokens} tokens are too many to inspect in one unit"));
            return Ok(());
        }
        let filler = [victim.occlusion_id()];
        let encode = |text: &str| victim.encode(text);
        for candidate in near {
            let variant = substitute(self.snippet.text(), encoding, &candidate.spans, &filler, &encode)?;
            if variant.places.iter().any(Option::is_some) {
                // Pieces of cut tokens may need more tokens than the whole had.
                self.rows.push(variant.ids.into_iter().take(victim.window()));
                self.candidates.push(candidate);
            }
        }
        Ok(())
    }
}

/// The part of `text` that fits into the victim's window, and how much that is.
///
/// # Errors
/// [`ModelError`] if the victim cannot tokenise the text.
pub(crate) fn encode_window(victim: &dyn Victim, text: &str) -> Result<(Encoding, Coverage), ModelError> {
    let mut encoding = victim.encode(text)?;
    check_encoding(&encoding, text)?;
    let tokens_total = encoding.ids.len();
    encoding.ids.truncate(victim.window());
    encoding.spans.truncate(victim.window());
    let coverage = Coverage { tokens_inspected: encoding.ids.len(), tokens_total };
    Ok((encoding, coverage))
}
