//! State of a group of target sequences during decoding.

use candle_core::{Result, Tensor};

use super::layer::LayerState;

/// The encoded sources, keys and values of the targets' tokens, and the positions of the tokens to come.
///
/// Adjacent sequences of one source (its beams) share its memory, as long as every source has equally many of
/// them.
#[derive(Debug, Clone)]
pub struct Seq2SeqState {
    pub(super) layers: Vec<LayerState>,
    /// Additive mask of the sources' padding, `[sources, keys]`.
    pub(super) mask: Tensor,
    /// For each sequence the last position that was given out; padding takes none.
    pub(super) last_positions: Vec<u32>,
}

impl Seq2SeqState {
    /// Sequences under way.
    pub(super) fn rows(&self) -> usize {
        self.last_positions.len()
    }

    /// The positions of the next token of each sequence: RoBERTa counts visible tokens from `pad + 1`.
    pub(super) fn next_positions(&mut self, tokens: &[u32], pad: u32) -> Vec<u32> {
        let visible = tokens.iter().map(|&token| token != pad);
        let counted = self.last_positions.iter_mut().zip(visible).map(|(last, visible)| {
            *last += u32::from(visible);
            if visible { *last } else { pad }
        });
        counted.collect()
    }

    /// Makes sequence `order[i]` the new sequence i.
    pub(super) fn select(&mut self, order: &[u32]) -> Result<()> {
        let (rows, sources) = (self.rows(), self.mask.dim(0)?);
        if order.is_empty() || order.iter().any(|&row| row as usize >= rows) {
            candle_core::bail!("cannot select {order:?} of {rows} sequences");
        }
        let each = (rows / sources) as u32;
        let memories = shared(&order.iter().map(|row| row / each).collect::<Vec<_>>());
        let kept = memories.iter().copied().eq(0..sources as u32);
        let memories = Tensor::from_vec(memories.clone(), memories.len(), self.mask.device())?;
        let selected = Tensor::from_slice(order, order.len(), self.mask.device())?;
        for layer in &mut self.layers {
            layer.past = layer.past.as_ref().map(|past| past.select(&selected)).transpose()?;
            if !kept {
                layer.memory = layer.memory.select(&memories)?;
            }
        }
        if !kept {
            self.mask = self.mask.index_select(&memories, 0)?;
        }
        self.last_positions = order.iter().map(|&row| self.last_positions[row as usize]).collect();
        Ok(())
    }
}

/// The sources to keep for sequences of the sources `of`: one for each run of equals if all runs are of one length, else
/// one for each sequence.
fn shared(of: &[u32]) -> Vec<u32> {
    let runs: Vec<&[u32]> = of.chunk_by(|a, b| a == b).collect();
    if runs.iter().all(|run| run.len() == runs[0].len()) {
        runs.iter().map(|run| run[0]).collect()
    } else {
        of.to_vec()
    }
}

#[cfg(test)]
mod tests {
    use super::shared;

    #[test]
    fn equal_runs_share_their_source() {
        assert_eq!(shared(&[0, 0, 0, 2, 2, 2]), [0, 2]);
        assert_eq!(shared(&[1, 0]), [1, 0]);
        assert_eq!(shared(&[0, 0, 1]), [0, 0, 1]);
        assert_eq!(shared(&[0, 1, 0]), [0, 1, 0]);
    }
}
