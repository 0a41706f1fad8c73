//! Where results go. The standard output holds results only; everything else is a note on standard error.
//!
//! A destination is checked before the work starts. A reader that leaves early is no error: what the run found is in its exit
//! code, not in what was read of it.

use std::fs::{File, Metadata, OpenOptions};
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
    /// Colour on a terminal, unless `NO_COLOR` is set.
    #[default]
    Auto,
    /// Colour everywhere.
    Always,
    /// No colour.
    Never,
}

/// The place for results, and whether it takes colour.
#[derive(Debug)]
pub(crate) struct Output {
    to: Destination,
    color: bool,
    terminal: bool,
}

#[derive(Debug)]
enum Destination {
    Stdout,
    /// A file that is or will be in a folder.
    File(PathBuf),
    /// A device, opened once.
    Open(PathBuf, File),
    /// A named pipe. To open it waits for its reader, so it is opened when there is something to write.
    Pipe(PathBuf),
}

/// Paths of the standard output.
const STDOUT_PATHS: [&str; 4] = ["-", "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"];

impl Output {
    /// Results go to `file`, or to the standard output.
    ///
    /// # Errors
    /// If nothing can be written there.
    pub(crate) fn open(file: Option<PathBuf>, mode: ColorMode) -> Result<Self, CliError> {
        let to = file.map_or(Ok(Destination::Stdout), |path| {
            let failed = |source| CliError::Write { to: path.display().to_string(), source };
            Destination::open(&path).map_err(failed)
        })?;
        let set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        let terminal = matches!(to, Destination::Stdout) && io::stdout().is_terminal();
        let color = match mode {
            ColorMode::Always => true,
            ColorMode::Never => false,
            ColorMode::Auto => terminal && !set("NO_COLOR"),
        };
        Ok(Self { to, color, terminal })
    }

    /// The standard output, without colour.
    pub(crate) fn stdout() -> Self {
        Self { to: Destination::Stdout, color: false, terminal: false }
    }

    /// The file that results go to, if it is one.
    pub(crate) fn path(&self) -> Option<&Path> {
        match &self.to {
            Destination::Stdout => None,
            Destination::File(path) | Destination::Open(path, _) | Destination::Pipe(path) => Some(path),
        }
    }

    /// The file, pipe or device that results go to, if it is named and exists.
    pub(crate) fn existing_file(&self) -> Option<PathBuf> {
        self.path()?.canonicalize().ok()
    }

    /// Returns true if results are coloured.
    pub(crate) fn color(&self) -> bool {
        self.color
    }

    /// Returns true for output to people, on a terminal or in colour: it must not control the terminal.
    pub(crate) fn is_for_people(&self) -> bool {
        self.terminal || self.color
    }

    /// Writes a whole result at once; a file has its old content until all of the new one is written.
    pub(crate) fn write(&self, result: &[u8]) -> Result<(), CliError> {
        let written = match &self.to {
            Destination::File(path) => save(path, result),
            Destination::Stdout => put(&mut io::stdout().lock(), result),
            Destination::Open(_, file) => put(&mut &*file, result),
            Destination::Pipe(path) => to_write(path).and_then(|mut pipe| put(&mut pipe, result)),
        };
        written.map_err(|source| self.failed(source))
    }

    /// Starts to write a result in parts, each as soon as it is there. A file loses its old content now.
    pub(crate) fn stream(&self) -> Result<Stream<'_>, CliError> {
        let to: Box<dyn Write + Send> = match &self.to {
            Destination::Stdout => Box::new(io::stdout()),
            Destination::Open(_, file) => Box::new(file),
            Destination::Pipe(path) => Box::new(to_write(path).map_err(|source| self.failed(source))?),
            Destination::File(path) => Box::new(File::create(path).map_err(|source| self.failed(source))?),
        };
        Ok(Stream { output: self, to, failed: None })
    }

    fn failed(&self, source: io::Error) -> CliError {
        let to =
            self.path().map_or_else(|| "the standard output".to_owned(), |path| path.display().to_string());
        CliError::Write { to, source }
    }
}

impl Destination {
    fn open(path: &Path) -> io::Result<Self> {
        if STDOUT_PATHS.iter().any(|stdout| path == Path::new(stdout)) {
            return Ok(Self::Stdout);
        }
        match path.metadata() {
            Ok(about) if is_pipe(&about) => Ok(Self::Pipe(path.to_path_buf())),
            Ok(about) => {
                let file = to_write(path)?;
                Ok(if about.is_file() {
                    Self::File(path.to_path_buf())
                } else {
                    Self::Open(path.to_path_buf(), file)
                })
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                // Removed at once: it only shows that the folder takes files.
                new_file().tempfile_in(folder(path)).map_err(|error| without_name(&error))?;
                Ok(Self::File(path.to_path_buf()))
            }
            Err(error) => Err(error),
        }
    }
}

