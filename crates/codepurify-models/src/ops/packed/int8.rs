//! Linear layers in 8-bit integers: weights are rounded once, inputs row by row, and sums are exact.

use std::cell::RefCell;

use candle_core::Result;
use rten_gemm::{GemmExecutor, GemmInputA, GemmInputB, GemmOptions, PackedBMatrix};
use rten_simd::ops::{BitOps, NumOps};
use rten_simd::{Isa, SimdOp};

#[cfg(target_arch = "x86_64")]
use super::vnni::Panels;
use crate::ops::gemm::{matrix, refused};
use crate::ops::{WIDEST, wide};

/// The weights of a layer as integers.
pub(super) struct Int8Weights {
    product: Product,
    /// Scale of the weights of each output: a weight is an integer times its scale.
    scales: Vec<f32>,
    /// Sum of the weights of each output: the excess of an output for each unit that the inputs are shifted
    /// by.
    sums: Vec<i32>,
}

/// How weights are laid out for the product.
enum Product {
    #[cfg(target_arch = "x86_64")]
    Vnni(Panels),
    Portable(PackedBMatrix<i8>),
}

impl Product {
    /// For this machine.
    fn new(weights: &[i8], outputs: usize, inputs: usize) -> Result<Self> {
        #[cfg(target_arch = "x86_64")]
        if let Some(panels) = Panels::new(weights, inputs) {
            return Ok(Self::Vnni(panels));
        }
        Self::portable(weights, outputs, inputs)
    }

    fn portable(weights: &[i8], outputs: usize, inputs: usize) -> Result<Self> {
        let weights = matrix(weights, outputs, inputs, inputs)?.transposed();
        Ok(Self::Portable(INT8_KERNEL.with(|kernel| kernel.prepack_b(weights))))
    }
}

impl Int8Weights {
    /// `values` is `[outputs, inputs]`.
    pub(super) fn new(values: &[f32], outputs: usize, inputs: usize) -> Result<Self> {
        let (rounded, scales) = rounded(values, inputs.max(1));
        let sum = |row: &[i8]| row.iter().map(|&weight| i32::from(weight)).sum();
        let sums = rounded.chunks(inputs.max(1)).map(sum).collect();
        Ok(Self { product: Product::new(&rounded, outputs, inputs)?, scales, sums })
    }

    /// The products of the rows of `x`, of `width` elements, and the bias, in place of what `target` holds or `onto` it.
    pub(super) fn multiply(
        &self,
        x: &[f32],
        width: usize,
        bias: &[f32],
        target: &mut [f32],
        onto: bool,
    ) -> Result<()> {
        // Taken, not borrowed: while the product waits for its parts, this thread may begin another block.
        let mut scratch = SCRATCH.with_borrow_mut(std::mem::take);
        scratch.rows.fill(x, width);
        let scales = Scales { of_weights: &self.scales, sums: &self.sums, bias, onto };
        match &self.product {
            #[cfg(target_arch = "x86_64")]
            Product::Vnni(panels) => panels.multiply(&scratch.rows, &scales, target),
            Product::Portable(weights) => {
                let Scratch { rows, sums } = &mut scratch;
                sums.resize(target.len(), 0);
                // The kernel could take the zeros of the rows off, but in rten-gemm 0.27 it does so wrongly from the ninth row on.
                let a = GemmInputA::Unpacked(matrix(rows.elements(), rows.count(), width, rows.stride())?);
                let b = GemmInputB::Packed(weights);
                let product = INT8_KERNEL.with(|kernel| kernel.gemm(sums, a, b, GemmOptions::default()));
                product.map_err(|error| refused(&error))?;
                let outputs = scales.outputs();
                let of_rows = target.chunks_exact_mut(outputs).zip(sums.chunks_exact(outputs));
                for (row, (target, sums)) in of_rows.enumerate() {
                    let origin = rows.origin(row);
                    wide(
                        #[inline(always)]
                        || scales.put(sums, origin, 0, target),
                    );
                }
            }
        }
        SCRATCH.set(scratch);
        Ok(())
    }
}

/// Scales, sums and biases that convert the sums of integers to outputs.
pub(super) struct Scales<'a> {
    pub(super) of_weights: &'a [f32],
    /// Sum of the weights of each output.
    pub(super) sums: &'a [i32],
    pub(super) bias: &'a [f32],
    /// True if outputs are added to those in the target.
    pub(super) onto: bool,
}

