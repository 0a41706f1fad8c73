//! Which architecture and head a checkpoint holds, read off its tensor names and shapes; the configuration is not asked.

use std::fmt;

use candle_nn::VarBuilder;
use codepurify_checkpoint::StateDict;

use crate::error::LoadError;

/// Sizes of the decoder that the encoder's configuration does not contain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DecoderShape {
    /// Decoder layers.
    pub layers: usize,
    /// Width of their feed-forward part.
    pub feed_forward: usize,
}

/// The decoder that the CodeXGLUE scripts build.
impl Default for DecoderShape {
    fn default() -> Self {
        Self { layers: 6, feed_forward: 2048 }
    }
}

impl DecoderShape {
    /// Reads the shape off the tensors `decoder.layers.K.linear1.weight`; `None` if there is no layer 0.
    #[must_use]
    pub fn of(state: &StateDict) -> Option<Self> {
        let wide = |layer: usize| state.get(&format!("decoder.layers.{layer}.linear1.weight"));
        let feed_forward = wide(0)?.shape().first().copied().unwrap_or_default();
        // No checkpoint has more layers than tensors.
        let layers = (0..state.tensors().len()).take_while(|&layer| wide(layer).is_some()).count();
        Some(Self { layers, feed_forward })
    }
}

/// Where the parts of a model sit in a checkpoint, and what they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Layout {
    /// Name of the inner model (`roberta`, `encoder.roberta`, `encoder`, or nothing).
    pub(crate) body: &'static str,
    /// Name of the head; nothing where it has several parts at the top.
    pub(crate) head: &'static str,
    pub(crate) kind: Head,
    /// True if the inner model has a head of its own below the one that is used.
    pub(crate) inner_head: bool,
}

/// Head on the inner model, and its sizes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Head {
    /// RoBERTa: dense, tanh, projection over `<s>`; one class means one sigmoid logit.
    Classification { classes: usize },
    /// RoBERTa: one linear layer over `<s>`.
    Linear { classes: usize },
    /// RoBERTa: dense, tanh, projection over the `<s>` vectors of two snippets.
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

/// A head without its sizes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum HeadKind {
    Classification,
    Linear,
    Pair,
    MaskedLm,
    Seq2Seq,
    T5Generation,
    T5Classification,
    T5Pair,
}

impl Head {
    /// Returns true if the model answers with text.
    pub(crate) fn generates(self) -> bool {
        matches!(self, Self::Seq2Seq(_) | Self::T5Generation)
    }

    /// Which `config.json` belongs to it.
    pub(crate) fn is_t5(self) -> bool {
        matches!(self, Self::T5Generation | Self::T5Classification { .. } | Self::T5Pair { .. })
    }

    /// Numbers that it gives for each input; `None` if it answers with text or tokens.
    pub(crate) fn classes(self) -> Option<usize> {
        match self {
            Self::Classification { classes }
            | Self::Linear { classes }
            | Self::Pair { classes }
            | Self::T5Classification { classes }
            | Self::T5Pair { classes } => Some(classes),
            Self::MaskedLm | Self::Seq2Seq(_) | Self::T5Generation => None,
        }
    }

