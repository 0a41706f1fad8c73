//! Computation of attention, row by row and head by head, forward and backward.

use std::ops::Range;

use candle_core::Result;
use rayon::prelude::*;
use rten_simd::SimdOp;
use rten_tensor::Matrix;
use rten_vecmath::Softmax;

use super::Attention;
use crate::ops::Rows;
use crate::ops::gemm::{matrix, multiply};

/// Queries whose scores are held at a time.
const QUERIES: usize = 128;

/// Queries, keys or values: some columns of rows of `stride` elements, from column `first` on.
#[derive(Clone, Copy)]
pub(in crate::ops) struct Columns<'a> {
    pub(in crate::ops) elements: &'a [f32],
    pub(in crate::ops) stride: usize,
    pub(in crate::ops) first: usize,
}

/// A learned bias for each distance of key and query, `[heads, 2 · longest − 1]`.
#[derive(Clone, Copy)]
pub(in crate::ops) struct Bias<'a> {
    pub(in crate::ops) elements: &'a [f32],
    pub(in crate::ops) longest: usize,
}

/// Queries, and the keys and values that they attend to.
pub(in crate::ops) struct Sides<'a> {
    pub(in crate::ops) of: Attention,
    /// Columns of the queries, of all heads together.
    pub(in crate::ops) inner: usize,
    pub(in crate::ops) queries: Columns<'a>,
    pub(in crate::ops) keys: Columns<'a>,
    pub(in crate::ops) values: Columns<'a>,
    pub(in crate::ops) bias: Option<Bias<'a>>,
    /// The rows of the queries.
    pub(in crate::ops) rows: &'a Rows,
    /// Those of keys and values.
    pub(in crate::ops) others: &'a Rows,
}

/// Gradients of one row: `[tokens, inner]` each, and that of the bias.
pub(super) struct RowGradients {
    pub(super) queries: Vec<f32>,
    pub(super) keys: Vec<f32>,
    pub(super) values: Vec<f32>,
    pub(super) bias: Vec<f32>,
}

impl<'a> Columns<'a> {
    /// Returns the columns of a head for some tokens, `[tokens, width]`.
    fn head(&self, tokens: Range<usize>, head: usize, width: usize) -> Result<Matrix<'a>> {
        let start = tokens.start * self.stride + self.first + head * width;
        matrix(self.elements.get(start..).unwrap_or_default(), tokens.len(), width, self.stride)
    }
}

impl Bias<'_> {
    /// Returns the indices of the biases of a query, the first key's first.
    fn places(self, head: usize, query: usize, keys: usize) -> Range<usize> {
        let first = head * (2 * self.longest - 1) + self.longest - 1 - query;
        first..first + keys
    }
}

impl<'a> Sides<'a> {
    /// Attention of each row to itself. Query, key and value of every token are side by side, with `inner`
    /// columns each.
    pub(in crate::ops) fn within(of: Attention, inner: usize, projected: &'a [f32], rows: &'a Rows) -> Self {
        let part = |part: usize| Columns { elements: projected, stride: 3 * inner, first: part * inner };
        let (queries, keys, values) = (part(0), part(1), part(2));
        Self { of, inner, queries, keys, values, bias: None, rows, others: rows }
    }

    /// Attention of each row to the row of the same number in `others`. Key and value of every token of
    /// `others` are side by side.
    pub(in crate::ops) fn across(
        of: Attention,
        inner: usize,
        (queries, rows): (Columns<'a>, &'a Rows),
        (seen, others): (&'a [f32], &'a Rows),
    ) -> Self {
        let part = |part: usize| Columns { elements: seen, stride: 2 * inner, first: part * inner };
        Self { of, inner, queries, keys: part(0), values: part(1), bias: None, rows, others }
    }
}

