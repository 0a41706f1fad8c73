//! Traits of models: a victim judges or generates token sequences, a [`MaskedLm`] fills masked positions.
//!
//! A victim is a [`Model`] (who it is and how it reads text) of one of three kinds: a [`Victim`] classifies one
//! snippet, a [`PairVictim`] two, a [`Generator`] generates text. All batches are ragged: flat ids with row
//! ends, without padding. An implementation pads, packs or splits into micro-batches as its runtime likes.
//! Special tokens (`<s>`, `</s>` …) are the implementation's business: rows hold content tokens only.
//!
//! References, boxes and `Arc`s of models are models. A type that wraps a model implements [`WrapsModel`].

mod classifier;
mod generator;
mod logits;
mod masked_lm;
mod model;
mod pair;
mod ragged;

pub use classifier::Victim;
pub use generator::Generator;
pub use logits::Logits;
pub use masked_lm::{MaskedLm, Proposal, masked};
pub use model::{Model, Task, VictimCard, WrapsModel};
pub use pair::PairVictim;
pub use ragged::{Encoding, Ragged};
