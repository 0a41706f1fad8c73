//! Models with known predictions, for tests and examples.

mod masked_lm;
mod trigger_word;

pub use masked_lm::ConstantMaskedLm;
pub use trigger_word::TriggerWordVictim;
