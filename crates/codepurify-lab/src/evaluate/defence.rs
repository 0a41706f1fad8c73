//! The defence sample by sample: one row for each screened snippet, from which every table can be made again.

use anyhow::Result;
use codepurify::{Decision, Defender, Language, Location, Prediction, Snippet, Span, SyntaxQuality, Verdict};
use codepurify_attacks::data::defect::DefectRow;
use serde::{Deserialize, Serialize};

use crate::train::workers::Workers;

/// What the defence said about one sample.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SampleRow {
    /// Identity in the data set.
    pub idx: u64,
    /// Whether a trigger was put in.
    pub triggered: bool,
    /// The row's label before any attack.
    pub target: u32,
    /// The decision, or the error that prevented one.
    pub verdict: Option<Decision>,
    /// Why it is inconclusive, what limits it, or what went wrong.
    pub reason: Option<String>,
    /// What decided: the larger, the more suspicious.
    #[serde(default)]
    pub score: Option<f64>,
    /// H in nats.
    pub entropy: Option<f64>,
    /// H / ln n.
    pub entropy_normalized: Option<f64>,
    /// The largest margin drop of any candidate, in logits.
    pub margin_drop: Option<f64>,
    /// The largest |Δp| of any candidate.
    pub confidence_drop: Option<f64>,
    /// The victim's answer.
    pub prediction: Option<Prediction>,
    /// The victim's answer for the purified text.
    pub purified_prediction: Option<Prediction>,
    /// The strongest candidate's bytes.
    pub strongest: Vec<(usize, usize)>,
    /// The trigger's bytes.
    pub trigger: Vec<(usize, usize)>,
    /// Whether the original parsed without an error.
    pub parsed: bool,
    /// Whether the purified text parses without an error; absent if nothing was changed.
    pub purified_parses: Option<bool>,
    /// Whether every byte outside the located trigger is as it was; absent if nothing was changed.
    pub outside_untouched: Option<bool>,
    /// Candidates inspected.
    pub candidates: usize,
    /// Victim tokens processed, in passes over the snippet.
    pub pass_equivalents: f64,
    /// Wall time.
    pub milliseconds: f64,
}

/// Snippets screened together.
const CHUNK: usize = 8;

/// Screens C functions. `defender` must keep the evidence.
///
/// # Errors
/// If a worker dies; a sample that cannot be judged becomes a row that says so.
pub fn screen(
    defender: &Defender,
    rows: &[DefectRow],
    workers: &Workers,
    tick: &(dyn Fn(usize) + Sync),
) -> Result<Vec<SampleRow>> {
    let screened = verdicts(defender, rows, workers, tick)?;
    let sample = |(row, verdict): (&DefectRow, &Judged)| match verdict {
        Ok((snippet, verdict)) => judged(row, snippet, verdict),
        Err(error) => failed(row, error),
    };
    Ok(rows.iter().zip(&screened).map(sample).collect())
}

/// A function with the verdict on it, or why there is none.
pub type Judged = Result<(Snippet, Verdict), String>;

/// The verdicts on C functions.
///
/// # Errors
/// If a worker dies.
pub fn verdicts(
    defender: &Defender,
    rows: &[DefectRow],
    workers: &Workers,
    tick: &(dyn Fn(usize) + Sync),
) -> Result<Vec<Judged>> {
    let chunks: Vec<&[DefectRow]> = rows.chunks(CHUNK).collect();
    let screened = workers.map(chunks.len(), |index| {
        let judged = judge(defender, chunks[index]);
        tick(judged.len());
        Ok(judged)
    })?;
    Ok(screened.into_iter().flatten().collect())
}

fn judge(defender: &Defender, rows: &[DefectRow]) -> Vec<Judged> {
    let parsed: Vec<_> = rows.iter().map(|row| Snippet::new(row.func.as_str(), Language::C)).collect();
    let snippets: Vec<Snippet> = parsed.iter().filter_map(|snippet| snippet.clone().ok()).collect();
    let mut verdicts = defender.screen(&snippets).into_iter();
    let judged = |snippet: Result<Snippet, _>| {
        let snippet = snippet.map_err(|error: codepurify::SnippetError| error.to_string())?;
        let verdict = verdicts.next().ok_or_else(|| "no verdict was reached".to_owned())?;
        Ok((snippet, verdict.map_err(|error| error.to_string())?))
    };
    parsed.into_iter().map(judged).collect()
}

