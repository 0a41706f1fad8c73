//! Occlusion: the rows that the victim judges, one for the snippet as it stands and one without each candidate.

mod substitute;

pub(crate) use substitute::{check_encoding, substitute};

use crate::batch::Item;
use crate::candidates::{Candidate, Families, candidates};
use crate::error::ModelError;
use crate::snippet::{Snippet, SyntaxQuality};
use crate::verdict::{Coverage, PairMember};
use crate::victim::{Encoding, Model, Ragged};

/// Victim tokens that the variants of one snippet may hold together. A model with a window of 512 stays far below for
/// any text; only a victim without a window that is given a huge unit comes here.
const TOKEN_LIMIT: usize = 1 << 24;

/// What is to be judged about one snippet.
pub(crate) struct Inspection<'s> {
    pub(crate) snippet: &'s Snippet,
    /// The candidates that lie in the model's window, at least partly.
    pub(crate) candidates: Vec<Candidate>,
    /// Row 0 is the snippet, row i + 1 the snippet without candidate i; no row if nothing can be judged.
    pub(crate) rows: Ragged,
    pub(crate) coverage: Coverage,
    /// Why nothing, or nothing but row 0, can be judged.
    pub(crate) obstacle: Option<String>,
    /// Its place if it is a side of a pair.
    pub(crate) seat: Option<Seat>,
}

/// A place in a pair.
pub(crate) struct Seat {
    pub(crate) member: PairMember,
    /// The other side as it stands.
    pub(crate) other: Vec<u32>,
}

impl<'s> Inspection<'s> {
    /// Encodes `snippet` once, cuts it to the model's window and occludes each candidate in it.
    ///
    /// # Errors
    /// [`ModelError`] if the model cannot tokenise the text.
    pub(crate) fn new(
        model: &dyn Model,
        snippet: &'s Snippet,
        families: Families,
    ) -> Result<Self, ModelError> {
        let mut inspection = Self {
            snippet,
            candidates: Vec::new(),
            rows: Ragged::new(),
            coverage: Coverage { tokens_inspected: 0, tokens_total: 0 },
            obstacle: None,
            seat: None,
        };
        if let SyntaxQuality::NotParsed { bytes, limit } = snippet.quality() {
            inspection.obstacle = Some(format!("the unit has {bytes} bytes, more than the limit of {limit}"));
            return Ok(inspection);
        }
        let (encoding, coverage) = encode_window(model, snippet.text())?;
        inspection.coverage = coverage;
        if encoding.ids.is_empty() {
            inspection.obstacle = Some("the model sees no token in this text".to_owned());
            return Ok(inspection);
        }
        inspection.rows.push(encoding.ids.iter().copied());
        inspection.occlude(model, &encoding, candidates(snippet, &families))?;
        Ok(inspection)
    }

    /// `rows` of this snippet with what stands beside them.
    pub(crate) fn item<'a>(&'a self, rows: &'a Ragged) -> Item<'a> {
        match &self.seat {
            None => Item::alone(rows),
            Some(seat) => Item { rows, beside: &seat.other, side: seat.member.side },
        }
    }

    fn occlude(
        &mut self,
        model: &dyn Model,
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
        let filler = [model.occlusion_id()];
        let encode = |text: &str| model.encode(text);
        for candidate in near {
            let variant = substitute(self.snippet.text(), encoding, &candidate.spans, &filler, &encode)?;
            if variant.places.iter().any(Option::is_some) {
                // Pieces of cut tokens may need more tokens than the whole had.
                self.rows.push(variant.ids.into_iter().take(model.window()));
                self.candidates.push(candidate);
            }
        }
        Ok(())
    }
}

/// The part of `text` that fits into the model's window, and how much that is.
///
/// # Errors
/// [`ModelError`] if the model cannot tokenise the text.
pub(crate) fn encode_window(model: &dyn Model, text: &str) -> Result<(Encoding, Coverage), ModelError> {
    let mut encoding = model.encode(text)?;
    check_encoding(&encoding, text)?;
    let tokens_total = encoding.ids.len();
    encoding.ids.truncate(model.window());
    encoding.spans.truncate(model.window());
    let coverage = Coverage { tokens_inspected: encoding.ids.len(), tokens_total };
    Ok((encoding, coverage))
}
