//! Published baselines, each set up for a victim.

use anyhow::{Context, Result};
use codepurify::{Snippet, Victim};

use super::per_text::{PerTextScreener, TextScreener};
use super::{DefenceContext, InputScreener, SampleFinding};
use crate::baseline::line_perplexity::LinePerplexity;
use crate::baseline::lm::PseudoLikelihood;
use crate::baseline::ngram::WordNgrams;
use crate::baseline::onion::{Gain, Onion, RemovalUnit};
use crate::baseline::oseql::{Oseql, OseqlSettings, OutlierRule, screen_pair};
use crate::baseline::strip::{Strip, SuperimposedTexts};
use crate::baseline::{BaselineError, InputDefence, ScreeningResult};
use crate::grid::defended_victim::DefendedVictim;
use crate::grid::samples::CellSample;

/// Stride of masked tokens: about the share that masked language models are trained with.
const STRIDE: usize = 7;
/// Number of clean texts that STRIP superimposes.
const REFERENCES: usize = 100;
/// Perturbed copies of a text, and the share of its words to replace: as published.
const COPIES: usize = 5;
const RATIO: f64 = 0.5;

/// ONION, word by word, over an n-gram model of the samples' language.
pub(super) fn onion_of_words<'k>(context: &'k DefenceContext<'k>, bar: f64) -> Result<PerTextScreener<'k>> {
    let language = context.calibration.first().context("no calibration sample")?.language;
    let lm = context
        .ngrams
        .get(language.name())
        .with_context(|| format!("`corpora` has no {language} to learn an n-gram model from"))?;
    let screen = move |snippet: &Snippet| {
        Onion { lm: &WordNgrams::new(lm), unit: RemovalUnit::Word, gain: Gain::Nearby, bar }.screen(snippet)
    };
    Ok(PerTextScreener { victim: context.victim, one: TextScreener::Alone(Box::new(screen)), locates: true })
}

/// ONION, word by word, over the masked language model.
pub(super) fn onion_of_tokens<'k>(context: &'k DefenceContext<'k>, bar: f64) -> PerTextScreener<'k> {
    let lm = PseudoLikelihood::new(context.mlm, STRIDE);
    let screen = move |snippet: &Snippet| {
        let onion = Onion { lm: &lm, unit: RemovalUnit::Word, gain: Gain::Nearby, bar };
        context.cache.recall("onion-mlm", bar, snippet.text(), || onion.screen(snippet))
    };
    PerTextScreener { victim: context.victim, one: TextScreener::Alone(Box::new(screen)), locates: true }
}

/// Line perplexity over the masked language model.
pub(super) fn line_perplexity<'k>(context: &'k DefenceContext<'k>, threshold: f64) -> PerTextScreener<'k> {
    let lm = PseudoLikelihood::new(context.mlm, STRIDE);
    let screen = move |snippet: &Snippet| {
        let defence = LinePerplexity { lm: &lm, threshold };
        context.cache.recall("line-perplexity", threshold, snippet.text(), || defence.screen(snippet))
    };
    PerTextScreener { victim: context.victim, one: TextScreener::Alone(Box::new(screen)), locates: true }
}

/// STRIP with calibration samples to superimpose.
pub(super) fn strip<'k>(context: &'k DefenceContext<'k>, threshold: f64) -> Result<PerTextScreener<'k>> {
    let texts: Vec<String> =
        context.calibration.iter().take(REFERENCES).map(|sample| sample.texts[0].clone()).collect();
    let (references, seed) = (SuperimposedTexts::new(&texts)?, context.seed);
    let screen = move |victim: &dyn Victim, snippet: &Snippet| -> Result<ScreeningResult, BaselineError> {
        Strip { victim, references: &references, copies: COPIES, ratio: RATIO, threshold, seed }
            .screen(snippet)
    };
    Ok(PerTextScreener {
        victim: context.victim,
        one: TextScreener::Asking(Box::new(screen)),
        locates: false,
    })
}

/// `OSeqL`; the lines of a pair form one text.
pub(super) struct Lines<'k> {
    victim: &'k DefendedVictim,
    settings: OseqlSettings,
}

impl<'k> Lines<'k> {
    pub(super) fn new(context: &DefenceContext<'k>) -> Self {
        let settings =
            OseqlSettings { rule: OutlierRule::Majority { seed: context.seed }, spare_braces: true };
        Self { victim: context.victim, settings }
    }
}

impl InputScreener for Lines<'_> {
    fn screen(&self, sample: &CellSample) -> Result<SampleFinding> {
        let snippet = |side: usize| Snippet::new(sample.texts[side].as_str(), sample.language);
        if let Some(victim) = self.victim.pair() {
            let sides = screen_pair(victim, &self.settings, [&snippet(0)?, &snippet(1)?])?;
            return Ok(SampleFinding::of(sample, sides.into(), true));
        }
        let classifier = self.victim.classifier(sample, 0)?.context("the defence is for classifiers only")?;
        let defence = Oseql { victim: classifier.victim(), settings: self.settings };
        Ok(SampleFinding::of(sample, vec![defence.screen(&snippet(0)?)?], true))
    }
}
