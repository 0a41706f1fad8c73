//! Published baselines, each set up for a victim.

use anyhow::{Context, Result};
use codepurify::{Snippet, Victim};

use super::sides::{OneText, Sides};
use super::{Finding, Kit, Screener};
use crate::baseline::line_perplexity::LinePerplexity;
use crate::baseline::lm::PseudoLikelihood;
use crate::baseline::ngram::WordNgrams;
use crate::baseline::onion::{Gain, Onion, Unit};
use crate::baseline::oseql::{Oseql, Rule, Settings, screen_pair};
use crate::baseline::strip::{References, Strip};
use crate::baseline::{BaselineError, InputDefence, Screened};
use crate::grid::guard::Guard;
use crate::grid::samples::Sample;

/// Stride of masked tokens: about the share that masked language models are trained with.
const STRIDE: usize = 7;
/// Number of clean texts that STRIP superimposes.
const REFERENCES: usize = 100;
/// Perturbed copies of a text, and the share of its words to replace: as published.
const COPIES: usize = 5;
const RATIO: f64 = 0.5;

/// ONION, word by word, over an n-gram model of the samples' language.
pub(super) fn onion_of_words<'k>(kit: &'k Kit<'k>, bar: f64) -> Result<Sides<'k>> {
    let language = kit.calibration.first().context("no calibration sample")?.language;
    let lm = kit
        .ngrams
        .get(language.name())
        .with_context(|| format!("`corpora` has no {language} to learn an n-gram model from"))?;
    let screen = move |snippet: &Snippet| {
        Onion { lm: &WordNgrams::new(lm), unit: Unit::Word, gain: Gain::Nearby, bar }.screen(snippet)
    };
    Ok(Sides { guard: kit.guard, one: OneText::Alone(Box::new(screen)), locates: true })
}

/// ONION, word by word, over the masked language model.
pub(super) fn onion_of_tokens<'k>(kit: &'k Kit<'k>, bar: f64) -> Sides<'k> {
    let lm = PseudoLikelihood::new(kit.mlm, STRIDE);
    let screen = move |snippet: &Snippet| {
        let onion = Onion { lm: &lm, unit: Unit::Word, gain: Gain::Nearby, bar };
        kit.memory.recall("onion-mlm", bar, snippet.text(), || onion.screen(snippet))
    };
    Sides { guard: kit.guard, one: OneText::Alone(Box::new(screen)), locates: true }
}

/// Line perplexity over the masked language model.
pub(super) fn line_perplexity<'k>(kit: &'k Kit<'k>, threshold: f64) -> Sides<'k> {
    let lm = PseudoLikelihood::new(kit.mlm, STRIDE);
    let screen = move |snippet: &Snippet| {
        let defence = LinePerplexity { lm: &lm, threshold };
        kit.memory.recall("line-perplexity", threshold, snippet.text(), || defence.screen(snippet))
    };
    Sides { guard: kit.guard, one: OneText::Alone(Box::new(screen)), locates: true }
}

/// STRIP with calibration samples to superimpose.
pub(super) fn strip<'k>(kit: &'k Kit<'k>, threshold: f64) -> Result<Sides<'k>> {
    let texts: Vec<String> =
        kit.calibration.iter().take(REFERENCES).map(|sample| sample.texts[0].clone()).collect();
    let (references, seed) = (References::new(&texts)?, kit.seed);
    let screen = move |victim: &dyn Victim, snippet: &Snippet| -> Result<Screened, BaselineError> {
        Strip { victim, references: &references, copies: COPIES, ratio: RATIO, threshold, seed }
            .screen(snippet)
    };
    Ok(Sides { guard: kit.guard, one: OneText::Asking(Box::new(screen)), locates: false })
}

/// `OSeqL`; the lines of a pair form one text.
pub(super) struct Lines<'k> {
    guard: &'k Guard,
    settings: Settings,
}

impl<'k> Lines<'k> {
    pub(super) fn new(kit: &Kit<'k>) -> Self {
        let settings = Settings { rule: Rule::Majority { seed: kit.seed }, spare_braces: true };
        Self { guard: kit.guard, settings }
    }
}

impl Screener for Lines<'_> {
    fn screen(&self, sample: &Sample) -> Result<Finding> {
        let snippet = |side: usize| Snippet::new(sample.texts[side].as_str(), sample.language);
        if let Some(victim) = self.guard.pair() {
            let sides = screen_pair(victim, &self.settings, [&snippet(0)?, &snippet(1)?])?;
            return Ok(Finding::of(sample, sides.into(), true));
        }
        let classifier = self.guard.classifier(sample, 0)?.context("the defence is for classifiers only")?;
        let defence = Oseql { victim: classifier.victim(), settings: self.settings };
        Ok(Finding::of(sample, vec![defence.screen(&snippet(0)?)?], true))
    }
}
