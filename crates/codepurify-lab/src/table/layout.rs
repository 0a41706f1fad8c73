//! Choice of tables and their columns.

use std::collections::BTreeMap;
use std::path::PathBuf;

use clap::ValueEnum;

use super::measures::{
    AttackSummary, DetectionSummary, Localisation, Measures, Quality, SideEffects, measure,
};
use super::overview::overview;
use super::render::{Table, interval, number, percent};
use super::results::{CellKey, Group, Results};
use crate::evaluate::metrics::{Confusion, mean};

/// Choice of tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum TableChoice {
    /// `ASR_D` in the layout of the paper's Table II, and all success rates by cell
    Asr,
    /// Quality on clean samples, without and with each defence; side effects and cost
    Clean,
    /// AUROC, TPR, FPR, precision; for training-set defences recall, FPR and precision of the
    /// removed rows
    Detection,
    /// Accuracy of the located trigger
    Localisation,
    /// Means over the cells of each task and family
    Overview,
    /// All of these
    All,
}

/// Returns the chosen tables.
#[must_use]
pub fn tables(results: &Results, which: TableChoice) -> Vec<Table> {
    let cells = measure(results);
    let chosen = |which| match which {
        TableChoice::Asr => vec![asr_defended(&cells), attack_rates(&cells)],
        TableChoice::Clean => vec![clean(&cells)],
        TableChoice::Detection => vec![detected(&cells), detected_flipped(&cells), removed(results)],
        TableChoice::Localisation => vec![located(&cells)],
        TableChoice::Overview => vec![overview(&cells)],
        TableChoice::All => Vec::new(),
    };
    match which {
        TableChoice::All => [
            TableChoice::Asr,
            TableChoice::Overview,
            TableChoice::Clean,
            TableChoice::Detection,
            TableChoice::Localisation,
        ]
        .into_iter()
        .flat_map(chosen)
        .collect(),
        one => chosen(one),
    }
}

/// Measures of every cell under every defence.
pub(super) type Cells = BTreeMap<CellKey, Measures>;

/// Lists the files that the rows of each cell and defence come from.
#[must_use]
pub fn sources(results: &Results) -> Table {
    let files = |group: &Group| {
        let files: Vec<String> = group.files.iter().map(|path| path.display().to_string()).collect();
        files.join(" ")
    };
    let mut table = by_cell("Files of the rows", &["rows", "files"], &results.groups, |_, group| {
        vec![vec![group.rows.len().to_string(), files(group)]]
    });
    let removal = |(key, (found, path)): (&CellKey, &(Confusion, PathBuf))| {
        let rows =
            found.true_positives + found.false_positives + found.true_negatives + found.false_negatives;
        [key.names(), vec![rows.to_string(), path.display().to_string()]].concat()
    };
    table.rows.extend(results.removals.iter().map(removal));
    table
}

/// Columns that name the cell and the defence of a line.
const NAMES: [&str; 5] = ["task", "family", "attack", "rate", "defence"];

impl CellKey {
    /// Returns the entries of the columns [`NAMES`].
    fn names(&self) -> Vec<String> {
        texts(&[self.task_name(), &self.family, &self.attack, &self.rate_name(), &self.defence])
    }
}

fn texts(names: &[&str]) -> Vec<String> {
    names.iter().map(|&name| name.to_owned()).collect()
}

