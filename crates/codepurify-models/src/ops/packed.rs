//! Linear layers whose weights do not change any more: laid out for the kernels once, in `f32` or in 8-bit integers.

use std::cell::RefCell;
use std::sync::Arc;

use candle_core::{CpuStorage, CustomOp1, CustomOp2, Layout, Result, Shape, Tensor};
use rayon::prelude::*;
use rten_gemm::{BiasVector, GemmExecutor, GemmInputA, GemmInputB, GemmOptions, PackedBMatrix};
use rten_simd::{SimdOp, SimdUnaryOp};
use rten_vecmath::{Gelu, MinMax, Sum};
use serde::Deserialize;

use super::gemm::{F32_KERNEL, matrix, refused};
use super::{elements, wide};

/// Rows that are worked on at a time: what comes out of the product is still in the cache when the rest is done to it.
const BLOCK: usize = 128;

/// What the weights of a model in use are held in, and with it the arithmetic of its linear layers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Precision {
    /// 32-bit floating point: the answers of the model as it was trained.
    #[default]
    F32,
    /// 8-bit integers, with a scale for each output of a layer; what goes in is rounded to 8 bits row by row, with the
    /// scale and the zero of each row. Embeddings, norms, attention and heads stay as they are.
    Int8,
}

/// What is done to the outputs of a linear layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Activation {
    /// Nothing.
    Identity,
    /// [`super::gelu`].
    Gelu,
    /// [`super::relu`].
    Relu,
}

/// A linear layer that can only be used: it has no gradient, and asking for one is an error.
pub struct PackedLinear {
    weights: Weights,
    /// One for each output.
    bias: Vec<f32>,
    inputs: usize,
}

enum Weights {
    F32(PackedBMatrix<f32>),
    Int8(Int8Weights),
}

struct Int8Weights {
    packed: PackedBMatrix<i8>,
    /// What the weights of each output are multiples of.
    scales: Vec<f32>,
    /// The sum of the weights of each output: what it has too much for each unit that the inputs are shifted by.
    sums: Vec<i32>,
}

impl PackedLinear {
    /// `weight` is `[outputs, inputs]`, `bias` `[outputs]`.
    ///
    /// # Errors
    /// If the shapes do not fit or a tensor is not contiguous `f32` in CPU memory.
    pub fn new(weight: &Tensor, bias: Option<&Tensor>, precision: Precision) -> Result<Self> {
        let (outputs, inputs) = weight.dims2()?;
        let bias = bias.map_or_else(|| Ok(vec![0.0; outputs]), Tensor::to_vec1::<f32>)?;
        if bias.len() != outputs {
            candle_core::bail!("{} biases for {outputs} outputs", bias.len());
        }
        let values = weight.flatten_all()?.to_vec1::<f32>()?;
        let weights = match precision {
            Precision::F32 => {
                let view = matrix(&values, outputs, inputs, inputs)?;
                Weights::F32(F32_KERNEL.with(|kernel| kernel.prepack_b(view.transposed())))
            }
            Precision::Int8 => {
                let (rounded, scales) = rounded(&values, inputs.max(1));
                let packed = matrix(&rounded, outputs, inputs, inputs)?.transposed();
                let sum = |row: &[i8]| row.iter().map(|&weight| i32::from(weight)).sum();
                let sums = rounded.chunks(inputs.max(1)).map(sum).collect();
                let packed = INT8_KERNEL.with(|kernel| kernel.prepack_b(packed));
                Weights::Int8(Int8Weights { packed, scales, sums })
            }
        };
        Ok(Self { weights, bias, inputs })
    }

    /// `activation(x · weightᵀ + bias)` of `x` `[rows, inputs]`: `[rows, outputs]`.
    ///
    /// # Errors
    /// If the shapes do not fit or `x` is not contiguous `f32` in CPU memory.
    pub fn forward(self: &Arc<Self>, x: &Tensor, activation: Activation) -> Result<Tensor> {
        x.apply_op1(Forward { layer: self.clone(), activation })
    }

    /// `residual + x · weightᵀ + bias`; `residual` is `[rows, outputs]`.
    ///
    /// # Errors
    /// If the shapes do not fit or a tensor is not contiguous `f32` in CPU memory.
    pub fn forward_onto(self: &Arc<Self>, x: &Tensor, residual: &Tensor) -> Result<Tensor> {
        x.apply_op2(residual, Forward { layer: self.clone(), activation: Activation::Identity })
    }

