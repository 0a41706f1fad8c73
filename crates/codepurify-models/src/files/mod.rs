//! The files of a model: found, not yet understood.

mod tokenizer;

use std::borrow::Cow;
use std::path::{Path, PathBuf};

use candle_core::Device;
use codepurify_checkpoint::StateDict;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::device::{DeviceError, DeviceName};
use crate::error::LoadError;
use crate::fingerprint::Fingerprint;
use crate::json;
use crate::ops::Precision;
use crate::presets::Preset;

pub(crate) use tokenizer::{TokenizerCore, TokenizerFiles};

/// The files of a model directory. The weights stay where they are until they are opened; a model compiled into a binary
/// is borrowed from there.
#[derive(Debug, Clone)]
pub struct ModelFiles {
    pub(crate) name: String,
    pub(crate) config: Cow<'static, [u8]>,
    weights: Weights,
    pub(crate) tokenizer: TokenizerFiles,
    pub(crate) sidecar: Option<Cow<'static, [u8]>>,
    pub(crate) preset: Option<String>,
    pub(crate) calibration: Option<Cow<'static, [u8]>>,
    pub(crate) precision: Precision,
    device: DeviceName,
}

/// Where the weights are.
#[derive(Debug, Clone)]
enum Weights {
    Static(&'static [u8]),
    File(PathBuf),
    /// `*.index.json` of several shards.
    Index(PathBuf),
}

/// Names of weights files, the preferred first.
const WEIGHTS: [&str; 5] = [
    "model.safetensors",
    "model.safetensors.index.json",
    "pytorch_model.bin",
    "pytorch_model.bin.index.json",
    "model.bin",
];

/// Calibration file, written by `codepurify calibrate`.
pub const CALIBRATION: &str = "codepurify.calibration.json";

/// How a file begins that Git LFS left in place of another.
const POINTER: &[u8] = b"version https://git-lfs.";

/// No configuration or tokenizer file comes near this size, in bytes.
const LARGEST_TEXT: u64 = 256 << 20;

impl ModelFiles {
    /// The files of a model directory in the Hugging Face layout: `config.json`, weights (`model.safetensors`,
    /// `pytorch_model.bin`, either in shards, or `model.bin`), `tokenizer.json` (or `vocab.json` and `merges.txt`) and,
    /// if they are there, `codepurify.json` and [`CALIBRATION`]. The directory's name becomes the model's name.
    ///
    /// # Errors
    /// [`LoadError::MissingFile`] or [`LoadError::Read`].
    pub fn read(dir: &Path) -> Result<Self, LoadError> {
        Self::read_with_base(dir, None)
    }

    /// Finds the files of a model directory, or of a weights file. Files that are missing in that directory,
    /// or next to that file, come from `base`: training scripts save a bare state dict and leave
    /// configuration and tokenizer with the model that they started from.
    ///
    /// # Errors
    /// [`LoadError::MissingFile`] or [`LoadError::Read`].
    pub fn read_with_base(path: &Path, base: Option<&Path>) -> Result<Self, LoadError> {
        let (dir, weights) = if path.is_dir() {
            (path, find_weights(path)?)
        } else {
            (folder_of(path), Weights::of(path.to_path_buf()))
        };
        if let Weights::File(file) | Weights::Index(file) = &weights
            && let Err(source) = regular(file).and_then(|_| std::fs::File::open(file))
        {
            return Err(LoadError::Read { path: file.clone(), source });
        }
        let places = Places { path, dir, base };
        Ok(Self {
            name: name_of(path),
            config: places.required("config.json")?.into(),
            weights,
            tokenizer: places.tokenizer()?,
            sidecar: places.find("codepurify.json")?.map(Cow::from),
            preset: None,
            // Not from the base: it is another model.
            calibration: read(dir, CALIBRATION)?.map(Cow::from),
            precision: Precision::default(),
            device: DeviceName::default(),
        })
    }

    /// A model that was compiled into the program.
    #[must_use]
    pub fn from_static(
        name: &str,
        config: &'static [u8],
        weights: &'static [u8],
        tokenizer: &'static [u8],
        sidecar: Option<&'static [u8]>,
    ) -> Self {
        Self {
            name: name.to_owned(),
            config: config.into(),
            weights: Weights::Static(weights),
            tokenizer: TokenizerFiles::fast(tokenizer),
            sidecar: sidecar.map(Cow::from),
            preset: None,
            calibration: None,
            precision: Precision::default(),
            device: DeviceName::default(),
        }
    }

