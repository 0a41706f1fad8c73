//! A model directory to be damaged, and the check that it is refused.

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::common::golden;
use codepurify::victim::Victim;
use codepurify_models::{Inspection, LoadError, ModelFiles, RobertaMaskedLm, inspect, load};
use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};
use serde_json::Value;
use tempfile::TempDir;

/// A golden model directory, copied to be damaged; the model's name is `guarded`.
pub(crate) struct Fixture {
    root: TempDir,
}

/// A tensor of a weights file.
pub(crate) type Stored = (Dtype, Vec<usize>, Vec<u8>);

impl Fixture {
    pub(crate) fn of(name: &str) -> Self {
        let fixture = Self { root: tempfile::tempdir().unwrap() };
        std::fs::create_dir(fixture.dir()).unwrap();
        for entry in std::fs::read_dir(golden(name)).unwrap() {
            let entry = entry.unwrap();
            std::fs::copy(entry.path(), fixture.dir().join(entry.file_name())).unwrap();
        }
        fixture
    }

    pub(crate) fn classifier() -> Self {
        Self::of("tiny-classifier")
    }

    pub(crate) fn dir(&self) -> PathBuf {
        self.root.path().join("guarded")
    }

    pub(crate) fn without(self, file: &str) -> Self {
        std::fs::remove_file(self.dir().join(file)).unwrap();
        self
    }

    pub(crate) fn with(self, file: &str, bytes: impl AsRef<[u8]>) -> Self {
        std::fs::write(self.dir().join(file), bytes).unwrap();
        self
    }

    pub(crate) fn with_json(self, file: &str, edit: impl FnOnce(&mut Value)) -> Self {
        let mut value = serde_json::from_slice(&self.bytes(file)).unwrap();
        edit(&mut value);
        self.with(file, value.to_string())
    }

    pub(crate) fn with_config(self, key: &str, value: impl Into<Value>) -> Self {
        self.with_json("config.json", |config| config[key] = value.into())
    }

    pub(crate) fn with_weights(self, edit: impl FnOnce(&mut BTreeMap<String, Stored>)) -> Self {
        let bytes = self.bytes("model.safetensors");
        let mut tensors: BTreeMap<String, Stored> = SafeTensors::deserialize(&bytes)
            .unwrap()
            .iter()
            .map(|(name, view)| {
                (name.to_owned(), (view.dtype(), view.shape().to_vec(), view.data().to_vec()))
            })
            .collect();
        edit(&mut tensors);
        let views = tensors.iter().map(|(name, (dtype, shape, bytes))| {
            (name, TensorView::new(*dtype, shape.clone(), bytes).unwrap())
        });
        let rewritten = safetensors::serialize(views, None).unwrap();
        self.with("model.safetensors", rewritten)
    }

    pub(crate) fn bytes(&self, file: &str) -> Vec<u8> {
        std::fs::read(self.dir().join(file)).unwrap()
    }

    pub(crate) fn victim(&self) -> Result<Box<dyn Victim>, LoadError> {
        load(&ModelFiles::read(&self.dir())?)?.model.classifier()
    }

    pub(crate) fn masked_lm(&self) -> Result<RobertaMaskedLm, LoadError> {
        RobertaMaskedLm::load(&ModelFiles::read(&self.dir())?)
    }

    pub(crate) fn inspect(&self) -> Result<Inspection, LoadError> {
        inspect(&ModelFiles::read(&self.dir())?)
    }
}

/// The error is of this variant and its message names the model and all of these.
macro_rules! assert_refused {
    ($loaded:expr, $variant:pat, [$($named:expr),*]) => {{
        let error = $loaded.map(drop).expect_err("this must not load");
        assert!(matches!(error, $variant), "{error:?}");
        let message = error.to_string();
        assert!(message.contains("guarded"), "no model in: {message}");
        $(assert!(message.contains(&*$named), "no `{}` in: {message}", $named);)*
    }};
}
pub(crate) use assert_refused;
