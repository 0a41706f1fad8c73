//! Rows of a directory, by cell and defence.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::path::{Path, PathBuf};

use codepurify::Task;
use codepurify_attacks::data::{self, DataError, RowError, Rows};
use rayon::prelude::*;
use serde::de::DeserializeOwned;
use thiserror::Error;

use super::row::{Cell, CellRow, RemovalRow, UNDEFENDED};
use crate::evaluate::metrics::Confusion;

/// Directory without results.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ResultsError {
    /// A directory cannot be read.
    #[error("{path}: {source}")]
    Io {
        /// The directory.
        path: PathBuf,
        /// Cause.
        source: std::io::Error,
    },
    /// A file cannot be read to its end.
    #[error(transparent)]
    Data(DataError),
    /// No file holds a usable row.
    #[error("{path}: no usable row in {files} .jsonl or .jsonl.gz files")]
    NoRows {
        /// The directory.
        path: PathBuf,
        /// Number of files read.
        files: usize,
    },
}

/// Cell and defence whose rows are summarised together.
///
/// The order is that of the tables: by task, family and attack, high rates first. No defence comes
/// first, `CodePurify` last.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CellKey {
    task: u8,
    /// Architecture of the victim.
    pub family: String,
    /// Name of the attack.
    pub attack: String,
    /// Negative rate, in millionths.
    rate: i64,
    place: u8,
    /// Name of the defence.
    pub defence: String,
}

/// Rows of one key.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Group {
    /// Rows, in the order of files and lines.
    pub rows: Vec<CellRow>,
    /// Files that the rows come from.
    pub files: BTreeSet<PathBuf>,
}

/// Rows of a directory.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Results {
    /// Usable rows.
    pub groups: BTreeMap<CellKey, Group>,
    /// Training rows that defences removed, with the file of each result.
    pub removals: BTreeMap<CellKey, (Confusion, PathBuf)>,
    /// Refused rows with file and line; repeated samples are among them.
    pub refused: Vec<(PathBuf, RowError)>,
}

/// Suffix of files about training sets, without `.gz`.
pub const REMOVAL: &str = ".removal.jsonl";

const TASKS: [Task; 4] = [Task::Defect, Task::Clone, Task::Repair, Task::Classification];

impl CellKey {
    /// Returns the key of a defence in a cell.
    #[must_use]
    pub fn of(cell: &Cell, defence: &str) -> Self {
        let Cell { task, family, attack, rate, .. } = cell;
        Self {
            task: TASKS.iter().position(|other| other == task).map_or(u8::MAX, |at| at as u8),
            family: family.clone(),
            attack: attack.clone(),
            rate: -(rate * 1e6).round() as i64,
            place: if defence == UNDEFENDED { 0 } else { 1 + u8::from(defence.starts_with("codepurify")) },
            defence: defence.to_owned(),
        }
    }

    /// Returns the task of the victim.
    #[must_use]
    pub fn task(&self) -> Task {
        TASKS.get(usize::from(self.task)).copied().unwrap_or(Task::Classification)
    }

    /// Returns the name of the task.
    #[must_use]
    pub fn task_name(&self) -> &'static str {
        self.task().name()
    }

    /// Formats the share of poisoned training rows in percent.
    #[must_use]
    pub fn rate_name(&self) -> String {
        format!("{} %", -self.rate as f64 / 1e4)
    }

    /// Returns attack and rate: a column of the main table, in order.
    #[must_use]
    pub fn column(&self) -> (String, i64) {
        (self.attack.clone(), self.rate)
    }

    /// Returns task, family and defence: a line of the main table, in order.
    #[must_use]
    pub fn line(&self) -> (u8, String, u8, String) {
        (self.task, self.family.clone(), self.place, self.defence.clone())
    }
}

impl Results {
    /// Reads all `.jsonl` and `.jsonl.gz` files under `dir`; those that end in [`REMOVAL`] tell
    /// what was removed from training sets.
    ///
    /// Hidden files are skipped: they are unfinished.
    ///
    /// # Errors
    /// [`ResultsError`]. Unusable rows are no error; they are listed as refused.
    pub fn read(dir: &Path) -> Result<Self, ResultsError> {
        let (removals, files): (Vec<PathBuf>, Vec<PathBuf>) =
            files(dir)?.into_iter().partition(|path| path.to_string_lossy().contains(REMOVAL));
        let mut results = Self::default();
        removals.iter().try_for_each(|path| results.add_removals(path))?;
        // Files are parsed side by side and added in order: which of two equal samples counts does
        // not depend on the threads.
        let parsed: Vec<_> = files.par_iter().map(|path| read(path, CellRow::check)).collect();
        let mut seen = HashSet::new();
        for (path, found) in files.iter().zip(parsed) {
            let rows = results.usable(path, without_repeats(found?, &mut seen));
            results.add(path, rows);
        }
        if results.groups.is_empty() && results.removals.is_empty() {
            return Err(ResultsError::NoRows { path: dir.to_path_buf(), files: files.len() });
        }
        Ok(results)
    }

