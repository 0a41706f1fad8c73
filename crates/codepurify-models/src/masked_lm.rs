//! A RoBERTa masked language model as the source of benign tokens.

use candle_core::{Result, Tensor};
use candle_nn::ops::log_softmax;
use codepurify::error::ModelError;
use codepurify::victim::{Encoding, MaskedLm, Proposal, Ragged, masked};

use crate::batch::{RaggedBatch, answer_groups, answer_rows, groups_of, micro_batch_tokens};
use crate::checkpoint::Checkpoint;
use crate::error::LoadError;
use crate::files::ModelFiles;
use crate::layout::{Head, Layout};
use crate::ops;
use crate::reading::{Reading, check_rows};
use crate::roberta::{MaskedLmHead, RobertaConfig, RobertaEncoder};
use crate::tokenizer::CodeTokenizer;

/// A RoBERTa / CodeBERT masked language model.
#[derive(Debug)]
pub struct RobertaMaskedLm {
    tokenizer: CodeTokenizer,
    encoder: RobertaEncoder,
    head: MaskedLmHead,
    mask: u32,
    pad: u32,
    window: usize,
}

impl RobertaMaskedLm {
    /// Loads a masked language model.
    ///
    /// # Errors
    /// [`LoadError`] naming the file or the tensor that is missing, damaged or does not fit.
    pub fn load(files: &ModelFiles) -> std::result::Result<Self, LoadError> {
        Self::open(files, &Checkpoint::open(files)?)
    }

    /// Builds the model on weights that are open already.
    pub(crate) fn open(files: &ModelFiles, checkpoint: &Checkpoint) -> std::result::Result<Self, LoadError> {
        let layout = Layout::of(&files.name, checkpoint.state())?;
        if layout.kind != Head::MaskedLm {
            return Err(LoadError::WrongKind {
                model: files.name.clone(),
                found: "guarded model",
                wanted: "masked language model",
            });
        }
        let config = RobertaConfig::load(files)?;
        let reading = Reading::of(files, config.vocab_size, Some(config.positions()))?;
        let tokenizer = reading.tokenizer;
        let mask = tokenizer.special().mask.ok_or_else(|| LoadError::Tokenizer {
            model: files.name.clone(),
            message: "it has no `<mask>` token".to_owned(),
        })?;
        let (encoder, head) = checkpoint.build(|weights| {
            let encoder = RobertaEncoder::new(&config, &weights.pp(layout.body))?.packed(files.precision)?;
            let head = MaskedLmHead::new(&config, encoder.word_embeddings(), &weights.pp(layout.head))?;
            Ok((encoder, head))
        })?;
        Ok(Self { tokenizer, encoder, head, mask, pad: config.pad_token_id, window: reading.window })
    }

    /// Returns the most probable token at every position of each row, masked or not; the smallest id among
    /// equals. A special token is returned only where the model prefers it to all others.
    ///
    /// # Errors
    /// [`ModelError`] if the runtime fails, a row exceeds the window or a score is not finite.
    pub fn most_probable(&self, batch: &Ragged) -> std::result::Result<Ragged, ModelError> {
        let best = self.proposals(batch, |_| true, 1)?;
        Ok(best.into_iter().map(|row| row.into_iter().flatten().map(|best| best.id)).collect())
    }

    /// For each row, for each token in it that is `wanted`, the `top` best tokens in its place.
    fn proposals(
        &self,
        batch: &Ragged,
        wanted: impl Fn(u32) -> bool + Sync,
        top: usize,
    ) -> std::result::Result<Vec<Vec<Vec<Proposal>>>, ModelError> {
        check_rows(batch, self.window)?;
        let rows: Vec<Vec<u32>> = batch.rows().map(|row| self.tokenizer.frame(row)).collect();
        let filled =
            answer_rows(&rows, self.encoder.word_embeddings(), |rows| self.fill_framed(rows, &wanted, top))?;
        // One bad score makes the normalisation, and so every probability of its place, NaN.
        if filled.iter().flatten().flatten().any(|proposal| !proposal.log_probability.is_finite()) {
            return Err(ModelError::output("a masked-LM score is not finite".to_owned()));
        }
        Ok(filled)
    }

    fn fill_framed(
        &self,
        rows: &[Vec<u32>],
        wanted: impl Fn(u32) -> bool,
        top: usize,
    ) -> Result<Vec<Vec<Vec<Proposal>>>> {
        let batch = RaggedBatch::new(rows, self.pad);
        let hidden = self.encoder.forward(&batch)?;
        // The frame is `</s>` behind the content and all else in front of it.
        let first = self.tokenizer.frame_length() - 1;
        let in_row = |(row, ids): (usize, &Vec<u32>)| {
            let content = first..ids.len() - 1;
            let places = content.filter(|&column| wanted(ids[column]));
            let at: Vec<u32> = places.map(|column| (batch.rows().range(row).start + column) as u32).collect();
            at.chunks(PLACES_AT_ONCE)
                .map(|at| self.at_positions(&hidden, at, top))
                .collect::<Result<Vec<_>>>()
        };
        rows.iter().enumerate().map(|row| Ok(in_row(row)?.concat())).collect()
    }

