//! Whole sequences one behind the other, and micro-batches of them.

use std::sync::Arc;

use candle_core::{Result, Tensor};
use codepurify::error::ModelError;
use rayon::prelude::*;

use crate::ops::{self, Rows};

/// Tokens of one micro-batch: enough that weights are read for many tokens at a time, few enough that there
/// are several batches to work on in parallel.
pub(crate) const MICRO_BATCH: usize = 1024;
/// Tokens of one micro-batch of a narrow network: its weights fit the nearest caches, and so few tokens do
/// too.
const OF_NARROW: usize = 256;
/// The widest hidden states that are narrow.
const NARROW: usize = 384;
/// Tokens of one micro-batch on a GPU: one batch for all of its cores.
const OF_GPU: usize = 8192;

/// Tokens of one micro-batch for a network with these word embeddings, `[vocabulary, hidden]`.
pub(crate) fn micro_batch_tokens(words: &Tensor) -> usize {
    let narrow = words.dims().last().is_some_and(|&hidden| hidden <= NARROW);
    match (words.device().is_cpu(), narrow) {
        (false, _) => OF_GPU,
        (true, true) => OF_NARROW,
        (true, false) => MICRO_BATCH,
    }
}

/// Framed rows one behind the other, without padding.
#[derive(Debug, Clone)]
pub struct RaggedBatch {
    ids: Vec<u32>,
    positions: Vec<u32>,
    rows: Arc<Rows>,
}

impl RaggedBatch {
    /// `rows` are whole sequences, special tokens included.
    ///
    /// As transformers does it, a token is hidden wherever the id is `pad`, and positions count the other tokens
    /// from `pad + 1`.
    #[must_use]
    pub fn new(rows: &[Vec<u32>], pad: u32) -> Self {
        let ids: Vec<u32> = rows.concat();
        let mut positions = Vec::with_capacity(ids.len());
        for row in rows {
            let mut next = pad;
            positions.extend(row.iter().map(|&id| {
                next += u32::from(id != pad);
                if id == pad { pad } else { next }
            }));
        }
        let places = Rows::of_lengths(rows.iter().map(Vec::len)).hiding(ids.iter().map(|&id| id == pad));
        Self { ids, positions, rows: Arc::new(places) }
    }

    /// Token ids.
    #[must_use]
    pub fn ids(&self) -> &[u32] {
        &self.ids
    }

    /// Position ids, one a token.
    #[must_use]
    pub fn positions(&self) -> &[u32] {
        &self.positions
    }

    /// Token ranges of the rows.
    #[must_use]
    pub fn rows(&self) -> &Arc<Rows> {
        &self.rows
    }

    /// Pads the rows of `hidden`, `[tokens, hidden]`, to equal lengths: `[rows · longest, hidden]`. Also
    /// returns the additive mask of visible tokens, `[rows, longest]`: 0 or [`f32::MIN`]. The padding has
    /// arbitrary values.
    pub(crate) fn padded(&self, hidden: &Tensor) -> Result<(Tensor, Tensor)> {
        let (count, longest) = (self.rows.count(), self.rows.longest());
        let (mut places, mut mask) = (Vec::new(), Vec::new());
        for row in self.rows.ranges() {
            let seen = self.rows.mask(row.clone()).map_or_else(|| vec![0.0; row.len()], <[f32]>::to_vec);
            mask.extend(seen);
            mask.resize(mask.len().next_multiple_of(longest.max(1)), f32::MIN);
            places.extend(row.map(|token| token as u32));
            places.resize(places.len().next_multiple_of(longest.max(1)), 0);
        }
        let mask = Tensor::from_vec(mask, (count, longest), hidden.device())?;
        Ok((ops::select_rows(hidden, &places)?, mask))
    }
}

/// One answer of `work` for each of the framed `rows`, in order. `work` gets micro-batches of rows of similar length,
/// several at a time; `words` are its word embeddings.
pub(crate) fn answer_rows<T: Send>(
    rows: &[Vec<u32>],
    words: &Tensor,
    work: impl Fn(&[Vec<u32>]) -> Result<Vec<T>> + Sync,
) -> std::result::Result<Vec<T>, ModelError> {
    let lengths: Vec<usize> = rows.iter().map(Vec::len).collect();
    answer_groups(&groups_of(&lengths, micro_batch_tokens(words)), |group| {
        let rows: Vec<_> = group.iter().map(|&row| rows[row].clone()).collect();
        work(&rows).map_err(|error| ModelError::runtime(error.to_string()))
    })
}