/// Lays out `ASR_D` as the paper's Table II does.
///
/// Each task, family and defence has a line, each attack and rate a column. The last column is the
/// average of the line's cells, with their number if some are missing.
fn asr_defended(cells: &Cells) -> Table {
    let attacked = cells.iter().map(|(key, measures)| (key, &measures.attack.rates));
    let rates: BTreeMap<_, _> = attacked.filter(|(_, rates)| rates.asr.is_some()).collect();
    let columns: BTreeMap<_, String> =
        rates.keys().map(|key| (key.column(), format!("{} {}", key.attack, key.rate_name()))).collect();
    let mut lines: BTreeMap<_, (&CellKey, BTreeMap<_, f64>)> = BTreeMap::new();
    for (key, rates) in &rates {
        if let Some(rate) = rates.asr_defended {
            lines.entry(key.line()).or_insert_with(|| (key, BTreeMap::new())).1.insert(key.column(), rate);
        }
    }
    let line = |(key, cells): &(&CellKey, BTreeMap<_, f64>)| {
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

/// Creates a table with lines for each cell and defence; `columns` returns the entries after the
/// names.
pub(super) fn by_cell<T>(
    caption: &str,
    header: &[&str],
    cells: &BTreeMap<CellKey, T>,
    columns: impl Fn(&CellKey, &T) -> Vec<Vec<String>>,
) -> Table {
    let lines = |(key, cell): (&CellKey, &T)| {
        let names = key.names();
        columns(key, cell).into_iter().map(|columns| [names.clone(), columns].concat()).collect::<Vec<_>>()
    };
    Table {
        caption: caption.to_owned(),
        header: texts(&[&NAMES[..], header].concat()),
        rows: cells.iter().flat_map(lines).collect(),
    }
}

fn attack_rates(cells: &Cells) -> Table {
    let header = [&AttackSummary::COLUMNS[..], &["samples"]].concat();
    let caption = "Success rates in %, with 95 % bootstrap intervals";
    by_cell(caption, &header, cells, |_, measures| {
        let AttackSummary { samples, estimates, .. } = &measures.attack;
        if *samples == 0 {
            return Vec::new();
        }
        let rates = estimates.iter().copied().map(interval);
        vec![rates.chain([samples.to_string()]).collect()]
    })
}

fn clean(cells: &Cells) -> Table {
    let header =
        ["measure", "before", "after", "drop", "changed", "parses", "passes", "passes, p95", "samples"];
    let caption =
        "Clean samples in %, with 95 % bootstrap intervals; parse-valid share and cost over all samples";
    by_cell(caption, &header, cells, |_, measures| {
        let SideEffects { samples, changed, parses, passes, passes_95 } = measures.side_effects;
        if samples == 0 {
            return Vec::new();
        }
        let line = |quality: &Quality| {
            let mut line = vec![quality.name.to_owned()];
            line.extend([quality.before, quality.after, quality.drop].map(interval));
            line.extend([percent(changed), percent(parses), number(passes), number(passes_95)]);
            line.push(samples.to_string());
            line
        };
        measures.qualities.iter().map(line).collect()
    })
}

fn detected(cells: &Cells) -> Table {
    let header =
        ["AUROC", "TPR at 1 % FPR", "TPR at 5 % FPR", "TPR", "FPR", "precision", "triggered", "clean"];
    let caption = "Detection in %: triggered against clean samples";
    by_cell(caption, &header, cells, |_, measures| {
        let Some(DetectionSummary { auroc, tpr_at_1, tpr_at_5, decided }) = measures.detection else {
            return Vec::new();
        };
        let mut line = vec![interval(auroc), percent(tpr_at_1), percent(tpr_at_5)];
        line.extend([decided.recall(), decided.false_positive_rate(), decided.precision()].map(percent));
        line.extend([decided.positives(), decided.negatives()].map(|count| count.to_string()));
        vec![line]
    })
}

fn detected_flipped(cells: &Cells) -> Table {
    let caption = "Detection in %: samples that the trigger flips to the target, against clean samples";
    by_cell(caption, &["AUROC", "TPR", "flipped"], cells, |_, measures| {
        let Some(DetectionSummary { auroc, decided, .. }) = measures.detection_of_flipped else {
            return Vec::new();
        };
        match decided.positives() {
            0 => Vec::new(),
            count => vec![vec![interval(auroc), percent(decided.recall()), count.to_string()]],
        }
    })
}

/// Lists poisoned rows of training sets, and what defences removed.
fn removed(results: &Results) -> Table {
    let header = ["recall", "FPR", "precision", "poisoned", "removed", "rows"];
    let line = |(key, (found, _)): (&CellKey, &(Confusion, PathBuf))| {
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

fn located(cells: &Cells) -> Table {
    let header = ["hit@1", "IoU of bytes", "samples"];
    by_cell("Localisation in % of triggered samples", &header, cells, |_, measures| {
        let Localisation { hit, overlap, rows } = measures.localisation;
        if rows == 0 { Vec::new() } else { vec![vec![interval(hit), interval(overlap), rows.to_string()]] }
    })
}
