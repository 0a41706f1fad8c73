//! Victims that classify one snippet.

use std::sync::Arc;

use super::{Logits, Model, Ragged};
use crate::error::ModelError;

/// A victim that classifies one snippet: the paper's *victim model*.
///
/// It is deterministic: the same rows give the same logits, whatever else is in the batch (up to rounding).
///
/// ```
/// use codepurify::{
///     Defender, Language, Logits, ModelError, Ragged, Snippet, Task, Victim, VictimCard, WordModel, WrapsModel,
/// };
///
/// struct MyModel {
///     words: WordModel,
/// }
///
/// impl WrapsModel for MyModel {
///     type Inner = WordModel;
///     fn inner(&self) -> &WordModel {
///         &self.words
///     }
/// }
///
/// impl Victim for MyModel {
///     fn judge(&self, batch: &Ragged) -> Result<Logits, ModelError> {
///         // One sigmoid logit: the more loops, the more confident of label 1.
///         let texts = self.words.texts(batch)?;
///         Logits::new(1, texts.iter().map(|text| text.matches("while").count() as f32 - 0.5).collect())
///     }
/// }
///
/// let card = VictimCard { name: "mine".into(), task: Task::Defect, sha256: String::new(), labels: vec![] };
/// let model = MyModel { words: WordModel::new(card).with_window(512) };
/// let snippet = Snippet::new("void f(int n) { n += 2; while (n) n--; }", Language::C)?;
/// let verdict = Defender::new(&model).screen_one(&snippet)?;
/// assert_eq!(verdict.prediction.and_then(|prediction| prediction.label), Some(1));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait Victim: Model {
    /// Returns one row of logits for each row of the batch, in order. An empty row is a snippet without content.
    ///
    /// # Errors
    /// [`ModelError`] if the runtime fails, a row exceeds the window or an output is not finite.
    fn judge(&self, batch: &Ragged) -> Result<Logits, ModelError>;
}

impl<V: Victim + ?Sized> Victim for &V {
    fn judge(&self, batch: &Ragged) -> Result<Logits, ModelError> {
        (**self).judge(batch)
    }
}

impl<V: Victim + ?Sized> Victim for Box<V> {
    fn judge(&self, batch: &Ragged) -> Result<Logits, ModelError> {
        (**self).judge(batch)
    }
}

impl<V: Victim + ?Sized> Victim for Arc<V> {
    fn judge(&self, batch: &Ragged) -> Result<Logits, ModelError> {
        (**self).judge(batch)
    }
}
