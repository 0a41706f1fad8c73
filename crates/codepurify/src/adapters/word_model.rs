//! How victims that are functions over text read it.

use super::WordTokenizer;
use crate::error::ModelError;
use crate::victim::{Encoding, Model, Ragged, VictimCard};

/// Reads text as words and gives it back: the [`Model`] inside of a victim that is a function over text.
///
/// The victim wraps it ([`WrapsModel`](crate::WrapsModel)) and calls its function with [`WordModel::texts`] or
/// [`WordModel::pairs`], which check the rows. An occluded element reads ` <unk> `.
///
/// The example of [`Victim`](crate::Victim) uses it.
#[derive(Debug)]
pub struct WordModel {
    card: VictimCard,
    tokenizer: WordTokenizer,
    window: usize,
}

impl WordModel {
    /// Makes a model without a limit on the length of texts.
    #[must_use]
    pub fn new(card: VictimCard) -> Self {
        Self { card, tokenizer: WordTokenizer::new(), window: usize::MAX }
    }

    /// Lets the model see only the first `window` words and punctuation characters of a text, or of each side of
    /// a pair.
    #[must_use]
    pub fn with_window(mut self, window: usize) -> Self {
        self.window = window;
        self
    }

    /// Sets who the victim is.
    #[must_use]
    pub fn with_card(mut self, card: VictimCard) -> Self {
        self.card = card;
        self
    }

    /// Sets the most memory in bytes that all different words may take (see [`WordTokenizer::with_limit`]).
    #[must_use]
    pub fn with_memory(mut self, bytes: usize) -> Self {
        self.tokenizer = self.tokenizer.with_limit(bytes);
        self
    }

    /// The tokenizer, for ids of its own words.
    #[must_use]
    pub fn tokenizer(&self) -> &WordTokenizer {
        &self.tokenizer
    }

    /// Returns the text of each row.
    ///
    /// # Errors
    /// [`ModelError::TooLong`] if a row exceeds the window, [`ModelError::Tokenise`] if it has an unknown id.
    pub fn texts(&self, rows: &Ragged) -> Result<Vec<String>, ModelError> {
        rows.rows().enumerate().map(|(row, ids)| self.text(row, ids)).collect()
    }

    /// Returns the texts of each pair of rows.
    ///
    /// # Errors
    /// As [`WordModel::texts`], and [`ModelError::Runtime`] if the sides differ in their number of rows.
    pub fn pairs(&self, left: &Ragged, right: &Ragged) -> Result<Vec<(String, String)>, ModelError> {
        if left.len() != right.len() {
            let (left, right) = (left.len(), right.len());
            return Err(ModelError::runtime(format!("{left} left rows and {right} right ones")));
        }
        Ok(self.texts(left)?.into_iter().zip(self.texts(right)?).collect())
    }

    fn text(&self, row: usize, ids: &[u32]) -> Result<String, ModelError> {
        if ids.len() > self.window {
            return Err(ModelError::TooLong { row, tokens: ids.len(), window: self.window });
        }
        self.tokenizer.decode(ids)
    }
}

impl Model for WordModel {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::victim::Task;

    fn model() -> WordModel {
        let (name, sha256, labels) = ("words".to_owned(), String::new(), Vec::new());
        WordModel::new(VictimCard { name, task: Task::Classification, sha256, labels }).with_window(3)
    }

    fn batch(model: &WordModel, texts: &[&str]) -> Ragged {
        texts.iter().map(|text| model.encode(text).unwrap().ids).collect()
    }

    #[test]
    fn rows_beyond_the_window_are_refused() {
        let model = model();
        assert_eq!(model.texts(&batch(&model, &["a b", "a + b"])), Ok(vec!["a b".into(), "a + b".into()]));
        let refused = ModelError::TooLong { row: 1, tokens: 4, window: 3 };
        assert_eq!(model.texts(&batch(&model, &["a", "a + b;"])), Err(refused));
    }

    #[test]
    fn sides_of_different_length_are_refused() {
        let model = model();
        let (two, one) = (batch(&model, &["a", "b"]), batch(&model, &["c"]));
        assert!(matches!(model.pairs(&two, &one), Err(ModelError::Runtime(_))));
        let pairs = vec![("a".to_owned(), "b".to_owned()), ("b".to_owned(), "a".to_owned())];
        assert_eq!(model.pairs(&two, &batch(&model, &["b", "a"])), Ok(pairs));
    }
}
