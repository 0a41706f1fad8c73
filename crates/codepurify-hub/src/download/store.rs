//! Contents → files of the cache. Whatever appears there is whole.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use indicatif::{ProgressBar, ProgressStyle};
use sha2::{Digest, Sha256};
use tempfile::NamedTempFile;

use crate::error::HubError;

/// Size and hash that the hub announced for a file.
pub(crate) struct Content<'a> {
    pub(crate) name: &'a str,
    /// The blob's name; 64 hexadecimal digits are the content's SHA-256.
    pub(crate) etag: &'a str,
    pub(crate) bytes: u64,
}

/// Saves `from` among the blobs, unless it is there, and returns its path.
pub(crate) fn save(blobs: &Path, content: &Content, from: impl Read) -> Result<PathBuf, HubError> {
    let path = blobs.join(content.etag);
    if fs::metadata(&path).is_ok_and(|blob| blob.len() == content.bytes) {
        return Ok(path);
    }
    let disk = |source| HubError::Disk { path: path.clone(), source };
    let mut file = temporary(&path).map_err(disk)?;
    let found = copy(content, from, file.as_file_mut(), disk)?;
    if content.etag.len() == 64 && content.etag != found {
        let (file, expected) = (content.name.to_owned(), content.etag.to_owned());
        return Err(HubError::Corrupt { file, expected, found });
    }
    persist(file, &path).map_err(disk)?;
    Ok(path)
}

/// Copies as many bytes as were announced, and returns their SHA-256.
fn copy(
    content: &Content,
    mut from: impl Read,
    to: &mut File,
    disk: impl Fn(io::Error) -> HubError,
) -> Result<String, HubError> {
    let progress = progress(content);
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 1 << 16];
    let mut received = 0;
    let interrupted = |received, message: &str| HubError::Interrupted {
        file: content.name.to_owned(),
        received,
        expected: content.bytes,
        message: message.to_owned(),
    };
    loop {
        let read = from.read(&mut buffer).map_err(|error| interrupted(received, &error.to_string()))?;
        if read == 0 {
            break;
        }
        received += read as u64;
        if received > content.bytes {
            return Err(interrupted(received, "the server sends more than it announced"));
        }
        hash.update(&buffer[..read]);
        to.write_all(&buffer[..read]).map_err(&disk)?;
        progress.inc(read as u64);
    }
    progress.finish_and_clear();
    if received < content.bytes {
        return Err(interrupted(received, "the server sends no more"));
    }
    Ok(hexadecimal(&hash.finalize()))
}

fn hexadecimal(bytes: &[u8]) -> String {
    let digit = |half: u8| char::from_digit(u32::from(half), 16);
    bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]).filter_map(digit).collect()
}

/// Makes `blob` appear at `path`: as a relative link where the platform has them for everybody, as a copy elsewhere.
pub(crate) fn link(blob: &Path, path: &Path) -> Result<(), HubError> {
    if path.is_file() {
        return Ok(());
    }
    let link = || -> io::Result<()> {
        fs::create_dir_all(folder(path))?;
        // An entry that is no file is a link to a deleted blob.
        if path.is_symlink() {
            fs::remove_file(path)?;
        }
        match place(blob, path) {
            // Another program was faster.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
            placed => placed,
        }
    };
    link().map_err(|source| HubError::Disk { path: path.to_path_buf(), source })
}

#[cfg(unix)]
fn place(blob: &Path, path: &Path) -> io::Result<()> {
    let name = blob.file_name().unwrap_or_default();
    std::os::unix::fs::symlink(Path::new("../../blobs").join(name), path)
}

#[cfg(not(unix))]
fn place(blob: &Path, path: &Path) -> io::Result<()> {
    let mut file = temporary(path)?;
    io::copy(&mut File::open(blob)?, &mut file)?;
    persist(file, path)
}

/// Writes a small file as a whole.
pub(crate) fn write(path: &Path, content: &[u8]) -> Result<(), HubError> {
    let write = || -> io::Result<()> {
        let mut file = temporary(path)?;
        file.write_all(content)?;
        persist(file, path)
    };
    write().map_err(|source| HubError::Disk { path: path.to_path_buf(), source })
}

/// A file next to `path` that is deleted on drop. Others may read it as far as the process lets them: caches are
/// shared.
fn temporary(path: &Path) -> io::Result<NamedTempFile> {
    fs::create_dir_all(folder(path))?;
    let mut builder = tempfile::Builder::new();
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    builder.suffix(".incomplete").tempfile_in(folder(path))
}

fn persist(file: NamedTempFile, path: &Path) -> io::Result<()> {
    file.as_file().sync_all()?;
    file.persist(path)?;
    Ok(())
}

fn folder(path: &Path) -> &Path {
    path.parent().unwrap_or(Path::new("."))
}

/// A bar on standard error; hidden where that is no terminal.
fn progress(content: &Content) -> ProgressBar {
    let style =
        ProgressStyle::with_template("{msg} {bar:40} {binary_bytes}/{binary_total_bytes}, {eta} left")
            .expect("the template is well-formed");
    ProgressBar::new(content.bytes).with_style(style).with_message(content.name.to_owned())
}