    /// Returns the usable rows of a file and notes the refused ones, or that no row is usable.
    fn usable<T>(&mut self, path: &Path, found: Rows<T>) -> Vec<T> {
        if found.rows.is_empty() {
            let message = format!("no row of a cell ({} refused)", found.refused.len());
            self.refused.push((path.to_path_buf(), RowError { line: 1, message }));
        } else {
            self.refused.extend(found.refused.into_iter().map(|error| (path.to_path_buf(), error)));
        }
        found.rows
    }

    fn add_removals(&mut self, path: &Path) -> Result<(), ResultsError> {
        let found = self.usable(path, read(path, |_: &RemovalRow| Ok(()))?);
        for (index, row) in found.into_iter().enumerate() {
            match row.confusion() {
                Ok(confusion) => {
                    self.removals
                        .insert(CellKey::of(&row.cell, &row.defence), (confusion, path.to_path_buf()));
                }
                Err(message) => {
                    self.refused.push((path.to_path_buf(), RowError { line: index + 1, message }));
                }
            }
        }
        Ok(())
    }

    fn add(&mut self, path: &Path, found: Vec<CellRow>) {
        for row in found {
            let group = self.groups.entry(CellKey::of(&row.cell, &row.defence)).or_default();
            group.rows.push(row);
            if !group.files.contains(path) {
                group.files.insert(path.to_path_buf());
            }
        }
    }
}

/// Reads the rows of a file; that none is usable is no error.
fn read<T: DeserializeOwned>(
    path: &Path,
    check: impl FnMut(&T) -> Result<(), String>,
) -> Result<Rows<T>, ResultsError> {
    match data::read(path, check) {
        Err(DataError::NoRows { refused, .. }) => {
            let message = "not a row of a cell".to_owned();
            Ok(Rows { refused: vec![RowError { line: 1, message }; refused], ..Rows::default() })
        }
        found => found.map_err(ResultsError::Data),
    }
}

/// Identity of a sample: its cell and defence, victim, row, and whether it is triggered.
type SampleId = (CellKey, String, String, bool);

/// Refuses the samples of a file that are in `seen` already; all others enter it.
fn without_repeats(found: Rows<CellRow>, seen: &mut HashSet<SampleId>) -> Rows<CellRow> {
    let mut fresh = Rows { refused: found.refused, ..Rows::default() };
    for (row, line) in found.rows.into_iter().zip(found.lines) {
        let id =
            (CellKey::of(&row.cell, &row.defence), row.cell.victim.clone(), row.id.clone(), row.triggered);
        if seen.insert(id) {
            fresh.rows.push(row);
            fresh.lines.push(line);
        } else {
            fresh.refused.push(RowError { line, message: format!("sample {} came before", row.id) });
        }
    }
    fresh.refused.sort_by_key(|error| error.line);
    fresh
}

/// Returns the subdirectories of `dir` that hold the cells of one grid each, by name; `dir` itself
/// if there are fewer than two.
///
/// Grids are kept apart because they may share cells, for example the clean twin.
/// # Errors
/// [`ResultsError`] if a directory cannot be read.
pub fn grids(dir: &Path) -> Result<Vec<PathBuf>, ResultsError> {
    // A file is in the folder of its cell, that folder in the one of its grid.
    let grid = |path: &PathBuf| {
        let grid = path.parent()?.parent()?;
        (grid != dir && grid.starts_with(dir)).then(|| grid.to_path_buf())
    };
    let found: BTreeSet<PathBuf> = files(dir)?.iter().filter_map(grid).collect();
    if found.len() > 1 { Ok(found.into_iter().collect()) } else { Ok(vec![dir.to_path_buf()]) }
}

/// Returns the row files under `dir`, sorted.
fn files(dir: &Path) -> Result<Vec<PathBuf>, ResultsError> {
    let io = |path: &Path| {
        let path = path.to_path_buf();
        move |source| ResultsError::Io { path, source }
    };
    let mut found = Vec::new();
    let mut open = vec![dir.to_path_buf()];
    while let Some(dir) = open.pop() {
        for entry in std::fs::read_dir(&dir).map_err(io(&dir))? {
            let entry = entry.map_err(io(&dir))?;
            // Links are not followed: they could form a cycle.
            let kind = entry.file_type().map_err(io(&dir))?;
            let name = entry.file_name().to_string_lossy().into_owned();
            if kind.is_dir() {
                open.push(entry.path());
            } else if !name.starts_with('.') && [".jsonl", ".jsonl.gz"].iter().any(|end| name.ends_with(end))
            {
                found.push(entry.path());
            }
        }
    }
    found.sort();
    Ok(found)
}
