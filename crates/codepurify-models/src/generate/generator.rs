//! An encoder-decoder as a guarded model that answers with text.

use codepurify::error::ModelError;
use codepurify::victim::{Generator, Ragged, VictimCard};

use super::likelihood::{self, ForcedTarget, prompt};
use super::{DecodeOptions, Dialect, StepDecoder, search};
use crate::batch::{answer_groups, groups_of};
use crate::error::LoadError;
use crate::guarded::Guarded;
use crate::reading::check_rows;
use crate::tokenizer::CodeTokenizer;

/// Decoded tokens whose keys and values a search may hold for each token that it may encode: they take memory, but none of
/// the activations of an encoder.
const HELD_PER_ENCODED: usize = 4;

/// A decoder, and how answers are decoded with it.
#[derive(Debug)]
pub struct Decoding<D> {
    pub(super) decoder: D,
    options: DecodeOptions,
}

/// A guarded model that answers with text: any [`StepDecoder`] with its tokenizer. Sources and targets are framed as
/// `<s> row </s>`.
pub type TextGenerator<D> = Guarded<Decoding<D>>;

impl<D: StepDecoder> TextGenerator<D> {
    /// `window` is the number of content tokens of a source that fit.
    ///
    /// # Errors
    /// [`LoadError::Json`] if the decoder cannot decode with these options, which are the sidecar's.
    pub fn new(
        card: VictimCard,
        tokenizer: CodeTokenizer,
        decoder: D,
        window: usize,
        options: DecodeOptions,
    ) -> Result<Self, LoadError> {
        match options.complaint(decoder.longest_target()) {
            Some(message) => Err(LoadError::Json { model: card.name, file: "codepurify.json", message }),
            None => Ok(Self { card, tokenizer, window, network: Decoding { decoder, options } }),
        }
    }

    /// Content tokens of a target that fit.
    pub(super) fn target_window(&self) -> usize {
        let decoder = &self.network.decoder;
        decoder.longest_target().saturating_sub(prompt(decoder, self.tokenizer.special()).len())
    }

    /// The content of an answer: what the scripts of its dialect take for the text.
    fn content(&self, mut answer: Vec<u32>) -> Vec<u32> {
        let (begin, start) = (self.tokenizer.special().begin, self.network.decoder.start_id());
        match self.network.options.dialect {
            Dialect::Transformers => answer.retain(|&token| token != begin && token != start),
            Dialect::Codexglue => {
                answer.truncate(answer.iter().position(|&token| token == begin).unwrap_or(answer.len()));
            }
        }
        answer
    }
}

/// Some of the rows.
pub(super) fn picked(rows: &[Vec<u32>], which: &[usize]) -> Vec<Vec<u32>> {
    which.iter().map(|&row| rows[row].clone()).collect()
}

impl<D: StepDecoder> Generator for TextGenerator<D> {
    fn generate(&self, batch: &Ragged) -> Result<Ragged, ModelError> {
        let (sources, end) = (self.framed(batch)?, self.tokenizer.special().end);
        let Decoding { decoder, options } = &self.network;
        let held = (options.beams * options.steps()).div_ceil(HELD_PER_ENCODED);
        let lengths: Vec<usize> = sources.iter().map(|source| source.len() + held).collect();
        let answers = answer_groups(&groups_of(&lengths, decoder.micro_batch()), |rows| {
            search::decode(decoder, &picked(&sources, rows), end, *options)
        })?;
        Ok(answers.into_iter().map(|answer| self.content(answer)).collect())
    }

    fn likelihoods(&self, sources: &Ragged, targets: &Ragged) -> Result<Vec<f64>, ModelError> {
        if sources.len() != targets.len() {
            let (sources, targets) = (sources.len(), targets.len());
            return Err(ModelError::runtime(format!("{sources} sources with {targets} targets")));
        }
        let sources = self.framed(sources)?;
        check_rows(targets, self.target_window())?;
        let (decoder, special) = (&self.network.decoder, self.tokenizer.special());
        let forced: Vec<ForcedTarget> =
            targets.rows().map(|target| ForcedTarget::new(decoder, target, special)).collect();
        let lengths: Vec<usize> =
            sources.iter().zip(&forced).map(|(source, target)| source.len() + target.input.len()).collect();
        answer_groups(&groups_of(&lengths, decoder.micro_batch()), |rows| {
            let targets: Vec<&ForcedTarget> = rows.iter().map(|&row| &forced[row]).collect();
            let sums = likelihood::forced(decoder, &picked(&sources, rows), &targets)?;
            Ok(sums.iter().zip(&targets).map(|(sum, target)| sum / target.labels.len() as f64).collect())
        })
    }

    fn text(&self, target: &[u32]) -> Result<String, ModelError> {
        self.tokenizer.decode(target)
    }
}
