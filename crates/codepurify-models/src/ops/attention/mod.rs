//! Attention of ragged rows: scores, bias, mask, softmax and mixture in one operation.

mod composed;
mod kernel;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use candle_core::{CpuStorage, CustomOp1, CustomOp2, CustomOp3, Layout, Result, Shape, Tensor};

use super::elements;
use crate::ops::Rows;
use kernel::{Bias, RowGradients};
pub(super) use kernel::{Columns, Sides};

/// How the positions of rows look at each other: `softmax(scale · q kᵀ + bias + mask) · v`, each head for itself.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Attention {
    /// Heads; the columns of queries, keys and values are divided between them.
    pub heads: usize,
    /// Factor of the scores.
    pub scale: f32,
    /// True if a query sees only the keys up to its own place in the row.
    pub causal: bool,
}

impl Attention {
    /// Computes the attention of each row to itself, `[tokens, inner]`. `projected` is `[tokens, 3 · inner]`:
    /// query, key and value of every token side by side.
    ///
    /// # Errors
    /// If the shapes do not fit or a tensor is not contiguous `f32`.
    pub fn within(self, projected: &Tensor, rows: &Arc<Rows>) -> Result<Tensor> {
        if projected.device().is_cpu() {
            return projected.apply_op1(Within { of: self, rows: rows.clone() });
        }
        composed::within(self, projected, None, rows)
    }

    /// [`Attention::within`] with a learned `bias`, `[heads, 2 · longest − 1]`, for the distance of key and query: number
    /// `longest − 1 + key − query`.
    ///
    /// # Errors
    /// As [`Attention::within`].
    pub fn within_by_distance(self, projected: &Tensor, bias: &Tensor, rows: &Arc<Rows>) -> Result<Tensor> {
        if projected.device().is_cpu() {
            return projected.apply_op2(bias, Within { of: self, rows: rows.clone() });
        }
        composed::within(self, projected, Some(bias), rows)
    }

    /// Computes the attention of each row to the row of the same number in `others`, `[tokens, inner]`.
    /// `queries` is `[tokens, inner]`, `seen` is `[tokens of the others, 2 · inner]`: their keys and values
    /// side by side.
    ///
    /// # Errors
    /// As [`Attention::within`], or if there are more or fewer rows than others.
    pub fn across(
        self,
        queries: &Tensor,
        rows: &Arc<Rows>,
        seen: &Tensor,
        others: &Arc<Rows>,
    ) -> Result<Tensor> {
        if queries.device().is_cpu() {
            return queries.apply_op2(seen, Across { of: self, rows: rows.clone(), others: others.clone() });
        }
        composed::across(self, queries, rows, seen, others)
    }

    /// Checks the shape `[tokens, columns]` of `parts` side by side; returns the columns of one of them.
    fn check(self, layout: &Layout, rows: &Rows, parts: usize) -> Result<usize> {
        let (tokens, columns) = layout.shape().dims2()?;
        if tokens != rows.tokens() || self.heads == 0 || !columns.is_multiple_of(parts * self.heads) {
            let (heads, expected) = (self.heads, rows.tokens());
            candle_core::bail!(
                "{tokens} × {columns} is not {parts} parts of {heads} heads of {expected} tokens"
            );
        }
        Ok(columns / parts)
    }
}

/// Operation and gradient: inputs in front, the gradient of the result behind them.
#[derive(Clone)]
struct Within {
    of: Attention,
    rows: Arc<Rows>,
}

impl Within {
    fn sides<'a>(&'a self, projected: &'a CpuStorage, layout: &Layout) -> Result<Sides<'a>> {
        let inner = self.of.check(layout, &self.rows, 3)?;
        Ok(Sides::within(self.of, inner, elements(projected, layout)?, &self.rows))
    }

    fn with_bias<'a>(
        &'a self,
        (projected, layout): (&'a CpuStorage, &Layout),
        (bias, of_bias): (&'a CpuStorage, &Layout),
    ) -> Result<Sides<'a>> {
        let longest = self.rows.longest().max(1);
        if of_bias.dims() != [self.of.heads, 2 * longest - 1] {
            candle_core::bail!("a bias {:?} for {} heads of {longest} keys", of_bias.dims(), self.of.heads);
        }
        let bias = Some(Bias { elements: elements(bias, of_bias)?, longest });
        Ok(Sides { bias, ..self.sides(projected, layout)? })
    }
}

/// The mixtures of all sides.
fn mixtures(sides: &Sides) -> Result<(CpuStorage, Shape)> {
    let shape = (sides.rows.tokens(), sides.inner);
    let mut target = vec![0.0; shape.0 * shape.1];
    sides.mix_into(&mut target)?;
    Ok((CpuStorage::F32(target), Shape::from(shape)))
}

/// Query, key and value gradients of every token side by side.
fn of_projected(rows: &[RowGradients], inner: usize) -> impl Iterator<Item = f32> + '_ {
    rows.iter().flat_map(move |row| {
        let tokens = row.queries.chunks(inner).zip(row.keys.chunks(inner)).zip(row.values.chunks(inner));
        tokens.flat_map(|((query, key), value)| query.iter().chain(key).chain(value).copied())
    })
}

impl CustomOp1 for Within {
    fn name(&self) -> &'static str {
        "attention-within"
    }

    fn cpu_fwd(&self, projected: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        mixtures(&self.sides(projected, layout)?)
    }

    fn bwd(&self, projected: &Tensor, _: &Tensor, gradient: &Tensor) -> Result<Option<Tensor>> {
        projected.apply_op2_no_bwd(&gradient.contiguous()?, &Backward(self.clone())).map(Some)
    }
}

