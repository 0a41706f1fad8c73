//! Measures of the rows of one cell under one defence.

use std::collections::BTreeMap;

use codepurify::Task;
use rayon::prelude::*;

use super::results::{CellKey, Results};
use super::row::{CellRow, RecordedOutput};
use crate::evaluate::metrics::{
    AttackOutcome, AttackRates, BleuCounts, Confusion, Estimate, auroc_of_ranks, bootstrap, bootstrap_all,
    hits, intersection_over_union, mean, percentile, ranks, share, share_of, tpr_at_fpr,
};

/// All measures of one cell under one defence.
#[derive(Debug, Clone, PartialEq)]
pub struct Measures {
    /// Success rates of the attack.
    pub attack: AttackSummary,
    /// Quality of the answers to clean samples, the task's first measure first.
    pub qualities: Vec<Quality>,
    /// Changes of clean samples, and cost.
    pub side_effects: SideEffects,
    /// Detection of triggered samples.
    pub detection: Option<DetectionSummary>,
    /// Detection of those triggered samples that the trigger flips to the target; see [`flipped`].
    pub detection_of_flipped: Option<DetectionSummary>,
    /// Localisation of triggers.
    pub localisation: Localisation,
}

impl Measures {
    /// Measures the rows of a cell that is about `task`.
    #[must_use]
    pub fn of(task: Task, rows: &[CellRow]) -> Self {
        Self {
            attack: AttackSummary::of(&attack_outcomes(rows)),
            qualities: qualities(task, rows),
            side_effects: side_effects(rows),
            detection: detection(rows),
            detection_of_flipped: detection(&flipped(rows)),
            localisation: localisation(rows),
        }
    }
}

/// Measures every cell under every defence, several at a time; the numbers do not depend on how
/// many.
#[must_use]
pub fn measure(results: &Results) -> BTreeMap<CellKey, Measures> {
    let groups: Vec<_> = results.groups.iter().collect();
    let measured =
        groups.into_par_iter().map(|(key, group)| (key.clone(), Measures::of(key.task(), &group.rows)));
    // Collecting a vector first keeps the order that the map is built in.
    measured.collect::<Vec<_>>().into_iter().collect()
}

/// Success rates of an attack over the triggered samples of a cell.
#[derive(Debug, Clone, PartialEq)]
pub struct AttackSummary {
    /// Triggered samples.
    pub samples: usize,
    /// The rates.
    pub rates: AttackRates,
    /// The rates with their intervals, in the order of [`AttackSummary::COLUMNS`].
    pub estimates: [Option<Estimate>; 6],
}

impl AttackSummary {
    /// Names of the estimates.
    pub const COLUMNS: [&str; 6] =
        ["ASR", "ASR of flipped", "ASR_nat", "ASR_D", "ASR_D − ASR_nat", "recovery"];

    fn of(outcomes: &[AttackOutcome]) -> Self {
        let estimates = bootstrap_all(&[outcomes.to_vec()], |groups| {
            let rates = AttackRates::of(&groups[0]);
            let rise = rates.asr_defended.zip(rates.asr_natural).map(|(with, without)| with - without);
            [rates.asr, rates.asr_flipped, rates.asr_natural, rates.asr_defended, rise, rates.recovery]
        });
        Self { samples: outcomes.len(), rates: AttackRates::of(outcomes), estimates }
    }
}

/// Returns the outcomes of all triggered samples.
#[must_use]
pub fn attack_outcomes(rows: &[CellRow]) -> Vec<AttackOutcome> {
    rows.iter().filter_map(attack_outcome).collect()
}

/// Returns the outcome of a triggered sample; `None` for a clean one.
fn attack_outcome(row: &CellRow) -> Option<AttackOutcome> {
    let answers = &row.answers;
    let is_target = |answer: &Option<RecordedOutput>| answer == &answers.target;
    (row.triggered && answers.target.is_some()).then(|| AttackOutcome {
        natural: answers.natural.is_some().then(|| is_target(&answers.natural)),
        success: is_target(&answers.before),
        defended: is_target(&answers.after),
        recovered: answers.natural.is_some().then(|| answers.after == answers.natural),
    })
}

/// Quality of the predictions for clean samples, in [0, 1].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Quality {
    /// Name of the measure: accuracy, F1, BLEU-4 or EM.
    pub name: &'static str,
    /// Quality without the defence.
    pub before: Option<Estimate>,
    /// Quality with the defence.
    pub after: Option<Estimate>,
    /// Quality before minus quality after, over the same samples.
    pub drop: Option<Estimate>,
}

impl Quality {
    /// Measures what the samples give without the defence (first of each pair) and with it.
    fn of<T: Copy>(
        name: &'static str,
        samples: Vec<(T, T)>,
        measure: fn(&mut dyn Iterator<Item = T>) -> Option<f64>,
    ) -> Self {
        let [before, after, drop] = bootstrap_all(&[samples], |groups| {
            let before = measure(&mut groups[0].iter().map(|pair| pair.0));
            let after = measure(&mut groups[0].iter().map(|pair| pair.1));
            [before, after, before.zip(after).map(|(before, after)| before - after)]
        });
        Self { name, before, after, drop }
    }
}

