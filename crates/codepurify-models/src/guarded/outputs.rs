//! From the numbers of a head to logits of classes.

use candle_core::{Result, Tensor};

use super::{PairClassifier, SequenceClassifier};

/// Least probability that a cosine is converted to: beyond it, its logit would grow without bound.
const LEAST: f64 = 1e-4;

/// How logits follow from the numbers of a head, `[rows, numbers]`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Outputs {
    /// They are logits.
    Logits,
    /// One logit, of class 1, less that of a threshold. Of several numbers the largest of these columns counts.
    AnyOf { columns: Vec<u32>, cut: f64 },
    /// One number; how far it is above a threshold, in units of `scale`.
    Above { threshold: f64, scale: f64 },
    /// One cosine, taken for the probability of class 1: trained on 0 and 1 with squared errors, it estimates that.
    Similarity { cut: f64 },
}

/// The logit of a probability.
pub(crate) fn logit(probability: f64) -> f64 {
    (probability / (1.0 - probability)).ln()
}

impl Outputs {
    /// Number of logits for each row of a head that gives `numbers` numbers.
    fn classes(&self, numbers: usize) -> usize {
        if *self == Self::Logits { numbers } else { 1 }
    }

    fn logits(&self, numbers: Tensor) -> Result<Tensor> {
        match self {
            Self::Logits => Ok(numbers),
            Self::AnyOf { columns, cut } => {
                let columns = Tensor::new(columns.as_slice(), numbers.device())?;
                numbers.index_select(&columns, 1)?.max_keepdim(1)? - *cut
            }
            Self::Above { threshold, scale } => numbers.affine(scale.recip(), -threshold / scale),
            Self::Similarity { cut } => {
                let probability = numbers.clamp(LEAST, 1.0 - LEAST)?;
                (probability.log()? - probability.affine(-1.0, 1.0)?.log()?)? - *cut
            }
        }
    }
}

/// A network whose numbers are turned into logits.
#[derive(Debug)]
pub(crate) struct Decided<N> {
    pub(crate) network: N,
    pub(crate) outputs: Outputs,
}

impl<N: SequenceClassifier> SequenceClassifier for Decided<N> {
    fn classes(&self) -> usize {
        self.outputs.classes(self.network.classes())
    }

    fn words(&self) -> &Tensor {
        self.network.words()
    }

    fn logits(&self, rows: &[Vec<u32>]) -> Result<Tensor> {
        self.outputs.logits(self.network.logits(rows)?)
    }
}

impl<N: PairClassifier> PairClassifier for Decided<N> {
    fn classes(&self) -> usize {
        self.outputs.classes(self.network.classes())
    }

    fn words(&self) -> &Tensor {
        self.network.words()
    }

    fn vectors(&self, rows: &[Vec<u32>]) -> Result<Tensor> {
        self.network.vectors(rows)
    }

    fn logits(&self, pairs: &Tensor) -> Result<Tensor> {
        self.outputs.logits(self.network.logits(pairs)?)
    }
}

#[cfg(test)]
mod tests {
    use candle_core::Device;

    use super::*;

    fn logits(outputs: &Outputs, numbers: &[f32]) -> Vec<f32> {
        let numbers = Tensor::from_slice(numbers, (1, numbers.len()), &Device::Cpu).unwrap();
        outputs.logits(numbers).unwrap().to_vec2().unwrap().concat()
    }

    #[test]
    fn the_strongest_watched_label_counts() {
        let outputs = Outputs::AnyOf { columns: vec![0, 2], cut: logit(0.5) };
        assert_eq!(logits(&outputs, &[-1.0, 5.0, 2.0]), [2.0]);
        let strict = Outputs::AnyOf { columns: vec![0], cut: logit(0.9) };
        assert!((logits(&strict, &[9.0_f32.ln()])[0]).abs() < 1e-6);
    }

    #[test]
    fn a_number_is_measured_from_its_threshold() {
        assert_eq!(logits(&Outputs::Above { threshold: 7.0, scale: 0.5 }, &[8.0]), [2.0]);
    }

    #[test]
    fn a_cosine_is_a_probability_within_bounds() {
        let outputs = Outputs::Similarity { cut: logit(0.5) };
        assert!((logits(&outputs, &[0.9])[0] - 9.0_f32.ln()).abs() < 1e-5);
        let (least, most) = (logits(&outputs, &[-0.7])[0], logits(&outputs, &[1.0])[0]);
        assert!(least.is_finite() && (least + most).abs() < 1e-2, "{least} {most}");
    }
}
