//! Models that fill masked positions.

use std::sync::Arc;

use super::{Encoding, Ragged};
use crate::error::ModelError;

/// One proposal for a masked position.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Proposal {
    /// The token.
    pub id: u32,
    /// Natural log of its probability, ≤ 0.
    pub log_probability: f32,
}

/// A masked language model over code. It fills the masked tokens of a trigger.
pub trait MaskedLm: Send + Sync {
    /// Content tokens that fit into one forward pass.
    fn window(&self) -> usize;

    /// The mask token.
    fn mask_id(&self) -> u32;

    /// Token ids of `text` with their bytes, not cut to the window.
    ///
    /// # Errors
    /// [`ModelError`] if the text cannot be tokenised.
    fn encode(&self, text: &str) -> Result<Encoding, ModelError>;

    /// The text of one token as source code has it, with a leading space; `None` for special tokens and tokens
    /// that are no whole UTF-8 text.
    fn token_text(&self, id: u32) -> Option<String>;

    /// Returns, for each mask of each row from left to right, the `top` most probable tokens, best first.
    ///
    /// # Errors
    /// [`ModelError`] if the runtime fails, a row exceeds the window or an output is not finite.
    fn fill(&self, batch: &Ragged, top: usize) -> Result<Vec<Vec<Vec<Proposal>>>, ModelError>;

    /// Returns, for each row, −ln p of its tokens at the places `hidden[row]` (ascending), all of them masked
    /// together, in nats, ≥ 0; infinite where the model would never propose the token.
    ///
    /// The default asks [`MaskedLm::fill`] for all proposals.
    ///
    /// # Errors
    /// As [`MaskedLm::fill`].
    ///
    /// # Panics
    /// If a place exceeds its row.
    fn surprisals(&self, rows: &Ragged, hidden: &[Vec<usize>]) -> Result<Vec<Vec<f32>>, ModelError> {
        let filled = self.fill(&masked(rows, hidden, self.mask_id()), usize::MAX)?;
        let rows = rows.rows().zip(hidden).zip(&filled);
        Ok(rows.map(|((row, hidden), fills)| of_proposals(row, hidden, fills, self.mask_id())).collect())
    }
}

/// −ln p of the `hidden` tokens of `row` by the proposals for each of its masks.
fn of_proposals(row: &[u32], hidden: &[usize], fills: &[Vec<Proposal>], mask: u32) -> Vec<f32> {
    let is_hidden = |at: usize| hidden.binary_search(&at).is_ok();
    // A mask token in the text itself is filled as well; its proposals are not needed.
    let masks = (0..row.len()).filter(|&at| row[at] == mask || is_hidden(at)).zip(fills);
    let surprisal = |(at, proposals): (usize, &Vec<Proposal>)| {
        let found = proposals.iter().find(|proposal| proposal.id == row[at]);
        found.map_or(f32::INFINITY, |found| -found.log_probability)
    };
    masks.filter(|&(at, _)| is_hidden(at)).map(surprisal).collect()
}

/// Returns the rows with `mask` at the hidden places of each.
///
/// # Panics
/// If a place exceeds its row.
#[must_use]
pub fn masked(rows: &Ragged, hidden: &[Vec<usize>], mask: u32) -> Ragged {
    let of_row = |(row, hidden): (&[u32], &Vec<usize>)| {
        let mut row = row.to_vec();
        for &at in hidden {
            row[at] = mask;
        }
        row
    };
    rows.rows().zip(hidden).map(of_row).collect()
}

/// Forwards every method of [`MaskedLm`] through a pointer.
macro_rules! forward {
    ($($pointer:ty),*) => {$(
        impl<M: MaskedLm + ?Sized> MaskedLm for $pointer {
            fn window(&self) -> usize {
                (**self).window()
            }

            fn mask_id(&self) -> u32 {
                (**self).mask_id()
            }

            fn encode(&self, text: &str) -> Result<Encoding, ModelError> {
                (**self).encode(text)
            }

            fn token_text(&self, id: u32) -> Option<String> {
                (**self).token_text(id)
            }

            fn fill(&self, batch: &Ragged, top: usize) -> Result<Vec<Vec<Vec<Proposal>>>, ModelError> {
                (**self).fill(batch, top)
            }

            fn surprisals(
                &self,
                rows: &Ragged,
                hidden: &[Vec<usize>],
            ) -> Result<Vec<Vec<f32>>, ModelError> {
                (**self).surprisals(rows, hidden)
            }
        }
    )*};
}

forward!(&M, Box<M>, Arc<M>);
