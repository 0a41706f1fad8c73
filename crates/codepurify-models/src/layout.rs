//! Which architecture and head a checkpoint holds, read off its tensor names and shapes; the configuration is not asked.

use std::fmt;

use candle_nn::VarBuilder;
use codepurify_checkpoint::StateDict;

use crate::error::LoadError;
use crate::roberta::DecoderShape;

/// Where the parts of a model sit in a checkpoint, and what they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Layout {
    /// Name of the inner model (`roberta`, `encoder.roberta`, `encoder`, or nothing).
    pub(crate) body: &'static str,
    /// Name of the head; nothing where it has several parts at the top.
    pub(crate) head: &'static str,
    pub(crate) kind: Head,
}

/// What stands on the inner model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Head {
    /// RoBERTa: dense, tanh, projection over `<s>`; one class means one sigmoid logit.
    Classification { classes: usize },
    /// RoBERTa: the same over the `<s>` vectors of two snippets.
    Pair { classes: usize },
    /// RoBERTa: masked language model.
    MaskedLm,
    /// RoBERTa with a PyTorch transformer decoder.
    Seq2Seq(DecoderShape),
    /// T5: conditional generation.
    T5Generation,
    /// T5: a linear layer over the decoder's state at the last `</s>`.
    T5Classification { classes: usize },
    /// T5: dense, tanh, projection over those states of two snippets.
    T5Pair { classes: usize },
}

impl Head {
    /// Whether it answers with text.
    pub(crate) fn generates(self) -> bool {
        matches!(self, Self::Seq2Seq(_) | Self::T5Generation)
    }

    /// Which `config.json` belongs to it.
    pub(crate) fn is_t5(self) -> bool {
        matches!(self, Self::T5Generation | Self::T5Classification { .. } | Self::T5Pair { .. })
    }
}

impl fmt::Display for Head {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let logits = |classes: usize| match classes {
            1 => "1 sigmoid logit".to_owned(),
            _ => format!("{classes} logits"),
        };
        match *self {
            Self::Classification { classes } => write!(f, "classification over <s>, {}", logits(classes)),
            Self::Pair { classes } => write!(f, "classification over two <s> vectors, {}", logits(classes)),
            Self::MaskedLm => write!(f, "masked language model"),
            Self::Seq2Seq(DecoderShape { layers, feed_forward }) => {
                write!(f, "seq2seq, transformer decoder of {layers} layers, feed-forward {feed_forward}")
            }
            Self::T5Generation => write!(f, "conditional generation"),
            Self::T5Classification { classes } => {
                write!(f, "classification over the last </s>, {}", logits(classes))
            }
            Self::T5Pair { classes } => {
                write!(f, "classification over the last </s> of two snippets, {}", logits(classes))
            }
        }
    }
}

/// What a newcomer is told who brings something else.
const SUPPORTED: &str = "RoBERTa classifiers, clone heads, Seq2Seq and masked language models; T5 conditional \
                         generation, DefectModel and CloneModel";

impl Layout {
    /// The layout of a checkpoint of the model `model`.
    ///
    /// # Errors
    /// [`LoadError::UnknownLayout`].
    pub(crate) fn of(model: &str, state: &StateDict) -> Result<Self, LoadError> {
        let names = Names { state };
        names.t5().or_else(|| names.roberta()).ok_or_else(|| LoadError::UnknownLayout {
            model: model.to_owned(),
            found: state.tensors().take(3).map(|view| view.name().to_owned()).collect::<Vec<_>>().join(", "),
            supported: SUPPORTED,
        })
    }
}

struct Names<'s> {
    state: &'s StateDict,
}

impl Names<'_> {
    fn has(&self, name: &str) -> bool {
        self.state.get(name).is_some()
    }

    /// Size of a dimension of a tensor. At least 1: a shape that says 0 is refused when the head is built.
    fn size(&self, name: &str, dimension: usize) -> Option<usize> {
        let view = self.state.get(name)?;
        Some(view.shape().get(dimension).copied().unwrap_or_default().max(1))
    }

    fn t5(&self) -> Option<Layout> {
        let block = "encoder.block.0.layer.0.SelfAttention.q.weight";
        if self.has(block) {
            return Some(Layout { body: "", head: "", kind: Head::T5Generation });
        }
        if !self.has(&format!("encoder.{block}")) {
            return None;
        }
        let kind = match self.size("classifier.weight", 0) {
            Some(classes) => Head::T5Classification { classes },
            None => match self.size("classifier.out_proj.weight", 0) {
                Some(classes) => Head::T5Pair { classes },
                None => return Some(Layout { body: "encoder", head: "", kind: Head::T5Generation }),
            },
        };
        Some(Layout { body: "encoder", head: "classifier", kind })
    }

    fn roberta(&self) -> Option<Layout> {
        let bodies = ["roberta", "encoder.roberta", "encoder"];
        let words = "embeddings.word_embeddings.weight";
        let body = bodies.into_iter().find(|body| self.has(&format!("{body}.{words}")))?;
        if let Some(shape) = DecoderShape::of(self.state) {
            return Some(Layout { body, head: "", kind: Head::Seq2Seq(shape) });
        }
        for head in ["classifier", "encoder.classifier"] {
            let Some(classes) = self.size(&format!("{head}.out_proj.weight"), 0) else { continue };
            let width = self.size(&format!("{head}.dense.weight"), 1);
            let hidden = self.size(&format!("{body}.{words}"), 1);
            let pair = width.is_some_and(|width| Some(width) == hidden.map(|hidden| 2 * hidden));
            let kind = if pair { Head::Pair { classes } } else { Head::Classification { classes } };
            return Some(Layout { body, head, kind });
        }
        let mask = |head: &&str| self.has(&format!("{head}.dense.weight"));
        let head = ["lm_head", "encoder.lm_head"].into_iter().find(mask)?;
        Some(Layout { body, head, kind: Head::MaskedLm })
    }
}

/// The weights below a name, or all of them.
pub(crate) fn below<'w>(weights: &VarBuilder<'w>, name: &str) -> VarBuilder<'w> {
    if name.is_empty() { weights.clone() } else { weights.pp(name) }
}
