//! The doors to models: a guarded model judges or rewrites token sequences, a [`MaskedLm`] fills masked positions.
//!
//! A guarded model is a [`Model`] (who it is and how it reads text) and one of three kinds: [`Victim`] classifies one
//! snippet, [`PairVictim`] two, [`Generator`] answers with text. Everything that crosses a door is ragged: flat ids plus
//! row ends, no padding. An implementation pads, packs or splits into micro-batches as its runtime likes. Special tokens
//! (`<s>`, `</s>` …) never cross: rows hold content tokens only, and the implementation frames them.

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
pub use model::{Model, Task, VictimCard};
pub use pair::PairVictim;
pub use ragged::{Encoding, Ragged};
