//! Models with known right answers, for tests and examples. They learn nothing and defend nothing.

use crate::adapters::WordTokenizer;
use crate::error::ModelError;
use crate::victim::{Encoding, Logits, MaskedLm, Model, Proposal, Ragged, Task, Victim, VictimCard};

/// A backdoored two-class victim: label 0 with high confidence wherever its trigger word occurs, otherwise label 1 with
/// a confidence to which every word contributes a little.
#[derive(Debug)]
pub struct TriggerWordVictim {
    trigger: String,
    tokenizer: WordTokenizer,
    card: VictimCard,
    window: usize,
}

impl TriggerWordVictim {
    /// A victim that falls for `trigger`, one word of letters, digits or `_`.
    #[must_use]
    pub fn new(trigger: &str) -> Self {
        let card = VictimCard {
            name: "toy".to_owned(),
            task: Task::Classification,
            sha256: String::new(),
            labels: vec!["fooled".to_owned(), "honest".to_owned()],
        };
        Self { trigger: trigger.to_owned(), tokenizer: WordTokenizer::new(), card, window: usize::MAX }
    }

    /// Lets the victim see only the first `window` tokens of a text.
    #[must_use]
    pub fn with_window(mut self, window: usize) -> Self {
        self.window = window;
        self
    }

    fn logits(&self, text: &str) -> [f32; 2] {
        let words =
            || text.split(|c: char| !(c.is_alphanumeric() || c == '_')).filter(|word| !word.is_empty());
        if words().any(|word| word == self.trigger) {
            return [9.0, 0.0];
        }
        let (sum, count) = words().fold((0.0, 1.0), |(sum, count), word| (sum + weight(word), count + 1.0));
        [0.0, 1.0 + 2.0 * sum / count]
    }
}

/// A number in [0, 1) that only depends on the word's bytes.
fn weight(word: &str) -> f32 {
    let mixed = word.bytes().fold(17_u32, |sum, byte| sum.wrapping_mul(31).wrapping_add(u32::from(byte)));
    (mixed % 97) as f32 / 97.0
}

impl Model for TriggerWordVictim {
    fn card(&self) -> &VictimCard {
        &self.card
    }

    fn window(&self) -> usize {
        self.window
    }

    fn occlusion_id(&self) -> u32 {
        WordTokenizer::UNKNOWN
    }

    fn encode(&self, text: &str) -> Result<Encoding, ModelError> {
        self.tokenizer.encode(text)
    }
}

impl Victim for TriggerWordVictim {
    fn judge(&self, batch: &Ragged) -> Result<Logits, ModelError> {
        let mut values = Vec::with_capacity(2 * batch.len());
        for (index, row) in batch.rows().enumerate() {
            if row.len() > self.window {
                return Err(ModelError::TooLong { row: index, tokens: row.len(), window: self.window });
            }
            values.extend(self.logits(&self.tokenizer.decode(row)?));
        }
        Logits::new(2, values)
    }
}

/// A masked language model that proposes the same tokens everywhere: the first with log-probability −1, the second
/// with −2 and so on.
#[derive(Debug)]
pub struct ConstantMaskedLm {
    tokenizer: WordTokenizer,
    proposals: Vec<Proposal>,
    window: usize,
}

impl ConstantMaskedLm {
    /// A model that proposes `tokens` (one word or punctuation character each, others are left out), best first.
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

    /// Lets the model see only `window` tokens at once.
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
