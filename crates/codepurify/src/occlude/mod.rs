//! What the victim is asked: the snippet as it stands and without a candidate (occlusion), and references with a candidate
//! in them (transplant).

mod substitute;

use substitute::{Substituted, tokens_under};
pub(crate) use substitute::{check_encoding, substitute};

use std::collections::HashSet;

use crate::candidates::{Candidate, Families, candidates, find};
use crate::error::ModelError;
use crate::query::{Asked, Item};
use crate::snippet::{Snippet, Span, SyntaxQuality};
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
    /// Row 0 is the snippet, row i + 1 the snippet without candidate i, if these were made in advance; no row if nothing can
    /// be judged.
    pub(crate) rows: Ragged,
    /// Row 0 with its bytes.
    encoding: Encoding,
    /// Tokens of the snippet in front of row 0.
    start: usize,
    pub(crate) coverage: Coverage,
    /// Why nothing, or nothing but row 0, can be judged.
    pub(crate) obstacle: Option<String>,
    /// Its place if it is a side of a pair.
    pub(crate) seat: Option<Seat>,
    /// What was asked of references before it was changed into what it is.
    pub(crate) asked: Asked,
}

/// Which variants of a snippet are made in advance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Variants {
    /// One without each candidate.
    All,
    /// None: they are made when they are asked for.
    Asked,
}

/// A place in a pair.
#[derive(Clone)]
pub(crate) struct Seat {
    pub(crate) member: PairMember,
    /// The other side as it stands.
    pub(crate) other: Vec<u32>,
}

impl<'s> Inspection<'s> {
    fn of_nothing(snippet: &'s Snippet) -> Self {
        Self {
            snippet,
            candidates: Vec::new(),
            rows: Ragged::new(),
            encoding: Encoding::default(),
            start: 0,
            coverage: Coverage { tokens_inspected: 0, tokens_total: 0 },
            obstacle: None,
            seat: None,
            asked: Asked::default(),
        }
    }

    /// Encodes `snippet` once, cuts it to the model's window and finds the candidates in it.
    ///
    /// # Errors
    /// [`ModelError`] if the model cannot tokenise the text.
    pub(crate) fn new(
        model: &dyn Model,
        snippet: &'s Snippet,
        families: Families,
        variants: Variants,
    ) -> Result<Self, ModelError> {
        let mut inspection = Self::of_nothing(snippet);
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
        let end = encoding.spans.last().map_or(0, |span| span.end);
        let (mut near, left_out) = find(snippet, families);
        near.retain(|candidate| candidate.spans[0].start < end);
        if left_out > 0 {
            inspection.obstacle = Some(format!(
                "{left_out} nested statements are too long together to be inspected in one unit"
            ));
        }
        inspection.look(model, encoding, near, variants)?;
        Ok(inspection)
    }

    /// The windows behind this one, which is the first, up to the end of the snippet. They overlap by a quarter, so that no
    /// element shorter than that is only seen in parts; each holds the candidates that were not seen whole in front of it.
    ///
    /// # Errors
    /// [`ModelError`] if the model cannot tokenise the text.
    pub(crate) fn behind(
        &self,
        model: &dyn Model,
        families: Families,
        variants: Variants,
    ) -> Result<Vec<Self>, ModelError> {
        let mut windows = Vec::new();
        if self.rows.is_empty() || self.coverage.tokens_inspected >= self.coverage.tokens_total {
            return Ok(windows);
        }
        let whole = encode(model, self.snippet.text())?;
        let all = candidates(self.snippet, &families);
        let (width, mut seen) = (model.window(), self.encoding.spans.last().map_or(0, |span| span.end));
        let step = (width - width / 4).max(1);
        for start in
            (step..whole.ids.len()).step_by(step).take_while(|start| start + width / 4 < whole.ids.len())
        {
            let encoding = cut(&whole, start, width);
            let end = encoding.spans.last().map_or(seen, |span| span.end);
            let new = |candidate: &&Candidate| {
                candidate.spans[0].start < end && candidate.spans.iter().all(|span| span.end > seen)
            };
            let near = all.iter().filter(new).cloned().collect();
            seen = end;
            let (coverage, seat) = (self.coverage, self.seat.clone());
            let mut window = Self { start, coverage, seat, ..Self::of_nothing(self.snippet) };
            window.look(model, encoding, near, variants)?;
            windows.push(window);
        }
        Ok(windows)
    }

    /// Adds the candidates of `other`, another of all the windows of this snippet, that are not known here; gives their numbers
    /// there.
    pub(crate) fn take_in(&mut self, other: Self) -> Vec<usize> {
        self.coverage.tokens_inspected = self.coverage.tokens_total;
        self.obstacle = self.obstacle.take().or(other.obstacle);
        let is_known = {
            let known: HashSet<&Candidate> = self.candidates.iter().collect();
            other.candidates.iter().map(|candidate| known.contains(candidate)).collect::<Vec<_>>()
        };
        let new = other.candidates.into_iter().enumerate().zip(is_known).filter(|(_, is_known)| !is_known);
        let (taken, new): (Vec<usize>, Vec<Candidate>) = new.map(|(numbered, _)| numbered).unzip();
        self.candidates.extend(new);
        taken
    }

