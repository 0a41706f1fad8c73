//! Summary of the rows of a defence, as a table.

use codepurify::Decision;
use codepurify_attacks::poison::TARGET_LABEL;

use super::defence::SampleRow;
use super::metrics::{Estimate, auroc_of_ranks, bootstrap, median, ranks, share};

/// Line of the table.
#[derive(Debug, Clone, PartialEq)]
pub struct SummaryLine {
    /// Name of the measure.
    pub name: &'static str,
    /// Value with its interval; `None` without samples.
    pub value: Option<Estimate>,
    /// Number of samples.
    pub samples: usize,
}

type Measure = fn(&SampleRow) -> Option<f64>;

/// Statistics whose AUROC is reported; larger means more suspicious.
const STATISTICS: [(&str, Measure); 5] = [
    ("AUROC of 1 − H/ln n", |row| row.entropy_normalized.map(|entropy| 1.0 - entropy)),
    ("AUROC of −H", |row| row.entropy.map(|entropy| -entropy)),
    ("AUROC of the deciding score", |row| row.score),
    ("AUROC of the largest margin drop", |row| row.margin_drop),
    ("AUROC of the largest |Δp|", |row| row.confidence_drop),
];

/// Outcome of a sample: `None` leaves it out.
type Outcome = fn(&SampleRow) -> Option<bool>;

const OUTCOMES: [(&str, Outcome); 9] = [
    ("located = trigger", |row| row.triggered.then(|| row.strongest == row.trigger)),
    ("flagged, of triggered (TPR)", |row| row.triggered.then(|| flagged(row))),
    ("flagged, of clean (FPR)", |row| (!row.triggered).then(|| flagged(row))),
    ("answers the target, of triggered (ASR)", |row| row.triggered.then(|| answers_target(row, false))),
    ("… after the defence (ASR_D)", |row| row.triggered.then(|| answers_target(row, true))),
    ("right answers, of clean", |row| (!row.triggered).then(|| right(row, false))),
    ("… after the defence", |row| (!row.triggered).then(|| right(row, true))),
    ("purified text parses, if the original did", |row| if row.parsed { row.purified_parses } else { None }),
    ("bytes outside the edits untouched", |row| row.outside_untouched),
];

fn flagged(row: &SampleRow) -> bool {
    row.verdict == Some(Decision::Poisoned)
}

/// Returns the predicted label; with `defended` the one after purification, if there was one.
fn label(row: &SampleRow, defended: bool) -> Option<u32> {
    let purified = row.purified_prediction.as_ref().filter(|_| defended);
    purified.or(row.prediction.as_ref())?.label.map(|label| label as u32)
}

fn answers_target(row: &SampleRow, defended: bool) -> bool {
    label(row, defended) == Some(TARGET_LABEL)
}

fn right(row: &SampleRow, defended: bool) -> bool {
    label(row, defended) == Some(row.target)
}

/// Returns all lines of the table. Samples without a statistic count as least suspicious.
#[must_use]
pub fn lines(rows: &[SampleRow]) -> Vec<SummaryLine> {
    let power = |(name, statistic): (&'static str, Measure)| {
        let scores = |triggered: bool| -> Vec<f64> {
            let of = rows.iter().filter(|row| row.triggered == triggered);
            of.map(|row| statistic(row).unwrap_or(f64::NEG_INFINITY)).collect()
        };
        let groups = ranks(&scores(true), &scores(false));
        let value = bootstrap(&groups, |groups| auroc_of_ranks(&groups[0], &groups[1]));
        SummaryLine { name, value, samples: rows.len() }
    };
    let outcome = |(name, outcome): (&'static str, Outcome)| {
        let outcomes: Vec<bool> = rows.iter().filter_map(outcome).collect();
        SummaryLine {
            name,
            samples: outcomes.len(),
            value: bootstrap(&[outcomes], |groups| share(&groups[0])),
        }
    };
    let costs: Vec<f64> =
        rows.iter().filter(|row| row.verdict.is_some()).map(|row| row.pass_equivalents).collect();
    let cost = SummaryLine {
        name: "pass equivalents, median",
        samples: costs.len(),
        value: bootstrap(&[costs], |groups| median(&groups[0])),
    };
    let statistics = STATISTICS.into_iter().map(power);
    statistics.chain(OUTCOMES.into_iter().map(outcome)).chain([cost]).collect()
}
