//! Overview: one line per task, family and defence, with means over the cells.

use std::collections::BTreeMap;

use super::layout::Cells;
use super::measures::Measures;
use super::render::{Table, number, percent};
use super::results::CellKey;
use crate::evaluate::metrics::mean;

/// Averaged measures, in the order of the columns.
const MEASURES: [&str; 9] =
    ["ASR", "ASR_nat", "ASR_D", "recovery", "AUROC", "TPR", "FPR", "drop on clean samples", "passes"];

/// Averages the measures over the cells with triggered samples.
pub(super) fn overview(cells: &Cells) -> Table {
    let mut lines: BTreeMap<_, (&CellKey, Vec<[Option<f64>; MEASURES.len()]>)> = BTreeMap::new();
    for (key, measures) in cells {
        if let Some(measures) = averaged(measures) {
            lines.entry(key.line()).or_insert_with(|| (key, Vec::new())).1.push(measures);
        }
    }
    let line = |(key, cells): &(&CellKey, Vec<[Option<f64>; MEASURES.len()]>)| {
        let mean_of = |column: usize| {
            let values: Vec<f64> = cells.iter().filter_map(|cell| cell[column]).collect();
            mean(&values)
        };
        let names = [key.task_name(), key.family.as_str(), key.defence.as_str()].map(str::to_owned);
        let passes = MEASURES.len() - 1;
        let shares = (0..passes).map(|column| percent(mean_of(column)));
        let count = std::iter::once(cells.len().to_string());
        names.into_iter().chain(count).chain(shares).chain([number(mean_of(passes))]).collect()
    };
    let header = ["task", "family", "defence", "cells"].into_iter().chain(MEASURES).map(str::to_owned);
    Table {
        caption:
            "Means over the cells in %; the drop is that of the task's first measure, passes are per sample"
                .to_owned(),
        header: header.collect(),
        rows: lines.values().map(line).collect(),
    }
}

/// Returns the measures to average; `None` without a triggered sample.
fn averaged(measures: &Measures) -> Option<[Option<f64>; MEASURES.len()]> {
    let rates = &measures.attack.rates;
    rates.asr?;
    let found = measures.detection;
    let drop = measures.qualities.first().and_then(|quality| quality.drop);
    Some([
        rates.asr,
        rates.asr_natural,
        rates.asr_defended,
        rates.recovery,
        found.as_ref().and_then(|found| found.auroc).map(|auroc| auroc.value),
        found.as_ref().and_then(|found| found.decided.recall()),
        found.as_ref().and_then(|found| found.decided.false_positive_rate()),
        drop.map(|drop| drop.value),
        measures.side_effects.passes,
    ])
}
