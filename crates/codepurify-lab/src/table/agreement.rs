//! Agreement of two runs over the same samples, for example of two precisions, versions or
//! settings.

use std::collections::HashMap;

use super::layout::by_cell;
use super::measures::scores;
use super::render::{Table, percent};
use super::results::{Group, Results};
use super::row::CellRow;
use crate::evaluate::metrics::{auroc, share};

/// Compares each cell and defence that both have, over the samples that are in both.
#[must_use]
pub fn agreement(results: &Results, others: &Results) -> Table {
    let caption = "Agreement with the other rows in %: the same decision, the same answer without and with the defence; AUROC \
                   here and there";
    let header = ["samples", "decision", "answer", "answer after the defence", "AUROC", "other AUROC"];
    by_cell(caption, &header, &results.groups, |key, group| {
        let Some(other) = others.groups.get(key) else { return Vec::new() };
        let (here, there) = common(group, other);
        let same = |what: fn(&CellRow, &CellRow) -> bool| {
            let same: Vec<bool> = here.iter().zip(&there).map(|(a, b)| what(a, b)).collect();
            percent(share(&same))
        };
        vec![vec![
            here.len().to_string(),
            same(|a, b| a.detection.flagged == b.detection.flagged),
            same(|a, b| a.answers.before == b.answers.before),
            same(|a, b| a.answers.after == b.answers.after),
            percent(ranked(&here)),
            percent(ranked(&there)),
        ]]
    })
}

/// Returns the rows of the samples that both have, in the same order.
fn common(group: &Group, other: &Group) -> (Vec<CellRow>, Vec<CellRow>) {
    let identity = |row: &CellRow| (row.cell.victim.clone(), row.id.clone(), row.triggered);
    let others: HashMap<_, &CellRow> = other.rows.iter().map(|row| (identity(row), row)).collect();
    let both = |row: &CellRow| Some((row.clone(), (*others.get(&identity(row))?).clone()));
    group.rows.iter().filter_map(both).unzip()
}

/// Computes the AUROC; `None` if nothing has a score.
fn ranked(rows: &[CellRow]) -> Option<f64> {
    let [triggered, clean] = scores(rows);
    auroc(&triggered, &clean).filter(|_| rows.iter().any(|row| row.detection.score.is_some()))
}
