//! Where the golden files are.
#![allow(dead_code, reason = "each test takes what it needs")]

use std::path::{Path, PathBuf};

use codepurify::victim::Victim;
use codepurify_models::{ModelFiles, load};

/// A file or folder of `tests/golden`.
pub(crate) fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name)
}

/// The classifier in a golden directory.
pub(crate) fn classifier(dir: &Path) -> Box<dyn Victim> {
    load(&model(dir)).unwrap().model.classifier().unwrap()
}

/// The files of a model directory.
pub(crate) fn model(dir: &Path) -> ModelFiles {
    ModelFiles::read(dir).unwrap()
}