/// One answer for each row of all groups, in the order of the rows. `work` answers one group; several are worked on at
/// a time.
pub(crate) fn answer_groups<T: Send>(
    groups: &[Vec<usize>],
    work: impl Fn(&[usize]) -> std::result::Result<Vec<T>, ModelError> + Sync,
) -> std::result::Result<Vec<T>, ModelError> {
    let answers: Vec<Vec<T>> =
        groups.par_iter().map(|group| work(group)).collect::<std::result::Result<_, _>>()?;
    let mut answers: Vec<(usize, T)> =
        groups.iter().flatten().copied().zip(answers.into_iter().flatten()).collect();
    answers.sort_by_key(|&(row, _)| row);
    Ok(answers.into_iter().map(|(_, answer)| answer).collect())
}

/// Row numbers in groups of similar `lengths`, the longest first, of at most `tokens` tokens each. A longer row is a
/// group of its own. Networks that continue text hold the rows of a group at equal distances, so they should be alike;
/// and what takes longest is begun first.
pub(crate) fn groups_of(lengths: &[usize], tokens: usize) -> Vec<Vec<usize>> {
    let mut order: Vec<usize> = (0..lengths.len()).collect();
    order.sort_by_key(|&row| std::cmp::Reverse(lengths[row]));
    let mut groups: Vec<Vec<usize>> = Vec::new();
    let mut filled = 0;
    for row in order {
        // A row without a token takes some room, too.
        let length = lengths[row].max(1);
        match groups.last_mut() {
            Some(group) if filled + length <= tokens => {
                group.push(row);
                filled += length;
            }
            _ => {
                groups.push(vec![row]);
                filled = length;
            }
        }
    }
    groups
}

#[cfg(test)]
mod tests {
    use candle_core::Device;

    use super::*;

    #[test]
    fn positions_count_visible_tokens_from_pad_plus_one() {
        let batch = RaggedBatch::new(&[vec![0, 7, 1, 8, 2], vec![0, 2]], 1);
        assert_eq!(batch.positions(), [2, 3, 1, 4, 5, 2, 3]);
        assert_eq!(batch.rows().ranges().collect::<Vec<_>>(), [0..5, 5..7]);
        assert_eq!(batch.rows().mask(1..4).unwrap(), [0.0, f32::MIN, 0.0]);
        assert_eq!(RaggedBatch::new(&[vec![0, 2]], 1).rows().mask(0..2), None);
    }

    #[test]
    fn padded_rows_have_equal_lengths_and_hide_the_padding() {
        let batch = RaggedBatch::new(&[vec![0, 2], vec![0, 1, 2]], 1);
        let hidden = Tensor::new(&[[1.0f32], [2.0], [3.0], [4.0], [5.0]], &Device::Cpu).unwrap();
        let (padded, mask) = batch.padded(&hidden).unwrap();
        let padded = padded.flatten_all().unwrap().to_vec1::<f32>().unwrap();
        assert_eq!([&padded[..2], &padded[3..]].concat(), [1.0, 2.0, 3.0, 4.0, 5.0]);
        assert_eq!(mask.to_vec2::<f32>().unwrap(), [[0.0, 0.0, f32::MIN], [0.0, f32::MIN, 0.0]]);
    }

    #[test]
    fn groups_hold_every_row_once_and_stay_small() {
        let lengths: Vec<usize> = (0..200).map(|row| (row * 37) % 510 + 2).collect();
        let groups = groups_of(&lengths, 1024);
        let mut seen = groups.concat();
        seen.sort_unstable();
        assert_eq!(seen, (0..200).collect::<Vec<_>>());
        let tokens = |group: &[usize]| group.iter().map(|&row| lengths[row]).sum::<usize>();
        assert!(groups.iter().all(|group| tokens(group) <= 1024));
        // No group could have taken the first row of the next one.
        assert!(groups.windows(2).all(|pair| tokens(&pair[0]) + lengths[pair[1][0]] > 1024));
        assert_eq!(groups_of(&[1, 5000], 1024), [[1], [0]]);
        assert_eq!(groups_of(&[0; 3], 2), [vec![0, 1], vec![2]]);
    }
}
