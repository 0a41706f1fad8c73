//! The defences of a grid: each is set up on clean samples, then looks at one sample at a time.

mod baselines;
mod codepurify;
mod finding;
mod memory;
mod sides;

use std::collections::BTreeMap;

use ::codepurify::Profile;
use anyhow::Result;
use clap::ValueEnum;
use codepurify_attacks::value_name;
use codepurify_models::RobertaMaskedLm;
use serde::{Deserialize, Serialize};

pub use finding::Finding;
pub use memory::Memory;

use super::guard::Guard;
use super::samples::Sample;
use crate::baseline::ngram::NgramLm;
use crate::evaluate::metrics::threshold_at_fpr;
use crate::train::workers::Workers;

/// What guards a victim at inference.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Defence {
    /// Profile `default`: necessity and sufficiency, calibrated on clean code.
    CodepurifyDefault,
    /// The same, with what lies behind the victim's window.
    CodepurifyWhole,
    /// The same, with what all names do together.
    CodepurifyNaming,
    /// The published method, calibrated on clean code.
    CodepurifyPaper,
    /// Its released code, thresholds and quirks included.
    CodepurifyOfficial,
    /// ONION over an n-gram model.
    Onion,
    /// ONION over the masked language model.
    OnionMlm,
    /// `OSeqL`; classifiers only.
    Oseql,
    /// STRIP; classifiers only. It refuses what it flags.
    Strip,
    /// Line perplexity over the masked language model.
    LinePerplexity,
}

/// What defences are made of.
pub struct Kit<'k> {
    /// The victim.
    pub guard: &'k Guard,
    /// Whether it is of the T5 family: the released code treats the families differently.
    pub t5: bool,
    /// The masked language model.
    pub mlm: &'k RobertaMaskedLm,
    /// n-gram models of clean code, by the name of the language.
    pub ngrams: &'k BTreeMap<&'static str, NgramLm>,
    /// What was found out before, for other victims.
    pub memory: &'k Memory,
    /// Clean samples to set thresholds on.
    pub calibration: &'k [Sample],
    /// Other clean samples of the victim's field.
    pub field: &'k [Sample],
    /// Share of clean samples that may be flagged.
    pub alpha: f64,
    /// Decides what is drawn.
    pub seed: u64,
}

/// A defence that is set up.
pub trait Screener: Sync {
    /// What it makes of a sample.
    ///
    /// # Errors
    /// If a model fails on it.
    fn screen(&self, sample: &Sample) -> Result<Finding>;
}

impl Defence {
    /// The name in rows, tables and files.
    #[must_use]
    pub fn name(self) -> String {
        value_name(&self)
    }

    /// Whether the defence can guard the victim at all.
    #[must_use]
    pub fn applies(self, guard: &Guard) -> bool {
        let generates = matches!(guard.model(), codepurify_models::GuardedModel::Generator(_));
        !(generates && matches!(self, Self::Oseql | Self::Strip))
    }

    /// Sets the defence up: thresholds, where it has any, such that at most a share α of the calibration samples is
    /// flagged.
    ///
    /// # Errors
    /// If a model fails, or there is no n-gram model of the samples' language.
    pub fn set_up<'k>(self, kit: &'k Kit<'k>, workers: &Workers) -> Result<Box<dyn Screener + 'k>> {
        let standard = |profile| -> Result<Box<dyn Screener + 'k>> {
            Ok(Box::new(codepurify::Screening::standard(kit, workers, profile)?))
        };
        let open = |threshold| -> Result<Box<dyn Screener + 'k>> {
            Ok(match self {
                Self::CodepurifyDefault => standard(Profile::standard())?,
                Self::CodepurifyWhole => standard(Profile::standard().with_whole(true))?,
                Self::CodepurifyNaming => standard(Profile::standard().with_naming(true))?,
                Self::CodepurifyPaper => Box::new(codepurify::Screening::paper(kit, threshold)),
                Self::CodepurifyOfficial => Box::new(codepurify::Released::new(kit)),
                Self::Onion => Box::new(baselines::onion_of_words(kit, threshold)?),
                Self::OnionMlm => Box::new(baselines::onion_of_tokens(kit, threshold)),
                Self::Oseql => Box::new(baselines::Lines::new(kit)),
                Self::Strip => Box::new(baselines::strip(kit, threshold)?),
                Self::LinePerplexity => Box::new(baselines::line_perplexity(kit, threshold)),
            })
        };
        // Nothing is above it: only the scores are asked for.
        let silent = open(f64::INFINITY)?;
        if !self.is_calibrated() {
            return Ok(silent);
        }
        let score = |index: usize| Ok(silent.screen(&kit.calibration[index])?.score);
        let scores = workers.map(kit.calibration.len(), score)?;
        let scores: Vec<f64> = scores.into_iter().map(|score| score.unwrap_or(f64::NEG_INFINITY)).collect();
        open(threshold_at_fpr(&scores, kit.alpha).unwrap_or(f64::INFINITY))
    }

    /// Whether a threshold on its score is set on clean samples. Profile `default` has its own way to do that.
    fn is_calibrated(self) -> bool {
        use Defence::{CodepurifyDefault, CodepurifyNaming, CodepurifyOfficial, CodepurifyWhole, Oseql};
        !matches!(self, CodepurifyDefault | CodepurifyWhole | CodepurifyNaming | CodepurifyOfficial | Oseql)
    }
}
