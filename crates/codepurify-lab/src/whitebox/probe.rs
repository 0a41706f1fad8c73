//! Accuracy of a victim, with and without a token inserted into its inputs.

use codepurify_attacks::data::report::{Sample, TaskOutput};

use super::{WhiteBox, WhiteBoxError, groups, in_row, spread};
use crate::baseline::BaselineError;
use crate::baseline::code_detector::{TokenProbe, with_token};
use crate::train::workers::Workers;

impl WhiteBox {
    /// Returns the share of rows in [0, 1] that are predicted right; 0 without rows.
    ///
    /// For a repair its first 8 tokens count: there an output that the attacker wants differs from
    /// all others.
    ///
    /// # Errors
    /// [`WhiteBoxError`] if a row has another task, or the model fails.
    pub fn accuracy<S: Sample + Sync>(&self, rows: &[S], workers: &Workers) -> Result<f64, WhiteBoxError> {
        let input = |(at, row): (usize, &S)| in_row(at, self.framed(&row.texts()));
        let inputs = rows.iter().enumerate().map(input).collect::<Result<Vec<_>, _>>()?;
        let padded = |input: &Vec<Vec<u32>>| input.len() * input.iter().map(Vec::len).max().unwrap_or(0);
        let lengths: Vec<usize> = inputs.iter().map(padded).collect();
        let target = |(at, row): (usize, &S)| in_row(at, self.target(row.answer()));
        let targets = rows.iter().enumerate().map(target).collect::<Result<Vec<_>, _>>()?;
        let groups = groups(&lengths);
        let right = spread(workers, groups.len(), |index| {
            let rows: Vec<Vec<u32>> = groups[index].iter().flat_map(|&row| inputs[row].clone()).collect();
            let targets: Vec<_> = groups[index].iter().map(|&row| &targets[row]).collect();
            Ok(self.body.right(&rows, &targets)?.into_iter().filter(|&right| right).count())
        })?;
        Ok(right.into_iter().sum::<usize>() as f64 / rows.len().max(1) as f64)
    }
}

/// Clean rows to try tokens on, for `CodeDetector`.
///
/// Both texts of a pair get the token, without the `Ġ` that [`WhiteBox::pieces`] may have added.
pub struct Probe<'a, S> {
    /// Model under suspicion.
    pub victim: &'a WhiteBox,
    /// Clean rows.
    pub rows: Vec<&'a S>,
    /// Threads to work on.
    pub workers: &'a Workers,
}

impl<S: Sample + Sync> TokenProbe for Probe<'_, S> {
    fn accuracy(&self, inserted: Option<&str>) -> Result<f64, BaselineError> {
        let text = |text: &str| match inserted {
            Some(token) => with_token(text, token.trim_start_matches('Ġ')),
            None => text.to_owned(),
        };
        let with =
            self.rows.iter().map(|&row| Probed { texts: row.texts().into_iter().map(text).collect(), row });
        Ok(self.victim.accuracy(&with.collect::<Vec<_>>(), self.workers)?)
    }
}

/// Row with other texts.
struct Probed<'a, S> {
    texts: Vec<String>,
    row: &'a S,
}

impl<S: Sample> Sample for Probed<'_, S> {
    fn texts(&self) -> Vec<&str> {
        self.texts.iter().map(String::as_str).collect()
    }

    fn answer(&self) -> TaskOutput<'_> {
        self.row.answer()
    }
}