    fn outputs(&self) -> usize {
        self.bias.len()
    }

    /// How many rows `x` has.
    fn rows(&self, x: &Layout) -> Result<usize> {
        let (rows, inputs) = x.shape().dims2()?;
        if inputs != self.inputs {
            candle_core::bail!("{inputs} columns for a layer with {} inputs", self.inputs);
        }
        Ok(rows)
    }

    /// Adds the products of the rows of `x` and the bias to `target`, zeros unless it holds something to add `onto`; block by
    /// block, each then to be finished.
    fn fill(
        &self,
        x: &[f32],
        target: &mut [f32],
        onto: bool,
        finish: impl Fn(&mut [f32]) + Sync,
    ) -> Result<()> {
        let rows = x.par_chunks(BLOCK * self.inputs.max(1));
        rows.zip(target.par_chunks_mut(BLOCK * self.outputs().max(1))).try_for_each(|(x, target)| {
            match &self.weights {
                Weights::F32(weights) => self.multiply(weights, x, target, onto)?,
                Weights::Int8(weights) => self.multiply_int8(weights, x, target)?,
            }
            finish(target);
            Ok(())
        })
    }

    fn multiply(
        &self,
        weights: &PackedBMatrix<f32>,
        x: &[f32],
        target: &mut [f32],
        onto: bool,
    ) -> Result<()> {
        let x = matrix(x, x.len() / self.inputs, self.inputs, self.inputs)?;
        let options = GemmOptions {
            beta: f32::from(u8::from(onto)),
            bias: Some(BiasVector::Row(&self.bias)),
            ..GemmOptions::default()
        };
        F32_KERNEL
            .with(|kernel| kernel.gemm(target, GemmInputA::Unpacked(x), GemmInputB::Packed(weights), options))
            .map_err(|error| refused(&error))
    }

    fn multiply_int8(&self, weights: &Int8Weights, x: &[f32], target: &mut [f32]) -> Result<()> {
        // Taken, not borrowed: while the product waits for its parts, this thread may begin another block.
        let mut scratch = SCRATCH.with_borrow_mut(std::mem::take);
        scratch.round(x, self.inputs);
        scratch.sums.resize(target.len(), 0);
        let Scratch { rows, zeros, scales, sums } = &mut scratch;
        // The kernel could take the zeros of the rows off, but in rten-gemm 0.27 it does so wrongly from the ninth row on.
        let a = GemmInputA::Unpacked(matrix(rows, zeros.len(), self.inputs, self.inputs)?);
        let b = GemmInputB::Packed(&weights.packed);
        let product = INT8_KERNEL.with(|kernel| kernel.gemm(sums, a, b, GemmOptions::default()));
        product.map_err(|error| refused(&error))?;
        let of_rows = target.chunks_exact_mut(self.outputs()).zip(sums.chunks_exact(self.outputs()));
        for ((target, sums), (&zero, &scale)) in of_rows.zip(zeros.iter().zip(scales.iter())) {
            wide(
                #[inline(always)]
                || {
                    let of_weights = weights.scales.iter().zip(&weights.sums);
                    let outputs = target.iter_mut().zip(sums).zip(of_weights).zip(&self.bias);
                    for (((target, &sum), (of_weights, shifted)), bias) in outputs {
                        *target += (sum - i32::from(zero) * shifted) as f32 * (scale * of_weights) + bias;
                    }
                },
            );
        }
        SCRATCH.set(scratch);
        Ok(())
    }
}

impl std::fmt::Debug for PackedLinear {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let precision = match self.weights {
            Weights::F32(_) => Precision::F32,
            Weights::Int8(_) => Precision::Int8,
        };
        write!(f, "PackedLinear({} -> {}, {precision:?})", self.inputs, self.outputs())
    }
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

/// What a block needs on its way through the integer kernel; kept from block to block.
#[derive(Default)]
struct Scratch {
    /// Inputs, rounded.
    rows: Vec<u8>,
    /// What stands for 0 in each row.
    zeros: Vec<u8>,
    /// What the inputs of each row are multiples of.
    scales: Vec<f32>,
    sums: Vec<i32>,
}

