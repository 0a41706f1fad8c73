//! Linear layers whose weights do not change any more: laid out for the kernels once, in `f32` or in 8-bit integers.

mod int8;
#[cfg(target_arch = "x86_64")]
mod vnni;

use std::str::FromStr;
use std::sync::Arc;

use candle_core::{CpuStorage, CustomOp1, CustomOp2, Layout, Result, Shape, Tensor};
use rayon::prelude::*;
use rten_gemm::{BiasVector, GemmInputA, GemmInputB, GemmOptions, PackedBMatrix};
use rten_simd::SimdUnaryOp;
use rten_vecmath::Gelu;
use serde::Deserialize;
use thiserror::Error;

use super::elements;
use super::gemm::{F32_KERNEL, matrix, refused};
use int8::Int8Weights;

/// Rows that are processed at a time: results of the product are still in the cache for the steps after it.
pub(super) const BLOCK: usize = 128;

/// Number format of the weights of a model in use, and with it the arithmetic of its linear layers.
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

/// A precision that there is not.
#[derive(Debug, Error)]
#[error("there is no precision `{0}`: say f32 or int8")]
pub struct UnknownPrecision(String);

impl FromStr for Precision {
    type Err = UnknownPrecision;

    fn from_str(name: &str) -> std::result::Result<Self, UnknownPrecision> {
        match name {
            "f32" => Ok(Self::F32),
            "int8" => Ok(Self::Int8),
            _ => Err(UnknownPrecision(name.to_owned())),
        }
    }
}

/// Function that is applied to the outputs of a linear layer.
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
            Precision::Int8 => Weights::Int8(Int8Weights::new(&values, outputs, inputs)?),
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

    pub(super) fn inputs(&self) -> usize {
        self.inputs
    }

    pub(super) fn outputs(&self) -> usize {
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

    /// The products of the rows of `x` and the bias, in place of what `target` holds or `onto` it; block by block, each then to
    /// be finished.
    pub(super) fn fill(
        &self,
        x: &[f32],
        target: &mut [f32],
        onto: bool,
        finish: impl Fn(&mut [f32]) + Sync,
    ) -> Result<()> {
        let rows = x.par_chunks(BLOCK * self.inputs.max(1));
        rows.zip(target.par_chunks_mut(BLOCK * self.outputs().max(1))).try_for_each(|(x, target)| {
            self.multiply(x, target, onto)?;
            finish(target);
            Ok(())
        })
    }

    /// [`PackedLinear::fill`] of one block.
    pub(super) fn multiply(&self, x: &[f32], target: &mut [f32], onto: bool) -> Result<()> {
        let weights = match &self.weights {
            Weights::F32(weights) => weights,
            Weights::Int8(weights) => return weights.multiply(x, self.inputs, &self.bias, target, onto),
        };
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

struct Forward {
    layer: Arc<PackedLinear>,
    activation: Activation,
}

impl Activation {
    pub(super) fn apply(self, values: &mut [f32]) {
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

    #[test]
    fn integers_come_near() {
        let (packed, [weight, bias]) = layer(33, 700, Precision::Int8);
        // Rows of different size and middle.
        let middle = Tensor::arange(0f32, 140.0, &Device::Cpu).unwrap().reshape((140, 1)).unwrap();
        let x = ramp(&[140, 700]).broadcast_add(&(middle * 0.01).unwrap()).unwrap();
        let found = packed.forward(&x, Activation::Identity).unwrap();
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
