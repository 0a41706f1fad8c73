//! Decisions of classifiers: how a prediction follows from outputs that need not be logits of classes.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Rule by which a prediction follows from the numbers that a head gives.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Decision {
    /// The class with the largest logit; one logit is that of a sigmoid and decides at ½.
    Classes {},
    /// One logit whose sigmoid is the probability of class 1.
    Sigmoid {
        /// The answer is class 1 above this probability.
        #[serde(default = "half")]
        threshold: f64,
    },
    /// One logit for each label, and a sigmoid for each logit. A verdict is about the question whether any of some labels
    /// holds.
    MultiLabel {
        /// The labels that are asked about.
        watch: Vec<String>,
        /// A label holds above this probability.
        #[serde(default = "half")]
        threshold: f64,
    },
    /// One number that is an estimate, such as a severity.
    Regression {
        /// The answer is class 1 above this number.
        threshold: f64,
        /// Difference that counts as much as one logit, in the unit of the number.
        #[serde(default = "one")]
        scale: f64,
    },
    /// The cosine of two vectors, which was trained to be 1 for clones and 0 for others; no head is used.
    Cosine {
        /// The answer is class 1 above this cosine.
        #[serde(default = "half")]
        threshold: f64,
    },
}

fn half() -> f64 {
    0.5
}

fn one() -> f64 {
    1.0
}

/// Which vector of a RoBERTa a head reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Pooling {
    /// The hidden state of `<s>`.
    #[default]
    First,
    /// The mean of the hidden states of all tokens.
    Mean,
}

impl Decision {
    /// Returns the reason why this decision is unusable.
    pub(crate) fn complaint(&self) -> Option<String> {
        let share = |threshold: f64| {
            let inside = threshold > 0.0 && threshold < 1.0;
            (!inside).then(|| format!("decision: threshold {threshold} is not between 0 and 1"))
        };
        match self {
            Self::Classes {} => None,
            Self::MultiLabel { watch, .. } if watch.is_empty() => {
                Some("decision: `watch` names no label".to_owned())
            }
            Self::Sigmoid { threshold } | Self::Cosine { threshold } | Self::MultiLabel { threshold, .. } => {
                share(*threshold)
            }
            Self::Regression { threshold, scale } => {
                let usable = threshold.is_finite() && scale.is_finite() && *scale > 0.0;
                (!usable).then(|| "decision: `scale` must be positive and finite".to_owned())
            }
        }
    }

    /// Its name in `codepurify.json`.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Classes {} => "classes",
            Self::Sigmoid { .. } => "sigmoid",
            Self::MultiLabel { .. } => "multi_label",
            Self::Regression { .. } => "regression",
            Self::Cosine { .. } => "cosine",
        }
    }
}

impl fmt::Display for Decision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Classes {} => f.write_str("the largest logit"),
            Self::Sigmoid { threshold } => write!(f, "probability above {threshold}"),
            Self::MultiLabel { watch, threshold } => {
                write!(f, "{} with probability above {threshold}", watch.join(" or "))
            }
            Self::Regression { threshold, .. } => write!(f, "number above {threshold}"),
            Self::Cosine { threshold } => write!(f, "cosine above {threshold}"),
        }
    }
}
