//! Which tables there are and what stands where.

use std::collections::BTreeMap;
use std::path::PathBuf;

use clap::ValueEnum;

use super::measures::{
    DetectionSummary, Localisation, SideEffects, attack_outcomes, attack_rate, detection, localisation,
    qualities, side_effects, turned,
};
use super::overview::overview;
use super::render::{Table, interval, number, percent};
use super::results::{Group, Key, Results};
use crate::evaluate::metrics::{AttackRates, Confusion, mean};

/// A choice of tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Which {
    /// `ASR_D` in the layout of the paper's Table II, and all success rates cell by cell.
    Asr,
    /// The task's own measure on clean samples, without and with each defence; side effects and cost.
    Clean,
    /// AUROC, TPR, FPR, precision; for training-set defences recall, FPR and precision of the removed rows.
    Detection,
    /// Where the trigger was seen.
    Localisation,
    /// Means over the cells of each task and family.
    Overview,
    /// All of these.
    All,
}

/// The chosen tables.
#[must_use]
pub fn tables(results: &Results, which: Which) -> Vec<Table> {
    match which {
        Which::Asr => vec![asr_defended(results), attack_rates(results)],
        Which::Clean => vec![clean(results)],
        Which::Detection => vec![detected(results), detected_turned(results), removed(results)],
        Which::Localisation => vec![located(results)],
        Which::Overview => vec![overview(results)],
        Which::All => [Which::Asr, Which::Overview, Which::Clean, Which::Detection, Which::Localisation]
            .into_iter()
            .flat_map(|which| tables(results, which))
            .collect(),
    }
}

/// For each cell and defence the files that its rows came from.
#[must_use]
pub fn sources(results: &Results) -> Table {
    let files = |group: &Group| {
        let files: Vec<String> = group.files.iter().map(|path| path.display().to_string()).collect();
        files.join(" ")
    };
    let mut table = by_cell("Where the rows are", &["rows", "files"], results, |_, group| {
        vec![vec![group.rows.len().to_string(), files(group)]]
    });
    let removal = |(key, (found, path)): (&Key, &(Confusion, PathBuf))| {
        let rows =
            found.true_positives + found.false_positives + found.true_negatives + found.false_negatives;
        [key.names(), vec![rows.to_string(), path.display().to_string()]].concat()
    };
    table.rows.extend(results.removals.iter().map(removal));
    table
}

/// The columns that say which cell and defence a line is about.
const NAMES: [&str; 5] = ["task", "family", "attack", "rate", "defence"];

impl Key {
    /// What stands in the columns of [`NAMES`].
    fn names(&self) -> Vec<String> {
        texts(&[self.task_name(), &self.family, &self.attack, &self.rate_name(), &self.defence])
    }
}

fn texts(names: &[&str]) -> Vec<String> {
    names.iter().map(|&name| name.to_owned()).collect()
}

/// Groups of test rows with at least one triggered sample, with their success rates.
fn attacked(results: &Results) -> BTreeMap<&Key, AttackRates> {
    let rates =
        results.groups.iter().map(|(key, group)| (key, AttackRates::of(&attack_outcomes(&group.rows))));
    rates.filter(|(_, rates)| rates.asr.is_some()).collect()
}

/// The paper's Table II: a line for each task, family and defence, a column for each attack and rate, and the average of
/// a line's cells (with their number where some are missing).
fn asr_defended(results: &Results) -> Table {
    let rates = attacked(results);
    let columns: BTreeMap<_, String> =
        rates.keys().map(|key| (key.column(), format!("{} {}", key.attack, key.rate_name()))).collect();
    let mut lines: BTreeMap<_, (&Key, BTreeMap<_, f64>)> = BTreeMap::new();
    for (key, rates) in &rates {
        if let Some(rate) = rates.asr_defended {
            lines.entry(key.line()).or_insert_with(|| (key, BTreeMap::new())).1.insert(key.column(), rate);
        }
    }
    let line = |(key, cells): &(&Key, BTreeMap<_, f64>)| {
        let present: Vec<f64> = cells.values().copied().collect();
        let part = if present.len() < columns.len() {
            format!(" ({} of {})", present.len(), columns.len())
        } else {
            String::new()
        };
        let mut line = texts(&[key.task_name(), &key.family, &key.defence]);
        line.extend(columns.keys().map(|column| percent(cells.get(column).copied())));
        line.push(percent(mean(&present)) + &part);
        line
    };
    let mut header = texts(&["task", "family", "defence"]);
    header.extend(columns.values().cloned().chain(["average".to_owned()]));
    let caption =
        "ASR_D in % (of all triggered samples, those that get the target's label under the defence)";
    Table { caption: caption.to_owned(), header, rows: lines.values().map(line).collect() }
}