impl Scales<'_> {
    pub(super) fn outputs(&self) -> usize {
        self.bias.len()
    }

    /// Converts `sums` of a row to outputs and writes them to `target`, or adds them to it; `first` is the
    /// number of the first output. Inlined, so that it is compiled for the vectors of the caller.
    #[expect(clippy::inline_always, reason = "what is not inlined is not compiled for wide vectors")]
    #[inline(always)]
    pub(super) fn put(&self, sums: &[i32], origin: Origin, first: usize, target: &mut [f32]) {
        let Self { of_weights, sums: shifted, bias, onto } = self;
        let count = target.len();
        let of_outputs = of_weights[first..][..count].iter().zip(&shifted[first..][..count]);
        let outputs = sums.iter().zip(of_outputs).zip(&bias[first..][..count]);
        let outputs = outputs.map(|((&sum, (of_weights, shifted)), bias)| {
            (sum - origin.zero * shifted) as f32 * (origin.scale * of_weights) + bias
        });
        if *onto {
            target.iter_mut().zip(outputs).for_each(|(target, output)| *target += output);
        } else {
            target.iter_mut().zip(outputs).for_each(|(target, output)| *target = output);
        }
    }
}

/// Meaning of the integers of a row: each one means its difference from `zero`, times `scale`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Origin {
    /// Integer that means 0.
    pub(super) zero: i32,
    /// Difference of two values whose integers differ by one.
    pub(super) scale: f32,
}

/// Weights as multiples of a scale for each row of `width`, the scale such that the largest weight fits.
fn rounded(values: &[f32], width: usize) -> (Vec<i8>, Vec<f32>) {
    // Kernels without a dot product of four add up pairs of products in 16 bits.
    let largest = if INT8_KERNEL.with(GemmExecutor::may_saturate) { 63.0 } else { 127.0 };
    let (mut rounded, mut scales) = (Vec::with_capacity(values.len()), Vec::new());
    for row in values.chunks_exact(width) {
        let scale = row.iter().fold(0.0, |largest: f32, value| largest.max(value.abs())) / largest;
        let inverse = if scale > 0.0 { scale.recip() } else { 0.0 };
        rounded.extend(row.iter().map(|value| (value * inverse).round() as i8));
        scales.push(scale);
    }
    (rounded, scales)
}

thread_local! {
    /// The fastest integer kernel of this machine.
    static INT8_KERNEL: GemmExecutor<u8, i8, i32> = GemmExecutor::new();

    static SCRATCH: RefCell<Scratch> = RefCell::default();
}

/// Intermediate results of a product; kept from block to block.
#[derive(Default)]
struct Scratch {
    rows: Rounded,
    sums: Vec<i32>,
}

/// Rows of inputs, rounded.
#[derive(Default)]
pub(super) struct Rounded {
    /// Each row filled up with zeros to a multiple of four.
    fours: Vec<[u8; 4]>,
    /// Fours of a row.
    depth: usize,
    origins: Vec<Origin>,
}

impl Rounded {
    pub(super) fn count(&self) -> usize {
        self.origins.len()
    }

    pub(super) fn fours(&self, row: usize) -> &[[u8; 4]] {
        &self.fours[row * self.depth..(row + 1) * self.depth]
    }

    pub(super) fn origin(&self, row: usize) -> Origin {
        self.origins[row]
    }

    fn elements(&self) -> &[u8] {
        self.fours.as_flattened()
    }

    /// Elements from row to row.
    fn stride(&self) -> usize {
        4 * self.depth
    }

    /// Rounds rows of `width`, each with the scale that makes use of all 256 values.
    fn fill(&mut self, x: &[f32], width: usize) {
        self.depth = width.div_ceil(4);
        self.origins.clear();
        self.fours.resize(x.len() / width.max(1) * self.depth, [0; 4]);
        let rows = self.fours.as_flattened_mut().chunks_exact_mut((4 * self.depth).max(1));
        for (row, rounded) in x.chunks_exact(width.max(1)).zip(rows) {
            let (scale, zero) = scale_and_zero(row);
            let inverse = if scale > 0.0 { scale.recip() } else { 0.0 };
            let (rounded, padding) = rounded.split_at_mut(width);
            round(row, inverse, f32::from(zero), rounded);
            padding.fill(0);
            self.origins.push(Origin { zero: i32::from(zero), scale });
        }
    }
}

