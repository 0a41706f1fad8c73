//! Calibration on the rows of the data set itself, where the model has none.

use std::collections::BTreeMap;

use codepurify::contamination::{Family, without_suspicious};
use codepurify::{Calibration, Snippet, Verdict, rows_needed};

use crate::error::CliError;
use crate::guard::{Guard, PAIRS_FOR_A_REFERENCE};
use crate::judge::Judge;
use crate::output::{note, progress};
use crate::rows::{CodeRow, snippets};
use crate::settings::Settings;
use crate::suspicion::description;

/// Most rows that are drawn from a data set.
const ROWS: usize = 2_000;

/// A guard that is calibrated on rows of the data set, and families of rows among these that seem to hold triggers.
pub(crate) struct SelfCalibrated {
    pub(crate) guard: Guard,
    pub(crate) families: Vec<Family>,
}

impl SelfCalibrated {
    /// Calibrates `guard` on rows drawn from `rows`, which are read to the end. With too few rows it stays as it was,
    /// and says so.
    pub(crate) fn new(
        guard: Guard,
        rows: impl Iterator<Item = CodeRow>,
        settings: &Settings,
    ) -> Result<Self, CliError> {
        let profile = guard.profile().clone();
        let (guard, drawn) = with_references(guard, draw(rows), settings)?;
        let guard = guard.calibrating();
        let (kept, families) = without_suspicious(scored(&guard, &drawn));
        let calibration = guard.calibration("rows of the data set itself", &kept);
        if let Some((rows, needed)) = too_few(&calibration, &kept, settings.alpha) {
            note(&format!(
                "not calibrated on the data set: it has {rows} rows with the same prediction, {needed} are needed for \
                 alpha {}; the built-in limit holds",
                settings.alpha
            ));
            return Ok(Self { guard: guard.deciding_by(profile), families: Vec::new() });
        }
        note(&format!("calibrated on {} rows of the data set itself", kept.len()));
        for family in &families {
            note(&format!("left out: {}", description(&guard, family)));
        }
        Ok(Self { guard: guard.deciding_by(profile.with_calibration(calibration)), families })
    }
}

/// Gives the guard of a pair model references from some of the rows; returns the others.
fn with_references(
    guard: Guard,
    rows: Vec<Vec<Snippet>>,
    settings: &Settings,
) -> Result<(Guard, Vec<Vec<Snippet>>), CliError> {
    if !guard.is_of_pairs() || !settings.references.is_empty() {
        return Ok((guard, rows));
    }
    let taken = |index: usize| index.is_multiple_of(PAIRS_FOR_A_REFERENCE);
    let pairs = rows.len();
    let (taken, left): (Vec<_>, Vec<_>) = rows.into_iter().enumerate().partition(|(index, _)| taken(*index));
    let functions: Vec<Snippet> = taken.into_iter().flat_map(|(_, row)| row).collect();
    let guard = guard.with_references(&functions, pairs, settings)?;
    Ok((guard, left.into_iter().map(|(_, row)| row).collect()))
}

/// Draws rows by the digest that the reader computes of each: the same ones whenever the data set is the same.
fn draw(rows: impl Iterator<Item = CodeRow>) -> Vec<Vec<Snippet>> {
    let mut drawn: BTreeMap<String, Vec<Snippet>> = BTreeMap::new();
    for row in rows {
        if drawn.len() == ROWS && drawn.last_key_value().is_some_and(|(last, _)| *last <= row.digest) {
            continue;
        }
        // Rows that cannot be read are accounted for when they are judged.
        let Ok(files) = row.code else { continue };
        let Ok(snippets) = snippets(&files) else { continue };
        if snippets.is_empty() {
            continue;
        }
        drawn.insert(row.digest, snippets);
        if drawn.len() > ROWS {
            drawn.pop_last();
        }
    }
    drawn.into_values().collect()
}

/// The verdicts that a calibration is made of; rows that fail are accounted for when they are judged.
fn scored(guard: &Guard, rows: &[Vec<Snippet>]) -> Vec<Verdict> {
    let bar = progress(rows.len(), "rows for the calibration");
    let judge = Judge::new(guard, true);
    let sides = judge.judge(rows, |sides| bar.inc(sides.len() as u64));
    bar.finish_and_clear();
    sides.into_iter().flatten().filter_map(Result::ok).collect()
}

/// The least number of rows with a prediction and the needed one, where it is too small.
fn too_few(calibration: &Calibration, verdicts: &[Verdict], alpha: f64) -> Option<(usize, usize)> {
    let labels = verdicts.iter().filter_map(|verdict| Some(verdict.prediction.as_ref()?.label));
    let least = labels.map(|label| calibration.rows(label)).min().unwrap_or(0);
    let needed = rows_needed(alpha);
    (least < needed).then_some((least, needed))
}