    /// Replaces the calibration.
    #[must_use]
    pub fn with_calibration(mut self, json: impl Into<Cow<'static, [u8]>>) -> Self {
        self.calibration = Some(json.into());
        self
    }

    /// Removes the calibration, which may be another model's, so that the model can be calibrated again.
    #[must_use]
    pub fn without_calibration(mut self) -> Self {
        self.calibration = None;
        self
    }

    /// Uses the values of a preset for all that the model's `codepurify.json` leaves open.
    ///
    /// # Errors
    /// [`LoadError::UnknownPreset`].
    pub fn with_preset(mut self, name: &str) -> Result<Self, LoadError> {
        self.preset = Some(Preset::named(name)?.name.to_owned());
        Ok(self)
    }

    /// Replaces `codepurify.json`.
    #[must_use]
    pub fn with_sidecar(mut self, json: Vec<u8>) -> Self {
        self.sidecar = Some(json.into());
        self
    }

    /// Sets the precision that the model is loaded in; `f32` by default. The calibration stays: verdicts
    /// differ too little to calibrate again (see docs/performance.md).
    #[must_use]
    pub fn with_precision(mut self, precision: Precision) -> Self {
        self.precision = precision;
        self
    }

    /// Sets the device that the model computes on; the processor by default.
    #[must_use]
    pub fn on_device(mut self, device: DeviceName) -> Self {
        self.device = device;
        self
    }

    /// Renames the model.
    #[must_use]
    pub fn with_name(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// The model's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the SHA-256, in hexadecimal, of all that the model's answers depend on: weights and their
    /// precision, whether a GPU rounds the sums, configuration, tokenizer and `codepurify.json`. Name and
    /// calibration are no part of it.
    ///
    /// # Errors
    /// [`LoadError`] if the weights cannot be read.
    pub fn fingerprint(&self) -> Result<String, LoadError> {
        let texts = [self.sidecar.as_deref(), self.preset.as_deref().map(str::as_bytes), Some(&self.config)];
        let weights = self.open_weights()?.sha256();
        // One GPU is like another.
        let device = if self.device == DeviceName::Cpu { "processor" } else { "GPU" };
        let precision = format!("{:?} on a {device}", self.precision);
        let parts = texts.into_iter().chain(self.tokenizer.parts());
        let parts = parts.chain([Some(weights.as_bytes()), Some(precision.as_bytes())]);
        Ok(parts.fold(Fingerprint::default(), Fingerprint::with).hex())
    }

    /// The device that the model is to compute on.
    ///
    /// # Errors
    /// [`LoadError::Device`].
    pub(crate) fn open_device(&self) -> Result<Device, LoadError> {
        let opened = match (self.device, self.precision) {
            (device @ DeviceName::Cuda(_), Precision::Int8) => Err(DeviceError::NotInIntegers(device)),
            (device, _) => device.open(),
        };
        opened.map_err(|source| LoadError::Device { model: self.name.clone(), source })
    }

    /// Opens the weights.
    pub(crate) fn open_weights(&self) -> Result<StateDict, LoadError> {
        Ok(match &self.weights {
            Weights::Static(bytes) => StateDict::from_static(&self.name, bytes)?,
            Weights::File(path) => StateDict::open(path)?,
            Weights::Index(path) => StateDict::open_index(path)?,
        })
    }

    /// The configuration of a model of `family`, as the tensors have it; a configuration that names no family is of it.
    pub(crate) fn config<T: DeserializeOwned>(&self, family: &'static str) -> Result<T, LoadError> {
        let mut entries: Map<String, Value> = self.json("config.json", &self.config)?;
        match entries.entry("model_type").or_insert_with(|| family.into()) {
            Value::String(found) if found != family => {
                let (model, architecture) = (self.name.clone(), found.clone());
                return Err(LoadError::UnknownArchitecture { model, architecture, supported: family });
            }
            _ => {}
        }
        serde_json::from_value(Value::Object(entries)).map_err(|error| self.refuse("config.json", &error))
    }

    /// Parses one of the JSON files.
    pub(crate) fn json<T: DeserializeOwned>(&self, file: &'static str, bytes: &[u8]) -> Result<T, LoadError> {
        json::object(bytes).map_err(|error| self.refuse(file, &error))
    }

    fn refuse(&self, file: &'static str, error: &serde_json::Error) -> LoadError {
        LoadError::Json { model: self.name.clone(), file, message: error.to_string() }
    }
}

impl Weights {
    fn of(path: PathBuf) -> Self {
        if path.to_string_lossy().ends_with(".index.json") { Self::Index(path) } else { Self::File(path) }
    }
}

/// Where files are looked for, in this order.
struct Places<'p> {
    /// Path that the caller named: the directory or a weights file in it.
    path: &'p Path,
    dir: &'p Path,
    base: Option<&'p Path>,
}

impl Places<'_> {
    fn all(&self) -> impl Iterator<Item = &Path> {
        std::iter::once(self.dir).chain(self.base)
    }

