//! Shared by several test files.

pub(crate) mod pairs;

use codepurify::testing::TriggerWordVictim;
use codepurify::{Encoding, Logits, Model, ModelError, Ragged, Victim, VictimCard};

/// Returns whether a row holds a word.
type Holds<'r> = &'r dyn Fn(&str) -> bool;

/// Judges like a [`TriggerWordVictim`], but fails on some rows, and cannot tokenise "unspeakable".
pub(crate) struct Moody {
    pub(crate) toy: TriggerWordVictim,
    /// Returns whether it fails on a row, from the words in it.
    pub(crate) fails: fn(Holds<'_>) -> bool,
    pub(crate) complaint: &'static str,
}

impl Model for Moody {
    fn card(&self) -> &VictimCard {
        self.toy.card()
    }

    fn window(&self) -> usize {
        self.toy.window()
    }

    fn occlusion_id(&self) -> u32 {
        self.toy.occlusion_id()
    }

    fn encode(&self, text: &str) -> Result<Encoding, ModelError> {
        if text.contains("unspeakable") {
            return Err(ModelError::tokenise("that word".to_owned()));
        }
        self.toy.encode(text)
    }
}

impl Victim for Moody {
    fn judge(&self, batch: &Ragged) -> Result<Logits, ModelError> {
        let id = |word: &str| self.toy.encode(word).unwrap().ids[0];
        if batch.rows().any(|row| (self.fails)(&|word| row.contains(&id(word)))) {
            return Err(ModelError::runtime(self.complaint.to_owned()));
        }
        self.toy.judge(batch)
    }
}
