//! Language models of code behind one small door: how surprising is each token?

use codepurify::{Encoding, MaskedLm, ModelError, Ragged};

/// A language model that says how surprising each token of a text is.
pub trait CodeLm {
    /// Tokens that are scored at once; longer rows must not be passed.
    fn window(&self) -> usize;

    /// Token ids of `text` with their bytes, not cut to the window.
    ///
    /// # Errors
    /// [`ModelError`] if the text cannot be tokenised.
    fn encode(&self, text: &str) -> Result<Encoding, ModelError>;

    /// For each row, −ln p of each of its tokens given its context, in nats, finite and ≥ 0.
    ///
    /// # Errors
    /// [`ModelError`] if the runtime fails or a row exceeds the window.
    fn surprisals(&self, rows: &Ragged) -> Result<Vec<Vec<f64>>, ModelError>;

    /// Sequences that the model reads to score a row of `tokens`.
    fn passes(&self, tokens: usize) -> usize;
}

/// e^(mean surprisal), ≥ 1; `None` of no token.
#[must_use]
pub fn perplexity(surprisals: &[f64]) -> Option<f64> {
    crate::evaluate::metrics::mean(surprisals).map(f64::exp)
}

/// −ln of the probability of a token that a model has not among its proposals.
const FLOOR: f64 = 30.0;

/// A masked language model as a [`CodeLm`]: each token is masked once and its probability read off.
pub struct PseudoLikelihood<'m> {
    mlm: &'m dyn MaskedLm,
    stride: usize,
}

impl<'m> PseudoLikelihood<'m> {
    /// Masks every `stride`-th token of a row together, so that a row costs `stride` passes whatever its length;
    /// [`usize::MAX`] masks each alone (the pseudo-log-likelihood proper). A stride of 7 masks about the 15 % that masked
    /// language models are trained with. 0 counts as 1.
    #[must_use]
    pub fn new(mlm: &'m dyn MaskedLm, stride: usize) -> Self {
        Self { mlm, stride: stride.max(1) }
    }

    fn row(&self, row: &[u32]) -> Result<Vec<f64>, ModelError> {
        if row.is_empty() {
            return Ok(Vec::new());
        }
        let passes = self.passes(row.len());
        let masked = (0..passes).map(|pass| {
            let hide = |(at, &id): (usize, &u32)| if at % passes == pass { self.mlm.mask_id() } else { id };
            row.iter().enumerate().map(hide).collect::<Vec<_>>()
        });
        let filled = self.mlm.fill(&masked.collect(), usize::MAX)?;
        let mut surprisals = vec![FLOOR; row.len()];
        for (pass, fills) in filled.iter().enumerate() {
            // A mask that stands in the text itself is filled as well; its proposals are not asked for.
            let filled_places =
                (0..row.len()).filter(|at| at % passes == pass || row[*at] == self.mlm.mask_id());
            for (at, proposals) in filled_places.zip(fills) {
                if at % passes == pass
                    && let Some(found) = proposals.iter().find(|proposal| proposal.id == row[at])
                {
                    surprisals[at] = f64::from(-found.log_probability).clamp(0.0, FLOOR);
                }
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
        rows.rows().map(|row| self.row(row)).collect()
    }

    fn passes(&self, tokens: usize) -> usize {
        self.stride.min(tokens)
    }
}

#[cfg(test)]
mod tests {
    use codepurify::toy::ConstantMaskedLm;

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
        assert!((perplexity(&[0.0, 2.0_f64.ln() * 2.0]).unwrap() - 2.0).abs() < 1e-12);
    }
}