    /// What the model sees of `text`, which stands in the place of the snippet, in this window.
    ///
    /// # Errors
    /// [`ModelError`] if the model cannot tokenise the text.
    pub(crate) fn seen_of(&self, model: &dyn Model, text: &str) -> Result<Vec<u32>, ModelError> {
        Ok(cut(&encode(model, text)?, self.start, model.window()).ids)
    }

    /// Takes `encoding` for row 0, and of the candidates `near` those that the model sees in it.
    fn look(
        &mut self,
        model: &dyn Model,
        encoding: Encoding,
        mut near: Vec<Candidate>,
        variants: Variants,
    ) -> Result<(), ModelError> {
        self.rows.push(encoding.ids.iter().copied());
        self.encoding = encoding;
        match variants {
            Variants::All => self.occlude(model, near)?,
            Variants::Asked => {
                near.retain(|candidate| self.sees(candidate));
                self.candidates = near;
            }
        }
        Ok(())
    }

    /// Whether the model sees a token of it.
    fn sees(&self, candidate: &Candidate) -> bool {
        let (text, encoding) = (self.snippet.text(), &self.encoding);
        candidate.spans.iter().any(|&span| tokens_under(text, encoding, span).is_some())
    }

    /// The snippet without candidate `index`.
    ///
    /// # Errors
    /// [`ModelError`] if the model cannot tokenise what is left of cut tokens.
    pub(crate) fn without(&self, model: &dyn Model, index: usize) -> Result<Vec<u32>, ModelError> {
        self.without_all(model, &[index])
    }

    /// The snippet without all of the candidates `which`.
    ///
    /// # Errors
    /// [`ModelError`] if the model cannot tokenise what is left of cut tokens.
    pub(crate) fn without_all(&self, model: &dyn Model, which: &[usize]) -> Result<Vec<u32>, ModelError> {
        let spans = which.iter().flat_map(|&index| &self.candidates[index].spans);
        Ok(self.occluded(model, &Span::union(spans.copied()))?.ids)
    }

    /// Whether this is the window that the model sees.
    pub(crate) fn is_first(&self) -> bool {
        self.start == 0
    }

    /// Row 0 alone.
    pub(crate) fn plain(&self) -> Ragged {
        Ragged::of_row(self.rows.row(0))
    }

    /// The row with `spans` occluded; no longer than the window.
    fn occluded(&self, model: &dyn Model, spans: &[Span]) -> Result<Substituted, ModelError> {
        let (filler, encode) = ([model.occlusion_id()], |text: &str| model.encode(text));
        let mut variant = substitute(self.snippet.text(), &self.encoding, spans, &filler, &encode)?;
        // Pieces of cut tokens may need more tokens than the whole had.
        variant.ids.truncate(model.window());
        Ok(variant)
    }

    /// `rows` of this snippet with what stands beside them.
    pub(crate) fn item<'a>(&'a self, rows: &'a Ragged) -> Item<'a> {
        match &self.seat {
            None => Item::alone(rows),
            Some(seat) => Item { rows, beside: &seat.other, side: seat.member.side },
        }
    }

    fn occlude(&mut self, model: &dyn Model, candidates: Vec<Candidate>) -> Result<(), ModelError> {
        let (count, tokens) = (candidates.len(), self.encoding.ids.len());
        if count.saturating_mul(tokens) > TOKEN_LIMIT {
            self.obstacle =
                Some(format!("{count} candidates in {tokens} tokens are too many to inspect in one unit"));
            return Ok(());
        }
        for candidate in candidates {
            let variant = self.occluded(model, &candidate.spans)?;
            if variant.places.iter().any(Option::is_some) {
                self.rows.push(variant.ids);
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
    let whole = encode(model, text)?;
    let encoding = cut(&whole, 0, model.window());
    let coverage = Coverage { tokens_inspected: encoding.ids.len(), tokens_total: whole.ids.len() };
    Ok((encoding, coverage))
}

fn encode(model: &dyn Model, text: &str) -> Result<Encoding, ModelError> {
    let encoding = model.encode(text)?;
    check_encoding(&encoding, text)?;
    Ok(encoding)
}

/// At most `width` tokens from token `start` on.
fn cut(whole: &Encoding, start: usize, width: usize) -> Encoding {
    let end = whole.ids.len().min(start.saturating_add(width));
    let part = start.min(end)..end;
    Encoding { ids: whole.ids[part.clone()].to_vec(), spans: whole.spans[part].to_vec() }
}
