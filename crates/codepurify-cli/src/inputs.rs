//! Paths → source files. What cannot be read becomes an error of the report, and the rest goes on.

use std::collections::HashSet;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use codepurify::error::SnippetError;
use codepurify::verdict::InputError;
use codepurify::{Language, Limits, SourceFile};
use ignore::WalkBuilder;

use crate::error::CliError;

/// The path that stands for the standard input on the command line.
pub(crate) const DASH: &str = "-";
/// The name of the standard input in reports.
pub(crate) const STDIN: &str = "<stdin>";

/// What was found under the paths of the command line, in their order; folders in the order of their paths.
#[derive(Debug, Default)]
pub(crate) struct Inputs {
    pub(crate) files: Vec<SourceFile>,
    pub(crate) errors: Vec<InputError>,
    /// Where `files` are pairs (left, right, left, right …): the number of each on the command line, from 0.
    pub(crate) pairs: Vec<usize>,
    /// Paths that were added: a file that is named twice is judged once.
    seen: HashSet<String>,
}

impl Inputs {
    /// Files that are already at hand.
    pub(crate) fn of(files: Vec<SourceFile>) -> Self {
        Self { files, ..Self::default() }
    }

    /// Reads every path. `lang` is the language of named files and of the standard input; files in folders go by
    /// their names, and those that no language claims are skipped.
    pub(crate) fn gather(
        paths: &[PathBuf],
        lang: Option<Language>,
        limits: &Limits,
    ) -> Result<Self, CliError> {
        let mut inputs = Self::default();
        for path in paths {
            if path == Path::new(DASH) {
                let Some(language) = lang else {
                    return Err(CliError::Usage(
                        "the standard input has no file name: say its language with --lang".to_owned(),
                    ));
                };
                inputs.add(STDIN, || load(STDIN, io::stdin().lock(), language, limits));
            } else if path.is_dir() {
                inputs.walk(path, limits);
            } else {
                inputs.add(&name(path), || named(path, lang, limits));
            }
        }
        Ok(inputs)
    }

    /// Reads paths two by two, each a whole file. Where one of a pair cannot be read, both are errors.
    pub(crate) fn gather_pairs(
        paths: &[PathBuf],
        lang: Option<Language>,
        limits: &Limits,
    ) -> Result<Self, CliError> {
        let single = |path: &PathBuf| path == Path::new(DASH) || path.is_dir();
        if !paths.len().is_multiple_of(2) || paths.iter().any(single) {
            return Err(CliError::Usage(
                "this model compares two files: name files two by two (left right left right …), no folders and not \
                 the standard input"
                    .to_owned(),
            ));
        }
        let mut inputs = Self::default();
        for (number, pair) in paths.chunks_exact(2).enumerate() {
            let files = pair.iter().map(|path| named(path, lang, limits)).collect();
            let names: Vec<String> = pair.iter().map(|path| name(path)).collect();
            inputs.add_row(number, &names, files);
        }
        Ok(inputs)
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

    /// Adds every supported file of a folder that no ignore rule excludes.
    fn walk(&mut self, folder: &Path, limits: &Limits) {
        let mut walk = WalkBuilder::new(folder);
        walk.require_git(false).sort_by_file_path(Path::cmp);
        for entry in walk.build() {
            match entry {
                Ok(entry) if entry.file_type().is_some_and(|kind| kind.is_file()) => {
                    let name = name(entry.path());
                    if let Some(language) = Language::from_path(entry.path()) {
                        self.add(&name, || open(entry.path(), &name, language, limits));
                    }
                }
                Ok(_) => {}
                Err(error) => self.fail(&folder.display().to_string(), error.to_string()),
            }
        }
    }

    pub(crate) fn add(&mut self, name: &str, load: impl FnOnce() -> Result<SourceFile, String>) {
        if !self.seen.insert(name.to_owned()) {
            return;
        }
        match load() {
            Ok(file) => self.files.push(file),
            Err(message) => self.fail(name, message),
        }
    }

    /// Adds an error.
    pub(crate) fn fail(&mut self, path: &str, message: String) {
        self.errors.push(InputError { path: path.to_owned(), message });
    }
}

/// The path as reports call it.
fn name(path: &Path) -> String {
    path.strip_prefix(".").unwrap_or(path).to_string_lossy().into_owned()
}

/// A file that the command line names.
fn named(path: &Path, lang: Option<Language>, limits: &Limits) -> Result<SourceFile, String> {
    if !path.exists() {
        return Err("no such file or folder".to_owned());
    }
    let language = lang.or_else(|| Language::from_path(path)).ok_or_else(|| unsupported(path))?;
    open(path, &name(path), language, limits)
}

fn unsupported(path: &Path) -> String {
    let extension =
        path.extension().map_or_else(String::new, |extension| extension.to_string_lossy().into_owned());
    format!("{}; name the language with --lang", SnippetError::UnsupportedLanguage(extension))
}

fn open(path: &Path, name: &str, language: Language, limits: &Limits) -> Result<SourceFile, String> {
    let file = File::open(path).map_err(|error| error.to_string())?;
    let bytes = file.metadata().map_or(0, |about| usize::try_from(about.len()).unwrap_or(usize::MAX));
    if bytes > limits.max_file_bytes {
        return Err(SnippetError::TooLarge { bytes, limit: limits.max_file_bytes }.to_string());
    }
    load(name, file, language, limits)
}

/// Reads at most one byte more than is allowed: enough to know that it is too much.
pub(crate) fn load(
    name: &str,
    from: impl Read,
    language: Language,
    limits: &Limits,
) -> Result<SourceFile, String> {
    let mut bytes = Vec::new();
    let limit = limits.max_file_bytes as u64;
    from.take(limit.saturating_add(1)).read_to_end(&mut bytes).map_err(|error| error.to_string())?;
    SourceFile::new(name, bytes, language, limits).map_err(|error| error.to_string())
}
