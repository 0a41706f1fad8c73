//! BLEU-4 of a corpus as the `CodeXGLUE` evaluator of code refinement computes it.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

/// Length of the longest n-gram.
const ORDER: usize = 4;

/// Contribution of one output to the BLEU of a corpus; sums of contributions are contributions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct BleuCounts {
    /// n-grams of the output that the reference contains, each counted at most as often as in the
    /// reference, for n = 1 … 4.
    pub matches: [u64; ORDER],
    /// n-grams of the output, for n = 1 … 4.
    pub possible: [u64; ORDER],
    /// Tokens of the output.
    pub answer: u64,
    /// Tokens of the reference.
    pub reference: u64,
}

impl BleuCounts {
    /// Counts one output; tokens are separated by white space.
    #[must_use]
    pub fn of(reference: &str, answer: &str) -> Self {
        let reference: Vec<&str> = reference.split_whitespace().collect();
        let answer: Vec<&str> = answer.split_whitespace().collect();
        let mut counts =
            Self { answer: answer.len() as u64, reference: reference.len() as u64, ..Self::default() };
        for order in 1..=ORDER {
            let (of_reference, of_answer) = (ngrams(&reference, order), ngrams(&answer, order));
            let clipped =
                |(ngram, &count): (&&[&str], &u64)| count.min(of_reference.get(ngram).copied().unwrap_or(0));
            counts.matches[order - 1] = of_answer.iter().map(clipped).sum();
            counts.possible[order - 1] = of_answer.values().sum();
        }
        counts
    }

    /// Returns the counts of both corpora together.
    #[must_use]
    pub fn plus(mut self, other: &Self) -> Self {
        for order in 0..ORDER {
            self.matches[order] += other.matches[order];
            self.possible[order] += other.possible[order];
        }
        self.answer += other.answer;
        self.reference += other.reference;
        self
    }

    /// Computes BLEU-4 in [0, 100]: the geometric mean of (matches + 1) / (possible + 1) over the
    /// orders, times the brevity penalty min(1, e^(1 − r/c)).
    ///
    /// The result is `None` without a reference token, and 0 for empty outputs.
    #[must_use]
    pub fn bleu(&self) -> Option<f64> {
        if self.reference == 0 {
            return None;
        }
        if self.answer == 0 {
            return Some(0.0);
        }
        let precision = |order: usize| (self.matches[order] + 1) as f64 / (self.possible[order] + 1) as f64;
        let mean = (0..ORDER).map(|order| precision(order).ln()).sum::<f64>() / ORDER as f64;
        let penalty = (1.0 - self.reference as f64 / self.answer as f64).min(0.0);
        Some(100.0 * (mean + penalty).exp())
    }
}

fn ngrams<'a, 't>(tokens: &'a [&'t str], order: usize) -> HashMap<&'a [&'t str], u64> {
    let mut counts = HashMap::new();
    for ngram in tokens.windows(order) {
        *counts.entry(ngram).or_insert(0) += 1;
    }
    counts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn by_hand() {
        // c = 3, r = 4; 1-grams 2 of 3 ("a" counts once), 2-grams 1 of 2, 3-grams 0 of 1, no
        // 4-gram: (3/4 · 2/3 · 1/2 · 1/1)^(1/4) · e^(1 − 4/3).
        let counts = BleuCounts::of("a b c d", "a  b a");
        assert_eq!((counts.matches, counts.possible), ([2, 1, 0, 0], [3, 2, 1, 0]));
        let expected = 100.0 * 0.25_f64.powf(0.25) * (-1.0_f64 / 3.0).exp();
        assert!((counts.bleu().unwrap() - expected).abs() < 1e-9);
    }

    #[test]
    fn an_empty_reference_has_no_score() {
        assert_eq!(BleuCounts::default().bleu(), None);
        assert_eq!(BleuCounts::of("", "a").bleu(), None);
        assert_eq!(BleuCounts::of("a", " ").bleu(), Some(0.0));
        assert_eq!(BleuCounts::of("a b c d e", "a b c d e").bleu(), Some(100.0));
    }
}
