//! Trainable weights: named variables with initial values from a checkpoint or from a seed.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard};

use candle_core::backprop::GradStore;
use candle_core::{DType, Device, Result, Shape, Tensor, Var};
use candle_nn::var_builder::SimpleBackend;
use candle_nn::{Init, VarBuilder};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

/// Variables of a model in training, by checkpoint name.
#[derive(Debug, Clone)]
pub struct TrainableWeights {
    vars: Arc<Mutex<BTreeMap<String, Var>>>,
    device: Device,
}

impl Default for TrainableWeights {
    fn default() -> Self {
        Self::on(Device::Cpu)
    }
}

impl TrainableWeights {
    /// Creates a set without variables, on the CPU; building a model on
    /// [`TrainableWeights::builder`] adds them.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Creates a set on another device, where the model is trained.
    #[must_use]
    pub fn on(device: Device) -> Self {
        Self { vars: Arc::default(), device }
    }

    /// Returns the device of the variables.
    #[must_use]
    pub fn device(&self) -> &Device {
        &self.device
    }

    /// Returns the builder of a model.
    ///
    /// A weight in `start` gets its value from there; any other one is drawn with `seed`, as the
    /// architecture prescribes.
    #[must_use]
    pub fn builder(&self, start: HashMap<String, Tensor>, seed: u64) -> VarBuilder<'static> {
        let source = WeightSource { weights: self.clone(), start, seed };
        VarBuilder::from_backend(Box::new(source), DType::F32, self.device.clone())
    }

    /// Returns all variables, sorted by name.
    ///
    /// # Panics
    /// Never in practice: no holder of the lock can panic.
    #[must_use]
    pub fn vars(&self) -> Vec<(String, Var)> {
        self.lock().iter().map(|(name, var)| (name.clone(), var.clone())).collect()
    }

    /// Returns the current values, sorted by name, on the CPU.
    ///
    /// # Errors
    /// If they cannot be fetched from another device.
    pub fn tensors(&self) -> Result<Vec<(String, Tensor)>> {
        let fetched =
            |(name, var): (String, Var)| Ok((name, var.as_tensor().detach().to_device(&Device::Cpu)?));
        self.vars().into_iter().map(fetched).collect()
    }

    /// Sets every variable to the tensor of its name.
    ///
    /// # Errors
    /// If one is missing or of another shape.
    pub fn restore(&self, tensors: &HashMap<String, Tensor>) -> Result<()> {
        for (name, var) in self.vars() {
            let Some(tensor) = tensors.get(&name) else {
                candle_core::bail!("the checkpoint lacks `{name}`")
            };
            var.set(&tensor.to_device(&self.device)?)?;
        }
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Var>> {
        self.vars.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

/// Gradients, one per variable in the order of [`TrainableWeights::vars`]; `None` if the loss does
/// not depend on it.
#[derive(Debug, Clone)]
pub struct Gradients(Vec<Option<Tensor>>);

impl Gradients {
    /// Selects the gradients of `weights` from a backward pass.
    #[must_use]
    pub fn of(weights: &TrainableWeights, store: &GradStore) -> Self {
        Self(weights.vars().iter().map(|(_, var)| store.get(var).cloned()).collect())
    }

    /// Adds `other`, variable by variable.
    ///
    /// # Errors
    /// If the tensor runtime fails.
    pub fn plus(self, other: Self) -> Result<Self> {
        let sum = |pair: (Option<Tensor>, Option<Tensor>)| match pair {
            (Some(left), Some(right)) => Ok(Some((left + right)?)),
            (left, right) => Ok(left.or(right)),
        };
        Ok(Self(self.0.into_iter().zip(other.0).map(sum).collect::<Result<_>>()?))
    }

    /// Returns the Euclidean norm of all gradients together.
    ///
    /// # Errors
    /// If the tensor runtime fails.
    pub fn norm(&self) -> Result<f64> {
        let mut total = 0.0;
        for gradient in self.0.iter().flatten() {
            total += f64::from(gradient.sqr()?.sum_all()?.to_scalar::<f32>()?);
        }
        Ok(total.sqrt())
    }

    /// Returns the gradients in the order of [`TrainableWeights::vars`].
    pub fn tensors(&self) -> impl Iterator<Item = Option<&Tensor>> {
        self.0.iter().map(Option::as_ref)
    }
}

/// Creates variables on demand.
struct WeightSource {
    weights: TrainableWeights,
    start: HashMap<String, Tensor>,
    seed: u64,
}

impl SimpleBackend for WeightSource {
    fn get(&self, shape: Shape, name: &str, init: Init, _: DType, device: &Device) -> Result<Tensor> {
        let mut vars = self.weights.lock();
        if let Some(var) = vars.get(name) {
            return Ok(var.as_tensor().clone());
        }
        let tensor = match self.start.get(name) {
            Some(tensor) => tensor.to_device(device)?,
            None => draw(&shape, name, init, self.seed, device)?,
        };
        if tensor.shape() != &shape {
            candle_core::bail!("`{name}` has shape {:?}, the architecture wants {shape:?}", tensor.shape());
        }
        let var = Var::from_tensor(&tensor)?;
        vars.insert(name.to_owned(), var.clone());
        Ok(var.as_tensor().clone())
    }

    fn get_unchecked(&self, name: &str, _: DType, _: &Device) -> Result<Tensor> {
        candle_core::bail!("`{name}` was asked for without a shape")
    }

    fn contains_tensor(&self, name: &str) -> bool {
        self.start.contains_key(name)
    }
}

/// Draws values that depend on the seed and the name only, not on the order of the requests.
fn draw(shape: &Shape, name: &str, init: Init, seed: u64, device: &Device) -> Result<Tensor> {
    match init {
        Init::Const(value) => Tensor::full(value as f32, shape, device),
        Init::Randn { mean, stdev } => {
            let salt =
                name.bytes().fold(seed, |salt, byte| (salt ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
            let mut rng = StdRng::seed_from_u64(salt);
            let mut normal = || {
                // Box-Muller: one normal number from two uniform ones.
                let (radius, angle): (f64, f64) = (1.0 - rng.random::<f64>(), rng.random());
                mean + stdev * (-2.0 * radius.ln()).sqrt() * (std::f64::consts::TAU * angle).cos()
            };
            let values: Vec<f32> = (0..shape.elem_count()).map(|_| normal() as f32).collect();
            Tensor::from_vec(values, shape, device)
        }
        other => candle_core::bail!("no way to draw `{name}` as {other:?}"),
    }
}
