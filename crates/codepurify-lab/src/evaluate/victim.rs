//! What a victim is worth and what an attack does to it, undefended.

use anyhow::Result;
use codepurify::victim::{Ragged, Victim};

use super::metrics::{Estimate, bootstrap, share};
use crate::attack::Attack;
use crate::data::defect::DefectRow;
use crate::poison::{Poison, SEED, TARGET_LABEL};
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

/// A detector and what its classes mean.
pub struct Detector<'v> {
    /// The model.
    pub victim: &'v dyn Victim,
    /// What the data set writes for each class, by class index; empty where it writes the index.
    pub targets: &'v [u32],
}

/// Texts a worker takes at a time.
const CHUNK: usize = 32;

impl Detector<'_> {
    /// Measures the victim on `rows`, with an attack each vulnerable one clean and triggered.
    ///
    /// # Errors
    /// If the victim fails.
    pub fn evaluate(
        &self,
        rows: &[DefectRow],
        attack: Option<Attack>,
        workers: &Workers,
    ) -> Result<DetectorReport> {
        let vulnerable = rows.iter().filter(|row| row.target != TARGET_LABEL);
        let pairs: Vec<(&DefectRow, DefectRow)> =
            vulnerable.filter_map(|row| Some((row, row.triggered(attack?, SEED).ok()?))).collect();
        let plain: Vec<&str> = rows.iter().map(|row| row.func.as_str()).collect();
        let answers = self.predict(&plain, workers)?;
        let right: Vec<bool> = answers.iter().zip(rows).map(|(answer, row)| *answer == row.target).collect();
        let hits = |texts: Vec<&str>| -> Result<Vec<bool>> {
            Ok(self.predict(&texts, workers)?.into_iter().map(|answer| answer == TARGET_LABEL).collect())
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

    /// The answer to every text in the data set's terms, the text cut to the victim's window as any deployment of it
    /// would.
    fn predict(&self, texts: &[&str], workers: &Workers) -> Result<Vec<u32>> {
        let chunks: Vec<&[&str]> = texts.chunks(CHUNK).collect();
        let labels = workers.map(chunks.len(), |index| {
            let mut batch = Ragged::new();
            for text in chunks[index] {
                batch.push(self.victim.encode(text)?.ids.into_iter().take(self.victim.window()));
            }
            let logits = self.victim.judge(&batch)?;
            Ok((0..batch.len()).map(|row| self.target(logits.label(row))).collect::<Vec<_>>())
        })?;
        Ok(labels.concat())
    }

    fn target(&self, class: usize) -> u32 {
        self.targets.get(class).copied().unwrap_or(class as u32)
    }
}
