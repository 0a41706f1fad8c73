//! Training-set defences of a cell: the rows of the poisoned set that they remove.
//!
//! Victims are trained again on the rest.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::{Context, Result};
use codepurify_attacks::data;
use codepurify_attacks::poison::Poison;

use super::rows::whole;
use crate::table::Cell;
use crate::table::results::REMOVAL;
use crate::table::row::RemovalRow;
use crate::train::workers::Workers;
use crate::training_defence::{RemovalContext, TrainingDefence, run};
use crate::whitebox::WhiteBox;

/// Training set of a cell and the victim trained on it.
pub struct Cleaning<'c, R> {
    /// Cell of the victim.
    pub cell: &'c Cell,
    /// Training rows, poisoned.
    pub set: Vec<R>,
    /// Clean rows that are not among the training rows.
    pub clean: &'c [R],
    /// White box of the victim.
    pub victim: WhiteBox,
    /// Seed of drawn samples.
    pub seed: u64,
    /// Threads to work on.
    pub workers: &'c Workers,
}

impl<R: Poison + Sync> Cleaning<'_, R> {
    /// Runs `defence`, which is told the true rate, as in the paper's comparison.
    ///
    /// # Errors
    /// If the defence fails.
    pub fn removal(&self, defence: TrainingDefence) -> Result<RemovalRow> {
        let Self { cell, set, clean, victim, seed, workers } = self;
        let means = RemovalContext { victim, clean, poison_rate: cell.rate, seed: *seed, workers };
        let removed = run(defence, set, &means)?.removed;
        let ids = |rows: &mut dyn Iterator<Item = &R>| rows.map(Poison::id).collect::<BTreeSet<u64>>();
        let triggered = |row: &&R| row.triggers().iter().any(|ranges| !ranges.is_empty());
        Ok(RemovalRow {
            cell: (*cell).clone(),
            defence: defence.name(),
            rows: set.len(),
            poisoned: ids(&mut set.iter().filter(triggered)),
            removed: ids(&mut removed.iter().map(|&row| &set[row])),
        })
    }
}

/// Returns the file of a removal, in the folder of the cell's rows.
#[must_use]
pub fn path(cell: &Path, defence: &str) -> std::path::PathBuf {
    cell.join(format!("{defence}{REMOVAL}.gz"))
}

/// Writes a removal; the file is complete or absent.
///
/// # Errors
/// If it cannot be written.
pub fn write(path: &Path, row: &RemovalRow) -> Result<()> {
    whole(path, |unfinished| Ok(data::write(unfinished, [row])?))
}

/// Reads a removal that [`write()`] wrote.
///
/// # Errors
/// If it cannot be read.
pub fn read(path: &Path) -> Result<RemovalRow> {
    let found = data::read(path, |_: &RemovalRow| Ok(()))?;
    found.rows.into_iter().next().with_context(|| format!("{} holds no row", path.display()))
}
