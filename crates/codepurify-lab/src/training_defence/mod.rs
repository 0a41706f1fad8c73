//! Published defences of training sets, applied to a training set and the victim trained on it.
//!
//! Spectral Signatures, Activation Clustering and `KillBadCode` inspect all rows. `CodeDetector`
//! explains a sample of them: integrated gradients cost some hundred forward passes. It tries the
//! tokens that matter most often on a sample of clean rows: [`SAMPLE`], [`PROBES`], [`CANDIDATES`].

use clap::ValueEnum;
use codepurify_attacks::data::report::{Sample, TaskOutput};
use codepurify_attacks::value_name;
use rand::SeedableRng;
use rand::rngs::StdRng;
use rand::seq::index;
use serde::{Deserialize, Serialize};

use crate::baseline::clustering::{ActivationClustering, ClusterRule};
use crate::baseline::code_detector::{CodeDetector, Normalisation};
use crate::baseline::kill_bad_code::KillBadCode;
use crate::baseline::ngram::NgramLm;
use crate::baseline::spectral::SpectralSignatures;
use crate::baseline::{BaselineError, Removal};
use crate::train::workers::Workers;
use crate::whitebox::attribution::{IntegratedGradients, STEPS};
use crate::whitebox::probe::Probe;
use crate::whitebox::{WhiteBox, WhiteBoxError};

/// Number of training rows that `CodeDetector` explains, drawn by seed.
///
/// If fewer than one in this many rows is poisoned, it may miss the trigger.
pub const SAMPLE: usize = 400;

/// Number of clean rows that `CodeDetector` tries a token on, drawn by seed; its port has 2,000.
pub const PROBES: usize = 100;

/// Largest number of tokens that `CodeDetector` tries.
pub const CANDIDATES: usize = 100;

/// Number of principal components for Spectral Signatures and Activation Clustering.
const COMPONENTS: usize = 10;

/// Defence that removes rows from a training set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TrainingDefence {
    /// Spectral Signatures: 10 components; removes 1.5 times the assumed share of poison, per class
    SpectralSignatures,
    /// Activation Clustering: 10 components; removes the smaller cluster of each class
    ActivationClustering,
    /// `CodeDetector`: importance above .5 of the L2 norm, accuracy drop of .3; on samples
    CodeDetector,
    /// `KillBadCode` as released, on the tokens of the victim's tokenizer.
    KillBadCode,
}

impl TrainingDefence {
    /// Returns the name on the command line, in rows, tables and files.
    #[must_use]
    pub fn name(self) -> String {
        value_name(&self)
    }
}

/// Inputs of a training-set defence besides the training set.
#[derive(Clone, Copy)]
pub struct RemovalContext<'a, S> {
    /// Model trained on the set; `KillBadCode` uses its tokenizer only.
    pub victim: &'a WhiteBox,
    /// Clean rows outside the training set: for the language model of `KillBadCode` and the probes
    /// of `CodeDetector`.
    pub clean: &'a [S],
    /// ε: the share of poisoned rows that Spectral Signatures assumes, in [0, 1].
    pub poison_rate: f64,
    /// Seed of samples and of the clustering.
    pub seed: u64,
    /// Threads to work on.
    pub workers: &'a Workers,
}

/// Runs a defence over a training set. Text outputs form one class.
///
/// # Errors
/// [`BaselineError`] if a row has another task than the victim, the model fails, or the rate is out
/// of its range; without any training row or, if needed, any clean row.
pub fn run<S: Sample + Sync>(
    defence: TrainingDefence,
    set: &[S],
    means: &RemovalContext<'_, S>,
) -> Result<Removal, BaselineError> {
    let &RemovalContext { victim, poison_rate, seed, workers, .. } = means;
    match defence {
        TrainingDefence::SpectralSignatures => {
            let defence =
                SpectralSignatures { components: COMPONENTS, poison_rate, factor: 1.5, per_class: true };
            defence.run(&victim.representations(set, workers)?, &labels(set))
        }
        TrainingDefence::ActivationClustering => {
            let defence = ActivationClustering {
                components: COMPONENTS,
                whiten: false,
                per_class: true,
                rule: ClusterRule::Smaller,
                seed,
            };
            defence.run(&victim.representations(set, workers)?, &labels(set))
        }
        TrainingDefence::CodeDetector => code_detector(set, means),
        TrainingDefence::KillBadCode => {
            let lm = NgramLm::train(&tokens(victim, means.clean)?)?;
            Ok(KillBadCode::default().run(&lm, &tokens(victim, set)?).removal)
        }
    }
}

fn code_detector<S: Sample + Sync>(
    set: &[S],
    means: &RemovalContext<'_, S>,
) -> Result<Removal, BaselineError> {
    let &RemovalContext { victim, clean, seed, workers, .. } = means;
    let defence =
        CodeDetector { normalisation: Normalisation::L2, importance: 0.5, drop: 0.3, candidates: CANDIDATES };
    let attribution = IntegratedGradients { victim, rows: set, steps: STEPS, workers };
    let rows = sample(clean.len(), PROBES, seed).into_iter().map(|row| &clean[row]).collect();
    let probe = Probe { victim, rows, workers };
    Ok(defence.run(&tokens(victim, set)?, &sample(set.len(), SAMPLE, seed), &attribution, &probe)?.removal)
}

/// Draws `count` of `0..all` by seed, in order; all if there are fewer.
fn sample(all: usize, count: usize, seed: u64) -> Vec<usize> {
    let mut drawn = index::sample(&mut StdRng::seed_from_u64(seed), all, count.min(all)).into_vec();
    drawn.sort_unstable();
    drawn
}

/// Returns the tokens of each row that the victim sees; those of a pair are concatenated.
fn tokens<S: Sample>(victim: &WhiteBox, rows: &[S]) -> Result<Vec<Vec<String>>, WhiteBoxError> {
    let row = |row: &S| -> Result<Vec<String>, WhiteBoxError> {
        let pieces = row.texts().into_iter().map(|text| victim.pieces(text));
        Ok(pieces.collect::<Result<Vec<_>, _>>()?.concat())
    };
    rows.iter().map(row).collect()
}

/// Returns the class of each row; rows with text outputs have one class.
fn labels<S: Sample>(rows: &[S]) -> Vec<u32> {
    let label = |row: &S| match row.answer() {
        TaskOutput::Label(label) => label,
        TaskOutput::Text(_) => 0,
    };
    rows.iter().map(label).collect()
}
