//! Files of models that may change while they are in use.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// Files, as they were when they were first looked at.
pub(crate) struct Watched {
    paths: Vec<PathBuf>,
    files: Vec<FileState>,
}

/// Name, size in bytes and time of the last change.
type FileState = (PathBuf, u64, Option<SystemTime>);

impl Watched {
    /// Looks at files, and at the files directly in folders.
    pub(crate) fn new(paths: Vec<PathBuf>) -> Self {
        let files = states(&paths);
        Self { paths, files }
    }

    /// Returns true if a file was added, removed or changed.
    pub(crate) fn changed(&self) -> bool {
        states(&self.paths) != self.files
    }
}

fn states(paths: &[PathBuf]) -> Vec<FileState> {
    let mut files: Vec<FileState> = paths.iter().flat_map(|path| files(path)).filter_map(state).collect();
    files.sort();
    files
}

fn files(path: &Path) -> Vec<PathBuf> {
    match std::fs::read_dir(path) {
        Ok(entries) => entries.flatten().map(|entry| entry.path()).collect(),
        Err(_) => vec![path.to_path_buf()],
    }
}

fn state(path: PathBuf) -> Option<FileState> {
    let about = path.metadata().ok()?;
    Some((path, about.len(), about.modified().ok()))
}