impl CustomOp2 for Within {
    fn name(&self) -> &'static str {
        "attention-within-by-distance"
    }

    fn cpu_fwd(
        &self,
        projected: &CpuStorage,
        layout: &Layout,
        bias: &CpuStorage,
        of_bias: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        mixtures(&self.with_bias((projected, layout), (bias, of_bias))?)
    }

    fn bwd(
        &self,
        projected: &Tensor,
        bias: &Tensor,
        _: &Tensor,
        gradient: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        let both = projected.apply_op3_no_bwd(bias, &gradient.contiguous()?, &Backward(self.clone()))?;
        apart(&both, projected, bias)
    }
}

/// The gradient of an operation. Of two inputs it gives one behind the other in one flat tensor.
struct Backward<O>(O);

/// The gradients of two inputs, given one behind the other.
fn apart(both: &Tensor, a: &Tensor, b: &Tensor) -> Result<(Option<Tensor>, Option<Tensor>)> {
    let of = |start: usize, of: &Tensor| both.narrow(0, start, of.elem_count())?.reshape(of.shape());
    Ok((Some(of(0, a)?), Some(of(a.elem_count(), b)?)))
}

impl CustomOp2 for Backward<Within> {
    fn name(&self) -> &'static str {
        "attention-within-gradient"
    }

    fn cpu_fwd(
        &self,
        projected: &CpuStorage,
        layout: &Layout,
        gradient: &CpuStorage,
        of_gradient: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let sides = self.0.sides(projected, layout)?;
        let rows = sides.gradients(elements(gradient, of_gradient)?)?;
        Ok((CpuStorage::F32(of_projected(&rows, sides.inner).collect()), layout.shape().clone()))
    }
}

impl CustomOp3 for Backward<Within> {
    fn name(&self) -> &'static str {
        "attention-within-by-distance-gradient"
    }

    fn cpu_fwd(
        &self,
        projected: &CpuStorage,
        layout: &Layout,
        bias: &CpuStorage,
        of_bias: &Layout,
        gradient: &CpuStorage,
        of_gradient: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let sides = self.0.with_bias((projected, layout), (bias, of_bias))?;
        let rows = sides.gradients(elements(gradient, of_gradient)?)?;
        let mut sum = vec![0.0; of_bias.shape().elem_count()];
        for row in &rows {
            sum.iter_mut().zip(&row.bias).for_each(|(sum, of_row)| *sum += of_row);
        }
        let both: Vec<f32> = of_projected(&rows, sides.inner).chain(sum).collect();
        let count = both.len();
        Ok((CpuStorage::F32(both), Shape::from(count)))
    }
}

#[derive(Clone)]
struct Across {
    of: Attention,
    rows: Arc<Rows>,
    others: Arc<Rows>,
}

impl Across {
    fn sides<'a>(
        &'a self,
        (queries, of_queries): (&'a CpuStorage, &Layout),
        (seen, of_seen): (&'a CpuStorage, &Layout),
    ) -> Result<Sides<'a>> {
        let inner = self.of.check(of_queries, &self.rows, 1)?;
        let of_others = self.of.check(of_seen, &self.others, 2)?;
        if self.rows.count() != self.others.count() || inner != of_others {
            let (rows, others) = (self.rows.count(), self.others.count());
            candle_core::bail!("{rows} rows of width {inner} do not see {others} of width {of_others}");
        }
        let queries = Columns { elements: elements(queries, of_queries)?, stride: inner, first: 0 };
        let seen = elements(seen, of_seen)?;
        Ok(Sides::across(self.of, inner, (queries, &self.rows), (seen, &self.others)))
    }
}

impl CustomOp2 for Across {
    fn name(&self) -> &'static str {
        "attention-across"
    }

    fn cpu_fwd(
        &self,
        queries: &CpuStorage,
        of_queries: &Layout,
        seen: &CpuStorage,
        of_seen: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        mixtures(&self.sides((queries, of_queries), (seen, of_seen))?)
    }

    fn bwd(
        &self,
        queries: &Tensor,
        seen: &Tensor,
        _: &Tensor,
        gradient: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        let both = queries.apply_op3_no_bwd(seen, &gradient.contiguous()?, &Backward(self.clone()))?;
        apart(&both, queries, seen)
    }
}

impl CustomOp3 for Backward<Across> {
    fn name(&self) -> &'static str {
        "attention-across-gradient"
    }

    fn cpu_fwd(
        &self,
        queries: &CpuStorage,
        of_queries: &Layout,
        seen: &CpuStorage,
        of_seen: &Layout,
        gradient: &CpuStorage,
        of_gradient: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let sides = self.0.sides((queries, of_queries), (seen, of_seen))?;
        let rows = sides.gradients(elements(gradient, of_gradient)?)?;
        let mut both: Vec<f32> = rows.iter().flat_map(|row| row.queries.iter().copied()).collect();
        for row in &rows {
            let tokens = row.keys.chunks(sides.inner).zip(row.values.chunks(sides.inner));
            both.extend(tokens.flat_map(|(key, value)| key.iter().chain(value).copied()));
        }
        let count = both.len();
        Ok((CpuStorage::F32(both), Shape::from(count)))
    }
}
