//! Where the golden files are.
#![allow(dead_code, reason = "each test takes what it needs")]

pub(crate) mod compat;

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

/// Logits `[tokens, vocabulary]` of each input.
pub(crate) fn by_row(logits: &candle_core::Tensor, inputs: &[Vec<u32>]) -> Vec<candle_core::Tensor> {
    let rows = codepurify_models::ops::Rows::of_lengths(inputs.iter().map(Vec::len));
    assert_eq!(logits.dim(0).unwrap(), rows.tokens());
    rows.ranges().map(|row| logits.narrow(0, row.start, row.len()).unwrap()).collect()
}
