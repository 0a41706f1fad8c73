//! Occlusion: the snippet as tokens, whole and without candidates.

mod substitute;

use substitute::{Substituted, tokens_under};
pub(crate) use substitute::{check_encoding, substitute};

use std::collections::HashSet;

use crate::candidates::{Candidate, Families, candidates, find};
use crate::error::ModelError;
use crate::query::{Query, QueryRows, SeenQueries};
use crate::snippet::{Snippet, Span, SyntaxQuality};
use crate::verdict::{Coverage, PairMember};
use crate::victim::{Encoding, Model, Ragged};

/// Most victim tokens of all variants of one snippet. A victim with a window of 512 stays far below for any
/// text; only a huge unit for a victim without a window reaches it.
const TOKEN_LIMIT: usize = 1 << 24;

/// A snippet as the victim reads it, with its candidates.
pub(crate) struct EncodedSnippet<'s> {
    pub(crate) snippet: &'s Snippet,
    /// The candidates of which the victim sees a part.
    pub(crate) candidates: Vec<Candidate>,
    /// Row 0 is the snippet, row i + 1 the snippet without candidate i if these were precomputed; no row if
    /// nothing can be judged.
    pub(crate) rows: Ragged,
    /// Row 0 with its bytes.
    encoding: Encoding,
    /// Tokens of the snippet in front of row 0.
    start: usize,
    pub(crate) coverage: Coverage,
    /// Why nothing, or nothing but row 0, can be judged.
    pub(crate) obstacle: Option<String>,
    /// Its place and the other side, if it is a side of a pair.
    pub(crate) pair: Option<PairContext>,
    /// Queries that were paid for before the snippet was changed into this one.
    pub(crate) seen_queries: SeenQueries,
}

/// Which variants of a snippet are encoded in advance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Occlusions {
    /// One without each candidate.
    Precomputed,
    /// None: each is encoded for its query.
    OnDemand,
}

/// The place of a snippet in a pair.
#[derive(Clone)]
pub(crate) struct PairContext {
    pub(crate) member: PairMember,
    /// Tokens of the unchanged other side.
    pub(crate) other: Vec<u32>,
}

impl<'s> EncodedSnippet<'s> {
    fn empty(snippet: &'s Snippet) -> Self {
        Self {
            snippet,
            candidates: Vec::new(),
            rows: Ragged::new(),
            encoding: Encoding::default(),
            start: 0,
            coverage: Coverage { tokens_inspected: 0, tokens_total: 0 },
            obstacle: None,
            pair: None,
            seen_queries: SeenQueries::default(),
        }
    }

    /// Encodes `snippet` once, cuts it to the victim's window and finds the candidates in it.
    ///
    /// # Errors
    /// [`ModelError`] if the victim cannot tokenise the text.
    pub(crate) fn new(
        model: &dyn Model,
        snippet: &'s Snippet,
        families: Families,
        occlusions: Occlusions,
    ) -> Result<Self, ModelError> {
        let mut encoded = Self::empty(snippet);
        if let SyntaxQuality::NotParsed { bytes, limit } = snippet.quality() {
            encoded.obstacle = Some(format!("the unit has {bytes} bytes, more than the limit of {limit}"));
            return Ok(encoded);
        }
        let (encoding, coverage) = encode_window(model, snippet.text())?;
        encoded.coverage = coverage;
        if encoding.ids.is_empty() {
            encoded.obstacle = Some("the model sees no token in this text".to_owned());
            return Ok(encoded);
        }
        let end = encoding.spans.last().map_or(0, |span| span.end);
        let (mut near, left_out) = find(snippet, families);
        near.retain(|candidate| candidate.spans[0].start < end);
        if left_out > 0 {
            encoded.obstacle = Some(format!(
                "{left_out} nested statements are too long together to be inspected in one unit"
            ));
        }
        encoded.set_window(model, encoding, near, occlusions)?;
        Ok(encoded)
    }

