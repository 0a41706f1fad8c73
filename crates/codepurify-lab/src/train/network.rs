//! Classifier networks: a vector for each snippet, and a classifier head over one or two of them.

use candle_core::{Result, Tensor};
use candle_nn::VarBuilder;
use codepurify_models::batch::RaggedBatch;
use codepurify_models::ops;
use codepurify_models::roberta::{ClassificationHead, RobertaEncoder};
use codepurify_models::t5::{CloneHead, DefectHead, T5};

use super::start::Architecture;

/// Number of snippets of an input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Snippets {
    One,
    /// Two snippets, encoded apart.
    Two,
}

impl Snippets {
    pub(crate) fn count(self) -> usize {
        match self {
            Self::One => 1,
            Self::Two => 2,
        }
    }
}

/// Inner model and its classifier head.
pub(crate) struct Network {
    body: InnerModel,
    head: TrainedHead,
    snippets: Snippets,
    pad: u32,
}

enum InnerModel {
    Roberta(RobertaEncoder),
    T5(T5),
}

enum TrainedHead {
    Roberta(ClassificationHead),
    Defect(DefectHead),
    Clone(CloneHead),
}

impl Network {
    /// Returns the name of the inner model in transformers, CodeXGLUE and CodeT5.
    pub(crate) fn body_name(architecture: &Architecture, snippets: Snippets) -> &'static str {
        match (architecture, snippets) {
            (Architecture::Roberta(_), Snippets::One) => "roberta",
            (Architecture::Roberta(_), Snippets::Two) => "encoder.roberta",
            (Architecture::T5(_), _) => "encoder",
        }
    }

    /// Loads the inner model below its name and the head below `classifier`.
    pub(crate) fn new(
        architecture: &Architecture,
        snippets: Snippets,
        classes: usize,
        source: &VarBuilder,
    ) -> Result<Self> {
        let (body, head) = (source.pp(Self::body_name(architecture, snippets)), source.pp("classifier"));
        let (body, head, pad) = match architecture {
            Architecture::Roberta(config) => {
                let encoder = RobertaEncoder::new(config, &body)?;
                let head = match snippets {
                    Snippets::One => ClassificationHead::new(config, classes, &head)?,
                    Snippets::Two => ClassificationHead::for_pairs(config, classes, &head)?,
                };
                (InnerModel::Roberta(encoder), TrainedHead::Roberta(head), config.pad_token_id)
            }
            Architecture::T5(config) => {
                let head = match snippets {
                    Snippets::One => TrainedHead::Defect(DefectHead::new(config, classes, &head)?),
                    Snippets::Two => TrainedHead::Clone(CloneHead::new(config, classes, &head)?),
                };
                (InnerModel::T5(T5::new(config, &body)?), head, config.pad_token_id)
            }
        };
        Ok(Self { body, head, snippets, pad })
    }

    /// Returns logits `[inputs, classes]` of framed rows; the snippets of an input are adjacent.
    pub(crate) fn logits(&self, rows: &[Vec<u32>]) -> Result<Tensor> {
        self.classify(&self.vectors(rows)?)
    }

    /// Returns the head's input for each framed row, `[rows, hidden]`.
    pub(crate) fn vectors(&self, rows: &[Vec<u32>]) -> Result<Tensor> {
        self.vectors_from(rows, &self.words(rows)?)
    }

    /// Returns the word embeddings of framed rows, `[tokens, hidden]`, concatenated.
    pub(crate) fn words(&self, rows: &[Vec<u32>]) -> Result<Tensor> {
        ops::select_rows(self.word_embeddings(), RaggedBatch::new(rows, self.pad).ids())
    }

    /// Computes [`Network::vectors`] with other word embeddings than those of the rows' ids.
    pub(crate) fn vectors_from(&self, rows: &[Vec<u32>], words: &Tensor) -> Result<Tensor> {
        match &self.body {
            InnerModel::Roberta(encoder) => encoder.firsts_from(words, &RaggedBatch::new(rows, self.pad)),
            InnerModel::T5(t5) => t5.end_vectors_from(rows, words),
        }
    }

    /// Returns the word embeddings, `[vocabulary, hidden]`.
    pub(crate) fn word_embeddings(&self) -> &Tensor {
        match &self.body {
            InnerModel::Roberta(encoder) => encoder.word_embeddings(),
            InnerModel::T5(t5) => t5.word_embeddings(),
        }
    }

    /// Returns logits `[inputs, classes]` of row vectors; those of an input are adjacent.
    pub(crate) fn classify(&self, vectors: &Tensor) -> Result<Tensor> {
        let vectors = vectors.reshape((vectors.dim(0)? / self.snippets.count(), ()))?;
        match &self.head {
            TrainedHead::Roberta(head) => head.forward(&vectors),
            TrainedHead::Defect(head) => head.forward(&vectors),
            TrainedHead::Clone(head) => head.forward(&vectors),
        }
    }

    pub(crate) fn snippets(&self) -> Snippets {
        self.snippets
    }
}
