//! Paths → source files. A file that is not judged is an error of the report or counted by reason, and the rest goes on.
//!
//! - `walk`: the files of a folder, and why some of them are left out;
//! - `read`: bytes → source file, within limits, each input once;
//! - `encoding`, `positions`: text and places in it as the file holds them;
//! - `name`: what reports call a file;
//! - `skipped`: how many files were left out, and why.

pub(crate) mod encoding;
mod name;
pub(crate) mod positions;
mod read;
mod skipped;
mod walk;

use std::collections::{BTreeMap, HashSet};
use std::io;
use std::path::{Path, PathBuf};

use codepurify::verdict::{InputError, SkipReason};
use codepurify::{Language, Limits, SourceFile};

use crate::error::CliError;
use crate::output::Output;
use encoding::{Encoding, EncodingName};
use read::{Loaded, Refused, opened};
use walk::Found;

pub(crate) use name::name;
pub(crate) use read::{load, text};
pub(crate) use skipped::Tally;

/// Path of the standard input on the command line.
pub(crate) const DASH: &str = "-";
/// The name of the standard input in reports.
pub(crate) const STDIN: &str = "<stdin>";
/// Other paths of the standard input.
const STDIN_PATHS: [&str; 3] = ["/dev/stdin", "/dev/fd/0", "/proc/self/fd/0"];

/// How inputs are found and read.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reading {
    /// Language of named files, of the standard input, and of files in folders whose names leave it open.
    pub(crate) lang: Option<Language>,
    pub(crate) limits: Limits,
    pub(crate) encoding: EncodingName,
    pub(crate) folders: FolderRules,
}

/// Which files of folders are read.
#[derive(Debug, Clone, Copy)]
pub(crate) struct FolderRules {
    /// Also those that an ignore rule excludes.
    pub(crate) ignored: bool,
    /// Also those whose path below the folder has a name that starts with a dot.
    pub(crate) hidden: bool,
}

/// Where a file's text comes from.
#[derive(Debug, Clone)]
pub(crate) struct Origin {
    pub(crate) path: PathBuf,
    pub(crate) encoding: Encoding,
}

/// Inputs found under the paths of the command line, in their order; folders in the order of their paths.
#[derive(Debug, Default)]
pub(crate) struct Inputs {
    pub(crate) files: Vec<SourceFile>,
    pub(crate) errors: Vec<InputError>,
    /// Files that were found and not judged.
    pub(crate) skipped: Tally,
    /// Where `files` are pairs (left, right, left, right …): the number of each on the command line, from 0.
    pub(crate) pairs: Vec<usize>,
    /// Origins of `files` by their names; rows of data sets have none.
    pub(crate) origins: BTreeMap<String, Origin>,
    /// Files that were added: a file that is named twice is judged once.
    seen: HashSet<PathBuf>,
}

/// The source files under `paths`, found and read as `scan` does without options, and what could not be read.
///
/// # Errors
/// [`CliError`] if a path is no name of a file or folder.
pub fn source_files(
    paths: &[PathBuf],
    language: Option<Language>,
) -> Result<(Vec<SourceFile>, Vec<InputError>), CliError> {
    let reading = Reading {
        lang: language,
        limits: Limits::default(),
        encoding: EncodingName::default(),
        folders: FolderRules { ignored: false, hidden: false },
    };
    let Inputs { files, errors, .. } = Inputs::gather(paths, &reading)?;
    Ok((files, errors))
}

impl Inputs {
    /// Files that are already at hand.
    pub(crate) fn of(files: Vec<SourceFile>) -> Self {
        Self { files, ..Self::default() }
    }

    /// Reads every path.
    pub(crate) fn gather(paths: &[PathBuf], reading: &Reading) -> Result<Self, CliError> {
        let mut inputs = Self::default();
        for path in paths {
            if path == Path::new(DASH) {
                let Some(language) = reading.lang else {
                    return Err(CliError::Usage(
                        "the standard input has no file name: say its language with --lang".to_owned(),
                    ));
                };
                inputs
                    .add(path, STDIN, || load(path, STDIN, io::stdin().lock(), |_| Some(language), reading));
            } else if path.is_dir() {
                inputs.add_folder(path, reading);
            } else {
                inputs.add(path, &name(path), || named(path, reading));
            }
        }
        Ok(inputs)
    }

    /// Reads paths two by two, each a whole file. Where one of a pair cannot be read, both are errors.
    pub(crate) fn gather_pairs(paths: &[PathBuf], reading: &Reading) -> Result<Self, CliError> {
        let single = |path: &PathBuf| path == Path::new(DASH) || path.is_dir();
        if !paths.len().is_multiple_of(2) || paths.iter().any(single) {
            return Err(CliError::Usage(
                "this model compares two files: name files two by two (left right left right …), no folders and not \
                 the standard input"
                    .to_owned(),
            ));
        }
        reject_repeats(paths.iter().map(PathBuf::as_path))?;
        let mut inputs = Self::default();
        for (number, pair) in paths.chunks_exact(2).enumerate() {
            let names: Vec<String> = pair.iter().map(|path| name(path)).collect();
            let read = pair.iter().map(|path| named(path, reading));
            let files = read.map(|read| match read {
                Ok((file, origin)) => {
                    inputs.origins.insert(file.path().to_owned(), origin);
                    Ok(file)
                }
                Err(refused) => Err(refused.message),
            });
            let files = files.collect();
            inputs.add_row(number, &names, files);
        }
        Ok(inputs)
    }

