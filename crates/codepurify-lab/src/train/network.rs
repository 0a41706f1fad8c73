//! Networks that classify: a vector for each snippet, and a head over one or two of them.

use candle_core::{Result, Tensor};
use candle_nn::VarBuilder;
use codepurify_models::batch::PaddedBatch;
use codepurify_models::roberta::{ClassificationHead, RobertaEncoder};
use codepurify_models::t5::{CloneHead, DefectHead, T5};

use super::start::Architecture;

/// How many snippets make an input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Snippets {
    One,
    /// Encoded apart.
    Two,
}

impl Snippets {
    pub(super) fn count(self) -> usize {
        match self {
            Self::One => 1,
            Self::Two => 2,
        }
    }
}

/// An inner model and its head.
pub(super) struct Network {
    body: Body,
    head: Head,
    snippets: Snippets,
}

enum Body {
    Roberta { encoder: RobertaEncoder, pad: u32 },
    T5(T5),
}

enum Head {
    Roberta(ClassificationHead),
    Defect(DefectHead),
    Clone(CloneHead),
}

impl Network {
    /// What the inner model is called: as transformers, CodeXGLUE and CodeT5 do.
    pub(super) fn body_name(architecture: &Architecture, snippets: Snippets) -> &'static str {
        match (architecture, snippets) {
            (Architecture::Roberta(_), Snippets::One) => "roberta",
            (Architecture::Roberta(_), Snippets::Two) => "encoder.roberta",
            (Architecture::T5(_), _) => "encoder",
        }
    }

    /// Takes the inner model below its name and the head below `classifier`.
    pub(super) fn new(
        architecture: &Architecture,
        snippets: Snippets,
        classes: usize,
        source: &VarBuilder,
    ) -> Result<Self> {
        let (body, head) = (source.pp(Self::body_name(architecture, snippets)), source.pp("classifier"));
        let (body, head) = match architecture {
            Architecture::Roberta(config) => {
                let encoder = RobertaEncoder::new(config, &body)?;
                let head = match snippets {
                    Snippets::One => ClassificationHead::new(config, classes, &head)?,
                    Snippets::Two => ClassificationHead::for_pairs(config, classes, &head)?,
                };
                (Body::Roberta { encoder, pad: config.pad_token_id }, Head::Roberta(head))
            }
            Architecture::T5(config) => {
                let head = match snippets {
                    Snippets::One => Head::Defect(DefectHead::new(config, classes, &head)?),
                    Snippets::Two => Head::Clone(CloneHead::new(config, classes, &head)?),
                };
                (Body::T5(T5::new(config, &body)?), head)
            }
        };
        Ok(Self { body, head, snippets })
    }

    /// Logits `[inputs, classes]` of framed rows; the snippets of an input stand side by side.
    pub(super) fn logits(&self, rows: &[Vec<u32>]) -> Result<Tensor> {
        let vectors = self.body.vectors(rows)?.reshape((rows.len() / self.snippets.count(), ()))?;
        match &self.head {
            Head::Roberta(head) => head.forward(&vectors),
            Head::Defect(head) => head.forward(&vectors),
            Head::Clone(head) => head.forward(&vectors),
        }
    }
}

impl Body {
    /// Framed rows to `[rows, hidden]`.
    fn vectors(&self, rows: &[Vec<u32>]) -> Result<Tensor> {
        match self {
            Self::Roberta { encoder, pad } => {
                let batch = PaddedBatch::new(rows, *pad)?;
                batch.first_positions(&encoder.forward(&batch)?)
            }
            Self::T5(t5) => t5.end_vectors(rows),
        }
    }
}
