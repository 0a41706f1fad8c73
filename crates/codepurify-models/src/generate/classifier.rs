//! An encoder-decoder that classifies by the text that it generates.

use std::collections::HashSet;

use codepurify::error::ModelError;
use codepurify::victim::{Encoding, Logits, Model, Ragged, Victim, VictimCard};

use super::likelihood::{ForcedTarget, compared};
use super::{StepDecoder, TextGenerator};
use crate::batch::{MICRO_BATCH_TOKENS, answer_groups, groups_of};
use crate::error::LoadError;
use crate::reading::check_rows;

/// A guarded classifier that answers with the text of a class, such as `true` or `false`.
///
/// Logit k is ln P(answer k | x), the log-likelihood of the tokens of answer k and of the end behind them, so softmax
/// gives the probabilities among these answers. Where the deployed model decodes greedily and says one of the answers,
/// the largest logit is that answer's if its probability is above ½, whatever the answers look like; and if the answers
/// differ in their first token and end with near certainty once that token is there, as those of a fine-tuned classifier
/// do. Otherwise the two can differ: a greedy first token may lead into an answer that is less likely as a whole.
#[derive(Debug)]
pub struct TextClassifier<D> {
    generator: TextGenerator<D>,
    card: VictimCard,
    answers: Vec<Vec<u32>>,
}

impl<D: StepDecoder> TextClassifier<D> {
    /// `answers` are the texts by class index; they are the labels if the generator's card names none.
    ///
    /// # Errors
    /// [`LoadError::Tokenizer`] if an answer cannot be tokenised, [`LoadError::Json`] if there are fewer than two, if
    /// two are the same to the model, or if one is empty or longer than a target can be.
    pub fn new(generator: TextGenerator<D>, answers: &[String]) -> Result<Self, LoadError> {
        let mut card = generator.card().clone();
        let model = card.name.clone();
        let encoded = answers.iter().map(|answer| generator.tokenizer().encode_answer(answer));
        let encoded: Vec<Vec<u32>> = encoded
            .collect::<Result<_, _>>()
            .map_err(|error| LoadError::Tokenizer { model: model.clone(), message: error.to_string() })?;
        if let Some(message) = complaint(&encoded, generator.target_window()) {
            return Err(LoadError::Json { model, file: "codepurify.json", message });
        }
        if card.labels.is_empty() {
            card.labels = answers.to_vec();
        }
        Ok(Self { generator, card, answers: encoded })
    }
}

/// What makes these answers unusable.
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

impl<D: StepDecoder> Model for TextClassifier<D> {
    fn card(&self) -> &VictimCard {
        &self.card
    }

    fn window(&self) -> usize {
        self.generator.window()
    }

    fn occlusion_id(&self) -> u32 {
        self.generator.occlusion_id()
    }

    fn encode(&self, text: &str) -> Result<Encoding, ModelError> {
        self.generator.encode(text)
    }
}

impl<D: StepDecoder> Victim for TextClassifier<D> {
    fn judge(&self, batch: &Ragged) -> Result<Logits, ModelError> {
        check_rows(batch, self.window())?;
        let (decoder, special) = (self.generator.decoder(), self.generator.tokenizer().special());
        let answers: Vec<ForcedTarget> =
            self.answers.iter().map(|answer| ForcedTarget::new(decoder, answer, special)).collect();
        let held: usize = answers.iter().map(|answer| answer.input.len()).sum();
        let lengths: Vec<usize> = batch.rows().map(|row| row.len() + 2 + held).collect();
        let logits = answer_groups(&groups_of(&lengths, MICRO_BATCH_TOKENS), |rows| {
            let sums = compared(decoder, &self.generator.framed(batch, rows), &answers)?;
            Ok(sums.chunks(answers.len()).map(<[f64]>::to_vec).collect())
        })?;
        Logits::new(answers.len(), logits.concat().into_iter().map(|sum| sum as f32).collect())
    }
}