/// Computes the measures of a task: accuracy of a classifier, F1 of *clone*, BLEU-4 and exact match
/// of a repair.
#[must_use]
pub fn qualities(task: Task, rows: &[CellRow]) -> Vec<Quality> {
    let clean = || rows.iter().filter(|row| !row.triggered);
    let right = || -> Vec<(bool, bool)> {
        let right = |row: &CellRow, answer: &Option<RecordedOutput>| answer == &row.answers.truth;
        clean().map(|row| (right(row, &row.answers.before), right(row, &row.answers.after))).collect()
    };
    match task {
        Task::Clone => {
            let positive = |answer: &Option<RecordedOutput>| answer == &Some(RecordedOutput::Label(1));
            let samples: Vec<_> = clean()
                .map(|row| {
                    let truth = positive(&row.answers.truth);
                    ((truth, positive(&row.answers.before)), (truth, positive(&row.answers.after)))
                })
                .collect();
            vec![Quality::of("F1", samples, |pairs| Confusion::of(pairs).f1())]
        }
        Task::Repair => {
            let samples: Vec<(BleuCounts, BleuCounts)> =
                clean().filter_map(|row| row.purified.bleu).collect();
            let bleu = |counts: &mut dyn Iterator<Item = BleuCounts>| {
                let sum = counts.fold(BleuCounts::default(), |sum, counts| sum.plus(&counts));
                sum.bleu().map(|bleu| bleu / 100.0)
            };
            vec![Quality::of("BLEU-4", samples, bleu), Quality::of("EM", right(), |right| share_of(right))]
        }
        _ => vec![Quality::of("accuracy", right(), |right| share_of(right))],
    }
}

/// Returns the scores of the triggered and of the clean rows.
///
/// A row without a score counts as less suspicious than any other.
#[must_use]
pub fn scores(rows: &[CellRow]) -> [Vec<f64>; 2] {
    [true, false].map(|triggered| {
        let of = rows.iter().filter(|row| row.triggered == triggered);
        of.map(|row| row.detection.score.unwrap_or(f64::NEG_INFINITY)).collect()
    })
}

/// How well a defence tells triggered rows from clean ones.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DetectionSummary {
    /// Area under the ROC curve; `None` if no row has a score.
    pub auroc: Option<Estimate>,
    /// TPR at 1 % FPR.
    pub tpr_at_1: Option<f64>,
    /// TPR at 5 % FPR.
    pub tpr_at_5: Option<f64>,
    /// Decisions compared with the truth.
    pub decided: Confusion,
}

/// Summarises detection; `None` for a defence that neither scored nor flagged any sample.
#[must_use]
pub fn detection(rows: &[CellRow]) -> Option<DetectionSummary> {
    let scored = rows.iter().any(|row| row.detection.score.is_some());
    if !scored && !rows.iter().any(|row| row.detection.flagged) {
        return None;
    }
    let [triggered, clean] = scores(rows);
    let at = |fpr| tpr_at_fpr(&triggered, &clean, fpr).filter(|_| scored);
    let ranks = ranks(&triggered, &clean);
    Some(DetectionSummary {
        auroc: bootstrap(&ranks, |ranks| auroc_of_ranks(&ranks[0], &ranks[1])).filter(|_| scored),
        tpr_at_1: at(0.01),
        tpr_at_5: at(0.05),
        decided: Confusion::of(rows.iter().map(|row| (row.triggered, row.detection.flagged))),
    })
}

/// Returns the clean rows, and those triggered rows whose prediction the trigger flips to the
/// target.
///
/// The other triggered rows do no harm. A defence that looks at predictions only cannot see a
/// trigger that changes none.
#[must_use]
pub fn flipped(rows: &[CellRow]) -> Vec<CellRow> {
    let flips = |row: &CellRow| {
        attack_outcome(row).is_some_and(|outcome| outcome.success && outcome.natural == Some(false))
    };
    rows.iter().filter(|row| !row.triggered || flips(row)).cloned().collect()
}

/// How well a defence locates triggers, over the triggered rows; only for defences that can locate.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Localisation {
    /// hit@1: some located byte is a byte of the trigger.
    pub hit: Option<Estimate>,
    /// Mean `IoU` of the bytes.
    pub overlap: Option<Estimate>,
    /// Number of rows.
    pub rows: usize,
}

/// Summarises localisation.
#[must_use]
pub fn localisation(rows: &[CellRow]) -> Localisation {
    let known = rows.iter().filter(|row| row.triggered && !row.detection.trigger.is_empty());
    let pairs: Vec<_> = known
        .filter_map(|row| Some((row.detection.located.as_deref()?, row.detection.trigger.as_slice())))
        .collect();
    let hit: Vec<bool> = pairs.iter().map(|(located, trigger)| hits(located, trigger)).collect();
    let overlap: Vec<f64> =
        pairs.iter().filter_map(|(located, trigger)| intersection_over_union(located, trigger)).collect();
    Localisation {
        rows: pairs.len(),
        hit: bootstrap(&[hit], |groups| share(&groups[0])),
        overlap: bootstrap(&[overlap], |groups| mean(&groups[0])),
    }
}

/// Changes of clean samples, and cost.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SideEffects {
    /// Number of clean samples.
    pub samples: usize,
    /// Share of clean samples whose text is changed.
    pub changed: Option<f64>,
    /// Share of changed texts that still parse, of all that parsed before, triggered ones included.
    pub parses: Option<f64>,
    /// Mean cost of a sample, in pass equivalents.
    pub passes: Option<f64>,
    /// 95th percentile of the cost of a sample, in pass equivalents.
    pub passes_95: Option<f64>,
}

/// Summarises side effects.
#[must_use]
pub fn side_effects(rows: &[CellRow]) -> SideEffects {
    let changed: Vec<bool> =
        rows.iter().filter(|row| !row.triggered).map(|row| row.purified.changed).collect();
    let parses: Vec<bool> = rows.iter().filter_map(|row| row.purified.parses).collect();
    let passes: Vec<f64> = rows.iter().map(|row| row.cost.pass_equivalents).collect();
    SideEffects {
        samples: changed.len(),
        changed: share(&changed),
        parses: share(&parses),
        passes: mean(&passes),
        passes_95: percentile(&passes, 0.95),
    }
}
