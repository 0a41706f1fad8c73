//! Arguments → files of rows, and where each of them goes.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use codepurify_data::{is_url, list, promises_rows};
use glob::MatchOptions;
use ignore::WalkBuilder;

use super::paths::Paths;
use crate::error::CliError;
use crate::inputs::DASH;
use crate::output::note;

/// Where the results go, as the command line says.
pub(crate) struct Places {
    /// A file, or a folder for those of several inputs.
    pub(crate) output: PathBuf,
    /// For the removed rows: likewise.
    pub(crate) split: Option<PathBuf>,
    pub(crate) report: Option<PathBuf>,
}

/// A file of rows, and where its results go.
pub(crate) struct Job {
    pub(crate) input: PathBuf,
    pub(crate) paths: Paths,
}

/// Returns true if the results of these inputs go to a folder: of a folder, of a pattern, of several files, or into a folder.
pub(crate) fn need_folder(inputs: &[PathBuf], output: &Path) -> bool {
    let named_so = output.as_os_str().as_encoded_bytes().ends_with(b"/");
    let many = |path: &PathBuf| path.is_dir() || is_remote_folder(path) || pattern(path).is_some();
    inputs.len() > 1 || inputs.iter().any(many) || output.is_dir() || named_so
}

/// Finds the files of rows.
///
/// # Errors
/// If there are none, two have the same name in the output, or a stream is one of several.
pub(crate) fn find(inputs: &[PathBuf], places: Places) -> Result<Vec<Job>, CliError> {
    if let ([input], false) = (inputs, need_folder(inputs, &places.output)) {
        let paths = Paths::of_file(&places.output, places.split, places.report)?;
        return Ok(vec![Job { input: input.clone(), paths }]);
    }
    if let Some(report) = places.report {
        let message = format!("--report {}: each of several files has a report of its own", report.display());
        return Err(CliError::Usage(message));
    }
    let mut jobs: BTreeMap<PathBuf, Job> = BTreeMap::new();
    for (input, name) in all_files(inputs)? {
        let paths = Paths::in_folder(&places.output, places.split.as_deref(), &name);
        if let Some(other) = jobs.insert(name.clone(), Job { input: input.clone(), paths }) {
            return Err(CliError::Usage(format!(
                "{} and {} both go to {}: clean them one after the other",
                other.input.display(),
                input.display(),
                places.output.join(name).display()
            )));
        }
    }
    Ok(jobs.into_values().collect())
}

/// The files of all inputs with their names in the output.
fn all_files(inputs: &[PathBuf]) -> Result<Vec<(PathBuf, PathBuf)>, CliError> {
    let mut files = Vec::new();
    for input in inputs {
        if input == Path::new(DASH) {
            let message = "-: the standard input has no name in a folder: clean it on its own".to_owned();
            return Err(CliError::Usage(message));
        }
        let found = match pattern(input) {
            Some(pattern) => matching(input, &pattern)?,
            None if is_remote_folder(input) => in_store(input)?,
            None if input.is_dir() => in_folder(input)?,
            None => vec![named(input.clone())],
        };
        if found.is_empty() {
            return Err(CliError::File {
                path: input.clone(),
                message: "no file of rows is there".to_owned(),
            });
        }
        files.extend(found);
    }
    Ok(files)
}

/// A URL that ends with a slash.
fn is_remote_folder(path: &Path) -> bool {
    is_url(path) && path.as_os_str().as_encoded_bytes().ends_with(b"/")
}

/// The files of a folder in a store, by the rules for folders.
fn in_store(folder: &Path) -> Result<Vec<(PathBuf, PathBuf)>, CliError> {
    let (mut files, mut others) = (Vec::new(), 0);
    for name in list(folder)?.into_iter().map(PathBuf::from) {
        if name.iter().any(is_hidden) {
            continue;
        }
        if promises_rows(&name) {
            files.push((folder.join(&name), name));
        } else {
            others += 1;
        }
    }
    note_others(folder, others);
    Ok(files)
}

/// Says how many files of a folder are left out.
fn note_others(folder: &Path, others: usize) {
    if others > 0 {
        note(&format!(
            "{}: {others} files are not of rows by their names, and are left out",
            folder.display()
        ));
    }
}

/// A path that is a pattern, and no file that has these characters in its name.
fn pattern(path: &Path) -> Option<String> {
    let text = path.to_str()?;
    (text.contains(['*', '?', '[']) && !is_url(path) && !path.exists()).then(|| text.to_owned())
}

fn matching(input: &Path, pattern: &str) -> Result<Vec<(PathBuf, PathBuf)>, CliError> {
    let failed = |message: String| CliError::File { path: input.to_path_buf(), message };
    let options = MatchOptions { require_literal_leading_dot: true, ..MatchOptions::default() };
    let paths = glob::glob_with(pattern, options).map_err(|error| failed(error.to_string()))?;
    let paths = paths.collect::<Result<Vec<PathBuf>, _>>().map_err(|error| failed(error.to_string()))?;
    Ok(paths.into_iter().filter(|path| path.is_file()).map(named).collect())
}

fn named(path: PathBuf) -> (PathBuf, PathBuf) {
    let name = path.file_name().unwrap_or_default().into();
    (path, name)
}

/// The files of a folder and below it whose names promise rows; the others are counted. Names that begin with a dot or an
/// underscore are passed over, as engines do.
fn in_folder(folder: &Path) -> Result<Vec<(PathBuf, PathBuf)>, CliError> {
    let mut walk = WalkBuilder::new(folder);
    walk.standard_filters(false).sort_by_file_path(Path::cmp);
    walk.filter_entry(|entry| entry.depth() == 0 || !is_hidden(entry.file_name()));
    let (mut files, mut others) = (Vec::new(), 0);
    for entry in walk.build() {
        let failed =
            |error: ignore::Error| CliError::File { path: folder.into(), message: error.to_string() };
        let path = entry.map_err(failed)?.into_path();
        if !path.is_file() {
            continue;
        }
        if promises_rows(&path) {
            let name = path.strip_prefix(folder).unwrap_or(&path).to_path_buf();
            files.push((path, name));
        } else {
            others += 1;
        }
    }
    note_others(folder, others);
    Ok(files)
}

fn is_hidden(name: &OsStr) -> bool {
    matches!(name.as_encoded_bytes().first(), Some(b'.' | b'_'))
}
