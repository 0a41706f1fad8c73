//! Where results go. The standard output holds results only; everything else is a note on standard error.

use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};

use clap::ValueEnum;
use indicatif::{ProgressBar, ProgressStyle};
use serde::Deserialize;
use tempfile::NamedTempFile;

use crate::error::CliError;

/// When to use colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum ColorMode {
    /// On a terminal, unless `NO_COLOR` is set.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// The place for results, and whether it takes colour.
#[derive(Debug)]
pub(crate) struct Output {
    file: Option<PathBuf>,
    color: bool,
}

impl Output {
    /// Results go to `file`, or to the standard output.
    pub(crate) fn new(file: Option<PathBuf>, mode: ColorMode) -> Self {
        let set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        let color = match mode {
            ColorMode::Always => true,
            ColorMode::Never => false,
            ColorMode::Auto => file.is_none() && io::stdout().is_terminal() && !set("NO_COLOR"),
        };
        Self { file, color }
    }

    /// The file that results go to, if it is one.
    pub(crate) fn path(&self) -> Option<&Path> {
        self.file.as_deref()
    }

    /// Whether results are coloured.
    pub(crate) fn color(&self) -> bool {
        self.color
    }

    /// Writes a whole result at once.
    pub(crate) fn write(&self, result: &[u8]) -> Result<(), CliError> {
        let (to, written) = match &self.file {
            Some(path) => (path.display().to_string(), std::fs::write(path, result)),
            None => ("the standard output".to_owned(), print(result)),
        };
        written.map_err(|source| CliError::Write { to, source })
    }
}

fn print(result: &[u8]) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(result)?;
    out.flush()
}

/// Replaces the file's content as a whole or not at all; its permissions stay, and a link stays a link.
pub(crate) fn replace(path: &Path, content: &str) -> Result<(), CliError> {
    let replace = || -> io::Result<()> {
        let target = path.canonicalize()?;
        let folder = target.parent().unwrap_or(Path::new("."));
        let mut file = NamedTempFile::new_in(folder)?;
        file.write_all(content.as_bytes())?;
        file.as_file().set_permissions(std::fs::metadata(&target)?.permissions())?;
        file.as_file().sync_all()?;
        file.persist(&target)?;
        Ok(())
    };
    replace().map_err(|source| CliError::Write { to: path.display().to_string(), source })
}

/// Says something on standard error; where that is closed, nobody listens.
pub(crate) fn note(message: &str) {
    let _ = writeln!(io::stderr(), "{message}");
}

/// A bar on standard error that counts `what`; hidden where that is no terminal.
pub(crate) fn progress(count: usize, what: &'static str) -> ProgressBar {
    let style = ProgressStyle::with_template("{bar:40} {pos}/{len} {msg}, {eta} left")
        .expect("the template is well-formed");
    ProgressBar::new(count as u64).with_style(style).with_message(what)
}

/// A bar on standard error that counts rows, and bytes of an input of `length`; without a length only the rows.
pub(crate) fn progress_through(length: Option<u64>) -> ProgressBar {
    let (bar, template) = match length {
        Some(length) => (ProgressBar::new(length), "{bar:40} {percent} %, {msg} rows, {eta} left"),
        None => (ProgressBar::no_length(), "{spinner} {msg} rows"),
    };
    bar.with_style(ProgressStyle::with_template(template).expect("the template is well-formed"))
}
