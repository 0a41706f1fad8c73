//! Who a model is, and how it reads text.

use std::sync::Arc;

use super::Encoding;
use crate::error::ModelError;

/// Who a victim is; part of every report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VictimCard {
    /// Name for people.
    pub name: String,
    /// The task that it decides on.
    pub task: Task,
    /// SHA-256 of the weights, hexadecimal; empty where there is no file.
    pub sha256: String,
    /// Label names by class index; empty where the model has none.
    pub labels: Vec<String>,
}

/// Task of a victim.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Task {
    /// Is this function vulnerable?
    Defect,
    /// Do these two functions compute the same?
    Clone,
    /// Rewrite the buggy function.
    Repair,
    /// Any other classification.
    Classification,
}

impl Task {
    /// Returns the task's name in verdicts and in names of files.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Defect => "defect",
            Self::Clone => "clone",
            Self::Repair => "repair",
            Self::Classification => "classification",
        }
    }
}

/// Who a victim is, and how it reads text.
pub trait Model: Send + Sync {
    /// Describes the victim.
    fn card(&self) -> &VictimCard;

    /// Content tokens of one snippet that fit into one forward pass; longer rows must not be passed to the
    /// model. A pair model reads this many of each side.
    fn window(&self) -> usize;

    /// The id that replaces an occluded element (`<unk>` or the mask token of the model's tokenizer).
    fn occlusion_id(&self) -> u32;

    /// Token ids of `text` with their bytes, preprocessing included, not cut to the window.
    ///
    /// # Errors
    /// [`ModelError`] if the text cannot be tokenised.
    fn encode(&self, text: &str) -> Result<Encoding, ModelError>;

    /// The tokens that snippets are made of, with the text of each; no special ones. Empty where the model
    /// cannot list them: an [`audit`](crate::audit) then tests only elements of its rows.
    fn vocabulary(&self) -> Vec<(u32, String)> {
        Vec::new()
    }
}

/// A type that wraps a model and reads text as it does. Implementing this instead of [`Model`] forwards every
/// method, so none is forgotten.
///
/// ```
/// use codepurify::victim::{Logits, Ragged, Victim, WrapsModel};
/// use codepurify::ModelError;
///
/// /// Counts the rows that a victim judges.
/// struct Counting<V> {
///     inner: V,
///     rows: std::sync::atomic::AtomicUsize,
/// }
///
/// impl<V: Victim> WrapsModel for Counting<V> {
///     type Inner = V;
///     fn inner(&self) -> &V {
///         &self.inner
///     }
/// }
///
/// impl<V: Victim> Victim for Counting<V> {
///     fn judge(&self, batch: &Ragged) -> Result<Logits, ModelError> {
///         self.rows.fetch_add(batch.len(), std::sync::atomic::Ordering::Relaxed);
///         self.inner.judge(batch)
///     }
/// }
/// ```
pub trait WrapsModel: Send + Sync {
    /// The wrapped model.
    type Inner: Model + ?Sized;

    /// Returns the wrapped model.
    fn inner(&self) -> &Self::Inner;
}

impl<W: WrapsModel + ?Sized> Model for W {
    fn card(&self) -> &VictimCard {
        self.inner().card()
    }

    fn window(&self) -> usize {
        self.inner().window()
    }

    fn occlusion_id(&self) -> u32 {
        self.inner().occlusion_id()
    }

    fn encode(&self, text: &str) -> Result<Encoding, ModelError> {
        self.inner().encode(text)
    }

    fn vocabulary(&self) -> Vec<(u32, String)> {
        self.inner().vocabulary()
    }
}

impl<M: Model + ?Sized> WrapsModel for &M {
    type Inner = M;
    fn inner(&self) -> &M {
        self
    }
}

impl<M: Model + ?Sized> WrapsModel for Box<M> {
    type Inner = M;
    fn inner(&self) -> &M {
        self
    }
}

impl<M: Model + ?Sized> WrapsModel for Arc<M> {
    type Inner = M;
    fn inner(&self) -> &M {
        self
    }
}