impl Scratch {
    /// Rounds rows of `width`, each with the scale that makes use of all 256 values.
    fn round(&mut self, x: &[f32], width: usize) {
        self.zeros.clear();
        self.scales.clear();
        self.rows.resize(x.len(), 0);
        for (row, rounded) in x.chunks_exact(width).zip(self.rows.chunks_exact_mut(width)) {
            let (scale, zero) = scale_and_zero(row);
            let inverse = if scale > 0.0 { scale.recip() } else { 0.0 };
            round(row, inverse, f32::from(zero), rounded);
            self.zeros.push(zero);
            self.scales.push(scale);
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

/// The step between the 256 values that a row is rounded to, and which of them stands for 0. NaN if the row holds a number
/// that is not finite, so that nothing that comes of it looks like an answer.
#[expect(clippy::cast_sign_loss, reason = "the lowest value is not positive, the step not negative")]
fn scale_and_zero(row: &[f32]) -> (f32, u8) {
    let (lowest, highest) = MinMax::new(row).dispatch();
    let (lowest, highest) = (lowest.min(0.0), highest.max(0.0));
    if !Sum::new(row).dispatch().is_finite() {
        return (f32::NAN, 0);
    }
    let scale = (highest - lowest) / 255.0;
    (scale, if scale > 0.0 { (-lowest / scale).round() as u8 } else { 0 })
}

struct Forward {
    layer: Arc<PackedLinear>,
    activation: Activation,
}

impl Activation {
    fn apply(self, values: &mut [f32]) {
        match self {
            Self::Identity => {}
            Self::Gelu => {
                Gelu {}.map_mut(values);
            }
            Self::Relu => super::relu::rectify(values),
        }
    }
}

impl CustomOp1 for Forward {
    fn name(&self) -> &'static str {
        "packed-linear"
    }

    fn cpu_fwd(&self, x: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let shape = (self.layer.rows(layout)?, self.layer.outputs());
        let mut target = vec![0.0; shape.0 * shape.1];
        self.layer.fill(elements(x, layout)?, &mut target, false, |block| self.activation.apply(block))?;
        Ok((CpuStorage::F32(target), Shape::from(shape)))
    }
}

impl CustomOp2 for Forward {
    fn name(&self) -> &'static str {
        "packed-linear-onto"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        layout: &Layout,
        residual: &CpuStorage,
        of_residual: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let shape = (self.layer.rows(layout)?, self.layer.outputs());
        if of_residual.shape().dims2()? != shape {
            candle_core::bail!("{:?} onto {:?}", shape, of_residual.dims());
        }
        let mut target = elements(residual, of_residual)?.to_vec();
        self.layer.fill(elements(x, layout)?, &mut target, true, |block| self.activation.apply(block))?;
        Ok((CpuStorage::F32(target), Shape::from(shape)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::finite_difference::ramp;
    use crate::ops::{add, gelu, linear, relu};
    use candle_core::{Device, Var};

    fn layer(outputs: usize, inputs: usize, precision: Precision) -> (Arc<PackedLinear>, [Tensor; 2]) {
        let (weight, bias) = (ramp(&[outputs, inputs]), ramp(&[outputs]));
        (Arc::new(PackedLinear::new(&weight, Some(&bias), precision).unwrap()), [weight, bias])
    }

    fn largest(x: &Tensor) -> f32 {
        x.abs().unwrap().max_all().unwrap().to_scalar().unwrap()
    }

    #[test]
    fn packed_weights_give_what_the_linear_layer_gives() {
        // More rows than a block, more inputs than a kernel takes at a time.
        for (rows, inputs, outputs) in [(1, 3, 5), (300, 700, 33)] {
            let (packed, [weight, bias]) = layer(outputs, inputs, Precision::F32);
            let x = ramp(&[rows, inputs]);
            let plain = linear(&x, &weight, &bias).unwrap();
            let close = |found: Tensor, expected: Tensor| {
                let difference = largest(&(found - &expected).unwrap());
                assert!(difference < 1e-5 * largest(&expected).max(1.0), "{difference}");
            };
            close(packed.forward(&x, Activation::Identity).unwrap(), plain.clone());
            close(packed.forward(&x, Activation::Gelu).unwrap(), gelu(&plain).unwrap());
            close(packed.forward(&x, Activation::Relu).unwrap(), relu(&plain).unwrap());
            let residual = ramp(&[rows, outputs]);
            close(packed.forward_onto(&x, &residual).unwrap(), add(&residual, &plain).unwrap());
        }
    }

    /// The same by 64-bit integers, one after the other.
    fn by_integers(x: &Tensor, weight: &Tensor, bias: &Tensor) -> Vec<f32> {
        let values = |x: &Tensor| x.flatten_all().unwrap().to_vec1::<f32>().unwrap();
        let (width, bias) = (x.dim(1).unwrap(), values(bias));
        let (weights, scales) = rounded(&values(weight), width);
        let mut scratch = Scratch::default();
        scratch.round(&values(x), width);
        let mut found = Vec::new();
        for (row, x) in scratch.rows.chunks(width).enumerate() {
            for (output, weights) in weights.chunks(width).enumerate() {
                let shifted = |&x: &u8| i64::from(x) - i64::from(scratch.zeros[row]);
                let sum: i64 = x.iter().map(shifted).zip(weights).map(|(x, &w)| x * i64::from(w)).sum();
                found.push(sum as f32 * scratch.scales[row] * scales[output] + bias[output]);
            }
        }
        found
    }

    #[test]
    fn integers_are_multiplied_exactly_and_come_near() {
        let (packed, [weight, bias]) = layer(33, 700, Precision::Int8);
        // Rows of different size and middle.
        let middle = Tensor::arange(0f32, 140.0, &Device::Cpu).unwrap().reshape((140, 1)).unwrap();
        let x = ramp(&[140, 700]).broadcast_add(&(middle * 0.01).unwrap()).unwrap();
        let found = packed.forward(&x, Activation::Identity).unwrap();
        let expected = Tensor::from_vec(by_integers(&x, &weight, &bias), (140, 33), &Device::Cpu).unwrap();
        assert!(largest(&(&found - expected).unwrap()) < 1e-3);
        let exact = linear(&x, &weight, &bias).unwrap();
        let difference = largest(&(&found - &exact).unwrap());
        assert!(difference < 0.02 * largest(&exact), "{difference}");
        assert!(difference > 1e-3, "nothing was rounded");
        let residual = ramp(&[140, 33]);
        let onto = packed.forward_onto(&x, &residual).unwrap();
        assert!(largest(&(onto - add(&residual, &found).unwrap()).unwrap()) < 1e-4);
        let nothing = packed.forward(&x.zeros_like().unwrap(), Activation::Identity).unwrap();
        assert_eq!(nothing.get(139).unwrap().to_vec1::<f32>().unwrap(), bias.to_vec1::<f32>().unwrap());
    }

    #[test]
    fn a_row_gives_the_same_alone_and_among_others() {
        for precision in [Precision::F32, Precision::Int8] {
            let (packed, _) = layer(48, 300, precision);
            let x = ramp(&[200, 300]);
            let all = packed.forward(&x, Activation::Gelu).unwrap();
            let alone = x.narrow(0, 150, 1).unwrap().contiguous().unwrap();
            let alone = packed.forward(&alone, Activation::Gelu).unwrap();
            assert_eq!(
                alone.get(0).unwrap().to_vec1::<f32>().unwrap(),
                all.get(150).unwrap().to_vec1::<f32>().unwrap()
            );
        }
    }

    #[test]
    fn what_is_not_finite_stays_so_in_its_row() {
        for (precision, bad) in
            [Precision::F32, Precision::Int8].into_iter().flat_map(|p| [(p, f32::NAN), (p, f32::INFINITY)])
        {
            let (packed, _) = layer(4, 3, precision);
            let x = Tensor::new(&[[0.5, bad, 1.0], [0.5f32, 1.0, 0.0]], &Device::Cpu).unwrap();
            let found = packed.forward(&x, Activation::Identity).unwrap().to_vec2::<f32>().unwrap();
            assert!(found[0].iter().all(|value| !value.is_finite()), "{found:?}");
            assert!(found[1].iter().all(|value| value.is_finite()), "{found:?}");
        }
    }

    #[test]
    fn there_is_no_gradient_and_no_silence_about_it() {
        let (packed, _) = layer(4, 3, Precision::F32);
        let x = Var::from_tensor(&ramp(&[2, 3])).unwrap();
        let y = packed.forward(&x, Activation::Identity).unwrap();
        assert!(y.sum_all().unwrap().backward().is_err());
    }

    #[test]
    fn shapes_that_do_not_fit_are_refused() {
        assert!(PackedLinear::new(&ramp(&[4, 3]), Some(&ramp(&[3])), Precision::F32).is_err());
        let (packed, _) = layer(4, 3, Precision::F32);
        assert!(packed.forward(&ramp(&[2, 4]), Activation::Identity).is_err());
        assert!(packed.forward_onto(&ramp(&[2, 3]), &ramp(&[3, 4])).is_err());
    }
}
