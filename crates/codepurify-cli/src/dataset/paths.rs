//! Names of the files that are written.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::error::CliError;

/// Folder in the output that the accounts of several files go to. Engines that read the output pass its name over.
const ACCOUNTS: &str = "_codepurify";

/// Where everything of one file of rows goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Paths {
    /// The rows that stay.
    pub(crate) output: PathBuf,
    /// The rows that are removed, if they are kept at all.
    pub(crate) split: Option<PathBuf>,
    /// The account of every row.
    pub(crate) report: PathBuf,
    /// Rows that cannot be judged, with the reasons.
    pub(crate) errors: PathBuf,
    /// The account in short.
    pub(crate) summary: PathBuf,
    /// Everything that the run depends on.
    pub(crate) manifest: PathBuf,
}

impl Paths {
    /// Those of one file. Its accounts are next to it, unless the report has its own path.
    ///
    /// # Errors
    /// If two of them are the same file, or the output is to be compressed in a way that is not known.
    pub(crate) fn of_file(
        output: &Path,
        split: Option<PathBuf>,
        report: Option<PathBuf>,
    ) -> Result<Self, CliError> {
        let mut paths = Self::with_accounts(output.to_path_buf(), split, output);
        paths.report = report.unwrap_or(paths.report);
        for rows in std::iter::once(&paths.output).chain(&paths.split) {
            let extension =
                rows.extension().map(|extension| extension.to_string_lossy().to_ascii_lowercase());
            if let Some(extension @ ("bz2" | "xz" | "lz4" | "zip")) = extension.as_deref() {
                let message =
                    format!("{}: .{extension} is not written: use .gz, .zst or neither", rows.display());
                return Err(CliError::Usage(message));
            }
        }
        let option = |path: &PathBuf| if *path == paths.report { "--report" } else { "--split" };
        let all = paths.all();
        let twice = all.iter().enumerate().find(|(index, path)| all[..*index].contains(path));
        if let Some((_, path)) = twice {
            let message = format!("{} {}: another result goes there", option(path), path.display());
            return Err(CliError::Usage(message));
        }
        Ok(paths)
    }

    /// Those of the file `name` among several ones.
    pub(crate) fn in_folder(output: &Path, split: Option<&Path>, name: &Path) -> Self {
        let split = split.map(|folder| folder.join(name));
        Self::with_accounts(output.join(name), split, &output.join(ACCOUNTS).join(name))
    }

    fn with_accounts(output: PathBuf, split: Option<PathBuf>, account: &Path) -> Self {
        // Outputs that differ in their extension only have accounts of their own.
        let is_lines = account.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("jsonl"));
        let stem = if is_lines { account.with_extension("") } else { account.to_path_buf() };
        let sibling =
            |end: &str| PathBuf::from([stem.as_os_str(), end.as_ref()].into_iter().collect::<OsString>());
        Self {
            output,
            split,
            report: sibling(".report.jsonl"),
            errors: sibling(".errors.jsonl"),
            summary: sibling(".summary.json"),
            manifest: sibling(".manifest.json"),
        }
    }

    /// All files.
    pub(crate) fn all(&self) -> Vec<&PathBuf> {
        let first = [&self.output, &self.errors, &self.summary, &self.manifest, &self.report];
        first.into_iter().chain(&self.split).collect()
    }

    /// Makes the folders that they are in.
    ///
    /// # Errors
    /// If one cannot be made.
    pub(crate) fn make_folders(&self) -> Result<(), CliError> {
        for folder in self.all().into_iter().filter_map(|path| path.parent()) {
            let failed = |source| CliError::Write { to: folder.display().to_string(), source };
            std::fs::create_dir_all(folder).map_err(failed)?;
        }
        Ok(())
    }
}

/// Name of a file of rows that is being written.
pub(crate) fn partial(path: &Path) -> PathBuf {
    path.with_added_extension("partial")
}