fn to_write(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).open(path)
}

#[cfg(unix)]
fn is_pipe(about: &Metadata) -> bool {
    std::os::unix::fs::FileTypeExt::is_fifo(&about.file_type())
}

#[cfg(not(unix))]
fn is_pipe(_: &Metadata) -> bool {
    false
}

/// A result that is written in parts.
pub(crate) struct Stream<'o> {
    output: &'o Output,
    to: Box<dyn Write + Send + 'o>,
    /// The first failure; nothing is written after it.
    failed: Option<io::Error>,
}

impl Stream<'_> {
    pub(crate) fn write(&mut self, part: &[u8]) {
        if self.failed.is_none() {
            self.failed = put(&mut self.to, part).err();
        }
    }

    /// Ends the result.
    pub(crate) fn finish(self) -> Result<(), CliError> {
        self.failed.map_or(Ok(()), |source| Err(self.output.failed(source)))
    }
}

/// Writes to a reader, who may have left.
fn put(out: &mut dyn Write, part: &[u8]) -> io::Result<()> {
    match out.write_all(part).and_then(|()| out.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => written,
    }
}

/// Writes a file as a whole, or leaves what is there; where its folder takes no other file, it is written in place.
fn save(path: &Path, content: &[u8]) -> io::Result<()> {
    if path.exists() {
        return match overwrite(path, content) {
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => std::fs::write(path, content),
            written => written,
        };
    }
    let mut file = new_file().tempfile_in(folder(path)).map_err(|error| without_name(&error))?;
    file.write_all(content)?;
    file.persist(path)?;
    Ok(())
}

/// Temporary files with the permissions that a new file gets.
fn new_file() -> tempfile::Builder<'static, 'static> {
    let mut builder = tempfile::Builder::new();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        builder.permissions(std::fs::Permissions::from_mode(0o666));
    }
    builder
}

/// The error without the name of a temporary file, which means nothing to people.
fn without_name(error: &io::Error) -> io::Error {
    match error.kind() {
        kind @ io::ErrorKind::NotFound => io::Error::new(kind, "its folder does not exist"),
        kind => kind.into(),
    }
}

fn folder(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Replaces the file's content `old` by `new` as a whole or not at all; its permissions stay, and a link stays a link.
///
/// # Errors
/// If the file holds something else by now, or cannot be written.
pub(crate) fn replace(path: &Path, old: &[u8], new: &[u8]) -> Result<(), CliError> {
    let replaced = std::fs::read(path).and_then(|found| {
        if found == old {
            overwrite(path, new)
        } else {
            Err(io::Error::other("it changed after it was read; purify it again"))
        }
    });
    replaced.map_err(|source| CliError::Write { to: path.display().to_string(), source })
}

fn overwrite(path: &Path, content: &[u8]) -> io::Result<()> {
    let target = path.canonicalize()?;
    let mut file = NamedTempFile::new_in(folder(&target)).map_err(|error| without_name(&error))?;
    file.write_all(content)?;
    let about = std::fs::metadata(&target)?;
    keep_owner(file.as_file(), &about);
    file.as_file().set_permissions(about.permissions())?;
    file.as_file().sync_all()?;
    file.persist(&target)?;
    Ok(())
}

/// Gives the file to its old owner and group, where the user may do so. Permissions come later: this takes some away.
#[cfg(unix)]
fn keep_owner(file: &File, about: &std::fs::Metadata) {
    use std::os::unix::fs::{MetadataExt, fchown};
    let differs = file.metadata().is_ok_and(|new| (new.uid(), new.gid()) != (about.uid(), about.gid()));
    if differs && fchown(file, Some(about.uid()), Some(about.gid())).is_err() {
        let _ = fchown(file, None, Some(about.gid()));
    }
}

#[cfg(not(unix))]
fn keep_owner(_: &File, _: &std::fs::Metadata) {}

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
        Some(length) => (ProgressBar::new(length), "{bar:40} {percent} %, {msg}, {eta} left"),
        None => (ProgressBar::no_length(), "{spinner} {msg}"),
    };
    bar.with_style(ProgressStyle::with_template(template).expect("the template is well-formed"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_that_changed_after_it_was_read_is_not_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("code.c");
        std::fs::write(&path, "int new;").unwrap();
        let error = replace(&path, b"int old;", b"").unwrap_err().to_string();
        assert!(error.contains("it changed after it was read"), "{error}");
        assert_eq!(std::fs::read(&path).unwrap(), b"int new;");
        replace(&path, b"int new;", b"int newest;").unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"int newest;");
    }
}
