//! Language models of code behind one trait: how surprising is each token?

use codepurify::{Encoding, MaskedLm, ModelError, Ragged};

/// Language model that returns the surprisal of each token of a text.
pub trait CodeLm {
    /// Context window in tokens; longer rows must not be passed.
    fn window(&self) -> usize;

    /// Tokenises `text`, without cutting it to the window.
    ///
    /// # Errors
    /// [`ModelError`] if the text cannot be tokenised.
    fn encode(&self, text: &str) -> Result<Encoding, ModelError>;

    /// Returns −ln p of each token of each row given its context, in nats, finite and ≥ 0.
    ///
    /// # Errors
    /// [`ModelError`] if the runtime fails or a row exceeds the window.
    fn surprisals(&self, rows: &Ragged) -> Result<Vec<Vec<f64>>, ModelError>;

    /// Returns the surprisals of the tokens at `places[row]` only; places are ascending and inside
    /// the row.
    ///
    /// # Errors
    /// [`ModelError`] if the runtime fails or a row exceeds the window.
    fn surprisals_at(&self, rows: &Ragged, places: &[Vec<usize>]) -> Result<Vec<Vec<f64>>, ModelError> {
        let all = self.surprisals(rows)?;
        let of = |(row, places): (&Vec<f64>, &Vec<usize>)| {
            places.iter().filter_map(|&at| row.get(at).copied()).collect::<Vec<_>>()
        };
        Ok(all.iter().zip(places).map(of).collect())
    }

    /// Number of sequences that the model reads to score a row of `tokens`.
    fn passes(&self, tokens: usize) -> usize;

    /// Number of sequences that the model reads to score `places` of the tokens of a row.
    fn passes_at(&self, tokens: usize, places: usize) -> usize {
        self.passes(tokens).min(places)
    }
}

/// Perplexity e^(mean surprisal), ≥ 1; `None` without a token.
#[must_use]
pub fn perplexity(surprisals: &[f64]) -> Option<f64> {
    crate::evaluate::metrics::mean(surprisals).map(f64::exp)
}

/// Surprisal −ln p of a token that is not among a model's proposals.
const FLOOR: f64 = 30.0;

/// Masked language model as a [`CodeLm`]: masks each token once and reads off its probability.
pub struct PseudoLikelihood<'m> {
    mlm: &'m dyn MaskedLm,
    stride: usize,
}

impl<'m> PseudoLikelihood<'m> {
    /// Masks every `stride`-th token of a row together, so that a row costs `stride` passes
    /// whatever its length.
    ///
    /// [`usize::MAX`] masks each token alone (the pseudo-log-likelihood proper). A stride of 7
    /// masks about the 15 % that masked language models are trained with. 0 counts as 1.
    #[must_use]
    pub fn new(mlm: &'m dyn MaskedLm, stride: usize) -> Self {
        Self { mlm, stride: stride.max(1) }
    }

    /// Returns −ln p of the tokens at `places` of `row`.
    fn row(&self, row: &[u32], places: &[usize]) -> Result<Vec<f64>, ModelError> {
        let passes = self.passes_at(row.len(), places.len());
        let hidden: Vec<Vec<usize>> =
            (0..passes).map(|pass| places.iter().skip(pass).step_by(passes).copied().collect()).collect();
        let rows: Ragged = hidden.iter().map(|_| row.to_vec()).collect();
        let mut surprisals = vec![FLOOR; places.len()];
        for (pass, found) in self.mlm.surprisals(&rows, &hidden)?.into_iter().enumerate() {
            for (at, surprisal) in found.into_iter().enumerate() {
                surprisals[pass + at * passes] = f64::from(surprisal).clamp(0.0, FLOOR);
            }
        }
        Ok(surprisals)
    }
}

impl CodeLm for PseudoLikelihood<'_> {
    fn window(&self) -> usize {
        self.mlm.window()
    }

    fn encode(&self, text: &str) -> Result<Encoding, ModelError> {
        self.mlm.encode(text)
    }

    fn surprisals(&self, rows: &Ragged) -> Result<Vec<Vec<f64>>, ModelError> {
        rows.rows().map(|row| self.row(row, &(0..row.len()).collect::<Vec<_>>())).collect()
    }

    fn surprisals_at(&self, rows: &Ragged, places: &[Vec<usize>]) -> Result<Vec<Vec<f64>>, ModelError> {
        rows.rows().zip(places).map(|(row, places)| self.row(row, places)).collect()
    }

    fn passes(&self, tokens: usize) -> usize {
        self.passes_at(tokens, tokens)
    }

    /// Returns the number of passes that masks about one token in `stride` at a time.
    fn passes_at(&self, tokens: usize, places: usize) -> usize {
        let thin = (places.saturating_mul(self.stride).saturating_add(tokens / 2)) / tokens.max(1);
        thin.clamp(1, places.max(1)).min(places)
    }
}

#[cfg(test)]
mod tests {
    use codepurify::testing::ConstantMaskedLm;

    use super::*;

    #[test]
    fn a_token_is_as_surprising_as_its_place_among_the_proposals() {
        let mlm = ConstantMaskedLm::new(&["a", "b"]);
        for stride in [1, 2, usize::MAX] {
            let lm = PseudoLikelihood::new(&mlm, stride);
            let ids = lm.encode("a").unwrap().ids.into_iter().chain(lm.encode("b").unwrap().ids);
            let row: Vec<u32> = ids.chain([99, mlm.mask_id()]).collect();
            let surprisals = lm.surprisals(&[row].into_iter().collect()).unwrap();
            assert_eq!(surprisals, [[1.0, 2.0, FLOOR, FLOOR]]);
        }
        let lm = PseudoLikelihood::new(&mlm, 7);
        assert_eq!(lm.passes(3), 3);
        assert_eq!(lm.surprisals(&[[0_u32; 0]].into_iter().collect()).unwrap(), [[0.0; 0]]);
        assert_eq!(perplexity(&[]), None);
        // Scores some tokens only: as many passes as mask one token in 7 each.
        let row = ["a", "b"].repeat(7).into_iter().flat_map(|word| lm.encode(word).unwrap().ids);
        let places = [vec![1, 4, 5, 13]];
        let surprisals = lm.surprisals_at(&[row].into_iter().collect(), &places).unwrap();
        assert_eq!((surprisals, lm.passes_at(14, 4)), (vec![vec![2.0, 1.0, 2.0, 2.0]], 2));
        assert_eq!([lm.passes_at(14, 0), lm.passes_at(14, 1), lm.passes_at(14, 14)], [0, 1, 7]);
        assert!((perplexity(&[0.0, 2.0_f64.ln() * 2.0]).unwrap() - 2.0).abs() < 1e-12);
    }
}