    /// The `top` best tokens at each of the positions.
    fn at_positions(&self, hidden: &Tensor, at: &[u32], top: usize) -> Result<Vec<Vec<Proposal>>> {
        let scores = self.log_probabilities(hidden, at)?.to_vec2::<f32>()?;
        Ok(scores.iter().map(|scores| best(scores, top)).collect())
    }

    /// `[positions, vocabulary]` of some positions of `hidden`.
    fn log_probabilities(&self, hidden: &Tensor, at: &[u32]) -> Result<Tensor> {
        log_softmax(&self.head.forward(&ops::select_rows(hidden, at)?)?, 1)
    }

    /// −ln p of `wanted`, (place, token) pairs of each framed row.
    fn surprisals_framed(&self, rows: &[Vec<u32>], wanted: &[&[(usize, u32)]]) -> Result<Vec<Vec<f32>>> {
        let batch = RaggedBatch::new(rows, self.pad);
        let hidden = self.encoder.forward(&batch)?;
        let some = |row: usize, wanted: &[(usize, u32)]| -> Result<Vec<f32>> {
            let at: Vec<u32> =
                wanted.iter().map(|&(column, _)| (batch.rows().range(row).start + column) as u32).collect();
            let tokens = Tensor::from_iter(wanted.iter().map(|&(_, token)| token), hidden.device())?;
            let scores = self.log_probabilities(&hidden, &at)?;
            scores.gather(&tokens.unsqueeze(1)?, 1)?.squeeze(1)?.neg()?.to_vec1()
        };
        let in_row = |(row, wanted): (usize, &&[(usize, u32)])| {
            wanted.chunks(PLACES_AT_ONCE).map(|wanted| some(row, wanted)).collect::<Result<Vec<_>>>()
        };
        wanted.iter().enumerate().map(|row| Ok(in_row(row)?.concat())).collect()
    }
}

/// Positions whose scores over the vocabulary are held in memory together.
const PLACES_AT_ONCE: usize = 64;

/// The `top` best entries of a row of log-probabilities (or logits); the smaller id first among equals.
pub(crate) fn best(scores: &[f32], top: usize) -> Vec<Proposal> {
    let mut proposals: Vec<Proposal> = scores
        .iter()
        .enumerate()
        .map(|(id, &log_probability)| Proposal { id: id as u32, log_probability })
        .collect();
    let order =
        |a: &Proposal, b: &Proposal| b.log_probability.total_cmp(&a.log_probability).then(a.id.cmp(&b.id));
    if top < proposals.len() {
        proposals.select_nth_unstable_by(top, order);
        proposals.truncate(top);
    }
    proposals.sort_by(order);
    proposals
}

impl MaskedLm for RobertaMaskedLm {
    fn window(&self) -> usize {
        self.window
    }

    fn mask_id(&self) -> u32 {
        self.mask
    }

    fn encode(&self, text: &str) -> std::result::Result<Encoding, ModelError> {
        self.tokenizer.encode(text)
    }

    fn token_text(&self, id: u32) -> Option<String> {
        self.tokenizer.token_text(id)
    }

    fn surprisals(
        &self,
        rows: &Ragged,
        hidden: &[Vec<usize>],
    ) -> std::result::Result<Vec<Vec<f32>>, ModelError> {
        check_rows(rows, self.window)?;
        let framed: Vec<Vec<u32>> =
            masked(rows, hidden, self.mask).rows().map(|row| self.tokenizer.frame(row)).collect();
        let first = self.tokenizer.frame_length() - 1;
        let wanted: Vec<Vec<(usize, u32)>> = rows
            .rows()
            .zip(hidden)
            .map(|(row, hidden)| hidden.iter().map(|&at| (first + at, row[at])).collect())
            .collect();
        let lengths: Vec<usize> = framed.iter().map(Vec::len).collect();
        let tokens = micro_batch_tokens(self.encoder.word_embeddings());
        let surprisals = answer_groups(&groups_of(&lengths, tokens), |group| {
            let rows: Vec<Vec<u32>> = group.iter().map(|&row| framed[row].clone()).collect();
            let wanted: Vec<&[(usize, u32)]> = group.iter().map(|&row| &wanted[row][..]).collect();
            self.surprisals_framed(&rows, &wanted).map_err(|error| ModelError::runtime(error.to_string()))
        })?;
        if surprisals.iter().flatten().any(|surprisal| !surprisal.is_finite()) {
            return Err(ModelError::output("a masked-LM score is not finite".to_owned()));
        }
        Ok(surprisals)
    }

    fn fill(&self, batch: &Ragged, top: usize) -> std::result::Result<Vec<Vec<Vec<Proposal>>>, ModelError> {
        self.proposals(batch, |id| id == self.mask, top)
    }
}

#[cfg(test)]
mod tests {
    use super::best;

    #[test]
    fn best_are_sorted_and_ties_go_to_the_smaller_id() {
        let ids: Vec<u32> =
            best(&[-3.0, -1.0, -2.0, -1.0, -9.0], 3).iter().map(|proposal| proposal.id).collect();
        assert_eq!(ids, [1, 3, 2]);
        assert_eq!(best(&[-1.0, -2.0], 5).len(), 2);
    }
}
