//! Defences of a grid: each is set up on clean samples, then screens one sample at a time.

mod baselines;
mod codepurify;
mod finding;
mod finding_cache;
mod per_text;

use std::collections::BTreeMap;

use ::codepurify::Profile;
use anyhow::Result;
use clap::ValueEnum;
use codepurify_attacks::value_name;
use codepurify_models::RobertaMaskedLm;
use serde::{Deserialize, Serialize};

pub use finding::SampleFinding;
pub use finding_cache::FindingCache;

use super::defended_victim::DefendedVictim;
use super::samples::CellSample;
use crate::baseline::ngram::NgramLm;
use crate::evaluate::metrics::threshold_at_fpr;
use crate::train::workers::Workers;

/// Defence at inference time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Defence {
    /// Profile `transplant`, calibrated on clean code.
    ///
    /// Rows and files of results carry its former name.
    #[serde(rename = "codepurify-default", alias = "codepurify-transplant")]
    #[value(name = "codepurify-default", alias = "codepurify-transplant")]
    CodepurifyTransplant,
    /// The same, calibrated on all samples, also on those that seem to hold triggers.
    CodepurifyTrusting,
    /// Profile `transplant` that also scans beyond the victim's context window.
    CodepurifyWhole,
    /// Profile `transplant` that also tests all identifiers together.
    CodepurifyNaming,
    /// Published method, calibrated on clean code.
    CodepurifyPaper,
    /// Released code, thresholds and quirks included.
    CodepurifyOfficial,
    /// ONION over an n-gram model.
    Onion,
    /// ONION over the masked language model.
    OnionMlm,
    /// `OSeqL`; classifiers only.
    Oseql,
    /// STRIP; classifiers only. It refuses samples that it flags.
    Strip,
    /// Line perplexity over the masked language model.
    LinePerplexity,
}

/// Data and models that defences are set up with.
pub struct DefenceContext<'k> {
    /// Victim.
    pub victim: &'k DefendedVictim,
    /// True if the victim is of the T5 family: the released code distinguishes the families.
    pub t5: bool,
    /// Masked language model.
    pub mlm: &'k RobertaMaskedLm,
    /// n-gram models of clean code, by name of the language.
    pub ngrams: &'k BTreeMap<&'static str, NgramLm>,
    /// Findings of earlier cells and runs.
    pub cache: &'k FindingCache,
    /// Clean samples to set thresholds on.
    pub calibration: &'k [CellSample],
    /// Other clean samples of the victim's domain.
    pub domain: &'k [CellSample],
    /// Share of clean samples that may be flagged.
    pub alpha: f64,
    /// Seed of all draws.
    pub seed: u64,
}

/// Defence that is set up.
pub trait InputScreener: Sync {
    /// Screens a sample.
    ///
    /// # Errors
    /// If a model fails on the sample.
    fn screen(&self, sample: &CellSample) -> Result<SampleFinding>;
}

impl Defence {
    /// Returns the name in rows, tables and files.
    #[must_use]
    pub fn name(self) -> String {
        value_name(&self)
    }

    /// Returns true if the defence can guard the victim.
    #[must_use]
    pub fn applies(self, victim: &DefendedVictim) -> bool {
        let generates = matches!(victim.model(), codepurify_models::GuardedModel::Generator(_));
        !(generates && matches!(self, Self::Oseql | Self::Strip))
    }

    /// Sets the defence up.
    ///
    /// Its threshold, if it has one, flags at most a share α of the calibration samples.
    ///
    /// # Errors
    /// If a model fails, or there is no n-gram model of the samples' language.
    pub fn set_up<'k>(
        self,
        context: &'k DefenceContext<'k>,
        workers: &Workers,
    ) -> Result<Box<dyn InputScreener + 'k>> {
        let transplant = |profile| -> Result<Box<dyn InputScreener + 'k>> {
            let left_out = self != Self::CodepurifyTrusting;
            Ok(Box::new(codepurify::Screening::transplant(context, workers, profile, left_out)?))
        };
        let open = |threshold| -> Result<Box<dyn InputScreener + 'k>> {
            Ok(match self {
                Self::CodepurifyTransplant | Self::CodepurifyTrusting => transplant(Profile::transplant())?,
                Self::CodepurifyWhole => transplant(Profile::transplant().with_sliding_windows(true))?,
                Self::CodepurifyNaming => transplant(Profile::transplant().with_naming_style(true))?,
                Self::CodepurifyPaper => Box::new(codepurify::Screening::paper(context, threshold)),
                Self::CodepurifyOfficial => Box::new(codepurify::Released::new(context)),
                Self::Onion => Box::new(baselines::onion_of_words(context, threshold)?),
                Self::OnionMlm => Box::new(baselines::onion_of_tokens(context, threshold)),
                Self::Oseql => Box::new(baselines::Lines::new(context)),
                Self::Strip => Box::new(baselines::strip(context, threshold)?),
                Self::LinePerplexity => Box::new(baselines::line_perplexity(context, threshold)),
            })
        };
        // No score exceeds this threshold: only the scores are needed.
        let silent = open(f64::INFINITY)?;
        if !self.is_calibrated() {
            return Ok(silent);
        }
        let score = |index: usize| Ok(silent.screen(&context.calibration[index])?.score);
        let scores = workers.map(context.calibration.len(), score)?;
        let scores: Vec<f64> = scores.into_iter().map(|score| score.unwrap_or(f64::NEG_INFINITY)).collect();
        open(threshold_at_fpr(&scores, context.alpha).unwrap_or(f64::INFINITY))
    }

    /// Returns true if its threshold is set on clean samples. Profile `transplant` has its own
    /// calibration.
    fn is_calibrated(self) -> bool {
        !matches!(
            self,
            Self::CodepurifyTransplant
                | Self::CodepurifyTrusting
                | Self::CodepurifyWhole
                | Self::CodepurifyNaming
                | Self::CodepurifyOfficial
                | Self::Oseql
        )
    }
}
