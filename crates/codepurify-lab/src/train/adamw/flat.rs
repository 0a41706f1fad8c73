//! AdamW over all variables at once: on a GPU each operation costs a launch, however few elements
//! it has.

use candle_core::{DType, Device, Result, Tensor, Var};

use super::{LEAST_SIZE, Moment, Slots, Update, Updates};
use crate::train::weights::Gradients;

/// Number of elements of a block.
///
/// A variable fills whole blocks, the last one padded with zeros; so values that differ between
/// variables are stored once per block.
const BLOCK: usize = 1024;

/// Concatenated variables with their moments, as `[blocks, BLOCK]`.
pub(super) struct Flat {
    vars: Vec<(String, Var)>,
    mean: Tensor,
    variance: Tensor,
    /// `[variables, blocks]`: 1 if a block belongs to a variable, else 0.
    owners: Tensor,
    /// `[variables, 1]`: 1 / number of elements.
    shares: Tensor,
    /// `[blocks, 1]`: 1 for blocks of matrices, else 0.
    matrices: Tensor,
}

/// Returns the number of blocks that a variable fills.
fn blocks(var: &Var) -> usize {
    var.elem_count().div_ceil(BLOCK)
}

impl Flat {
    pub(super) fn new(vars: Vec<(String, Var)>, device: &Device) -> Result<Self> {
        let all: usize = vars.iter().map(|(_, var)| blocks(var)).sum();
        let (mut owners, mut matrices, mut next) = (vec![0.0; vars.len() * all], vec![0.0; all], 0);
        for (number, (_, var)) in vars.iter().enumerate() {
            let own = next..next + blocks(var);
            next = own.end;
            matrices[own.clone()].fill(if var.rank() > 1 { 1.0 } else { 0.0 });
            owners[number * all + own.start..number * all + own.end].fill(1.0);
        }
        let shares: Vec<f32> = vars.iter().map(|(_, var)| (var.elem_count().max(1) as f32).recip()).collect();
        let count = vars.len();
        let zeros = Tensor::zeros((all, BLOCK), DType::F32, device)?;
        Ok(Self {
            vars,
            mean: zeros.clone(),
            variance: zeros,
            owners: Tensor::from_vec::<_, f32>(owners, (count, all), device)?,
            shares: Tensor::from_vec(shares, (count, 1), device)?,
            matrices: Tensor::from_vec::<_, f32>(matrices, (all, 1), device)?,
        })
    }

    /// Converts one tensor for each variable, in their order, to `[blocks, BLOCK]`; absent tensors
    /// are zeros.
    fn gather<'t>(&self, tensors: impl Iterator<Item = Option<&'t Tensor>>) -> Result<Tensor> {
        let rest = Tensor::zeros(BLOCK, DType::F32, self.mean.device())?;
        let mut parts = Vec::with_capacity(2 * self.vars.len());
        for ((_, var), tensor) in self.vars.iter().zip(tensors) {
            let (count, room) = (var.elem_count(), blocks(var) * BLOCK);
            match tensor {
                Some(tensor) => parts.push(tensor.flatten_all()?),
                None => parts.push(Tensor::zeros(count, DType::F32, self.mean.device())?),
            }
            if room > count {
                parts.push(rest.narrow(0, 0, room - count)?);
            }
        }
        Tensor::cat(&parts, 0)?.reshape(self.mean.shape())
    }

    /// Takes one step along `gradients`, `[blocks, BLOCK]`, for the variables that are `moved`.
    fn apply(
        &mut self,
        update: &Update,
        gradients: &Tensor,
        moved: impl Iterator<Item = bool>,
    ) -> Result<()> {
        let [beta1, beta2, clip] = [update.beta1, update.beta2, update.clip].map(f64::from);
        self.mean = ((&self.mean * beta1)? + (gradients * ((1.0 - beta1) * clip))?)?;
        let squares = (gradients.sqr()? * ((1.0 - beta2) * clip * clip))?;
        self.variance = ((&self.variance * beta2)? + squares)?;
        let steps = (&self.mean / (self.variance.sqrt()? + f64::from(update.eps))?)?;
        let values = self.gather(self.vars.iter().map(|(_, var)| Some(var.as_tensor())))?.detach();
        let decays = self.matrices.affine(f64::from(update.decay) - 1.0, 1.0)?;
        let steps = (steps * f64::from(update.rate))?;
        let steps = if update.relative { steps.broadcast_mul(&self.sizes(&values)?)? } else { steps };
        let values = (values.broadcast_mul(&decays)? - steps)?.flatten_all()?;
        let mut next = 0;
        for ((_, var), moved) in self.vars.iter().zip(moved) {
            if moved {
                var.set(&values.narrow(0, next, var.elem_count())?.reshape(var.shape())?)?;
            }
            next += blocks(var) * BLOCK;
        }
        Ok(())
    }

    /// Returns `[blocks, 1]`: the root mean square of the variable that each block belongs to, at
    /// least [`LEAST_SIZE`].
    fn sizes(&self, values: &Tensor) -> Result<Tensor> {
        let squares = self.owners.matmul(&values.sqr()?.sum_keepdim(1)?)?;
        let sizes = (squares * &self.shares)?.sqrt()?.clamp(LEAST_SIZE, f32::MAX)?;
        self.owners.t()?.matmul(&sizes)
    }
}

