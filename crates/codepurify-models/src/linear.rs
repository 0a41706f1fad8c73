//! The linear layer of all networks: weights as they are, which can learn, or weights that are packed to be used.

use std::sync::Arc;

use candle_core::{Result, Tensor};
use candle_nn::{Init, VarBuilder};

use crate::ops::{self, Activation, PackedLinear, Precision};

/// `x · weightᵀ`, with a bias or without one.
#[derive(Debug, Clone)]
pub(crate) struct Linear(State);

#[derive(Debug, Clone)]
enum State {
    /// Layers over the same inputs, with outputs side by side: mostly one.
    Plain(Vec<Part>),
    Packed(Arc<PackedLinear>),
}

#[derive(Debug, Clone)]
struct Part {
    /// `[outputs, inputs]`.
    weight: Tensor,
    bias: Option<Tensor>,
}

impl Linear {
    /// Takes `weight` and `bias` below the prefix of `weights`.
    pub(crate) fn new(inputs: usize, outputs: usize, init: Init, weights: &VarBuilder) -> Result<Self> {
        let weight = weights.get_with_hints((outputs, inputs), "weight", init)?;
        let bias = weights.get_with_hints(outputs, "bias", candle_nn::init::ZERO)?;
        Ok(Self::of(weight, Some(bias)))
    }

    /// Takes `weight` below the prefix of `weights`; there is no bias.
    pub(crate) fn without_bias(
        inputs: usize,
        outputs: usize,
        init: Init,
        weights: &VarBuilder,
    ) -> Result<Self> {
        Ok(Self::of(weights.get_with_hints((outputs, inputs), "weight", init)?, None))
    }

    /// `weight` is `[outputs, inputs]`, `bias` `[outputs]`.
    pub(crate) fn of(weight: Tensor, bias: Option<Tensor>) -> Self {
        Self(State::Plain(vec![Part { weight, bias }]))
    }

    /// Combines layers over the same inputs into one, with their outputs side by side.
    pub(crate) fn side_by_side(layers: impl IntoIterator<Item = Self>) -> Result<Self> {
        let mut parts = Vec::new();
        for Self(state) in layers {
            match state {
                State::Plain(of_layer) => parts.extend(of_layer),
                State::Packed(_) => candle_core::bail!("packed layers cannot be put side by side"),
            }
        }
        Ok(Self(State::Plain(parts)))
    }

    /// From now on the weights are only used: they are laid out for the kernels, and no gradient goes through them. On a GPU
    /// several layers become one, and stay as they are otherwise.
    pub(crate) fn pack(&mut self, precision: Precision) -> Result<()> {
        if let State::Plain(parts) = &self.0 {
            let Part { weight, bias } = joined(parts)?;
            self.0 = match (weight.device().is_cpu(), precision) {
                (true, _) => State::Packed(Arc::new(PackedLinear::new(&weight, bias.as_ref(), precision)?)),
                (false, Precision::F32) => {
                    State::Plain(vec![Part { weight: weight.detach(), bias: bias.map(|bias| bias.detach()) }])
                }
                (false, Precision::Int8) => candle_core::bail!("8-bit integers are for the processor only"),
            };
        }
        Ok(())
    }

    /// The weights laid out for the kernels of a processor.
    pub(crate) fn laid_out(&self, precision: Precision) -> Result<PackedLinear> {
        let State::Plain(parts) = &self.0 else { candle_core::bail!("packed layers are laid out already") };
        let Part { weight, bias } = joined(parts)?;
        PackedLinear::new(&weight, bias.as_ref(), precision)
    }

    /// `[rows, inputs]` to `[rows, outputs]`.
    pub(crate) fn forward(&self, x: &Tensor) -> Result<Tensor> {
        match &self.0 {
            State::Plain(parts) => joined(parts)?.forward(x),
            State::Packed(packed) => packed.forward(x, Activation::Identity),
        }
    }

    /// [`Linear::forward`] and then GELU.
    pub(crate) fn forward_gelu(&self, x: &Tensor) -> Result<Tensor> {
        match &self.0 {
            State::Plain(_) => ops::gelu(&self.forward(x)?),
            State::Packed(packed) => packed.forward(x, Activation::Gelu),
        }
    }

    /// [`Linear::forward`] and then the rectifier.
    pub(crate) fn forward_relu(&self, x: &Tensor) -> Result<Tensor> {
        match &self.0 {
            State::Plain(_) => ops::relu(&self.forward(x)?),
            State::Packed(packed) => packed.forward(x, Activation::Relu),
        }
    }

    /// `residual`, `[rows, outputs]`, plus [`Linear::forward`].
    pub(crate) fn forward_onto(&self, x: &Tensor, residual: &Tensor) -> Result<Tensor> {
        match &self.0 {
            State::Plain(_) => ops::add(residual, &self.forward(x)?),
            State::Packed(packed) => packed.forward_onto(x, residual),
        }
    }

    /// The layer of some of the outputs alone; not of packed weights.
    pub(crate) fn outputs(&self, first: usize, count: usize) -> Result<Self> {
        let State::Plain(parts) = &self.0 else { candle_core::bail!("packed layers cannot be taken apart") };
        let Part { weight, bias } = joined(parts)?;
        let bias = bias.map(|bias| bias.narrow(0, first, count)).transpose()?;
        Ok(Self::of(weight.narrow(0, first, count)?, bias))
    }
}

impl Part {
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        match &self.bias {
            Some(bias) => ops::linear(x, &self.weight, bias),
            None => ops::project(x, &self.weight),
        }
    }
}

/// Joins all parts into one. They are joined again each time: variables change while a model is trained.
fn joined(parts: &[Part]) -> Result<Part> {
    if let [one] = parts {
        return Ok(one.clone());
    }
    let weights: Vec<&Tensor> = parts.iter().map(|part| &part.weight).collect();
    let biases: Option<Vec<&Tensor>> = parts.iter().map(|part| part.bias.as_ref()).collect();
    let bias = biases.map(|biases| Tensor::cat(&biases, 0)).transpose()?;
    Ok(Part { weight: Tensor::cat(&weights, 0)?, bias })
}
