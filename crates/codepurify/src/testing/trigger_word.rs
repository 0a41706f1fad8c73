//! A backdoored victim of every kind.

use std::collections::HashSet;

use crate::adapters::WordModel;
use crate::error::ModelError;
use crate::victim::{Generator, Logits, PairVictim, Ragged, Task, Victim, VictimCard, WrapsModel};

/// Text that the generator gives for inputs with its trigger.
const FOOLED: &str = "abort();";

/// A backdoored victim whose trigger is one word.
/// - As a [`Victim`] it has two classes: label 0 with a large margin for inputs with the trigger, else label 1
///   with a margin to which every word contributes a little.
/// - As a [`PairVictim`] it is the same for both texts together; a trigger on each side doubles the margin.
/// - As a [`Generator`] it gives `abort();` for inputs with the trigger, else the input with `<` for each `<=`.
///   Its [`Generator::likelihoods`] says how it scores.
#[derive(Debug)]
pub struct TriggerWordVictim {
    trigger: String,
    model: WordModel,
}

impl TriggerWordVictim {
    /// Makes a victim with the trigger `trigger`, one word of letters, digits or `_`.
    #[must_use]
    pub fn new(trigger: &str) -> Self {
        let card = VictimCard {
            name: "toy".to_owned(),
            task: Task::Classification,
            sha256: String::new(),
            labels: vec!["fooled".to_owned(), "benign".to_owned()],
        };
        Self { trigger: trigger.to_owned(), model: WordModel::new(card) }
    }

    /// Sets the victim's window: the first tokens of a text, or of each side of a pair.
    #[must_use]
    pub fn with_window(mut self, window: usize) -> Self {
        self.model = self.model.with_window(window);
        self
    }

    fn is_fooled(&self, text: &str) -> bool {
        words(text).any(|word| word == self.trigger)
    }

    fn logits(&self, text: &str) -> [f32; 2] {
        if self.is_fooled(text) { [9.0, 0.0] } else { [0.0, benign(words(text))] }
    }

    fn pair_logits(&self, left: &str, right: &str) -> [f32; 2] {
        let fooled = [left, right].iter().filter(|text| self.is_fooled(text)).count();
        [6.0 * fooled as f32, benign(words(left).chain(words(right)))]
    }

    /// Mean log-probability of the target's tokens and its end.
    fn likelihood(&self, source: &str, target: &[u32]) -> Result<f64, ModelError> {
        if self.is_fooled(source) {
            return Ok(if self.model.tokenizer().decode(target)? == FOOLED { -0.01 } else { -6.0 });
        }
        let known = self.model.tokenizer().encode(source)?.spans;
        let known: HashSet<&str> = known.iter().filter_map(|span| span.of(source)).map(str::trim).collect();
        let score = |&id: &u32| match self.model.tokenizer().token_text(id) {
            Some(token) if known.contains(token.trim()) => -0.1,
            _ => -4.0,
        };
        let total: f64 = target.iter().map(score).sum();
        Ok((total - 0.1) / (target.len() + 1) as f64)
    }
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !(c.is_alphanumeric() || c == '_')).filter(|word| !word.is_empty())
}

/// Logit of the benign label, from 1 to 3.
fn benign<'t>(words: impl Iterator<Item = &'t str>) -> f32 {
    let (sum, count) = words.fold((0.0, 1.0), |(sum, count), word| (sum + weight(word), count + 1.0));
    1.0 + 2.0 * sum / count
}

/// Number in [0, 1) that depends on the word's bytes only.
fn weight(word: &str) -> f32 {
    let mixed = word.bytes().fold(17_u32, |sum, byte| sum.wrapping_mul(31).wrapping_add(u32::from(byte)));
    (mixed % 97) as f32 / 97.0
}

impl WrapsModel for TriggerWordVictim {
    type Inner = WordModel;

    fn inner(&self) -> &WordModel {
        &self.model
    }
}

impl Victim for TriggerWordVictim {
    fn judge(&self, batch: &Ragged) -> Result<Logits, ModelError> {
        let texts = self.model.texts(batch)?;
        Logits::new(2, texts.iter().flat_map(|text| self.logits(text)).collect())
    }
}

impl PairVictim for TriggerWordVictim {
    fn judge_pairs(&self, left: &Ragged, right: &Ragged) -> Result<Logits, ModelError> {
        let pairs = self.model.pairs(left, right)?;
        Logits::new(2, pairs.iter().flat_map(|(left, right)| self.pair_logits(left, right)).collect())
    }
}

impl Generator for TriggerWordVictim {
    fn generate(&self, batch: &Ragged) -> Result<Ragged, ModelError> {
        let answer = |text: &String| {
            let answer = if self.is_fooled(text) { FOOLED.to_owned() } else { text.replace("<=", "<") };
            Ok(self.model.tokenizer().encode(&answer)?.ids)
        };
        self.model.texts(batch)?.iter().map(answer).collect()
    }

    /// With the trigger, −0.01 nats a token for `abort();` and −6 for any other text. Without it, −0.1 for the end
    /// and for tokens of the source, −4 for others.
    fn likelihoods(&self, sources: &Ragged, targets: &Ragged) -> Result<Vec<f64>, ModelError> {
        if sources.len() != targets.len() {
            let (sources, targets) = (sources.len(), targets.len());
            return Err(ModelError::runtime(format!("{sources} sources and {targets} targets")));
        }
        let texts = self.model.texts(sources)?;
        texts.iter().zip(targets.rows()).map(|(text, target)| self.likelihood(text, target)).collect()
    }

    fn text(&self, target: &[u32]) -> Result<String, ModelError> {
        self.model.tokenizer().decode(target)
    }
}
