//! Network of a white box, of either kind.

use candle_core::{Result, Tensor};

use super::rewriter::Rewriter;
use crate::train::network::Network;

/// Number of tokens of a repair that [`VictimNetwork::right`] compares.
///
/// It covers the modifiers, the type and the name of a method, but little of its body.
const OPENING: usize = 8;

/// Output that a victim is queried about.
pub(super) enum QueriedOutput {
    Class(u32),
    /// Content tokens of an output.
    Tokens(Vec<u32>),
}

impl QueriedOutput {
    /// Returns the content tokens; a class has none.
    pub(super) fn content(&self) -> &[u32] {
        match self {
            Self::Tokens(content) => content,
            Self::Class(_) => &[],
        }
    }
}

pub(super) enum VictimNetwork {
    Classifier(Box<Network>),
    Rewriter(Box<Rewriter>),
}

impl From<Network> for VictimNetwork {
    fn from(network: Network) -> Self {
        Self::Classifier(Box::new(network))
    }
}

impl From<Rewriter> for VictimNetwork {
    fn from(rewriter: Rewriter) -> Self {
        Self::Rewriter(Box::new(rewriter))
    }
}

impl VictimNetwork {
    /// Returns the number of texts of an input.
    pub(super) fn snippets(&self) -> usize {
        match self {
            Self::Classifier(network) => network.snippets().count(),
            Self::Rewriter(_) => 1,
        }
    }

    pub(super) fn is_classifier(&self) -> bool {
        matches!(self, Self::Classifier(_))
    }

    /// Returns the word embeddings, `[vocabulary, hidden]`.
    pub(super) fn word_embeddings(&self) -> &Tensor {
        match self {
            Self::Classifier(network) => network.word_embeddings(),
            Self::Rewriter(rewriter) => rewriter.word_embeddings(),
        }
    }

    /// Returns the word embeddings of framed rows, `[tokens, hidden]`, concatenated.
    pub(super) fn words(&self, rows: &[Vec<u32>]) -> Result<Tensor> {
        match self {
            Self::Classifier(network) => network.words(rows),
            Self::Rewriter(rewriter) => rewriter.words(rows),
        }
    }

    /// Returns a vector for each framed row: the head's input, or the mean of the encoder's states.
    pub(super) fn vectors(&self, rows: &[Vec<u32>]) -> Result<Tensor> {
        match self {
            Self::Classifier(network) => network.vectors(rows),
            Self::Rewriter(rewriter) => rewriter.vectors(rows),
        }
    }

    /// Returns the evidence for the target, one number per input, given the word embeddings of its
    /// framed rows.
    ///
    /// It is the log-odds ln p / (1 − p) of a class, which do not saturate as the probability does,
    /// or the mean log-likelihood of a text.
    pub(super) fn evidence(
        &self,
        rows: &[Vec<u32>],
        words: &Tensor,
        target: &QueriedOutput,
    ) -> Result<Tensor> {
        match (self, target) {
            (Self::Classifier(network), QueriedOutput::Class(class)) => {
                log_odds(&network.classify(&network.vectors_from(rows, words)?)?, *class)
            }
            (Self::Rewriter(rewriter), QueriedOutput::Tokens(content)) => {
                rewriter.log_likelihoods(rows, words, content)
            }
            _ => candle_core::bail!("a target of another kind of model"),
        }
    }

    /// Returns whether the victim predicts each input right; for a repair its first tokens count.
    pub(super) fn right(&self, rows: &[Vec<u32>], targets: &[&QueriedOutput]) -> Result<Vec<bool>> {
        match self {
            Self::Classifier(network) => {
                let found = network.logits(rows)?.argmax(1)?.to_vec1::<u32>()?;
                let right = |(class, target): (u32, &&QueriedOutput)| matches!(target, QueriedOutput::Class(wanted) if *wanted == class);
                Ok(found.into_iter().zip(targets).map(right).collect())
            }
            Self::Rewriter(rewriter) => {
                let contents: Vec<&[u32]> = targets.iter().map(|target| target.content()).collect();
                rewriter.begins_right(rows, &contents, OPENING)
            }
        }
    }
}

/// Returns the logit of the class minus ln Σ exp of the others, for logits `[inputs, classes]`.
fn log_odds(logits: &Tensor, class: u32) -> Result<Tensor> {
    let classes = logits.dim(1)? as u32;
    let pick = |classes: Vec<u32>| {
        let count = classes.len();
        logits.index_select(&Tensor::from_vec(classes, count, logits.device())?, 1)
    };
    let others = pick((0..classes).filter(|&other| other != class).collect())?;
    pick(vec![class])?.squeeze(1)? - others.log_sum_exp(1)?
}

#[cfg(test)]
mod tests {
    use candle_core::Device;

    use super::*;

    #[test]
    fn log_odds_are_those_of_softmax() {
        let logits = Tensor::new(&[[1.0_f32, 2.0, 0.5]], &Device::Cpu).unwrap();
        let found = log_odds(&logits, 1).unwrap().to_vec1::<f32>().unwrap()[0];
        let p = 2.0_f32.exp() / (1.0_f32.exp() + 2.0_f32.exp() + 0.5_f32.exp());
        assert!((found - (p / (1.0 - p)).ln()).abs() < 1e-6, "{found}");
    }
}