    pub(crate) fn kind(self) -> HeadKind {
        match self {
            Self::Classification { .. } => HeadKind::Classification,
            Self::Linear { .. } => HeadKind::Linear,
            Self::Pair { .. } => HeadKind::Pair,
            Self::MaskedLm => HeadKind::MaskedLm,
            Self::Seq2Seq(_) => HeadKind::Seq2Seq,
            Self::T5Generation => HeadKind::T5Generation,
            Self::T5Classification { .. } => HeadKind::T5Classification,
            Self::T5Pair { .. } => HeadKind::T5Pair,
        }
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
            Self::Linear { classes } => write!(f, "linear classification over <s>, {}", logits(classes)),
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

/// Supported models, for the error message about any other one.
const SUPPORTED: &str = "RoBERTa classifiers, DefectModel, clone heads, Seq2Seq and masked language models; T5 \
                         conditional generation, DefectModel and CloneModel";

/// A tensor that every RoBERTa has, by its name below the inner model.
const ROBERTA: &str = "embeddings.word_embeddings.weight";
/// A tensor that every T5 has, by its name below the inner model.
const T5: &str = "encoder.block.0.layer.0.SelfAttention.q.weight";

impl Layout {
    /// The layout of a checkpoint of the model `model`.
    ///
    /// # Errors
    /// [`LoadError::UnknownLayout`], [`LoadError::TwoNetworks`].
    pub(crate) fn of(model: &str, state: &StateDict) -> Result<Self, LoadError> {
        let names = Names { state, model };
        let layout = match names.body()? {
            Some(Body::T5(body)) => Some(names.t5(body)?),
            Some(Body::Roberta(body)) => names.roberta(body)?,
            None => None,
        };
        layout.ok_or_else(|| LoadError::UnknownLayout {
            model: model.to_owned(),
            found: state.tensors().take(3).map(|view| view.name().to_owned()).collect::<Vec<_>>().join(", "),
            supported: SUPPORTED,
        })
    }
}

/// An inner model by the name that it has in known training scripts.
#[derive(Debug, Clone, Copy)]
enum Body {
    Roberta(&'static str),
    T5(&'static str),
}

struct Names<'s> {
    state: &'s StateDict,
    model: &'s str,
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

    /// The inner model that answers, if its name is known.
    fn body(&self) -> Result<Option<Body>, LoadError> {
        let (roberta, t5) = (self.owners(ROBERTA), self.owners(T5));
        match (&roberta[..], &t5[..]) {
            (&["roberta"], []) => Ok(Some(Body::Roberta("roberta"))),
            (&["encoder.roberta"], []) => Ok(Some(Body::Roberta("encoder.roberta"))),
            (&["encoder"], []) => Ok(Some(Body::Roberta("encoder"))),
            ([], &[""]) => Ok(Some(Body::T5(""))),
            ([], &["encoder"]) => Ok(Some(Body::T5("encoder"))),
            // A class that extends RobertaForSequenceClassification, as LineVul's does, inherits a network that it never
            // asks. It asks the one in its field `encoder`, and puts its own `classifier` on that.
            (&["encoder.roberta", "roberta"], []) if self.has_classifier() => {
                Ok(Some(Body::Roberta("encoder.roberta")))
            }
            (&["encoder", "roberta"], []) if self.has_classifier() => Ok(Some(Body::Roberta("encoder"))),
            (roberta, t5) => match roberta.iter().chain(t5).collect::<Vec<_>>()[..] {
                [first, second, ..] => Err(self.two("networks", first, second)),
                _ => Ok(None),
            },
        }
    }

    /// Returns the prefix of this name in every tensor name that ends in it.
    fn owners(&self, name: &str) -> Vec<&str> {
        let owner = |tensor: &'_ str| -> Option<usize> {
            let owner = tensor.strip_suffix(name)?;
            (owner.is_empty() || owner.ends_with('.')).then(|| owner.len().saturating_sub(1))
        };
        let tensors = self.state.tensors().map(|view| view.name());
        tensors.filter_map(|tensor| Some(&tensor[..owner(tensor)?])).collect()
    }

    fn has_classifier(&self) -> bool {
        self.has("classifier.out_proj.weight") || self.has("classifier.weight")
    }

    fn two(&self, what: &'static str, first: &str, second: &str) -> LoadError {
        let named = |name: &str| if name.is_empty() { "(top level)".to_owned() } else { name.to_owned() };
        let (first, second) = (named(first), named(second));
        LoadError::TwoNetworks { model: self.model.to_owned(), what, first, second }
    }

    fn t5(&self, body: &'static str) -> Result<Layout, LoadError> {
        let generation = Layout { body, head: "", kind: Head::T5Generation, inner_head: false };
        if body.is_empty() {
            return Ok(generation);
        }
        let kind = match self.classes("classifier")? {
            Some(Classes::Linear(classes)) => Head::T5Classification { classes },
            Some(Classes::Dense(classes)) => Head::T5Pair { classes },
            None => return Ok(generation),
        };
        Ok(Layout { head: "classifier", kind, ..generation })
    }

    fn roberta(&self, body: &'static str) -> Result<Option<Layout>, LoadError> {
        let inner_head = self.has("encoder.classifier.out_proj.weight");
        let layout = |head, kind| Ok(Some(Layout { body, head, kind, inner_head }));
        if let Some(shape) = DecoderShape::of(self.state) {
            return layout("", Head::Seq2Seq(shape));
        }
        for head in ["classifier", "encoder.classifier"] {
            match self.classes(head)? {
                Some(Classes::Linear(classes)) => return layout(head, Head::Linear { classes }),
                Some(Classes::Dense(classes)) if self.is_over_two(body, head) => {
                    return layout(head, Head::Pair { classes });
                }
                Some(Classes::Dense(classes)) => return layout(head, Head::Classification { classes }),
                None => {}
            }
        }
        let is_mask = |head: &&str| self.has(&format!("{head}.dense.weight"));
        match ["lm_head", "encoder.lm_head"].into_iter().find(is_mask) {
            Some(head) => layout(head, Head::MaskedLm),
            None => Ok(None),
        }
    }

    /// Returns the layers of the classifier of this name, with its classes.
    fn classes(&self, head: &str) -> Result<Option<Classes>, LoadError> {
        let (linear, dense) = (format!("{head}.weight"), format!("{head}.out_proj.weight"));
        match (self.size(&linear, 0), self.size(&dense, 0)) {
            (Some(_), Some(_)) => Err(self.two("heads", &linear, &dense)),
            (Some(classes), None) => Ok(Some(Classes::Linear(classes))),
            (None, Some(classes)) => Ok(Some(Classes::Dense(classes))),
            (None, None) => Ok(None),
        }
    }

    /// Returns true if a head is as wide as two vectors of the body.
    fn is_over_two(&self, body: &str, head: &str) -> bool {
        let hidden = self.size(&format!("{body}.{ROBERTA}"), 1);
        let width = self.size(&format!("{head}.dense.weight"), 1);
        width.is_some_and(|width| Some(width) == hidden.map(|hidden| hidden.saturating_mul(2)))
    }
}

/// Classes of a head of one layer or of two.
enum Classes {
    Linear(usize),
    Dense(usize),
}

/// The weights below a name, or all of them.
pub(crate) fn below<'w>(weights: &VarBuilder<'w>, name: &str) -> VarBuilder<'w> {
    if name.is_empty() { weights.clone() } else { weights.pp(name) }
}
