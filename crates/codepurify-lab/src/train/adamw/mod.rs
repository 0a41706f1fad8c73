//! AdamW (Loshchilov & Hutter 2019) with a limit of the global gradient norm and a state that can
//! be saved.

mod each;
mod flat;

use std::collections::HashMap;

use candle_core::{Result, Shape, Tensor};

use super::weights::{Gradients, TrainableWeights};
use each::TrainedVariable;
use flat::Flat;

/// Constants of the optimiser.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AdamWOptions {
    /// Decay of the mean.
    pub beta1: f64,
    /// Decay of the uncentred variance.
    pub beta2: f64,
    /// Added to the root of the variance.
    pub eps: f64,
    /// Decoupled decay of matrices; biases and layer norms do not decay.
    pub weight_decay: f64,
    /// Gradients are scaled down to this global norm.
    pub max_norm: f64,
    /// Scales the learning rate by the root mean square of each variable, as in Adafactor (Shazeer
    /// & Stern 2018, §8).
    ///
    /// T5 needs this: its embeddings are drawn with a deviation of 1, its matrices with a tenth and
    /// less.
    pub relative: bool,
}

impl Default for AdamWOptions {
    fn default() -> Self {
        Self { beta1: 0.9, beta2: 0.98, eps: 1e-8, weight_decay: 0.01, max_norm: 1.0, relative: false }
    }
}

/// Constants of one step, combined.
struct Update {
    clip: f32,
    beta1: f32,
    beta2: f32,
    /// Learning rate with both bias corrections.
    rate: f32,
    eps: f32,
    decay: f32,
    relative: bool,
}

/// Least size of a variable: one of zeros would stay at zero if its steps were relative to its
/// size.
const LEAST_SIZE: f32 = 1e-3;

impl Update {
    fn new(options: &AdamWOptions, learning_rate: f64, step: u64, norm: f64) -> Self {
        let steps = step as f64;
        let corrected = (1.0 - options.beta2.powf(steps)).sqrt() / (1.0 - options.beta1.powf(steps));
        Self {
            clip: (options.max_norm / norm).min(1.0) as f32,
            beta1: options.beta1 as f32,
            beta2: options.beta2 as f32,
            rate: (learning_rate * corrected) as f32,
            eps: options.eps as f32,
            decay: (1.0 - learning_rate * options.weight_decay) as f32,
            relative: options.relative,
        }
    }
}

/// Computes the constants of a step from the norm of its gradients, which must be finite.
type Updates<'u> = &'u dyn Fn(f64) -> Result<Update>;

/// Saved moment: `mean` or `variance` of a variable, with its name and shape.
type Moment<'m> = &'m dyn Fn(&str, &str, &Shape) -> Result<Tensor>;

/// Variables with their moments.
trait Slots: Send {
    /// Updates every variable that has a gradient; returns the gradients' global norm.
    fn step(&mut self, gradients: &Gradients, updates: Updates) -> Result<f64>;

    /// Returns mean and variance of each variable in its shape, on the CPU.
    fn moments(&self) -> Result<Vec<(&str, [Tensor; 2])>>;

    /// Restores saved moments.
    fn restore(&mut self, moment: Moment) -> Result<()>;
}

/// AdamW optimiser.
pub struct AdamW {
    options: AdamWOptions,
    slots: Box<dyn Slots>,
    step: u64,
}

impl AdamW {
    /// Creates an optimiser of all `weights` with moments of zero.
    ///
    /// # Errors
    /// If the tensor runtime fails.
    pub fn new(weights: &TrainableWeights, options: AdamWOptions) -> Result<Self> {
        let slots: Box<dyn Slots> = if weights.device().is_cpu() {
            Box::new(weights.vars().into_iter().map(TrainedVariable::new).collect::<Vec<_>>())
        } else {
            Box::new(Flat::new(weights.vars(), weights.device())?)
        };
        Ok(Self { options, slots, step: 0 })
    }

