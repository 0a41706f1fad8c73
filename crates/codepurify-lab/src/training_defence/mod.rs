//! The defences of others over a real training set and the victim that was trained on it.
//!
//! Spectral Signatures, Activation Clustering and `KillBadCode` look at all rows. `CodeDetector` explains a sample of
//! them (integrated gradients cost some hundred times as much as a forward pass) and tries the tokens that matter most
//! often on a sample of clean rows: [`SAMPLE`], [`PROBES`], [`CANDIDATES`].

use clap::ValueEnum;
use codepurify_attacks::data::report::{Answer, Sample};
use codepurify_attacks::value_name;
use rand::SeedableRng;
use rand::rngs::StdRng;
use rand::seq::index;
use serde::{Deserialize, Serialize};

use crate::baseline::clustering::{ActivationClustering, Rule};
use crate::baseline::code_detector::{CodeDetector, Normalisation};
use crate::baseline::kill_bad_code::KillBadCode;
use crate::baseline::ngram::NgramLm;
use crate::baseline::spectral::SpectralSignatures;
use crate::baseline::{BaselineError, Removal};
use crate::train::workers::Workers;
use crate::whitebox::attribution::{IntegratedGradients, STEPS};
use crate::whitebox::probe::Probe;
use crate::whitebox::{WhiteBox, WhiteBoxError};

/// Training rows that `CodeDetector` explains, drawn by seed; all if there are fewer. With fewer poisoned rows than one
/// in this many, it may not see the trigger at all.
pub const SAMPLE: usize = 400;

/// Clean rows that `CodeDetector` tries a token on, drawn by seed; all if there are fewer. (2,000 in its port.)
pub const PROBES: usize = 100;

/// Tokens that `CodeDetector` tries at most.
pub const CANDIDATES: usize = 100;

/// Principal components that Spectral Signatures and Activation Clustering look at.
const COMPONENTS: usize = 10;

/// A defence that removes rows from a training set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TrainingDefence {
    /// Spectral Signatures: 10 components, 1.5 times the believed share of poison removed, each class by itself.
    SpectralSignatures,
    /// Activation Clustering: 10 components, the smaller cluster of each class removed.
    ActivationClustering,
    /// `CodeDetector`: importance above .5 of the L2 norm, a drop of accuracy by .3; on samples.
    CodeDetector,
    /// `KillBadCode` as released, on the tokens of the victim's tokenizer.
    KillBadCode,
}

impl TrainingDefence {
    /// The name on the command line, in rows, tables and files.
    #[must_use]
    pub fn name(self) -> String {
        value_name(&self)
    }
}

/// What a training-set defence may use besides the training set.
#[derive(Clone, Copy)]
pub struct Means<'a, S> {
    /// The model that was trained on the set. (Of it `KillBadCode` uses the tokenizer alone.)
    pub victim: &'a WhiteBox,
    /// Clean rows that are not in the training set: for the language model of `KillBadCode` and the probes of
    /// `CodeDetector`.
    pub clean: &'a [S],
    /// ε: the share of poisoned rows that Spectral Signatures is told, in [0, 1].
    pub poison_rate: f64,
    /// Draws samples and the start of the clustering.
    pub seed: u64,
    /// Who does the work.
    pub workers: &'a Workers,
}

/// Runs a defence over a training set. Answers that are texts make one class.
///
/// # Errors
/// [`BaselineError`] if a row is of another task than the victim, the model fails, the rate is out of its range, there
/// is no training row, or, where it is needed, no clean row.
pub fn run<S: Sample + Sync>(
    defence: TrainingDefence,
    set: &[S],
    means: &Means<'_, S>,
) -> Result<Removal, BaselineError> {
    let &Means { victim, poison_rate, seed, workers, .. } = means;
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
                rule: Rule::Smaller,
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

fn code_detector<S: Sample + Sync>(set: &[S], means: &Means<'_, S>) -> Result<Removal, BaselineError> {
    let &Means { victim, clean, seed, workers, .. } = means;
    let defence =
        CodeDetector { normalisation: Normalisation::L2, importance: 0.5, drop: 0.3, candidates: CANDIDATES };
    let attribution = IntegratedGradients { victim, rows: set, steps: STEPS, workers };
    let rows = sample(clean.len(), PROBES, seed).into_iter().map(|row| &clean[row]).collect();
    let probe = Probe { victim, rows, workers };
    Ok(defence.run(&tokens(victim, set)?, &sample(set.len(), SAMPLE, seed), &attribution, &probe)?.removal)
}

/// `count` of `0..all`, drawn by seed, in order; all if there are fewer.
fn sample(all: usize, count: usize, seed: u64) -> Vec<usize> {
    let mut drawn = index::sample(&mut StdRng::seed_from_u64(seed), all, count.min(all)).into_vec();
    drawn.sort_unstable();
    drawn
}

/// The tokens that the victim sees of each row; those of a pair one after the other.
fn tokens<S: Sample>(victim: &WhiteBox, rows: &[S]) -> Result<Vec<Vec<String>>, WhiteBoxError> {
    let row = |row: &S| -> Result<Vec<String>, WhiteBoxError> {
        let pieces = row.texts().into_iter().map(|text| victim.pieces(text));
        Ok(pieces.collect::<Result<Vec<_>, _>>()?.concat())
    };
    rows.iter().map(row).collect()
}

/// The class of each row; rows answered with texts are of one class.
fn labels<S: Sample>(rows: &[S]) -> Vec<u32> {
    let label = |row: &S| match row.answer() {
        Answer::Label(label) => label,
        Answer::Text(_) => 0,
    };
    rows.iter().map(label).collect()
}