/// The nearest of the 256 values.
fn round(row: &[f32], inverse: f32, zero: f32, rounded: &mut [u8]) {
    // Next to 2^23 a float has no room for a fraction: it is rounded, and the last bits are the number.
    const INTEGERS: f32 = 8_388_608.0;
    wide(
        #[inline(always)]
        || {
            for (value, rounded) in row.iter().zip(rounded) {
                *rounded = ((value * inverse + zero).clamp(0.0, 255.0) + INTEGERS).to_bits() as u8;
            }
        },
    );
}

/// Returns the step between the 256 values that a row is rounded to, and which of them means 0. The step is
/// NaN if the row holds a number that is not finite, so that no result of it looks like an answer.
#[expect(clippy::cast_sign_loss, reason = "the lowest value is not positive, the step not negative")]
fn scale_and_zero(row: &[f32]) -> (f32, u8) {
    let [lowest, highest, nothing] = Extremes(row).dispatch();
    if nothing != 0.0 {
        return (f32::NAN, 0);
    }
    let scale = (highest - lowest) / 255.0;
    (scale, if scale > 0.0 { (-lowest / scale).round() as u8 } else { 0 })
}

/// The lowest element or 0, the highest or 0, and 0, which is NaN if an element is not finite: all in one go.
struct Extremes<'a>(&'a [f32]);

impl SimdOp for Extremes<'_> {
    type Output = [f32; 3];

    #[expect(clippy::inline_always, reason = "what is not inlined is not compiled for wide vectors")]
    #[inline(always)]
    fn eval<I: Isa>(self, isa: I) -> [f32; 3] {
        let ops = isa.f32();
        let zero = ops.zero();
        let (mut lowest, mut highest, mut nothing) = (zero, zero, zero);
        let chunks = self.0.chunks_exact(ops.len());
        let mut last = [0.0; WIDEST];
        last[..chunks.remainder().len()].copy_from_slice(chunks.remainder());
        for chunk in chunks.chain([&last[..ops.len()]]) {
            let elements = ops.load(chunk);
            lowest = ops.min(lowest, elements);
            highest = ops.max(highest, elements);
            nothing = ops.mul_add(elements, zero, nothing);
        }
        let mut held = [0.0; WIDEST];
        let mut fold = |vector, with: fn(f32, f32) -> f32| {
            ops.store(vector, &mut held[..ops.len()]);
            held[..ops.len()].iter().copied().fold(0.0, with)
        };
        [fold(lowest, f32::min), fold(highest, f32::max), fold(nothing, |sum, lane| sum + lane)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::finite_difference::ramp;

    fn values(shape: [usize; 2]) -> Vec<f32> {
        ramp(&shape).flatten_all().unwrap().to_vec1().unwrap()
    }

    /// Computes the layer with 64-bit integers, one after the other.
    fn by_integers(x: &[f32], width: usize, weights: &[f32], bias: &[f32]) -> Vec<f32> {
        let (weights, scales) = rounded(weights, width);
        let mut rows = Rounded::default();
        rows.fill(x, width);
        let mut found = Vec::new();
        for (row, x) in rows.elements().chunks(rows.stride()).enumerate() {
            let Origin { zero, scale } = rows.origin(row);
            for (output, weights) in weights.chunks(width).enumerate() {
                let shifted = |&x: &u8| i64::from(x) - i64::from(zero);
                let sum: i64 = x.iter().map(shifted).zip(weights).map(|(x, &w)| x * i64::from(w)).sum();
                found.push(sum as f32 * (scale * scales[output]) + bias[output]);
            }
        }
        found
    }

    #[test]
    fn both_products_are_exact_whatever_is_left_over() {
        for (rows, inputs, outputs) in [(1, 4, 64), (5, 3, 1), (6, 256, 65), (140, 701, 33), (13, 64, 128)] {
            let x: Vec<f32> =
                values([rows, inputs]).iter().zip(0..).map(|(x, n)| x + (n % 7) as f32).collect();
            let (weights, bias) = (values([outputs, inputs]), values([1, outputs]));
            let expected = by_integers(&x, inputs, &weights, &bias);
            let found = |weights: &Int8Weights| {
                let mut found = vec![9.0; rows * outputs];
                weights.multiply(&x, inputs, &bias, &mut found, false).unwrap();
                found
            };
            let mut layer = Int8Weights::new(&weights, outputs, inputs).unwrap();
            assert_eq!(found(&layer), expected, "{rows} x {inputs} x {outputs}");
            layer.product = Product::portable(&rounded(&weights, inputs).0, outputs, inputs).unwrap();
            assert_eq!(found(&layer), expected, "portable: {rows} x {inputs} x {outputs}");
        }
    }
}