/// A table with a line or more for each cell and defence: what `columns` of the group gives behind its names.
pub(super) fn by_cell(
    caption: &str,
    header: &[&str],
    results: &Results,
    columns: impl Fn(&Key, &Group) -> Vec<Vec<String>>,
) -> Table {
    let lines = |(key, group): (&Key, &Group)| {
        let names = key.names();
        columns(key, group).into_iter().map(|columns| [names.clone(), columns].concat()).collect::<Vec<_>>()
    };
    Table {
        caption: caption.to_owned(),
        header: texts(&[&NAMES[..], header].concat()),
        rows: results.groups.iter().flat_map(lines).collect(),
    }
}

fn attack_rates(results: &Results) -> Table {
    let header = ["ASR", "ASR of flipped", "ASR_nat", "ASR_D", "ASR_D − ASR_nat", "recovery", "samples"];
    let caption = "Success rates in %, with 95 % bootstrap intervals";
    by_cell(caption, &header, results, |_, group| {
        let outcomes = attack_outcomes(&group.rows);
        if outcomes.is_empty() {
            return Vec::new();
        }
        let rates: [fn(&AttackRates) -> Option<f64>; 6] = [
            |rates| rates.asr,
            |rates| rates.asr_flipped,
            |rates| rates.asr_natural,
            |rates| rates.asr_defended,
            |rates| Some(rates.asr_defended? - rates.asr_natural?),
            |rates| rates.recovery,
        ];
        let mut columns: Vec<String> =
            rates.into_iter().map(|rate| interval(attack_rate(&outcomes, rate))).collect();
        columns.push(outcomes.len().to_string());
        vec![columns]
    })
}

fn clean(results: &Results) -> Table {
    let header =
        ["measure", "before", "after", "drop", "changed", "parses", "passes", "passes, p95", "samples"];
    let caption =
        "Clean samples in %, with 95 % bootstrap intervals; parse-valid share and cost over all samples";
    by_cell(caption, &header, results, |key, group| {
        let samples = group.rows.iter().filter(|row| !row.triggered).count();
        if samples == 0 {
            return Vec::new();
        }
        let SideEffects { changed, parses, passes, passes_95 } = side_effects(&group.rows);
        let line = |quality: super::measures::Quality| {
            let mut line = vec![quality.name.to_owned()];
            line.extend([quality.before, quality.after, quality.drop].map(interval));
            line.extend([percent(changed), percent(parses), number(passes), number(passes_95)]);
            line.push(samples.to_string());
            line
        };
        qualities(key.task(), &group.rows).into_iter().map(line).collect()
    })
}

fn detected(results: &Results) -> Table {
    let header =
        ["AUROC", "TPR at 1 % FPR", "TPR at 5 % FPR", "TPR", "FPR", "precision", "triggered", "clean"];
    let caption = "Detection in %: triggered against clean samples";
    by_cell(caption, &header, results, |_, group| {
        let Some(DetectionSummary { auroc, tpr_at_1, tpr_at_5, decided }) = detection(&group.rows) else {
            return Vec::new();
        };
        let triggered = decided.positives();
        let mut line = vec![interval(auroc), percent(tpr_at_1), percent(tpr_at_5)];
        line.extend([decided.recall(), decided.false_positive_rate(), decided.precision()].map(percent));
        line.extend([triggered, group.rows.len() - triggered].map(|count| count.to_string()));
        vec![line]
    })
}

fn detected_turned(results: &Results) -> Table {
    let caption = "Detection in %: samples that are answered with the target for their trigger only, against clean samples";
    by_cell(caption, &["AUROC", "TPR", "turned"], results, |_, group| {
        let Some(DetectionSummary { auroc, decided, .. }) = detection(&turned(&group.rows)) else {
            return Vec::new();
        };
        match decided.positives() {
            0 => Vec::new(),
            count => vec![vec![interval(auroc), percent(decided.recall()), count.to_string()]],
        }
    })
}

/// Poisoned rows of training sets, and what defences removed.
fn removed(results: &Results) -> Table {
    let header = ["recall", "FPR", "precision", "poisoned", "removed", "rows"];
    let line = |(key, (found, _)): (&Key, &(Confusion, PathBuf))| {
        let Confusion { true_positives, false_positives, false_negatives, true_negatives } = *found;
        let (poisoned, removed) = (true_positives + false_negatives, true_positives + false_positives);
        let shares = [found.recall(), found.false_positive_rate(), found.precision()].map(percent);
        let counts = [poisoned, removed, poisoned + false_positives + true_negatives];
        [key.names(), shares.into(), counts.map(|count| count.to_string()).into()].concat()
    };
    Table {
        caption: "Training sets in %: poisoned rows among those that a defence removes".to_owned(),
        header: texts(&[&NAMES[..], &header].concat()),
        rows: results.removals.iter().map(line).collect(),
    }
}

fn located(results: &Results) -> Table {
    let header = ["hit@1", "IoU of bytes", "samples"];
    by_cell("Localisation in % of triggered samples", &header, results, |_, group| {
        let Localisation { hit, overlap, rows } = localisation(&group.rows);
        if rows == 0 { Vec::new() } else { vec![vec![interval(hit), interval(overlap), rows.to_string()]] }
    })
}
