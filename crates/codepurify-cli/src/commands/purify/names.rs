//! Names of files in patches: their paths from the folder in which the patch is applied.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

/// Names of files in the patches of one run.
pub(super) struct PatchNames {
    /// Where the names start.
    base: PathBuf,
    /// True if names start at the top of a git repository, or outside of any, as `git apply` reads them.
    pub(super) in_git_form: bool,
    /// True if the base is not the working directory.
    elsewhere: bool,
}

impl PatchNames {
    /// Names that start in the working directory or, as none may contain `..`, in the nearest folder above it that all `files`
    /// are in.
    pub(super) fn new<'p>(files: impl Iterator<Item = &'p Path>) -> Self {
        let here = std::env::current_dir().and_then(|here| here.canonicalize()).unwrap_or_default();
        let base = files.filter_map(|file| file.canonicalize().ok()).fold(here.clone(), |base, file| {
            let above = base.ancestors().find(|folder| file.starts_with(folder));
            above.map(Path::to_path_buf).unwrap_or(base)
        });
        let repository = base.ancestors().find(|folder| folder.join(".git").exists());
        Self { in_git_form: repository.is_none_or(|top| top == base), elsewhere: base != here, base }
    }

    /// The name of `file`, or `None` if there is no such file here.
    pub(super) fn name(&self, file: &Path) -> Option<Vec<u8>> {
        let file = file.canonicalize().ok()?;
        let parts = file.strip_prefix(&self.base).ok()?.iter().map(OsStr::as_encoded_bytes);
        Some(parts.collect::<Vec<_>>().join(&b'/'))
    }

    /// The folder in which the patch has to be applied, where that is not the working directory.
    pub(super) fn elsewhere(&self) -> Option<&Path> {
        self.elsewhere.then_some(&self.base)
    }
}
