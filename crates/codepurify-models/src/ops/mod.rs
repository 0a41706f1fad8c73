//! Tensor operations with both a fast forward pass and a gradient.
//!
//! candle's own fused layer norm and softmax have no backward pass and cut the gradient *silently*, so that layers
//! below them never learn. These do the same work row by row, in parallel, and define their gradients; the tests
//! compare each with finite differences.
//!
//! They run on the CPU. Each is also there *composed* of candle's operations, for tensors that are elsewhere; the tests
//! compare the two forms on the CPU.

mod add;
mod attention;
mod block;
mod causal_softmax;
mod cross_entropy;
mod gelu;
mod gemm;
mod known;
mod layer_norm;
mod linear;
mod operation;
mod packed;
mod relative_softmax;
mod relu;
mod rms_norm;
mod rows;
mod select;
mod small;
mod softmax;

use candle_core::{CpuStorage, Layout, Result, Tensor};
use rayon::prelude::*;
use rten_simd::{Isa, SimdOp};

pub use add::add;
pub use attention::Attention;
pub use block::{Block, Norm};
pub use causal_softmax::causal_softmax;
pub use cross_entropy::cross_entropy;
pub use gelu::gelu;
pub use layer_norm::layer_norm;
pub use linear::{linear, project};
pub use packed::{Activation, PackedLinear, Precision, UnknownPrecision};
pub use relative_softmax::relative_softmax;
pub use relu::relu;
pub use rms_norm::rms_norm;
pub use rows::Rows;
pub use select::select_rows;
pub use softmax::masked_softmax;

/// The contiguous `f32` elements behind a storage.
fn elements<'s>(storage: &'s CpuStorage, layout: &Layout) -> Result<&'s [f32]> {
    let Some((start, end)) = layout.contiguous_offsets() else {
        candle_core::bail!("this operation needs a contiguous tensor")
    };
    Ok(&storage.as_slice::<f32>()?[start..end])
}

/// Elements of the widest registers.
const WIDEST: usize = 16;

/// Returns room for `length` elements, with arbitrary values.
fn sized(room: &mut Vec<f32>, length: usize) -> &mut [f32] {
    if room.len() < length {
        room.resize(length, 0.0);
    }
    &mut room[..length]
}

/// Runs `work`, a loop over elements that is inlined here, compiled for the widest vectors of this machine. Results do
/// not depend on these: nothing is summed up in another order.
#[expect(clippy::inline_always, reason = "what is not inlined is not compiled for wide vectors")]
#[inline(always)]
fn wide<T>(work: impl FnOnce() -> T) -> T {
    struct Wide<W>(W);
    impl<T, W: FnOnce() -> T> SimdOp for Wide<W> {
        type Output = T;

        #[inline(always)]
        fn eval<I: Isa>(self, _: I) -> T {
            (self.0)()
        }
    }
    Wide(work).dispatch()
}

/// Rows that one parallel task works on: enough that handing it out costs little.
const ROWS_PER_TASK: usize = 16;

/// A new buffer of the length of `source`, filled by `fill(first_row, rows)` on groups of rows of `width` elements.
fn fill_rows(source: &[f32], width: usize, fill: impl Fn(usize, &mut [f32]) + Sync) -> Vec<f32> {
    let mut target = source.to_vec();
    let groups = target.par_chunks_mut(width * ROWS_PER_TASK).enumerate();
    groups.for_each(|(group, rows)| fill(group * ROWS_PER_TASK, rows));
    target
}

/// `total` plus what `part` gives for each group of rows of `a` and `b`, of `width` elements each. Summed group by group in
/// a fixed order: the result does not depend on the number of threads.
fn ordered_sum(
    a: &[f32],
    b: &[f32],
    width: usize,
    mut total: Vec<f32>,
    part: impl Fn(&[f32], &[f32]) -> Vec<f32> + Sync,
) -> Vec<f32> {
    let group = width * ROWS_PER_TASK * 8;
    let parts: Vec<Vec<f32>> =
        a.par_chunks(group).zip(b.par_chunks(group)).map(|(a, b)| part(a, b)).collect();
    for part in parts {
        total.iter_mut().zip(part).for_each(|(total, part)| *total += part);
    }
    total
}

