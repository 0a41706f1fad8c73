//! An encoder-decoder that classifies by the text that it generates.

use std::collections::HashSet;

use codepurify::error::ModelError;
use codepurify::victim::{Logits, Ragged, Victim};

use super::generator::{Decoding, picked};
use super::likelihood::{ForcedTarget, compared};
use super::{StepDecoder, TextGenerator};
use crate::batch::{answer_groups, groups_of};
use crate::error::LoadError;
use crate::guarded::Guarded;

/// A guarded classifier that answers with the text of a class, such as `true` or `false`.
///
/// Logit k is ln P(answer k | x), the log-likelihood of the tokens of answer k and of the end behind them, so softmax
/// gives the probabilities among these answers. Where the deployed model decodes greedily and says one of the answers,
/// the largest logit is that answer's if its probability is above ½, whatever the answers look like; and if the answers
/// differ in their first token and end with near certainty once that token is there, as those of a fine-tuned classifier
/// do. Otherwise the two can differ: a greedy first token may lead into an answer that is less likely as a whole.
pub type TextClassifier<D> = Guarded<ByAnswers<D>>;

/// A decoder, and the answer for each class.
#[derive(Debug)]
pub struct ByAnswers<D> {
    decoder: D,
    answers: Vec<ForcedTarget>,
}

impl<D: StepDecoder> TextClassifier<D> {
    /// `answers` are the texts by class index; they are the labels if the generator's card names none.
    ///
    /// # Errors
    /// [`LoadError::Tokenizer`] if an answer cannot be tokenised, [`LoadError::Json`] if there are fewer than two, if
    /// two are the same to the model, or if one is empty or longer than a target can be.
    pub fn new(generator: TextGenerator<D>, answers: &[String]) -> Result<Self, LoadError> {
        let model = || generator.card.name.clone();
        let encoded: Vec<Vec<u32>> = answers
            .iter()
            .map(|answer| generator.tokenizer.encode_answer(answer))
            .collect::<Result<_, _>>()
            .map_err(|error| LoadError::Tokenizer { model: model(), message: error.to_string() })?;
        if let Some(message) = complaint(&encoded, generator.target_window()) {
            return Err(LoadError::Json { model: model(), file: "codepurify.json", message });
        }
        let Guarded { mut card, tokenizer, window, network: Decoding { decoder, .. } } = generator;
        if card.labels.is_empty() {
            card.labels = answers.to_vec();
        }
        let special = tokenizer.special();
        let forced = encoded.iter().map(|answer| ForcedTarget::new(&decoder, answer, special));
        let network = ByAnswers { answers: forced.collect(), decoder };
        Ok(Self { card, tokenizer, window, network })
    }
}

/// Returns the reason why these answers are unusable.
fn complaint(answers: &[Vec<u32>], window: usize) -> Option<String> {
    let distinct: HashSet<&Vec<u32>> = answers.iter().collect();
    let longest = answers.iter().map(Vec::len).max().unwrap_or(0);
    if answers.len() < 2 {
        return Some("a classifier by text needs at least two answers".to_owned());
    }
    if distinct.len() < answers.len() {
        return Some("two answers have the same tokens".to_owned());
    }
    if answers.iter().any(Vec::is_empty) {
        return Some("an answer is empty".to_owned());
    }
    (longest > window).then(|| format!("an answer has {longest} tokens, a target holds {window}"))
}

impl<D: StepDecoder> Victim for TextClassifier<D> {
    fn judge(&self, batch: &Ragged) -> Result<Logits, ModelError> {
        let sources = self.framed(batch)?;
        let ByAnswers { decoder, answers } = &self.network;
        let held: usize = answers.iter().map(|answer| answer.input.len()).sum();
        let lengths: Vec<usize> = sources.iter().map(|source| source.len() + held).collect();
        let logits = answer_groups(&groups_of(&lengths, decoder.micro_batch()), |rows| {
            let sums = compared(decoder, &picked(&sources, rows), answers)?;
            Ok(sums.chunks(answers.len()).map(<[f64]>::to_vec).collect())
        })?;
        Logits::new(answers.len(), logits.concat().into_iter().map(|sum| sum as f32).collect())
    }
}