impl Slots for Flat {
    fn step(&mut self, gradients: &Gradients, updates: Updates) -> Result<f64> {
        let flat = self.gather(gradients.tensors())?;
        // One number per block is read back; besides the loss, a step waits for nothing else.
        let squares = flat.sqr()?.sum(1)?.to_vec1::<f32>()?;
        let norm = squares.into_iter().map(f64::from).sum::<f64>().sqrt();
        self.apply(&updates(norm)?, &flat, gradients.tensors().map(|gradient| gradient.is_some()))?;
        Ok(norm)
    }

    fn moments(&self) -> Result<Vec<(&str, [Tensor; 2])>> {
        let fetched = |moment: &Tensor| moment.flatten_all()?.to_device(&Device::Cpu);
        let (mean, variance) = (fetched(&self.mean)?, fetched(&self.variance)?);
        let (mut next, mut found) = (0, Vec::with_capacity(self.vars.len()));
        for (name, var) in &self.vars {
            let of = |flat: &Tensor| {
                flat.narrow(0, next, var.elem_count())?.reshape(var.shape())?.force_contiguous()
            };
            found.push((name.as_str(), [of(&mean)?, of(&variance)?]));
            next += blocks(var) * BLOCK;
        }
        Ok(found)
    }

    fn restore(&mut self, moment: Moment) -> Result<()> {
        let gathered = |kind: &str| {
            let of =
                |(name, var): &(String, Var)| moment(kind, name, var.shape())?.to_device(self.mean.device());
            let saved: Vec<Tensor> = self.vars.iter().map(of).collect::<Result<_>>()?;
            self.gather(saved.iter().map(Some))
        };
        (self.mean, self.variance) = (gathered("mean")?, gathered("variance")?);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::super::{AdamW, AdamWOptions};
    use super::*;
    use crate::train::weights::TrainableWeights;

    /// A matrix larger than a block, a vector, and a variable that the loss does not depend on.
    fn weights() -> TrainableWeights {
        let weights = TrainableWeights::new();
        let ramp =
            |count: usize, by: f32| (0..count).map(move |at| (by * at as f32).sin()).collect::<Vec<_>>();
        let start = [
            ("a", ramp(3000, 0.7), vec![50, 60]),
            ("b", ramp(40, 1.3), vec![40]),
            ("c", ramp(5, 1.0), vec![5]),
        ];
        for (name, values, shape) in start {
            let tensor = Tensor::from_vec(values, shape.as_slice(), &Device::Cpu).unwrap();
            weights.builder(HashMap::from([(name.to_owned(), tensor)]), 0).get(shape, name).unwrap();
        }
        weights
    }

    fn gradients(weights: &TrainableWeights) -> Gradients {
        let vars = weights.vars();
        let (a, b) = (vars[0].1.as_tensor(), vars[1].1.as_tensor());
        let loss = (a.sqr().unwrap().sum_all().unwrap()
            + (b * 3.0).unwrap().exp().unwrap().sum_all().unwrap())
        .unwrap();
        Gradients::of(weights, &loss.backward().unwrap())
    }

    fn steps(optimiser: &mut AdamW, weights: &TrainableWeights, count: usize) -> Vec<f64> {
        (0..count).map(|_| optimiser.step(&gradients(weights), 0.01).unwrap()).collect()
    }

    fn values(tensors: impl IntoIterator<Item = Tensor>) -> Vec<f32> {
        tensors
            .into_iter()
            .flat_map(|tensor| tensor.flatten_all().unwrap().to_vec1::<f32>().unwrap())
            .collect()
    }

    fn assert_close(found: &[f32], expected: &[f32]) {
        let difference =
            found.iter().zip(expected).map(|(a, b)| (a - b).abs() / (1.0 + b.abs())).fold(0.0, f32::max);
        assert!(found.len() == expected.len() && difference < 1e-5, "{difference}");
    }

    fn flat(weights: &TrainableWeights, options: AdamWOptions) -> AdamW {
        let slots = Box::new(Flat::new(weights.vars(), &Device::Cpu).unwrap());
        AdamW { options, slots, step: 0 }
    }

    #[test]
    fn all_at_once_is_the_same_as_each_by_itself() {
        for relative in [false, true] {
            let options = AdamWOptions { relative, weight_decay: 0.5, ..AdamWOptions::default() };
            let (one, other) = (weights(), weights());
            let (mut each, mut all) = (AdamW::new(&one, options).unwrap(), flat(&other, options));
            let (expected, found) = (steps(&mut each, &one, 5), steps(&mut all, &other, 5));
            assert!(expected.iter().zip(found).all(|(a, b)| (a - b).abs() < 1e-5 * a), "{expected:?}");
            let of = |weights: &TrainableWeights| {
                values(weights.tensors().unwrap().into_iter().map(|(_, tensor)| tensor))
            };
            assert_close(&of(&other), &of(&one));
            let moments = |optimiser: &AdamW| {
                let mut moments: Vec<_> = optimiser.moments().unwrap().into_iter().collect();
                moments.sort_by(|a, b| a.0.cmp(&b.0));
                values(moments.into_iter().map(|(_, tensor)| tensor))
            };
            assert_close(&moments(&all), &moments(&each));
        }
    }

    #[test]
    fn saved_moments_go_on() {
        let options = AdamWOptions::default();
        let (whole, parted) = (weights(), weights());
        steps(&mut flat(&whole, options), &whole, 4);
        let mut first = flat(&parted, options);
        steps(&mut first, &parted, 2);
        let mut second = flat(&parted, options);
        second.restore(&first.moments().unwrap(), 2).unwrap();
        steps(&mut second, &parted, 2);
        let of = |weights: &TrainableWeights| {
            values(weights.tensors().unwrap().into_iter().map(|(_, tensor)| tensor))
        };
        assert_eq!(of(&parted), of(&whole));
        assert!(second.restore(&HashMap::new(), 2).is_err());
    }

    #[test]
    fn an_infinite_gradient_moves_nothing() {
        let weights = weights();
        let before = values(weights.vars().into_iter().map(|(_, var)| var.as_tensor().copy().unwrap()));
        let loss = (weights.vars()[1].1.as_tensor() * f64::INFINITY).unwrap().sum_all().unwrap();
        let gradients = Gradients::of(&weights, &loss.backward().unwrap());
        assert!(flat(&weights, AdamWOptions::default()).step(&gradients, 0.1).is_err());
        assert_eq!(values(weights.vars().into_iter().map(|(_, var)| var.as_tensor().clone())), before);
    }
}
