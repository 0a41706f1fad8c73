//! An encoder-decoder as a guarded model that answers with text.

use codepurify::error::ModelError;
use codepurify::victim::{Encoding, Generator, Model, Ragged, VictimCard};

use super::likelihood::{self, ForcedTarget, prompt};
use super::{DecodeOptions, Dialect, StepDecoder, search};
use crate::batch::{MICRO_BATCH_TOKENS, answer_groups, groups_of};
use crate::error::LoadError;
use crate::reading::check_rows;
use crate::tokenizer::CodeTokenizer;

/// Decoded tokens whose keys and values a search may hold for each token that it may encode: they take memory, but none of
/// the activations of an encoder.
const HELD_PER_ENCODED: usize = 4;

/// A guarded model that answers with text: any [`StepDecoder`] with its tokenizer. Sources and targets are framed as
/// `<s> row </s>`.
#[derive(Debug)]
pub struct TextGenerator<D> {
    card: VictimCard,
    tokenizer: CodeTokenizer,
    decoder: D,
    window: usize,
    options: DecodeOptions,
}

impl<D: StepDecoder> TextGenerator<D> {
    /// `window` is the number of content tokens of a source that fit.
    ///
    /// # Errors
    /// [`LoadError::Json`] if the decoder cannot decode with these options, which are the side car's.
    pub fn new(
        card: VictimCard,
        tokenizer: CodeTokenizer,
        decoder: D,
        window: usize,
        options: DecodeOptions,
    ) -> Result<Self, LoadError> {
        match options.complaint(decoder.longest_target()) {
            Some(message) => Err(LoadError::Json { model: card.name, file: "codepurify.json", message }),
            None => Ok(Self { card, tokenizer, decoder, window, options }),
        }
    }

    pub(super) fn tokenizer(&self) -> &CodeTokenizer {
        &self.tokenizer
    }

    pub(super) fn decoder(&self) -> &D {
        &self.decoder
    }

    /// Framed rows of a batch.
    pub(super) fn framed(&self, batch: &Ragged, rows: &[usize]) -> Vec<Vec<u32>> {
        rows.iter().map(|&row| self.tokenizer.frame(batch.row(row))).collect()
    }

    /// Content tokens of a target that fit.
    pub(super) fn target_window(&self) -> usize {
        let prompt = prompt(&self.decoder, self.tokenizer.special()).len();
        self.decoder.longest_target().saturating_sub(prompt)
    }

    /// The content of an answer: what the scripts of its dialect take for the text.
    fn content(&self, mut answer: Vec<u32>) -> Vec<u32> {
        let (begin, start) = (self.tokenizer.special().begin, self.decoder.start_id());
        match self.options.dialect {
            Dialect::Transformers => answer.retain(|&token| token != begin && token != start),
            Dialect::Codexglue => {
                answer.truncate(answer.iter().position(|&token| token == begin).unwrap_or(answer.len()));
            }
        }
        answer
    }
}

impl<D: StepDecoder> Model for TextGenerator<D> {
    fn card(&self) -> &VictimCard {
        &self.card
    }

    fn window(&self) -> usize {
        self.window
    }

    fn occlusion_id(&self) -> u32 {
        self.tokenizer.special().unknown
    }

    fn encode(&self, text: &str) -> Result<Encoding, ModelError> {
        self.tokenizer.encode(text)
    }
}

impl<D: StepDecoder> Generator for TextGenerator<D> {
    fn generate(&self, batch: &Ragged) -> Result<Ragged, ModelError> {
        check_rows(batch, self.window)?;
        let held = (self.options.beams * self.options.steps()).div_ceil(HELD_PER_ENCODED);
        let lengths: Vec<usize> =
            batch.rows().map(|row| row.len() + self.tokenizer.frame_length() + held).collect();
        let end = self.tokenizer.special().end;
        let answers = answer_groups(&groups_of(&lengths, MICRO_BATCH_TOKENS), |rows| {
            search::decode(&self.decoder, &self.framed(batch, rows), end, self.options)
        })?;
        Ok(answers.into_iter().map(|answer| self.content(answer)).collect())
    }

    fn likelihoods(&self, sources: &Ragged, targets: &Ragged) -> Result<Vec<f64>, ModelError> {
        if sources.len() != targets.len() {
            let (sources, targets) = (sources.len(), targets.len());
            return Err(ModelError::Runtime(format!("{sources} sources with {targets} targets")));
        }
        check_rows(sources, self.window)?;
        check_rows(targets, self.target_window())?;
        let lengths: Vec<usize> = sources
            .rows()
            .zip(targets.rows())
            .map(|(source, target)| source.len() + target.len() + 4)
            .collect();
        answer_groups(&groups_of(&lengths, MICRO_BATCH_TOKENS), |rows| {
            let forced =
                |&row: &usize| ForcedTarget::new(&self.decoder, targets.row(row), self.tokenizer.special());
            let forced: Vec<ForcedTarget> = rows.iter().map(forced).collect();
            let sums = likelihood::forced(&self.decoder, &self.framed(sources, rows), &forced)?;
            Ok(sums.iter().zip(&forced).map(|(sum, target)| sum / target.labels.len() as f64).collect())
        })
    }

    fn text(&self, target: &[u32]) -> Result<String, ModelError> {
        self.tokenizer.decode(target)
    }
}
