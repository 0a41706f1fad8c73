//! A victim made of a function over text.

use super::WordModel;
use crate::error::ModelError;
use crate::victim::{Logits, Ragged, Task, Victim, VictimCard, WrapsModel};

/// Makes a victim of any classifier that can be called with source code: a closure, an HTTP client, a foreign
/// function. The function gets the code, with ` <unk> ` for an occluded element, and returns one logit a class
/// (or a single one, see [`Logits`]). It is called once for each variant.
pub struct TextVictim<F> {
    classify: F,
    model: WordModel,
}

impl<F: Fn(&str) -> Vec<f32> + Send + Sync> TextVictim<F> {
    /// Makes a victim without a name and without a limit on the length of texts.
    pub fn new(classify: F) -> Self {
        let card = VictimCard {
            name: "text function".to_owned(),
            task: Task::Classification,
            sha256: String::new(),
            labels: Vec::new(),
        };
        Self { classify, model: WordModel::new(card) }
    }

    /// Sets who the victim is.
    #[must_use]
    pub fn with_card(mut self, card: VictimCard) -> Self {
        self.model = self.model.with_card(card);
        self
    }

    /// Lets the victim see only the first `window` words and punctuation characters of a text.
    #[must_use]
    pub fn with_window(mut self, window: usize) -> Self {
        self.model = self.model.with_window(window);
        self
    }
}

impl<F: Send + Sync> WrapsModel for TextVictim<F> {
    type Inner = WordModel;

    fn inner(&self) -> &WordModel {
        &self.model
    }
}

impl<F: Fn(&str) -> Vec<f32> + Send + Sync> Victim for TextVictim<F> {
    fn judge(&self, batch: &Ragged) -> Result<Logits, ModelError> {
        let mut classes = None;
        let mut values = Vec::new();
        for (row, text) in self.model.texts(batch)?.iter().enumerate() {
            let logits = (self.classify)(text);
            let expected = *classes.get_or_insert(logits.len());
            if logits.len() != expected {
                let given = logits.len();
                let message = format!("row {row} has {given} logits, the first had {expected}");
                return Err(ModelError::output(message));
            }
            values.extend(logits);
        }
        Logits::new(classes.unwrap_or(1), values)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::victim::Model;

    #[test]
    fn function_gets_the_text_with_the_occluded_element() {
        let victim = TextVictim::new(|code: &str| vec![code.len() as f32, f32::from(code.contains("<unk>"))]);
        let ids = victim.encode("a + b").unwrap().ids;
        let batch: Ragged = [ids.clone(), vec![ids[0], victim.occlusion_id()]].into_iter().collect();
        let logits = victim.judge(&batch).unwrap();
        assert_eq!((logits.row(0), logits.row(1)), (&[5.0, 0.0][..], &[8.0, 1.0][..]));
    }

    #[test]
    fn logits_of_changing_number_or_nan_are_refused() {
        let changing = TextVictim::new(|code: &str| vec![0.0; code.len()]);
        let ids = changing.encode("ab cde").unwrap().ids;
        let batch: Ragged = [vec![ids[0]], vec![ids[1]]].into_iter().collect();
        assert!(matches!(changing.judge(&batch), Err(ModelError::Output(_))));
        let nan = TextVictim::new(|_: &str| vec![f32::NAN, 0.0]);
        let batch: Ragged = [nan.encode("a").unwrap().ids].into_iter().collect();
        assert!(matches!(nan.judge(&batch), Err(ModelError::Output(_))));
    }
}