    /// Sliding windows behind this one, which is the first, up to the end of the snippet. They overlap by a
    /// quarter, so every shorter element is whole in one of them. Each holds the candidates that no window
    /// in front of it holds whole.
    ///
    /// # Errors
    /// [`ModelError`] if the victim cannot tokenise the text.
    pub(crate) fn further_windows(
        &self,
        model: &dyn Model,
        families: Families,
        occlusions: Occlusions,
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
            let (coverage, pair) = (self.coverage, self.pair.clone());
            let mut window = Self { start, coverage, pair, ..Self::empty(self.snippet) };
            window.set_window(model, encoding, near, occlusions)?;
            windows.push(window);
        }
        Ok(windows)
    }

    /// Appends the candidates of `other`, another window of this snippet, that this one does not have. Returns
    /// their indices in `other`. Together these are all windows of the snippet.
    pub(crate) fn append(&mut self, other: Self) -> Vec<usize> {
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

    /// Tokens of this window if the snippet were `text`.
    ///
    /// # Errors
    /// [`ModelError`] if the victim cannot tokenise the text.
    pub(crate) fn visible_part(&self, model: &dyn Model, text: &str) -> Result<Vec<u32>, ModelError> {
        Ok(cut(&encode(model, text)?, self.start, model.window()).ids)
    }

    /// Takes `encoding` for row 0, and those of the candidates `near` that the victim sees in it.
    fn set_window(
        &mut self,
        model: &dyn Model,
        encoding: Encoding,
        mut near: Vec<Candidate>,
        occlusions: Occlusions,
    ) -> Result<(), ModelError> {
        self.rows.push(encoding.ids.iter().copied());
        self.encoding = encoding;
        match occlusions {
            Occlusions::Precomputed => self.precompute(model, near)?,
            Occlusions::OnDemand => {
                near.retain(|candidate| self.sees(candidate));
                self.candidates = near;
            }
        }
        Ok(())
    }

    /// Returns whether the victim sees a token of `candidate`.
    fn sees(&self, candidate: &Candidate) -> bool {
        let (text, encoding) = (self.snippet.text(), &self.encoding);
        candidate.spans.iter().any(|&span| tokens_under(text, encoding, span).is_some())
    }

    /// Tokens of the snippet without the candidates `which`.
    ///
    /// # Errors
    /// [`ModelError`] if the victim cannot tokenise the rest of a cut token.
    pub(crate) fn without_all(&self, model: &dyn Model, which: &[usize]) -> Result<Vec<u32>, ModelError> {
        let spans = which.iter().flat_map(|&index| &self.candidates[index].spans);
        Ok(self.occluded(model, &Span::union(spans.copied()))?.ids)
    }

    /// Returns whether this is the window that the victim sees.
    pub(crate) fn is_first(&self) -> bool {
        self.start == 0
    }

    /// Row 0 alone.
    pub(crate) fn plain(&self) -> Ragged {
        Ragged::of_row(self.rows.row(0))
    }

    /// Row 0 with `spans` occluded, cut to the window.
    fn occluded(&self, model: &dyn Model, spans: &[Span]) -> Result<Substituted, ModelError> {
        let (filler, encode) = ([model.occlusion_id()], |text: &str| model.encode(text));
        let mut variant = substitute(self.snippet.text(), &self.encoding, spans, &filler, &encode)?;
        // The rest of a cut token may take more tokens than the whole.
        variant.ids.truncate(model.window());
        Ok(variant)
    }

    /// `rows` of this snippet with the other side of its pair.
    pub(crate) fn item<'a>(&'a self, rows: &'a Ragged) -> QueryRows<'a> {
        match &self.pair {
            None => QueryRows::single(rows),
            Some(pair) => QueryRows { rows, context: &pair.other, side: pair.member.side },
        }
    }

    /// A query about `row`, a variant of this snippet, with the other side of its pair.
    pub(crate) fn query(&self, row: &[u32]) -> Query {
        match &self.pair {
            None => Query::single(row),
            Some(pair) => Query::pair(row, pair.other.clone(), pair.member.side),
        }
    }

    fn precompute(&mut self, model: &dyn Model, candidates: Vec<Candidate>) -> Result<(), ModelError> {
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

/// The part of `text` that fits into the victim's window, and its size.
///
/// # Errors
/// [`ModelError`] if the victim cannot tokenise the text.
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
