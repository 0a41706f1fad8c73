//! A masked language model with known proposals.

use crate::adapters::WordTokenizer;
use crate::error::ModelError;
use crate::victim::{Encoding, MaskedLm, Proposal, Ragged};

/// A masked language model that proposes the same tokens everywhere: the first with log-probability −1, the second
/// with −2 and so on.
#[derive(Debug)]
pub struct ConstantMaskedLm {
    tokenizer: WordTokenizer,
    proposals: Vec<Proposal>,
    window: usize,
}

impl ConstantMaskedLm {
    /// Makes a model that proposes `tokens`, best first: words or punctuation characters; others are left out.
    #[must_use]
    pub fn new(tokens: &[&str]) -> Self {
        let tokenizer = WordTokenizer::new();
        let id = |token: &&str| match tokenizer.encode(token).ok()?.ids[..] {
            [id] => Some(id),
            _ => None,
        };
        let ids: Vec<u32> = tokens.iter().filter_map(id).collect();
        let proposals = ids
            .into_iter()
            .zip(1_u16..)
            .map(|(id, rank)| Proposal { id, log_probability: -f32::from(rank) })
            .collect();
        Self { tokenizer, proposals, window: usize::MAX }
    }

    /// Sets the model's window in tokens.
    #[must_use]
    pub fn with_window(mut self, window: usize) -> Self {
        self.window = window;
        self
    }
}

impl MaskedLm for ConstantMaskedLm {
    fn window(&self) -> usize {
        self.window
    }

    fn mask_id(&self) -> u32 {
        WordTokenizer::MASK
    }

    fn encode(&self, text: &str) -> Result<Encoding, ModelError> {
        self.tokenizer.encode(text)
    }

    fn token_text(&self, id: u32) -> Option<String> {
        self.tokenizer.token_text(id)
    }

    fn fill(&self, batch: &Ragged, top: usize) -> Result<Vec<Vec<Vec<Proposal>>>, ModelError> {
        let best: Vec<Proposal> = self.proposals.iter().take(top).copied().collect();
        let fill_row = |(index, row): (usize, &[u32])| {
            if row.len() > self.window {
                return Err(ModelError::TooLong { row: index, tokens: row.len(), window: self.window });
            }
            let masks = row.iter().filter(|&&id| id == WordTokenizer::MASK).count();
            Ok(vec![best.clone(); masks])
        };
        batch.rows().enumerate().map(fill_row).collect()
    }
}
