//! Ragged rows to padded micro-batches of similar length.

use candle_core::{Device, Result, Tensor};
use codepurify::error::ModelError;
use rayon::prelude::*;

use crate::tokenizer::SpecialIds;

/// Padded tokens of one micro-batch: its activations stay in the caches, and there are several to work on side by side.
pub(crate) const MICRO_BATCH_TOKENS: usize = 1024;

/// Framed rows of nearly equal length as tensors.
#[derive(Debug, Clone)]
pub struct PaddedBatch {
    ids: Tensor,
    positions: Tensor,
    mask: Tensor,
    rows: usize,
    length: usize,
}

impl PaddedBatch {
    /// `rows` are whole sequences, special tokens included; they are padded with `pad` to the longest.
    ///
    /// As transformers does it, a key is hidden wherever the id is `pad`, and positions count the other tokens
    /// from `pad + 1`.
    ///
    /// # Errors
    /// If the tensor runtime fails.
    pub fn new(rows: &[Vec<u32>], pad: u32) -> Result<Self> {
        let length = rows.iter().map(Vec::len).max().unwrap_or(0);
        let mut ids = Vec::with_capacity(rows.len() * length);
        let mut positions = Vec::with_capacity(rows.len() * length);
        for row in rows {
            let mut next = pad;
            for &id in row.iter().chain(std::iter::repeat_n(&pad, length - row.len())) {
                ids.push(id);
                next += u32::from(id != pad);
                positions.push(if id == pad { pad } else { next });
            }
        }
        let mask: Vec<f32> = ids.iter().map(|&id| if id == pad { f32::MIN } else { 0.0 }).collect();
        let (count, device) = (rows.len(), &Device::Cpu);
        Ok(Self {
            ids: Tensor::from_vec(ids, count * length, device)?,
            positions: Tensor::from_vec(positions, count * length, device)?,
            mask: Tensor::from_vec(mask, (count, length), device)?,
            rows: count,
            length,
        })
    }

    /// Token ids, `u32 [rows · length]`.
    #[must_use]
    pub fn ids(&self) -> &Tensor {
        &self.ids
    }

    /// Position ids, `u32 [rows · length]`.
    #[must_use]
    pub fn positions(&self) -> &Tensor {
        &self.positions
    }

    /// Additive attention mask, `f32 [rows, length]`: 0 or [`f32::MIN`].
    #[must_use]
    pub fn mask(&self) -> &Tensor {
        &self.mask
    }

    /// Rows and their padded length.
    #[must_use]
    pub fn shape(&self) -> (usize, usize) {
        (self.rows, self.length)
    }

    /// The hidden states at the first position (`<s>`) of every row: `[rows, hidden]`.
    ///
    /// # Errors
    /// If `hidden` is not `[rows · length, hidden]`.
    pub fn first_positions(&self, hidden: &Tensor) -> Result<Tensor> {
        hidden.reshape((self.rows, self.length, ()))?.narrow(1, 0, 1)?.squeeze(1)?.contiguous()
    }
}

/// `<s> row </s>`.
#[must_use]
pub fn framed(row: &[u32], special: SpecialIds) -> Vec<u32> {
    [&[special.begin], row, &[special.end]].concat()
}

/// One answer of `work` for each of the framed `rows`, in order. `work` gets micro-batches of rows of similar length,
/// several at a time.
pub(crate) fn answer_rows<T: Send>(
    rows: &[Vec<u32>],
    work: impl Fn(&[Vec<u32>]) -> Result<Vec<T>> + Sync,
) -> std::result::Result<Vec<T>, ModelError> {
    let lengths: Vec<usize> = rows.iter().map(Vec::len).collect();
    answer_groups(&groups_of(&lengths, MICRO_BATCH_TOKENS), |group| {
        let rows: Vec<_> = group.iter().map(|&row| rows[row].clone()).collect();
        work(&rows).map_err(|error| ModelError::Runtime(error.to_string()))
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

/// Row numbers in groups to be padded together: similar `lengths`, at most `tokens` each once they are padded. A longer
/// row is a group of its own.
pub(crate) fn groups_of(lengths: &[usize], tokens: usize) -> Vec<Vec<usize>> {
    let mut order: Vec<usize> = (0..lengths.len()).collect();
    order.sort_by_key(|&row| std::cmp::Reverse(lengths[row]));
    let mut groups: Vec<Vec<usize>> = Vec::new();
    for row in order {
        match groups.last_mut() {
            // The first row of a group is its longest.
            Some(group) if (group.len() + 1) * lengths[group[0]] <= tokens => group.push(row),
            _ => groups.push(vec![row]),
        }
    }
    groups
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_count_visible_tokens_from_pad_plus_one() {
        let batch = PaddedBatch::new(&[vec![0, 7, 1, 8, 2], vec![0, 2]], 1).unwrap();
        let positions = batch.positions().to_vec1::<u32>().unwrap();
        assert_eq!(positions, [2, 3, 1, 4, 5, 2, 3, 1, 1, 1]);
        let mask = batch.mask().to_vec2::<f32>().unwrap();
        assert_eq!(mask, [[0.0, 0.0, f32::MIN, 0.0, 0.0], [0.0, 0.0, f32::MIN, f32::MIN, f32::MIN]]);
    }

    #[test]
    fn groups_hold_every_row_once_and_stay_small() {
        let lengths: Vec<usize> = (0..200).map(|row| (row * 37) % 510 + 2).collect();
        let groups = groups_of(&lengths, 1024);
        let mut seen: Vec<usize> = groups.concat();
        seen.sort_unstable();
        assert_eq!(seen, (0..200).collect::<Vec<_>>());
        for group in groups {
            let longest = group.iter().map(|&row| lengths[row]).max().unwrap();
            assert!(group.len() == 1 || group.len() * longest <= 1024, "{longest}");
        }
    }
}
