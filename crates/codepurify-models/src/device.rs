//! Where tensors live and what computes with them: the processor, or a GPU.

use std::fmt;
use std::str::FromStr;

use candle_core::Device;
use serde::Deserialize;
use thiserror::Error;

/// A device by name: `cpu`, `cuda` or `cuda:N`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(try_from = "String")]
pub enum DeviceName {
    /// The processor.
    #[default]
    Cpu,
    /// The NVIDIA GPU of this number, from 0.
    Cuda(usize),
}

/// A device that does not exist, or not here.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum DeviceError {
    /// A name of no device.
    #[error("there is no device `{0}`: say cpu, cuda or cuda:N")]
    Unknown(String),
    /// A GPU is wanted of a program that cannot use one.
    #[error("this build has no CUDA: build with --features cuda")]
    NotBuilt,
    /// Models on a GPU compute in `f32` only.
    #[error("8-bit integers are for the processor: leave the precision out to compute on {0}")]
    NotInIntegers(DeviceName),
    /// The GPU does not answer.
    #[error("cannot use {device}: {message}")]
    Unusable {
        /// Which one.
        device: DeviceName,
        /// Message of the driver or the tensor runtime.
        message: String,
    },
}

impl DeviceName {
    /// The device itself, ready to hold tensors.
    ///
    /// # Errors
    /// [`DeviceError::NotBuilt`] in a build without the feature `cuda`, [`DeviceError::Unusable`] if there is no such GPU.
    pub fn open(self) -> Result<Device, DeviceError> {
        let Self::Cuda(number) = self else { return Ok(Device::Cpu) };
        if !candle_core::utils::cuda_is_available() {
            return Err(DeviceError::NotBuilt);
        }
        // One stream for all threads: candle's usual one is another in each thread, and what one thread computes is not there
        // yet when another goes on with it.
        Device::new_cuda_with_stream(number)
            .map_err(|error| DeviceError::Unusable { device: self, message: without_trace(error) })
    }
}

/// Message of an error, without the calls that led to it.
fn without_trace(error: candle_core::Error) -> String {
    match error {
        candle_core::Error::WithBacktrace { inner, .. } => without_trace(*inner),
        other => other.to_string(),
    }
}

impl FromStr for DeviceName {
    type Err = DeviceError;

    fn from_str(name: &str) -> Result<Self, DeviceError> {
        let number = match name {
            "cpu" => return Ok(Self::Cpu),
            "cuda" => Some(0),
            _ => name.strip_prefix("cuda:").and_then(|number| number.parse().ok()),
        };
        number.map(Self::Cuda).ok_or_else(|| DeviceError::Unknown(name.to_owned()))
    }
}

impl TryFrom<String> for DeviceName {
    type Error = DeviceError;

    fn try_from(name: String) -> Result<Self, DeviceError> {
        name.parse()
    }
}

impl fmt::Display for DeviceName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cpu => formatter.write_str("cpu"),
            Self::Cuda(number) => write!(formatter, "cuda:{number}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices_have_names() {
        let named = |name: &str| name.parse::<DeviceName>();
        assert_eq!(named("cpu").unwrap(), DeviceName::Cpu);
        assert_eq!(named("cuda").unwrap(), DeviceName::Cuda(0));
        assert_eq!(named(&DeviceName::Cuda(3).to_string()).unwrap(), DeviceName::Cuda(3));
        for name in ["", "gpu", "cuda:", "cuda:-1", "cuda:x", "CPU"] {
            assert!(named(name).unwrap_err().to_string().contains("say cpu"), "{name}");
        }
    }

    #[test]
    fn a_build_without_cuda_says_so() {
        assert!(DeviceName::Cpu.open().unwrap().is_cpu());
        if !candle_core::utils::cuda_is_available() {
            let error = DeviceName::Cuda(0).open().unwrap_err();
            assert!(matches!(error, DeviceError::NotBuilt), "{error}");
        }
    }
}
