//! Models with known right answers, for tests and examples. They learn nothing and defend nothing.

mod masked_lm;
mod trigger_word;

pub use masked_lm::ConstantMaskedLm;
pub use trigger_word::TriggerWordVictim;
