//! Classifiers of one snippet.

use candle_core::{Result, Tensor};
use codepurify::error::ModelError;
use codepurify::victim::{Logits, Ragged, Victim};

use super::Guarded;
use crate::batch::{RaggedBatch, answer_rows};
use crate::decision::Pooling;
use crate::roberta::{ClassificationHead, RobertaEncoder};
use crate::t5::{DefectHead, T5};

/// Framed rows to logits.
pub(crate) trait SequenceClassifier: Send + Sync {
    /// Logits a row.
    fn classes(&self) -> usize;

    /// Its word embeddings, `[vocabulary, hidden]`: they say where it computes and how wide it is.
    fn words(&self) -> &Tensor;

    /// `[rows, classes]`.
    fn logits(&self, rows: &[Vec<u32>]) -> Result<Tensor>;
}

impl<N: SequenceClassifier> Victim for Guarded<N> {
    fn judge(&self, batch: &Ragged) -> std::result::Result<Logits, ModelError> {
        judge(&self.network, &self.framed(batch)?)
    }
}

/// One row of logits for each framed row.
pub(super) fn judge(
    network: &impl SequenceClassifier,
    rows: &[Vec<u32>],
) -> std::result::Result<Logits, ModelError> {
    let logits = answer_rows(rows, network.words(), |rows| network.logits(rows)?.to_vec2::<f32>())?;
    Logits::new(network.classes(), logits.concat())
}

/// RoBERTa with a head over one vector.
#[derive(Debug)]
pub(crate) struct RobertaClassifier {
    pub(crate) encoder: RobertaEncoder,
    pub(crate) head: ClassificationHead,
    pub(crate) classes: usize,
    pub(crate) pooling: Pooling,
    pub(crate) pad: u32,
}

/// The vector of each row, `[rows, hidden]`.
pub(super) fn pooled(encoder: &RobertaEncoder, pooling: Pooling, batch: &RaggedBatch) -> Result<Tensor> {
    match pooling {
        Pooling::First => encoder.firsts(batch),
        Pooling::Mean => encoder.means(batch),
    }
}

impl SequenceClassifier for RobertaClassifier {
    fn classes(&self) -> usize {
        self.classes
    }

    fn words(&self) -> &Tensor {
        self.encoder.word_embeddings()
    }

    fn logits(&self, rows: &[Vec<u32>]) -> Result<Tensor> {
        let batch = RaggedBatch::new(rows, self.pad);
        self.head.forward(&pooled(&self.encoder, self.pooling, &batch)?)
    }
}

/// T5 with a head over the decoder's state at the last `</s>`.
#[derive(Debug)]
pub(crate) struct T5Classifier {
    pub(crate) t5: T5,
    pub(crate) head: DefectHead,
    pub(crate) classes: usize,
}

impl SequenceClassifier for T5Classifier {
    fn classes(&self) -> usize {
        self.classes
    }

    fn words(&self) -> &Tensor {
        self.t5.word_embeddings()
    }

    fn logits(&self, rows: &[Vec<u32>]) -> Result<Tensor> {
        self.head.forward(&self.t5.end_vectors(rows)?)
    }
}