    /// Updates every variable that has a gradient; returns the gradients' global norm before
    /// clipping.
    ///
    /// # Errors
    /// If the norm is not finite (the variables stay unchanged then) or the tensor runtime fails.
    pub fn step(&mut self, gradients: &Gradients, learning_rate: f64) -> Result<f64> {
        let step = self.step + 1;
        let norm = self.slots.step(gradients, &|norm| {
            if !norm.is_finite() {
                candle_core::bail!("the gradient's norm is {norm} at step {step}: lower the learning rate");
            }
            Ok(Update::new(&self.options, learning_rate, step, norm))
        })?;
        self.step = step;
        Ok(norm)
    }

    /// Returns the number of steps taken.
    #[must_use]
    pub fn steps(&self) -> u64 {
        self.step
    }

    /// Returns the moments as tensors named `mean.NAME` and `variance.NAME`.
    ///
    /// # Errors
    /// If the tensor runtime fails.
    pub fn moments(&self) -> Result<HashMap<String, Tensor>> {
        let named = |(name, [mean, variance]): (&str, [Tensor; 2])| {
            [(format!("mean.{name}"), mean), (format!("variance.{name}"), variance)]
        };
        Ok(self.slots.moments()?.into_iter().flat_map(named).collect())
    }

    /// Restores saved moments after `step` steps.
    ///
    /// # Errors
    /// If a moment is missing or of another size.
    pub fn restore(&mut self, moments: &HashMap<String, Tensor>, step: u64) -> Result<()> {
        self.slots.restore(&|kind, name, shape| match moments.get(&format!("{kind}.{name}")) {
            Some(tensor) if tensor.shape() == shape => Ok(tensor.clone()),
            _ => candle_core::bail!("the saved state lacks the {kind} of `{name}`"),
        })?;
        self.step = step;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::{Device, Var};

    fn one_weight(value: &[f32]) -> (TrainableWeights, Var) {
        let weights = TrainableWeights::new();
        let start = HashMap::from([("w".to_owned(), Tensor::new(value, &Device::Cpu).unwrap())]);
        weights.builder(start, 0).get(value.len(), "w").unwrap();
        let var = weights.vars()[0].1.clone();
        (weights, var)
    }

    #[test]
    fn first_step_moves_by_the_learning_rate_against_the_gradient() {
        let (weights, var) = one_weight(&[1.0, -2.0]);
        let mut optimiser = AdamW::new(&weights, AdamWOptions::default()).unwrap();
        // The gradient of Σ w² is 2w: norm √20, clipped to 1. Adam's first step is as large as the
        // learning rate.
        let loss = var.sqr().unwrap().sum_all().unwrap();
        let gradients = Gradients::of(&weights, &loss.backward().unwrap());
        let norm = optimiser.step(&gradients, 0.1).unwrap();
        assert!((norm - 20f64.sqrt()).abs() < 1e-5, "{norm}");
        let moved = var.to_vec1::<f32>().unwrap();
        assert!((moved[0] - 0.9).abs() < 1e-4 && (moved[1] + 1.9).abs() < 1e-4, "{moved:?}");
    }

    #[test]
    fn relative_steps_go_by_the_size_of_the_variable_and_leave_zero() {
        for (start, size) in [([3.0, -4.0], 12.5_f32.sqrt()), ([0.0, 0.0], LEAST_SIZE)] {
            let (weights, var) = one_weight(&start);
            let options = AdamWOptions { relative: true, ..AdamWOptions::default() };
            let mut optimiser = AdamW::new(&weights, options).unwrap();
            let loss = var.sum_all().unwrap();
            let gradients = Gradients::of(&weights, &loss.backward().unwrap());
            optimiser.step(&gradients, 0.1).unwrap();
            let moved = var.to_vec1::<f32>().unwrap();
            for (before, after) in start.iter().zip(&moved) {
                assert!((before - 0.1 * size - after).abs() < 1e-4 * size, "{start:?} -> {moved:?}");
            }
        }
    }

    #[test]
    fn an_infinite_gradient_is_an_error_and_moves_nothing() {
        let (weights, var) = one_weight(&[0.0]);
        let mut optimiser = AdamW::new(&weights, AdamWOptions::default()).unwrap();
        let loss = var.sqrt().unwrap().sum_all().unwrap();
        let gradients = Gradients::of(&weights, &loss.backward().unwrap());
        assert!(optimiser.step(&gradients, 0.1).is_err());
        assert_eq!(var.to_vec1::<f32>().unwrap(), [0.0]);
    }
}
