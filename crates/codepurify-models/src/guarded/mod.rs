//! Guarded models: networks with the traits of [`codepurify::victim`].
//!
//! [`Guarded`] holds all that the kinds of models share: the model's card, and how it reads text. A network
//! only sees framed rows of token ids.

mod classifier;
mod outputs;
mod pair;

use codepurify::error::ModelError;
use codepurify::victim::{Encoding, Model, Ragged, VictimCard};

use crate::reading::check_rows;
use crate::tokenizer::CodeTokenizer;

pub(crate) use classifier::{RobertaClassifier, SequenceClassifier, T5Classifier};
pub(crate) use outputs::{Decided, Outputs, logit};
pub(crate) use pair::{Apart, Joined, PairClassifier, RobertaCosine, RobertaPair, T5Pair};

/// A guarded model: a network, the card of its model, and how it reads text. [`load`](crate::load) makes
/// them; the network decides which trait the guarded model implements.
#[derive(Debug)]
pub struct Guarded<N> {
    pub(crate) card: VictimCard,
    pub(crate) tokenizer: CodeTokenizer,
    /// Content tokens of one snippet.
    pub(crate) window: usize,
    pub(crate) network: N,
}

impl Guarded<()> {
    /// The model with its network.
    pub(crate) fn with<N>(self, network: N) -> Guarded<N> {
        let Self { card, tokenizer, window, network: () } = self;
        Guarded { card, tokenizer, window, network }
    }
}

impl<N> Guarded<N> {
    /// Every row as a whole input.
    pub(crate) fn framed(&self, batch: &Ragged) -> Result<Vec<Vec<u32>>, ModelError> {
        check_rows(batch, self.window)?;
        Ok(batch.rows().map(|row| self.tokenizer.frame(row)).collect())
    }
}

impl<N: Send + Sync> Model for Guarded<N> {
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

    fn vocabulary(&self) -> Vec<(u32, String)> {
        self.tokenizer.words()
    }
}