    /// The file's bytes, or `None` if it is nowhere.
    fn find(&self, file: &str) -> Result<Option<Vec<u8>>, LoadError> {
        self.all().find_map(|dir| read(dir, file).transpose()).transpose()
    }

    fn required(&self, wanted: &'static str) -> Result<Vec<u8>, LoadError> {
        self.find(wanted)?.ok_or_else(|| self.missing(wanted))
    }

    /// The tokenizer of the first place that has one: files of two tokenizers do not mix.
    fn tokenizer(&self) -> Result<TokenizerFiles, LoadError> {
        let found = self.all().find_map(|dir| TokenizerFiles::read(dir).transpose()).transpose()?;
        found.ok_or_else(|| self.missing(TokenizerFiles::WANTED))
    }

    fn missing(&self, wanted: &'static str) -> LoadError {
        let dir = self.dir.to_path_buf();
        match self.base {
            Some(base) => LoadError::MissingInBoth { dir, base: base.to_path_buf(), wanted },
            None if !self.path.is_dir() => LoadError::NoBase { weights: self.path.to_path_buf(), wanted },
            None => LoadError::MissingFile { dir, wanted },
        }
    }
}

fn find_weights(dir: &Path) -> Result<Weights, LoadError> {
    let found = WEIGHTS.iter().map(|name| dir.join(name)).find(|path| path.exists());
    let wanted = if dir.join("adapter_config.json").exists() {
        "whole model: it is a PEFT adapter, merge it into its base and save the result"
    } else {
        "weights: model.safetensors, pytorch_model.bin (or the index of their shards) or model.bin"
    };
    found.map(Weights::of).ok_or_else(|| LoadError::MissingFile { dir: dir.to_path_buf(), wanted })
}

/// Returns what the system says about a regular file; a pipe or a device would be read for ever.
fn regular(file: &Path) -> std::io::Result<std::fs::Metadata> {
    let about = std::fs::metadata(file)?;
    if about.is_file() { Ok(about) } else { Err(std::io::Error::other("not a regular file")) }
}

/// Returns the folder that a file is in.
fn folder_of(file: &Path) -> &Path {
    match file.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    }
}

/// A directory's name; a weights file's name behind that of its directory.
fn name_of(path: &Path) -> String {
    let full = path.canonicalize().unwrap_or_else(|_| path.to_path_buf());
    let part = |path: &Path| path.file_name().map(|name| name.to_string_lossy().into_owned());
    let last = part(&full).unwrap_or_else(|| path.display().to_string());
    match full.parent().filter(|_| !full.is_dir()).and_then(part) {
        Some(folder) => format!("{folder}/{last}"),
        None => last,
    }
}

/// The file's bytes, or `None` if there is no such file.
fn read(dir: &Path, file: &str) -> Result<Option<Vec<u8>>, LoadError> {
    let path = dir.join(file);
    let limited = || match regular(&path)?.len() {
        length if length > LARGEST_TEXT => Err(std::io::Error::other(format!("{length} bytes are too many"))),
        _ => std::fs::read(&path),
    };
    let whole = |bytes: Vec<u8>| {
        if bytes.starts_with(POINTER) {
            Err(std::io::Error::other("it is a Git LFS pointer, the file itself was not fetched"))
        } else {
            Ok(bytes)
        }
    };
    match limited().and_then(whole) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound && dir.is_dir() => Ok(None),
        Err(source) => Err(LoadError::Read { path, source }),
    }
}
