//! Samples of a cell with the predictions of its victim.

use std::time::Instant;

use anyhow::{Result, ensure};

use super::defend::{Defence, DefenceContext, InputScreener, SampleFinding};
use super::defended_victim::DefendedVictim;
use super::driver::Grid;
use super::rows::{Defended, RowWriter, Undefended};
use super::samples::{CellSample, CellSamples};
use crate::error_chain;
use crate::evaluate::ask::Reply;
use crate::table::{Cell, CellRow};
use crate::train::start::ModelFamily;

/// Victim, its samples, and its predictions without a defence.
pub(super) struct CellRun<'c> {
    grid: &'c Grid<'c>,
    cell: &'c Cell,
    victim: &'c DefendedVictim,
    samples: &'c CellSamples,
    /// Test samples, clean ones first.
    tested: Vec<&'c CellSample>,
    undefended: Vec<Undefended>,
}

impl<'c> CellRun<'c> {
    /// Queries the victim about all samples.
    pub(super) fn new(
        grid: &'c Grid<'c>,
        cell: &'c Cell,
        victim: &'c DefendedVictim,
        samples: &'c CellSamples,
    ) -> Result<Self> {
        let tested: Vec<&CellSample> = samples.clean.iter().chain(&samples.triggered).collect();
        let before = victim.ask(&texts(&tested), &grid.workers)?;
        let natural: Vec<&[String]> = tested.iter().filter_map(|sample| sample.natural.as_deref()).collect();
        let mut natural = victim.ask(&natural, &grid.workers)?.into_iter();
        let answers = tested.iter().zip(before);
        let undefended = answers
            .map(|(sample, before)| {
                let natural = sample.natural.as_ref().and_then(|_| natural.next());
                Undefended { before, natural }
            })
            .collect();
        Ok(Self { grid, cell, victim, samples, tested, undefended })
    }

    /// Returns the outcomes of the samples without a defence.
    pub(super) fn untouched(&self) -> Vec<Defended> {
        let nothing = Defended { finding: Ok(SampleFinding::default()), after: None, milliseconds: 0.0 };
        vec![nothing; self.tested.len()]
    }

    /// Returns the outcomes of the samples if another model replaces the victim.
    pub(super) fn replaced(&self, other: &DefendedVictim) -> Result<Vec<Defended>> {
        let answers = other.ask(&texts(&self.tested), &self.grid.workers)?.into_iter();
        let untouched = self.untouched().into_iter();
        Ok(untouched.zip(answers).map(|(row, after)| Defended { after: Some(after), ..row }).collect())
    }

    /// Runs a defence on the samples, and the victim on the changed ones.
    pub(super) fn defended(&self, defence: Defence) -> Result<Vec<Defended>> {
        let Grid { plan, workers, mlm, ngrams, cache, .. } = self.grid;
        let context = DefenceContext {
            victim: self.victim,
            t5: self.cell.family == ModelFamily::T5.name(),
            mlm,
            ngrams,
            cache,
            calibration: &self.samples.calibration,
            domain: &self.samples.domain,
            alpha: plan.alpha,
            seed: plan.seed,
        };
        let screener = defence.set_up(&context, workers)?;
        let screened = |index: usize| Ok(screen(screener.as_ref(), self.tested[index]));
        let mut defended = workers.map(self.tested.len(), screened)?;
        let changed = defended.iter().enumerate().filter_map(|(index, defended)| {
            let texts = defended.finding.as_ref().ok()?.texts.as_deref()?;
            Some((index, texts))
        });
        let (indices, texts): (Vec<usize>, Vec<&[String]>) = changed.unzip();
        for (index, reply) in indices.into_iter().zip(self.victim.ask(&texts, workers)?) {
            defended[index].after = Some(reply);
        }
        Ok(defended)
    }

    /// Creates the rows of a defence; `target` is the attacker's output.
    pub(super) fn rows(&self, defence: &str, target: &Reply, defended: &[Defended]) -> Result<Vec<CellRow>> {
        let writer = RowWriter { cell: self.cell, defence, target };
        let samples = self.tested.iter().zip(&self.undefended).zip(defended);
        let rows: Vec<CellRow> = samples
            .map(|((sample, undefended), defended)| writer.row(sample, undefended, defended))
            .collect();
        let unusable = rows.iter().find_map(|row| row.check().err());
        ensure!(unusable.is_none(), "a row of {defence} is unusable: {}", unusable.unwrap_or_default());
        Ok(rows)
    }
}

/// Returns the texts that a model reads of each sample.
fn texts<'s>(samples: &[&'s CellSample]) -> Vec<&'s [String]> {
    samples.iter().map(|sample| &sample.texts[..]).collect()
}

/// Records a failure in the row.
fn screen(screener: &dyn InputScreener, sample: &CellSample) -> Defended {
    let started = Instant::now();
    let finding = screener.screen(sample).map_err(|error| error_chain(&error));
    Defended { finding, after: None, milliseconds: started.elapsed().as_secs_f64() * 1e3 }
}
