//! AdamW (Loshchilov & Hutter 2019) with a global gradient norm limit and a state that can be saved.

use std::collections::HashMap;

use candle_core::{Result, Tensor, Var};

use super::weights::{Gradients, Weights};

/// The optimiser's constants.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AdamWOptions {
    /// Decay of the mean.
    pub beta1: f64,
    /// Decay of the uncentred variance.
    pub beta2: f64,
    /// Added to the root of the variance.
    pub eps: f64,
    /// Decoupled decay of matrices; biases and layer norms are not decayed.
    pub weight_decay: f64,
    /// Gradients are scaled down to this global norm.
    pub max_norm: f64,
    /// The learning rate is per root mean square of a variable, as in Adafactor (Shazeer & Stern 2018, §8), not absolute. T5 needs
    /// it: its embeddings are drawn with a deviation of 1, its matrices with one of a tenth and less.
    pub relative: bool,
}

impl Default for AdamWOptions {
    fn default() -> Self {
        Self { beta1: 0.9, beta2: 0.98, eps: 1e-8, weight_decay: 0.01, max_norm: 1.0, relative: false }
    }
}

/// One trained variable with its moments.
struct Slot {
    name: String,
    var: Var,
    mean: Vec<f32>,
    variance: Vec<f32>,
}

/// One step's numbers, folded together.
struct Update {
    clip: f32,
    beta1: f32,
    beta2: f32,
    /// The learning rate with both bias corrections.
    rate: f32,
    eps: f32,
    decay: f32,
    relative: bool,
}

/// A variable of zeros would never leave them if its steps were relative to its size.
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

    /// One pass over the variable: tensor by tensor it would be a dozen.
    fn apply(&self, slot: &mut Slot, gradient: &Tensor) -> Result<()> {
        let gradient = gradient.flatten_all()?.to_vec1::<f32>()?;
        let mut values = slot.var.flatten_all()?.to_vec1::<f32>()?;
        let decay = if slot.var.rank() > 1 { self.decay } else { 1.0 };
        let rate = if self.relative { self.rate * size(&values) } else { self.rate };
        let moments = slot.mean.iter_mut().zip(&mut slot.variance);
        for ((value, gradient), (mean, variance)) in values.iter_mut().zip(gradient).zip(moments) {
            let gradient = gradient * self.clip;
            *mean = self.beta1 * *mean + (1.0 - self.beta1) * gradient;
            *variance = self.beta2 * *variance + (1.0 - self.beta2) * gradient * gradient;
            *value = *value * decay - rate * *mean / (variance.sqrt() + self.eps);
        }
        slot.var.set(&Tensor::from_vec(values, slot.var.shape(), slot.var.device())?)
    }
}

/// The root mean square of a variable, at least [`LEAST_SIZE`].
fn size(values: &[f32]) -> f32 {
    let squares: f32 = values.iter().map(|value| value * value).sum();
    (squares / values.len() as f32).sqrt().max(LEAST_SIZE)
}

/// The optimiser.
pub struct AdamW {
    options: AdamWOptions,
    slots: Vec<Slot>,
    step: u64,
}

impl AdamW {
    /// An optimiser of all `weights`, moments at zero.
    #[must_use]
    pub fn new(weights: &Weights, options: AdamWOptions) -> Self {
        let slot = |(name, var): (String, Var)| {
            let zeros = vec![0.0; var.elem_count()];
            Slot { name, var, mean: zeros.clone(), variance: zeros }
        };
        Self { options, slots: weights.vars().into_iter().map(slot).collect(), step: 0 }
    }

    /// Moves every variable that has a gradient; returns the gradients' global norm before clipping.
    ///
    /// # Errors
    /// If the norm is not finite (the variables stay as they are then) or the tensor runtime fails.
    pub fn step(&mut self, gradients: &Gradients, learning_rate: f64) -> Result<f64> {
        let norm = gradients.norm()?;
        if !norm.is_finite() {
            candle_core::bail!(
                "the gradient's norm is {norm} at step {}: lower the learning rate",
                self.step + 1
            );
        }
        self.step += 1;
        let update = Update::new(&self.options, learning_rate, self.step, norm);
        for (slot, gradient) in self.slots.iter_mut().zip(gradients.tensors()) {
            if let Some(gradient) = gradient {
                update.apply(slot, gradient)?;
            }
        }
        Ok(norm)
    }

    /// Steps taken.
    #[must_use]
    pub fn steps(&self) -> u64 {
        self.step
    }

    /// The moments as tensors named `mean.NAME` and `variance.NAME`.
    ///
    /// # Errors
    /// If the tensor runtime fails.
    pub fn moments(&self) -> Result<HashMap<String, Tensor>> {
        let mut moments = HashMap::new();
        for slot in &self.slots {
            for (kind, values) in [("mean", &slot.mean), ("variance", &slot.variance)] {
                let tensor = Tensor::from_slice(values, slot.var.shape(), slot.var.device())?;
                moments.insert(format!("{kind}.{}", slot.name), tensor);
            }
        }
        Ok(moments)
    }

    /// Goes on from saved moments after `step` steps.
    ///
    /// # Errors
    /// If a moment is missing or of another size.
    pub fn restore(&mut self, moments: &HashMap<String, Tensor>, step: u64) -> Result<()> {
        for slot in &mut self.slots {
            let moment = |kind: &str| match moments.get(&format!("{kind}.{}", slot.name)) {
                Some(tensor) if tensor.shape() == slot.var.shape() => tensor.flatten_all()?.to_vec1(),
                _ => candle_core::bail!("the saved state lacks the {kind} of `{}`", slot.name),
            };
            (slot.mean, slot.variance) = (moment("mean")?, moment("variance")?);
        }
        self.step = step;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::Device;

    fn one_weight(value: &[f32]) -> (Weights, Var) {
        let weights = Weights::new();
        let start = HashMap::from([("w".to_owned(), Tensor::new(value, &Device::Cpu).unwrap())]);
        weights.builder(start, 0).get(value.len(), "w").unwrap();
        let var = weights.vars()[0].1.clone();
        (weights, var)
    }

    #[test]
    fn first_step_moves_by_the_learning_rate_against_the_gradient() {
        let (weights, var) = one_weight(&[1.0, -2.0]);
        let mut optimiser = AdamW::new(&weights, AdamWOptions::default());
        // The gradient of Σ w² is 2w: norm √20, clipped to 1; Adam's first step has the size of the learning rate.
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
            let mut optimiser = AdamW::new(&weights, options);
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
        let mut optimiser = AdamW::new(&weights, AdamWOptions::default());
        let loss = var.sqrt().unwrap().sum_all().unwrap();
        let gradients = Gradients::of(&weights, &loss.backward().unwrap());
        assert!(optimiser.step(&gradients, 0.1).is_err());
        assert_eq!(var.to_vec1::<f32>().unwrap(), [0.0]);
    }
}
