//! Evaluation of the defence: one row per screened snippet, from which every table can be computed.

use anyhow::Result;
use codepurify::{Decision, Defender, Language, Location, Prediction, Snippet, Span, SyntaxQuality, Verdict};
use codepurify_attacks::data::defect::DefectRow;
use serde::{Deserialize, Serialize};

use crate::train::workers::Workers;

/// Result of the defence for one sample.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SampleRow {
    /// Id in the data set.
    pub idx: u64,
    /// True if the sample contains a trigger.
    pub triggered: bool,
    /// Label of the row before any attack.
    pub target: u32,
    /// Decision; `None` if an error prevented it.
    pub verdict: Option<Decision>,
    /// Reason of an inconclusive verdict, its limits, or the error.
    pub reason: Option<String>,
    /// Deciding score: the larger, the more suspicious.
    #[serde(default)]
    pub score: Option<f64>,
    /// Entropy H in nats.
    pub entropy: Option<f64>,
    /// Normalised entropy H / ln n.
    pub entropy_normalized: Option<f64>,
    /// Largest margin drop of any candidate, in logits.
    pub margin_drop: Option<f64>,
    /// Largest |Δp| of any candidate.
    pub confidence_drop: Option<f64>,
    /// Prediction of the victim.
    pub prediction: Option<Prediction>,
    /// Prediction of the victim for the purified text.
    pub purified_prediction: Option<Prediction>,
    /// Bytes of the strongest candidate.
    pub strongest: Vec<(usize, usize)>,
    /// Bytes of the trigger.
    pub trigger: Vec<(usize, usize)>,
    /// True if the original parses without an error.
    pub parsed: bool,
    /// True if the purified text parses without an error; absent if nothing was changed.
    pub purified_parses: Option<bool>,
    /// True if every byte outside the located trigger is unchanged; absent if nothing was changed.
    pub outside_untouched: Option<bool>,
    /// Number of candidates inspected.
    pub candidates: usize,
    /// Victim tokens processed, in passes over the snippet.
    pub pass_equivalents: f64,
    /// Wall time.
    pub milliseconds: f64,
}

/// Snippets screened together.
const CHUNK: usize = 8;

/// Screens C functions; `defender` must keep the evidence.
///
/// A sample that cannot be judged becomes a row with the error.
/// # Errors
/// If a worker dies.
pub fn screen(
    defender: &Defender,
    rows: &[DefectRow],
    workers: &Workers,
    tick: &(dyn Fn(usize) + Sync),
) -> Result<Vec<SampleRow>> {
    let screened = verdicts(defender, rows, workers, tick)?;
    let sample = |(row, verdict): (&DefectRow, &JudgedFunction)| match verdict {
        Ok((snippet, verdict)) => judged(row, snippet, verdict),
        Err(error) => failed(row, error),
    };
    Ok(rows.iter().zip(&screened).map(sample).collect())
}

/// Function with its verdict, or with the reason why there is none.
pub type JudgedFunction = Result<(Snippet, Verdict), String>;

/// Returns the verdicts on C functions.
///
/// # Errors
/// If a worker dies.
pub fn verdicts(
    defender: &Defender,
    rows: &[DefectRow],
    workers: &Workers,
    tick: &(dyn Fn(usize) + Sync),
) -> Result<Vec<JudgedFunction>> {
    let chunks: Vec<&[DefectRow]> = rows.chunks(CHUNK).collect();
    let screened = workers.map(chunks.len(), |index| {
        let judged = judge(defender, chunks[index]);
        tick(judged.len());
        Ok(judged)
    })?;
    Ok(screened.into_iter().flatten().collect())
}

fn judge(defender: &Defender, rows: &[DefectRow]) -> Vec<JudgedFunction> {
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

/// Creates the row of a sample without a verdict.
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

/// Returns every place that was changed, merged: a name may be inside of a changed statement.
fn edited(verdict: &Verdict) -> Vec<Span> {
    Span::union(verdict.triggers.iter().flat_map(|trigger| &trigger.spans).map(Location::span))
}

/// Returns true if `purified` keeps the pieces of `original` around `places` in order, with nothing
/// added or lost.
///
/// The places are in order and do not overlap. White space at the ends of a piece is ignored: a
/// deleted statement takes the white space of its line along.
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
    fn name_changed_inside_a_changed_statement_is_no_stray_edit() {
        let places = [(2, 3), (6, 14), (8, 9), (17, 18)].map(|(start, end)| Span::new(start, end));
        let places = Span::union(places.into_iter());
        let untouched = |purified: &str| outside_untouched("f(a); g(a, b); h(a);", purified, &places);
        assert!(untouched("f(x); g(y, z); h(x);") && untouched("f(x); h(x);"));
        assert!(!untouched("f(x); g(y, z); k(x);") && !untouched("f(x); g(y, z); h(x"));
    }
}
