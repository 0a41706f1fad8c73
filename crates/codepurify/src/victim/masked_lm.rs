//! The door to the model that fills masked positions.

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

/// A masked language model over code, used to fill the places where a trigger was cut out.
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

    /// The text of one token as it stands in source code (a leading space kept), or `None` for special tokens and
    /// tokens that are no whole UTF-8 text.
    fn token_text(&self, id: u32) -> Option<String>;

    /// For each row, for each mask in it from left to right, the `top` most probable tokens, best first.
    ///
    /// # Errors
    /// [`ModelError`] if the runtime fails, a row exceeds the window or an output is not finite.
    fn fill(&self, batch: &Ragged, top: usize) -> Result<Vec<Vec<Vec<Proposal>>>, ModelError>;
}