/// The sums of the columns of `x`, `[..., columns]`: `[columns]`. As a product of matrices, which GPUs are better at than at
/// sums across rows.
fn column_sums(x: &Tensor) -> Result<Tensor> {
    let x = x.flatten_to(x.rank() - 2)?;
    let (rows, columns) = x.dims2()?;
    Tensor::ones((1, rows), x.dtype(), x.device())?.matmul(&x)?.reshape(columns)
}

#[cfg(test)]
pub(crate) mod finite_difference {
    use candle_core::{Device, Result, Tensor, Var};

    /// Compares the analytic gradient of `loss(inputs)` with central differences at every element of every input.
    pub(crate) fn check(inputs: &[Tensor], loss: impl Fn(&[Tensor]) -> Result<Tensor>) {
        let vars: Vec<Var> = inputs.iter().map(|input| Var::from_tensor(input).unwrap()).collect();
        let tensors: Vec<Tensor> = vars.iter().map(|var| var.as_tensor().clone()).collect();
        let gradients = loss(&tensors).unwrap().backward().unwrap();
        for (which, input) in inputs.iter().enumerate() {
            let gradient = gradients.get(&vars[which]).expect("no gradient reaches this input");
            let gradient = gradient.flatten_all().unwrap().to_vec1::<f32>().unwrap();
            let values = input.flatten_all().unwrap().to_vec1::<f32>().unwrap();
            for at in 0..values.len() {
                let shifted = |by: f32| {
                    let mut moved = values.clone();
                    moved[at] += by;
                    let mut all = inputs.to_vec();
                    all[which] = Tensor::from_vec(moved, input.shape(), &Device::Cpu).unwrap();
                    loss(&all).unwrap().to_scalar::<f32>().unwrap()
                };
                let step = 1e-2;
                let numeric = (shifted(step) - shifted(-step)) / (2.0 * step);
                let tolerance = 2e-3 + 2e-2 * numeric.abs();
                assert!(
                    (gradient[at] - numeric).abs() < tolerance,
                    "input {which}, element {at}: gradient {}, finite difference {numeric}",
                    gradient[at]
                );
            }
        }
    }

    /// Asserts that two forms of an operation have the same values and, at every input, the same gradients of
    /// a weighted sum of them.
    pub(crate) fn same(
        inputs: &[Tensor],
        one: impl Fn(&[Tensor]) -> Result<Tensor>,
        other: impl Fn(&[Tensor]) -> Result<Tensor>,
    ) {
        let of = |form: &dyn Fn(&[Tensor]) -> Result<Tensor>| {
            let vars: Vec<Var> = inputs.iter().map(|input| Var::from_tensor(input).unwrap()).collect();
            let tensors: Vec<Tensor> = vars.iter().map(|var| var.as_tensor().clone()).collect();
            let value = form(&tensors).unwrap();
            let weights = ramp(value.dims());
            let gradients = (&value * weights).unwrap().sum_all().unwrap().backward().unwrap();
            let gradient = |var: &Var| gradients.get(var).expect("no gradient reaches this input").clone();
            std::iter::once(value).chain(vars.iter().map(gradient)).collect::<Vec<_>>()
        };
        for (which, (one, other)) in of(&one).iter().zip(of(&other)).enumerate() {
            close(one, &other, &format!("value and gradients, number {which}"));
        }
    }

    /// Asserts that two tensors, described by `what`, are the same up to rounding.
    pub(crate) fn close(one: &Tensor, other: &Tensor, what: &str) {
        assert_eq!(one.dims(), other.dims(), "{what}");
        let largest = |tensor: &Tensor| tensor.abs()?.max_all()?.to_scalar::<f32>();
        let (size, difference) = (largest(one).unwrap().max(1.0), largest(&(one - other).unwrap()).unwrap());
        assert!(difference < 1e-5 * size, "{what}: {difference} of {size}");
    }

    /// Deterministic values in (-1.5, 1.5), no two alike.
    pub(crate) fn ramp(shape: &[usize]) -> Tensor {
        let count: usize = shape.iter().product();
        let values: Vec<f32> = (0..count).map(|at| 1.5 * (1.7 * at as f32 + 0.3).sin()).collect();
        Tensor::from_vec(values, shape, &Device::Cpu).unwrap()
    }
}
