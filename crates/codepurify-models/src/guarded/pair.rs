//! Classifiers of two snippets: encoded apart, or joined into one input.

use std::collections::HashMap;

use candle_core::{Device, Result, Tensor};
use codepurify::error::ModelError;
use codepurify::victim::{Logits, PairVictim, Ragged};

use super::Guarded;
use super::classifier::{SequenceClassifier, judge, pooled};
use crate::batch::{RaggedBatch, answer_rows};
use crate::decision::Pooling;
use crate::roberta::{ClassificationHead, RobertaEncoder};
use crate::t5::{CloneHead, T5};

/// Pairs that the head of a pair classifier sees at once.
const PAIRS_AT_ONCE: usize = 1024;

/// A vector for each snippet, and a head over two of them.
pub(crate) trait PairClassifier: Send + Sync {
    /// Logits a pair.
    fn classes(&self) -> usize;

    /// Its word embeddings, `[vocabulary, hidden]`: they say where it computes and how wide it is.
    fn words(&self) -> &Tensor;

    /// Framed rows to `[rows, hidden]`.
    fn vectors(&self, rows: &[Vec<u32>]) -> Result<Tensor>;

    /// Two vectors a pair, `[pairs, 2 · hidden]`, to `[pairs, classes]`.
    fn logits(&self, pairs: &Tensor) -> Result<Tensor>;
}

/// Both sides are encoded on their own.
#[derive(Debug)]
pub(crate) struct Apart<N>(pub(crate) N);

impl<N: PairClassifier> PairVictim for Guarded<Apart<N>> {
    fn judge_pairs(&self, left: &Ragged, right: &Ragged) -> std::result::Result<Logits, ModelError> {
        check_sides(left, right)?;
        let network = &self.network.0;
        let (left, right) = (self.framed(left)?, self.framed(right)?);
        let rows = Distinct::of(left.iter().chain(&right));
        let vectors =
            answer_rows(&rows.rows, network.words(), |rows| network.vectors(rows)?.to_vec2::<f32>())?;
        let mut values = Vec::with_capacity(left.len() * network.classes());
        let (of_left, of_right) = rows.places.split_at(left.len());
        for (left, right) in of_left.chunks(PAIRS_AT_ONCE).zip(of_right.chunks(PAIRS_AT_ONCE)) {
            let pairs = both(&vectors, left, right, network.words().device());
            let logits = pairs.and_then(|pairs| network.logits(&pairs)?.to_vec2::<f32>());
            values.extend(logits.map_err(|error| ModelError::runtime(error.to_string()))?.concat());
        }
        Logits::new(network.classes(), values)
    }
}

/// The vectors of the left and right rows side by side.
fn both(vectors: &[Vec<f32>], left: &[usize], right: &[usize], device: &Device) -> Result<Tensor> {
    let values: Vec<f32> = left
        .iter()
        .zip(right)
        .flat_map(|(&left, &right)| vectors[left].iter().chain(&vectors[right]).copied())
        .collect();
    Tensor::from_vec(values, (left.len(), 2 * vectors[left[0]].len()), device)
}

/// Rows without their repetitions: with one side fixed, half of a batch is the same row.
struct Distinct {
    rows: Vec<Vec<u32>>,
    /// For each row that came in, which of `rows` it is.
    places: Vec<usize>,
}

impl Distinct {
    fn of<'r>(all: impl Iterator<Item = &'r Vec<u32>>) -> Self {
        let (mut rows, mut known) = (Vec::new(), HashMap::new());
        let mut place = |row: &'r Vec<u32>| {
            *known.entry(row).or_insert_with(|| {
                rows.push(row.clone());
                rows.len() - 1
            })
        };
        let places = all.map(&mut place).collect();
        Self { rows, places }
    }
}

/// A cross-encoder: both sides are in one input, `<s> left </s></s> right </s>`.
#[derive(Debug)]
pub(crate) struct Joined<N>(pub(crate) N);

impl Joined<()> {
    /// Content tokens of each side, where `window` fit between one `<s>` and one `</s>`.
    pub(crate) fn window(window: usize) -> usize {
        window.saturating_sub(2) / 2
    }
}