/// A row for a sample without a verdict.
fn failed(row: &DefectRow, why: &str) -> SampleRow {
    SampleRow {
        idx: row.idx,
        triggered: !row.trigger.is_empty(),
        target: row.target,
        verdict: None,
        reason: Some(why.to_string()),
        score: None,
        entropy: None,
        entropy_normalized: None,
        margin_drop: None,
        confidence_drop: None,
        prediction: None,
        purified_prediction: None,
        strongest: Vec::new(),
        trigger: row.trigger.clone(),
        parsed: false,
        purified_parses: None,
        outside_untouched: None,
        candidates: 0,
        pass_equivalents: 0.0,
        milliseconds: 0.0,
    }
}

fn judged(row: &DefectRow, snippet: &Snippet, verdict: &Verdict) -> SampleRow {
    let largest = |value: fn(&codepurify::Evidence) -> Option<f64>| {
        verdict.evidence.iter().filter_map(value).reduce(f64::max)
    };
    let strongest =
        verdict.evidence.iter().reduce(|best, next| if next.score > best.score { next } else { best });
    let purified = verdict.purified.as_deref();
    SampleRow {
        verdict: Some(verdict.verdict),
        reason: verdict.reason.clone(),
        score: verdict.score,
        entropy: verdict.entropy,
        entropy_normalized: verdict.entropy_normalized,
        margin_drop: largest(|evidence| evidence.margin_drop),
        confidence_drop: largest(|evidence| Some(evidence.score)),
        prediction: verdict.prediction.clone(),
        purified_prediction: verdict.purified_prediction.clone(),
        strongest: strongest.map_or_else(Vec::new, |evidence| {
            evidence.spans.iter().map(|place| (place.start_byte, place.end_byte)).collect()
        }),
        parsed: snippet.quality() == SyntaxQuality::Clean,
        purified_parses: purified.map(|text| {
            Snippet::new(text, Language::C).is_ok_and(|snippet| snippet.quality() == SyntaxQuality::Clean)
        }),
        outside_untouched: purified.map(|text| outside_untouched(snippet.text(), text, &edited(verdict))),
        candidates: verdict.evidence.len(),
        pass_equivalents: verdict.cost.pass_equivalents,
        milliseconds: verdict.cost.milliseconds,
        ..failed(row, "")
    }
}

/// Every place that was changed; a name lies in a statement, for example, that was changed as well.
fn edited(verdict: &Verdict) -> Vec<Span> {
    Span::union(verdict.triggers.iter().flat_map(|trigger| &trigger.spans).map(Location::span))
}

/// Whether the pieces of `original` around the `places` stand in `purified`, in order, with nothing else before the first, behind
/// the last, or lost. The places are in order and do not overlap. White space at the ends of a piece is left out: a deleted
/// statement takes that of its line along.
fn outside_untouched(original: &str, purified: &str, places: &[Span]) -> bool {
    let ends = places.iter().map(|place| place.start).chain([original.len()]);
    let starts = std::iter::once(0).chain(places.iter().map(|place| place.end));
    let pieces: Vec<&str> =
        starts.zip(ends).filter_map(|(start, end)| original.get(start..end).map(str::trim)).collect();
    let (Some(first), Some(last)) = (pieces.first(), pieces.last()) else { return false };
    let purified = purified.trim();
    let Some(mut rest) = purified.strip_prefix(first) else { return false };
    for piece in pieces.iter().skip(1).take(pieces.len().saturating_sub(2)) {
        match rest.find(piece) {
            Some(at) => rest = &rest[at + piece.len()..],
            None => return false,
        }
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_is_changed_within_a_changed_statement_is_no_stray_edit() {
        let places = [(2, 3), (6, 14), (8, 9), (17, 18)].map(|(start, end)| Span::new(start, end));
        let places = Span::union(places.into_iter());
        let untouched = |purified: &str| outside_untouched("f(a); g(a, b); h(a);", purified, &places);
        assert!(untouched("f(x); g(y, z); h(x);") && untouched("f(x); h(x);"));
        assert!(!untouched("f(x); g(y, z); k(x);") && !untouched("f(x); g(y, z); h(x"));
    }
}
