//! AdamW variable by variable, on the CPU.

use candle_core::{Result, Tensor, Var};

use super::{LEAST_SIZE, Moment, Slots, Update, Updates};
use crate::train::weights::Gradients;

/// Trained variable with its moments.
pub(super) struct TrainedVariable {
    name: String,
    var: Var,
    mean: Vec<f32>,
    variance: Vec<f32>,
}

impl TrainedVariable {
    /// Creates moments of zero.
    pub(super) fn new((name, var): (String, Var)) -> Self {
        let zeros = vec![0.0; var.elem_count()];
        Self { name, var, mean: zeros.clone(), variance: zeros }
    }

    /// Updates the variable in one pass; tensor operations would need a dozen.
    fn apply(&mut self, update: &Update, gradient: &Tensor) -> Result<()> {
        let gradient = gradient.flatten_all()?.to_vec1::<f32>()?;
        let mut values = self.var.flatten_all()?.to_vec1::<f32>()?;
        let decay = if self.var.rank() > 1 { update.decay } else { 1.0 };
        let rate = if update.relative { update.rate * size(&values) } else { update.rate };
        let moments = self.mean.iter_mut().zip(&mut self.variance);
        for ((value, gradient), (mean, variance)) in values.iter_mut().zip(gradient).zip(moments) {
            let gradient = gradient * update.clip;
            *mean = update.beta1 * *mean + (1.0 - update.beta1) * gradient;
            *variance = update.beta2 * *variance + (1.0 - update.beta2) * gradient * gradient;
            *value = *value * decay - rate * *mean / (variance.sqrt() + update.eps);
        }
        self.var.set(&Tensor::from_vec(values, self.var.shape(), self.var.device())?)
    }
}

/// Returns the root mean square of a variable, at least [`LEAST_SIZE`].
fn size(values: &[f32]) -> f32 {
    let squares: f32 = values.iter().map(|value| value * value).sum();
    (squares / values.len() as f32).sqrt().max(LEAST_SIZE)
}

impl Slots for Vec<TrainedVariable> {
    fn step(&mut self, gradients: &Gradients, updates: Updates) -> Result<f64> {
        let norm = gradients.norm()?;
        let update = updates(norm)?;
        for (slot, gradient) in self.iter_mut().zip(gradients.tensors()) {
            if let Some(gradient) = gradient {
                slot.apply(&update, gradient)?;
            }
        }
        Ok(norm)
    }

    fn moments(&self) -> Result<Vec<(&str, [Tensor; 2])>> {
        let of = |slot: &TrainedVariable, values: &[f32]| {
            Tensor::from_slice(values, slot.var.shape(), slot.var.device())
        };
        let both =
            |slot: &TrainedVariable| -> Result<_> { Ok([of(slot, &slot.mean)?, of(slot, &slot.variance)?]) };
        self.iter().map(|slot| Ok((slot.name.as_str(), both(slot)?))).collect()
    }

    fn restore(&mut self, moment: Moment) -> Result<()> {
        for slot in self {
            let [mean, variance] = ["mean", "variance"]
                .map(|kind| moment(kind, &slot.name, slot.var.shape())?.flatten_all()?.to_vec1());
            (slot.mean, slot.variance) = (mean?, variance?);
        }
        Ok(())
    }
}