impl Sides<'_> {
    fn width(&self) -> usize {
        self.inner / self.of.heads
    }

    /// `[tokens, inner]`, in place of what `target` holds.
    pub(in crate::ops) fn mix_into(&self, target: &mut [f32]) -> Result<()> {
        let (mut blocks, mut rest) = (Vec::new(), target);
        for (row, tokens) in self.rows.ranges().enumerate() {
            for start in (0..tokens.len()).step_by(QUERIES) {
                let queries = start..tokens.len().min(start + QUERIES);
                let (block, behind) = rest.split_at_mut(queries.len() * self.inner);
                blocks.push((row, queries, block));
                rest = behind;
            }
        }
        blocks.into_par_iter().try_for_each(|(row, queries, block)| self.mix(row, queries, block))
    }

    /// The mixtures of some queries of a row, counted from its start.
    fn mix(&self, row: usize, queries: Range<usize>, target: &mut [f32]) -> Result<()> {
        let (width, mut seen) = (self.width(), self.others.range(row));
        if self.of.causal {
            seen.end = seen.end.min(seen.start + queries.end);
        }
        if seen.is_empty() {
            target.fill(0.0);
            return Ok(());
        }
        let mut weights = vec![0.0; queries.len() * seen.len()];
        let mut mixed = vec![0.0; queries.len() * width];
        for head in 0..self.of.heads {
            self.weights_into(row, head, queries.clone(), seen.clone(), &mut weights)?;
            let weights = matrix(&weights, queries.len(), seen.len(), seen.len())?;
            multiply(1.0, weights, self.values.head(seen.clone(), head, width)?, &mut mixed)?;
            place(&mixed, width, target, self.inner, head);
        }
        Ok(())
    }

    /// Computes the weights that a head's queries, counted from the start of their row, give to the tokens
    /// `seen`, `[queries, seen]`.
    fn weights_into(
        &self,
        row: usize,
        head: usize,
        queries: Range<usize>,
        seen: Range<usize>,
        weights: &mut [f32],
    ) -> Result<()> {
        let (width, start) = (self.width(), self.rows.range(row).start);
        let of_queries = self.queries.head(start + queries.start..start + queries.end, head, width)?;
        let of_keys = self.keys.head(seen.clone(), head, width)?;
        multiply(self.of.scale, of_queries, of_keys.transposed(), weights)?;
        let mask = self.others.mask(seen.clone());
        for (query, scores) in queries.zip(weights.chunks_exact_mut(seen.len())) {
            if let Some(bias) = self.bias {
                add(scores, &bias.elements[bias.places(head, query, seen.len())]);
            }
            if let Some(mask) = mask {
                add(scores, mask);
            }
            let visible = if self.of.causal { seen.len().min(query + 1) } else { seen.len() };
            let (visible, ahead) = scores.split_at_mut(visible);
            Softmax::new_mut(visible).dispatch();
            ahead.fill(0.0);
        }
        Ok(())
    }

    /// The gradients of every row, given those of the mixtures.
    pub(super) fn gradients(&self, gradient: &[f32]) -> Result<Vec<RowGradients>> {
        (0..self.rows.count()).into_par_iter().map(|row| self.row_gradients(row, gradient)).collect()
    }

    fn row_gradients(&self, row: usize, gradient: &[f32]) -> Result<RowGradients> {
        let (inner, width) = (self.inner, self.width());
        let (own, seen) = (self.rows.range(row), self.others.range(row));
        let of_bias = self.bias.map_or(0, |bias| bias.elements.len());
        let mut found = RowGradients {
            queries: vec![0.0; own.len() * inner],
            keys: vec![0.0; seen.len() * inner],
            values: vec![0.0; seen.len() * inner],
            bias: vec![0.0; of_bias],
        };
        if own.is_empty() || seen.is_empty() {
            return Ok(found);
        }
        let gradient = Columns { elements: gradient, stride: inner, first: 0 };
        let mut weights = vec![0.0; own.len() * seen.len()];
        let mut slopes = weights.clone();
        let mut part = vec![0.0; own.len().max(seen.len()) * width];
        for head in 0..self.of.heads {
            self.weights_into(row, head, 0..own.len(), seen.clone(), &mut weights)?;
            let gradient = gradient.head(own.clone(), head, width)?;
            let [queries, keys, values] = [(&self.queries, &own), (&self.keys, &seen), (&self.values, &seen)]
                .map(|(columns, tokens)| columns.head(tokens.clone(), head, width));
            let given = matrix(&weights, own.len(), seen.len(), seen.len())?;
            multiply(1.0, given.transposed(), gradient, &mut part[..seen.len() * width])?;
            place(&part[..seen.len() * width], width, &mut found.values, inner, head);
            multiply(1.0, gradient, values?.transposed(), &mut slopes)?;
            through_softmax(&weights, &mut slopes, seen.len());
            if let Some(bias) = self.bias {
                for (query, slopes) in slopes.chunks_exact(seen.len()).enumerate() {
                    add(&mut found.bias[bias.places(head, query, seen.len())], slopes);
                }
            }
            let of_scores = matrix(&slopes, own.len(), seen.len(), seen.len())?;
            multiply(self.of.scale, of_scores, keys?, &mut part[..own.len() * width])?;
            place(&part[..own.len() * width], width, &mut found.queries, inner, head);
            multiply(self.of.scale, of_scores.transposed(), queries?, &mut part[..seen.len() * width])?;
            place(&part[..seen.len() * width], width, &mut found.keys, inner, head);
        }
        Ok(found)
    }
}

/// Puts `[tokens, width]` in a head's place among rows of `inner` elements.
fn place(part: &[f32], width: usize, target: &mut [f32], inner: usize, head: usize) {
    for (from, to) in part.chunks_exact(width).zip(target.chunks_exact_mut(inner)) {
        to[head * width..(head + 1) * width].copy_from_slice(from);
    }
}

fn add(target: &mut [f32], other: &[f32]) {
    target.iter_mut().zip(other).for_each(|(target, other)| *target += other);
}

/// Gradients of weights to those of the scores that they are the softmax of, row by row: `w · (g − Σ g w)`.
fn through_softmax(weights: &[f32], gradients: &mut [f32], width: usize) {
    for (weights, gradients) in weights.chunks_exact(width).zip(gradients.chunks_exact_mut(width)) {
        let mean: f32 =
            weights.iter().zip(gradients.iter()).map(|(weight, gradient)| weight * gradient).sum();
        for (weight, gradient) in weights.iter().zip(gradients) {
            *gradient = weight * (*gradient - mean);
        }
    }
}
