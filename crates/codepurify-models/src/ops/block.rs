//! A whole transformer block whose weights do not change any more, as one operation.
//!
//! As separate operations, the parts of a block write their results to memory that is cleared before and
//! fetched after. Here a thread keeps one workspace for intermediate results from block to block. The
//! feed-forward part processes so few tokens at a time that the widened vectors never leave the nearest
//! caches. No sum changes its order, so results are bitwise equal to those of the parts.

use std::cell::RefCell;
use std::sync::Arc;

use candle_core::{CpuStorage, CustomOp1, Layout, Result, Shape, Tensor};
use rayon::prelude::*;

use super::attention::{Attention, Columns, Sides};
use super::layer_norm::normalise;
use super::packed::{Activation, BLOCK, PackedLinear};
use super::{elements, sized};
use crate::ops::Rows;

thread_local! {
    static WORKSPACE: RefCell<Workspace> = RefCell::default();
    static WIDE: RefCell<Vec<f32>> = RefCell::default();
}

/// Intermediate results of attention; kept from block to block.
#[derive(Default)]
struct Workspace {
    queries: Vec<f32>,
    projected: Vec<f32>,
    mixed: Vec<f32>,
}

/// The parts of a post-norm block: self-attention and feed-forward, each with a residual and a layer norm behind it.
#[derive(Debug)]
pub struct Block {
    /// How positions look at each other.
    pub attention: Attention,
    /// Query, key and value side by side.
    pub inward: PackedLinear,
    /// Key and value alone, of a block that is asked for first positions.
    pub seen: Option<PackedLinear>,
    /// From what heads found back to the hidden size.
    pub output: PackedLinear,
    /// Behind attention.
    pub attention_norm: Norm,
    /// The hidden size to a larger one; then GELU.
    pub widen: PackedLinear,
    /// And back.
    pub narrow: PackedLinear,
    /// Behind that.
    pub norm: Norm,
}

/// The weights of a layer norm.
#[derive(Debug)]
pub struct Norm {
    /// One for each column.
    weight: Vec<f32>,
    bias: Vec<f32>,
    eps: f32,
}

impl Norm {
    /// `weight` and `bias` are `[width]`.
    ///
    /// # Errors
    /// If a tensor is something else, or their sizes differ.
    pub fn new(weight: &Tensor, bias: &Tensor, eps: f32) -> Result<Self> {
        let (weight, bias) = (weight.to_vec1::<f32>()?, bias.to_vec1::<f32>()?);
        if weight.len() != bias.len() {
            candle_core::bail!("a layer norm of {} weights and {} biases", weight.len(), bias.len());
        }
        Ok(Self { weight, bias, eps })
    }

    fn apply(&self, rows: &mut [f32]) {
        normalise(rows, &self.weight, &self.bias, self.eps);
    }
}

impl Block {
    /// `[tokens, hidden]` to the same shape.
    ///
    /// # Errors
    /// If the shapes do not fit or `x` is not contiguous `f32` in CPU memory.
    pub fn forward(self: &Arc<Self>, x: &Tensor, rows: &Arc<Rows>) -> Result<Tensor> {
        x.apply_op1(Forward { block: self.clone(), rows: rows.clone(), firsts: false })
    }

    /// Computes the result of [`Block::forward`] at the first position of every row only, `[rows, hidden]`,
    /// at less than half of its cost: no other position goes through the feed-forward part.
    ///
    /// # Errors
    /// As [`Block::forward`], or if a row is empty, or the block was made without `seen`.
    pub fn firsts(self: &Arc<Self>, x: &Tensor, rows: &Arc<Rows>) -> Result<Tensor> {
        x.apply_op1(Forward { block: self.clone(), rows: rows.clone(), firsts: true })
    }

    fn hidden(&self) -> usize {
        self.inward.inputs()
    }

    /// Computes the results at every position.
    fn all(&self, x: &[f32], rows: &Rows, space: &mut Workspace) -> Result<Vec<f32>> {
        let Workspace { projected, mixed, .. } = space;
        let projected = sized(projected, 3 * x.len());
        self.inward.fill(x, projected, false, |_| {})?;
        let mixed = sized(mixed, x.len());
        Sides::within(self.attention, self.hidden(), projected, rows).mix_into(mixed)?;
        self.behind(mixed, x.to_vec())
    }

    /// Computes the results at the first position of every row.
    fn of_firsts(&self, x: &[f32], rows: &Rows, space: &mut Workspace) -> Result<Vec<f32>> {
        let Workspace { queries, projected, mixed } = space;
        let Some(seen) = &self.seen else { candle_core::bail!("this block is not for first positions") };
        let hidden = self.hidden();
        let mut target = Vec::with_capacity(rows.count() * hidden);
        for row in rows.ranges() {
            if row.is_empty() {
                candle_core::bail!("an empty row has no first position");
            }
            target.extend_from_slice(&x[row.start * hidden..][..hidden]);
        }
        // One token for each row: projecting queries, keys and values of these costs little.
        let queries = sized(queries, 3 * target.len());
        self.inward.fill(&target, queries, false, |_| {})?;
        let projected = sized(projected, 2 * x.len());
        seen.fill(x, projected, false, |_| {})?;
        let (queries, firsts) = (
            Columns { elements: queries, stride: 3 * hidden, first: 0 },
            Rows::of_single_tokens(rows.count()),
        );
        let mixed = sized(mixed, target.len());
        Sides::across(self.attention, hidden, (queries, &firsts), (projected, rows)).mix_into(mixed)?;
        self.behind(mixed, target)
    }

    /// Computes the layers behind attention from its mixtures; `x` is the block's input at the same
    /// positions.
    fn behind(&self, mixed: &[f32], mut x: Vec<f32>) -> Result<Vec<f32>> {
        let size = (BLOCK * self.hidden()).max(1);
        x.par_chunks_mut(size).zip(mixed.par_chunks(size)).try_for_each(|(x, mixed)| {
            self.output.multiply(mixed, x, true)?;
            self.attention_norm.apply(x);
            // Taken, not borrowed: while a product waits for its parts, this thread may begin another block.
            let mut wide = WIDE.take();
            let widened = sized(&mut wide, x.len() / self.hidden() * self.widen.outputs());
            self.widen.multiply(x, widened, false)?;
            Activation::Gelu.apply(widened);
            self.narrow.multiply(widened, x, true)?;
            WIDE.set(wide);
            self.norm.apply(x);
            Ok::<_, candle_core::Error>(())
        })?;
        Ok(x)
    }
}

struct Forward {
    block: Arc<Block>,
    rows: Arc<Rows>,
    firsts: bool,
}

impl CustomOp1 for Forward {
    fn name(&self) -> &'static str {
        "transformer-block"
    }

    fn cpu_fwd(&self, x: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let Self { block, rows, firsts } = self;
        let (tokens, hidden) = layout.shape().dims2()?;
        if tokens != rows.tokens() || hidden != block.hidden() {
            candle_core::bail!("{tokens} x {hidden} is not {} x {}", rows.tokens(), block.hidden());
        }
        let x = elements(x, layout)?;
        let mut space = WORKSPACE.take();
        let found =
            if *firsts { block.of_firsts(x, rows, &mut space) } else { block.all(x, rows, &mut space) };
        WORKSPACE.set(space);
        let found = found?;
        let shape = (found.len() / hidden.max(1), hidden);
        Ok((CpuStorage::F32(found), Shape::from(shape)))
    }
}
