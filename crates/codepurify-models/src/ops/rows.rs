//! Rows of different lengths, one behind the other.

use std::ops::Range;

use candle_core::{Result, Tensor};

/// Token ranges of the rows of a ragged batch, and the tokens that no query may attend to.
#[derive(Debug, Clone, PartialEq)]
pub struct Rows {
    /// Where each row starts, and the number of all tokens.
    starts: Vec<usize>,
    /// Term that is added to the scores of each token as a key: 0 or [`f32::MIN`]. None where no token is
    /// hidden.
    mask: Option<Vec<f32>>,
}

impl Rows {
    /// Rows of these lengths; every token can be seen.
    #[must_use]
    pub fn of_lengths(lengths: impl IntoIterator<Item = usize>) -> Self {
        let mut starts = vec![0];
        for length in lengths {
            starts.push(starts[starts.len() - 1] + length);
        }
        Self { starts, mask: None }
    }

    /// Rows of one token each.
    #[must_use]
    pub fn of_single_tokens(count: usize) -> Self {
        Self::of_lengths(std::iter::repeat_n(1, count))
    }

    /// Hides the tokens for which `hidden` is true from all queries. `hidden` has one item for each token.
    #[must_use]
    pub fn hiding(mut self, hidden: impl IntoIterator<Item = bool>) -> Self {
        let mask: Vec<f32> = hidden.into_iter().map(|hidden| if hidden { f32::MIN } else { 0.0 }).collect();
        self.mask = mask.contains(&f32::MIN).then_some(mask);
        self
    }

    /// How many rows there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.starts.len() - 1
    }

    /// How many tokens there are.
    #[must_use]
    pub fn tokens(&self) -> usize {
        self.starts[self.count()]
    }

    /// Returns the range of tokens of each row.
    #[must_use]
    pub fn ranges(&self) -> impl DoubleEndedIterator<Item = Range<usize>> + ExactSizeIterator + '_ {
        self.starts.windows(2).map(|ends| ends[0]..ends[1])
    }

    /// Returns the range of tokens of row `row`.
    ///
    /// # Panics
    /// If there is no such row.
    #[must_use]
    pub fn range(&self, row: usize) -> Range<usize> {
        self.starts[row]..self.starts[row + 1]
    }

    /// Tokens of the longest row.
    #[must_use]
    pub fn longest(&self) -> usize {
        self.ranges().map(|row| row.len()).max().unwrap_or(0)
    }

    /// Selects the first token of every row, `[rows, columns]`, from `x`, `[tokens, columns]`.
    ///
    /// # Errors
    /// If `x` does not fit or a row is empty.
    pub(crate) fn firsts(&self, x: &Tensor) -> Result<Tensor> {
        if self.ranges().any(|row| row.is_empty()) {
            candle_core::bail!("an empty row has no first position");
        }
        let firsts: Vec<u32> = self.ranges().map(|row| row.start as u32).collect();
        super::select_rows(x, &firsts)
    }

    /// Averages `x`, `[tokens, columns]`, over the visible tokens of every row: `[rows, columns]`.
    pub(crate) fn means(&self, x: &Tensor) -> Result<Tensor> {
        let mean = |row: Range<usize>| {
            let is_visible = |token: &usize| self.mask.as_ref().is_none_or(|mask| mask[*token] == 0.0);
            let visible: Vec<u32> = row.filter(is_visible).map(|token| token as u32).collect();
            if visible.is_empty() {
                candle_core::bail!("a row without a visible token has no mean");
            }
            super::select_rows(x, &visible)?.mean_keepdim(0)
        };
        Tensor::cat(&self.ranges().map(mean).collect::<Result<Vec<_>>>()?, 0)
    }

    /// Returns the terms that are added to the scores of some tokens as keys. None if the batch hides no
    /// token.
    pub(crate) fn mask(&self, tokens: Range<usize>) -> Option<&[f32]> {
        self.mask.as_ref().map(|mask| &mask[tokens])
    }
}

#[cfg(test)]
mod tests {
    use candle_core::Device;

    use super::*;

    #[test]
    fn first_positions_are_those_of_each_row() {
        let hidden = Tensor::new(&[[1.0f32], [2.0], [3.0], [4.0], [5.0]], &Device::Cpu).unwrap();
        let firsts = Rows::of_lengths([2, 3]).firsts(&hidden).unwrap();
        assert_eq!(firsts.to_vec2::<f32>().unwrap(), [[1.0], [3.0]]);
        assert!(Rows::of_lengths([0, 1]).firsts(&hidden).is_err());
    }

    #[test]
    fn means_are_over_the_visible_tokens_of_each_row() {
        let hidden = Tensor::new(&[[1.0f32], [2.0], [3.0], [4.0], [9.0]], &Device::Cpu).unwrap();
        let rows = Rows::of_lengths([2, 3]).hiding([false, false, false, false, true]);
        assert_eq!(rows.means(&hidden).unwrap().to_vec2::<f32>().unwrap(), [[1.5], [3.5]]);
        assert!(Rows::of_lengths([1]).hiding([true]).means(&hidden).is_err());
    }
}
