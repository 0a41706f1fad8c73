//! Where the golden files are.

use std::path::{Path, PathBuf};

use codepurify_models::ModelFiles;

/// A file or folder of `tests/golden`.
pub(crate) fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name)
}

/// The files of a model directory.
pub(crate) fn model(dir: &Path) -> ModelFiles {
    ModelFiles::read(dir).unwrap()
}