    /// The paths of files that were read.
    pub(crate) fn paths(&self) -> impl Iterator<Item = &Path> {
        self.origins.values().map(|origin| origin.path.as_path())
    }

    /// Takes every `nth` pair away, the first one included.
    pub(crate) fn take_pairs(&mut self, nth: usize) -> Vec<SourceFile> {
        let mut files = std::mem::take(&mut self.files).into_iter();
        let mut taken = Vec::new();
        for (index, number) in std::mem::take(&mut self.pairs).into_iter().enumerate() {
            let pair = files.by_ref().take(2);
            if index.is_multiple_of(nth) {
                taken.extend(pair);
            } else {
                self.files.extend(pair);
                self.pairs.push(number);
            }
        }
        taken
    }

    /// Adds a row of one file, or of two that are a pair. Where one of a pair cannot be read, both are errors.
    /// A pair is number `number`.
    pub(crate) fn add_row(
        &mut self,
        number: usize,
        names: &[String],
        files: Vec<Result<SourceFile, String>>,
    ) {
        if files.iter().all(Result::is_ok) {
            if files.len() == 2 {
                self.pairs.push(number);
            }
            self.files.extend(files.into_iter().flatten());
            return;
        }
        for (name, file) in names.iter().zip(files) {
            let message =
                file.err().unwrap_or_else(|| "the other file of the pair cannot be read".to_owned());
            self.fail(name, message);
        }
    }

    /// Adds every supported file of a folder that is neither ignored nor hidden, and counts the others.
    fn add_folder(&mut self, folder: &Path, reading: &Reading) {
        for found in walk::walk(folder, reading) {
            match found {
                Found::File(path) => {
                    let name = name(&path);
                    let language = |text: &str| Language::choose(&path, text.as_bytes(), reading.lang);
                    self.add(&path, &name, || opened(&path, &name, language, reading));
                }
                Found::Skipped(path, reason) => self.skipped.add(reason, &name(&path)),
                Found::Failed(path, message) => {
                    self.refuse(&name(&path), Refused { reason: Some(SkipReason::Unreadable), message });
                }
            }
        }
    }

    /// Adds the file at `path` unless it was added before.
    pub(crate) fn add(&mut self, path: &Path, name: &str, load: impl FnOnce() -> Result<Loaded, Refused>) {
        // A pipe has no other name; a file may have many.
        if !self.seen.insert(path.canonicalize().unwrap_or_else(|_| path.to_path_buf())) {
            return;
        }
        match load() {
            Ok((file, origin)) => {
                self.origins.insert(name.to_owned(), origin);
                self.files.push(file);
            }
            Err(refused) => self.refuse(name, refused),
        }
    }

    fn refuse(&mut self, name: &str, Refused { reason, message }: Refused) {
        if let Some(reason) = reason {
            self.skipped.add(reason, name);
        }
        if reason.is_none_or(SkipReason::is_error) {
            self.fail(name, message);
        }
    }

    /// Adds an error.
    pub(crate) fn fail(&mut self, path: &str, message: String) {
        self.errors.push(InputError { path: path.to_owned(), message });
    }
}

/// Refuses paths that name one stream twice: the second reader would find it empty, or judge it again.
pub(crate) fn reject_repeats<'p>(paths: impl Iterator<Item = &'p Path>) -> Result<(), CliError> {
    let mut streams = HashSet::new();
    let is_stdin = |path: &Path| STDIN_PATHS.iter().any(|other| path == Path::new(other));
    for path in paths.filter(|path| is_stdin(path) || is_stream(path)) {
        let is_stdin = is_stdin(path);
        if !streams.insert(if is_stdin { Path::new(DASH) } else { path }) {
            return Err(CliError::Usage(format!(
                "{}: named twice, but it can be read only once: save it to a file first",
                path.display()
            )));
        }
    }
    Ok(())
}

/// Refuses to write over a file that is read: one of `read`, the standard input, or rules about which files are ignored.
pub(crate) fn reject_overwriting<'p>(
    output: &Output,
    read: impl Iterator<Item = &'p Path>,
) -> Result<(), CliError> {
    let Some(file) = output.existing_file().filter(|file| !is_device(file)) else { return Ok(()) };
    let has_rules = file.file_name().is_some_and(|name| walk::RULES.iter().any(|rules| name == *rules));
    let mut read = read.chain([Path::new(STDIN_PATHS[0])]);
    if !has_rules && !read.any(|other| other.canonicalize().is_ok_and(|other| other == file)) {
        return Ok(());
    }
    let message = format!("-o {}: this file is read; write the result to another one", name(&file));
    Err(CliError::Usage(message))
}

/// Returns true for a device such as `/dev/null`, which keeps nothing of what is written to it.
#[cfg(unix)]
fn is_device(path: &Path) -> bool {
    use std::os::unix::fs::FileTypeExt;
    path.metadata().is_ok_and(|about| about.file_type().is_char_device())
}

#[cfg(not(unix))]
fn is_device(_: &Path) -> bool {
    false
}

/// Returns true if the content of this path is gone once it is read.
fn is_stream(path: &Path) -> bool {
    path == Path::new(DASH) || path.metadata().is_ok_and(|about| !about.is_file() && !about.is_dir())
}

/// A file that the command line names.
fn named(path: &Path, reading: &Reading) -> Result<Loaded, Refused> {
    if !path.exists() {
        return Err(Refused { reason: None, message: "no such file or folder".to_owned() });
    }
    let language = |text: &str| reading.lang.or_else(|| Language::detect(path, text.as_bytes()));
    opened(path, &name(path), language, reading)
}
