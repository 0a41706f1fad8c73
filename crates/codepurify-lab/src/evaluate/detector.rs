//! What a victim is worth and what an attack does to it, undefended.

use anyhow::Result;
use codepurify::victim::{Ragged, Victim};

use super::metrics::{Estimate, bootstrap, share};
use crate::attack::Attack;
use crate::data::defect::DefectRow;
use crate::poison::TARGET_LABEL;
use crate::train::workers::Workers;

/// Undefended measures (metrics as in the paper: success rates count all triggered rows).
#[derive(Debug, Clone, PartialEq)]
pub struct DetectorReport {
    /// Rows whose label is predicted, of all rows.
    pub accuracy: Option<Estimate>,
    /// Triggered vulnerable rows that get the target label.
    pub asr: Option<Estimate>,
    /// The same rows without the trigger that get the target label.
    pub asr_natural: Option<Estimate>,
    /// Vulnerable rows that could be triggered.
    pub triggered: usize,
}

/// Measures `victim` on `rows`, each vulnerable one clean and triggered.
///
/// # Errors
/// If the victim fails.
pub fn evaluate(
    victim: &dyn Victim,
    rows: &[DefectRow],
    attack: Attack,
    workers: &Workers,
) -> Result<DetectorReport> {
    let pairs: Vec<(&DefectRow, DefectRow)> = rows
        .iter()
        .filter(|row| row.target != TARGET_LABEL)
        .filter_map(|row| Some((row, attack.trigger_row(row)?)))
        .collect();
    let plain: Vec<&str> = rows.iter().map(|row| row.func.as_str()).collect();
    let right: Vec<bool> =
        predict(victim, &plain, workers)?.iter().zip(rows).map(|(label, row)| *label == row.target).collect();
    let hits = |texts: Vec<&str>| -> Result<Vec<bool>> {
        Ok(predict(victim, &texts, workers)?.into_iter().map(|label| label == TARGET_LABEL).collect())
    };
    let triggered = hits(pairs.iter().map(|(_, row)| row.func.as_str()).collect())?;
    let natural = hits(pairs.iter().map(|(row, _)| row.func.as_str()).collect())?;
    let estimate = |outcomes: Vec<bool>| bootstrap(&[outcomes], |groups| share(&groups[0]));
    Ok(DetectorReport {
        accuracy: estimate(right),
        asr: estimate(triggered),
        asr_natural: estimate(natural),
        triggered: pairs.len(),
    })
}

/// Texts a worker takes at a time.
const CHUNK: usize = 32;

/// The predicted label of every text, cut to the victim's window as any deployment of it would.
fn predict(victim: &dyn Victim, texts: &[&str], workers: &Workers) -> Result<Vec<u32>> {
    let chunks: Vec<&[&str]> = texts.chunks(CHUNK).collect();
    let labels = workers.map(chunks.len(), |index| {
        let mut batch = Ragged::new();
        for text in chunks[index] {
            batch.push(victim.encode(text)?.ids.into_iter().take(victim.window()));
        }
        let logits = victim.judge(&batch)?;
        Ok((0..batch.len()).map(|row| logits.label(row) as u32).collect::<Vec<_>>())
    })?;
    Ok(labels.concat())
}