impl<N: SequenceClassifier> PairVictim for Guarded<Joined<N>> {
    fn judge_pairs(&self, left: &Ragged, right: &Ragged) -> std::result::Result<Logits, ModelError> {
        check_sides(left, right)?;
        let end = self.tokenizer.special().end;
        let (left, right) = (self.framed(left)?, self.framed(right)?);
        let join = |(left, right): (&Vec<u32>, &Vec<u32>)| [left.as_slice(), &[end], &right[1..]].concat();
        let rows: Vec<Vec<u32>> = left.iter().zip(&right).map(join).collect();
        judge(&self.network.0, &rows)
    }
}

fn check_sides(left: &Ragged, right: &Ragged) -> std::result::Result<(), ModelError> {
    if left.len() == right.len() {
        return Ok(());
    }
    let (left, right) = (left.len(), right.len());
    Err(ModelError::runtime(format!("{left} left sides do not make pairs with {right} right sides")))
}

/// RoBERTa with a head over two vectors.
#[derive(Debug)]
pub(crate) struct RobertaPair {
    pub(crate) encoder: RobertaEncoder,
    pub(crate) head: ClassificationHead,
    pub(crate) classes: usize,
    pub(crate) pooling: Pooling,
    pub(crate) pad: u32,
}

impl PairClassifier for RobertaPair {
    fn classes(&self) -> usize {
        self.classes
    }

    fn words(&self) -> &Tensor {
        self.encoder.word_embeddings()
    }

    fn vectors(&self, rows: &[Vec<u32>]) -> Result<Tensor> {
        pooled(&self.encoder, self.pooling, &RaggedBatch::new(rows, self.pad))
    }

    fn logits(&self, pairs: &Tensor) -> Result<Tensor> {
        self.head.forward(pairs)
    }
}

/// RoBERTa whose vectors are compared by their cosine, without a head.
#[derive(Debug)]
pub(crate) struct RobertaCosine {
    pub(crate) encoder: RobertaEncoder,
    pub(crate) pooling: Pooling,
    pub(crate) pad: u32,
}

/// Least divisor with which PyTorch normalises a vector.
const LEAST_NORM: f64 = 1e-12;

impl PairClassifier for RobertaCosine {
    fn classes(&self) -> usize {
        1
    }

    fn words(&self) -> &Tensor {
        self.encoder.word_embeddings()
    }

    fn vectors(&self, rows: &[Vec<u32>]) -> Result<Tensor> {
        let vectors = pooled(&self.encoder, self.pooling, &RaggedBatch::new(rows, self.pad))?;
        let norms = vectors.sqr()?.sum_keepdim(1)?.sqrt()?.maximum(LEAST_NORM)?;
        vectors.broadcast_div(&norms)
    }

    fn logits(&self, pairs: &Tensor) -> Result<Tensor> {
        let hidden = pairs.dim(1)? / 2;
        (pairs.narrow(1, 0, hidden)? * pairs.narrow(1, hidden, hidden)?)?.sum_keepdim(1)
    }
}

/// T5 with a head over the decoder's states at the last `</s>` of two snippets.
#[derive(Debug)]
pub(crate) struct T5Pair {
    pub(crate) t5: T5,
    pub(crate) head: CloneHead,
    pub(crate) classes: usize,
}

impl PairClassifier for T5Pair {
    fn classes(&self) -> usize {
        self.classes
    }

    fn words(&self) -> &Tensor {
        self.t5.word_embeddings()
    }

    fn vectors(&self, rows: &[Vec<u32>]) -> Result<Tensor> {
        self.t5.end_vectors(rows)
    }

    fn logits(&self, pairs: &Tensor) -> Result<Tensor> {
        self.head.forward(pairs)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repeated_rows_are_encoded_once() {
        let (a, b) = (vec![0, 5, 2], vec![0, 6, 2]);
        let all = [a.clone(), b.clone(), a.clone(), a.clone()];
        let distinct = Distinct::of(all.iter());
        assert_eq!((distinct.rows, distinct.places), (vec![a, b], vec![0, 1, 0, 0]));
    }
}
