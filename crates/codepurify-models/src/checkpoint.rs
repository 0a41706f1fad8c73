//! Weights: safetensors bytes to checked `f32` tensors.

use std::collections::HashMap;

use candle_core::{DType, Device, Tensor};
use candle_nn::VarBuilder;
use safetensors::{Dtype, SafeTensors};

use crate::error::LoadError;
use crate::files::ModelFiles;

/// The tensors of a weights file, all `f32`, all finite.
#[derive(Debug, Clone)]
pub struct Checkpoint {
    model: String,
    tensors: HashMap<String, Tensor>,
    dtype: &'static str,
}

impl Checkpoint {
    /// Reads every tensor of the weights file.
    ///
    /// # Errors
    /// [`LoadError::Weights`] if the file is damaged, [`LoadError::WrongType`], [`LoadError::NotFinite`].
    pub fn load(files: &ModelFiles) -> Result<Self, LoadError> {
        let model = files.name.clone();
        let views = SafeTensors::deserialize(&files.weights)
            .map_err(|error| LoadError::Weights { model: model.clone(), message: error.to_string() })?;
        let mut tensors = HashMap::with_capacity(views.len());
        let mut dtype = "none";
        for (name, view) in views.iter() {
            let found = match view.dtype() {
                Dtype::F32 => "f32",
                Dtype::F16 => "f16",
                Dtype::BF16 => "bf16",
                // Counters that older exports carry along; no weight.
                Dtype::I64 if name.ends_with("position_ids") => continue,
                other => {
                    let dtype = format!("{other:?}");
                    return Err(LoadError::WrongType { model, tensor: name.to_owned(), dtype });
                }
            };
            dtype = if dtype == "none" || dtype == found { found } else { "mixed" };
            let values = widen(view.dtype(), view.data());
            if let Some(element) = values.iter().position(|value| !value.is_finite()) {
                return Err(LoadError::NotFinite { model, tensor: name.to_owned(), element });
            }
            let tensor = Tensor::from_vec(values, view.shape(), &Device::Cpu)
                .map_err(|error| LoadError::Weights { model: model.clone(), message: error.to_string() })?;
            tensors.insert(name.to_owned(), tensor);
        }
        Ok(Self { model, tensors, dtype })
    }

    /// All tensors by name.
    #[must_use]
    pub fn tensors(&self) -> &HashMap<String, Tensor> {
        &self.tensors
    }

    /// Element type in the file: `f32`, `f16`, `bf16`, or `mixed`; `none` if it holds no tensor.
    #[must_use]
    pub fn dtype(&self) -> &'static str {
        self.dtype
    }

    /// The shape of a tensor, if there is one of this name.
    #[must_use]
    pub fn shape(&self, tensor: &str) -> Option<&[usize]> {
        self.tensors.get(tensor).map(Tensor::dims)
    }

    /// Builds a part of a model from these weights.
    ///
    /// # Errors
    /// [`LoadError::MissingTensor`], [`LoadError::WrongShape`] or whatever else the part refuses.
    pub fn build<T>(&self, part: impl FnOnce(VarBuilder) -> candle_core::Result<T>) -> Result<T, LoadError> {
        let weights = VarBuilder::from_tensors(self.tensors.clone(), DType::F32, &Device::Cpu);
        part(weights).map_err(|error| self.explain(&error))
    }

    /// Says which tensor candle stumbled over.
    fn explain(&self, error: &candle_core::Error) -> LoadError {
        use candle_core::Error as Candle;
        let model = self.model.clone();
        match error {
            Candle::WithBacktrace { inner, .. } => self.explain(inner),
            Candle::CannotFindTensor { path } => LoadError::MissingTensor { model, tensor: path.clone() },
            Candle::UnexpectedShape { msg, expected, got } => LoadError::WrongShape {
                model,
                tensor: msg.rsplit(' ').next().unwrap_or(msg).to_owned(),
                found: got.dims().to_vec(),
                expected: expected.dims().to_vec(),
            },
            other => LoadError::Runtime { model, message: other.to_string() },
        }
    }
}

/// Little-endian elements as `f32`.
fn widen(dtype: Dtype, bytes: &[u8]) -> Vec<f32> {
    let halves = || bytes.chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]]));
    match dtype {
        Dtype::F16 => halves().map(|bits| half::f16::from_bits(bits).to_f32()).collect(),
        Dtype::BF16 => halves().map(|bits| half::bf16::from_bits(bits).to_f32()).collect(),
        _ => bytes
            .chunks_exact(4)
            .map(|word| f32::from_le_bytes([word[0], word[1], word[2], word[3]]))
            .collect(),
    }
}
