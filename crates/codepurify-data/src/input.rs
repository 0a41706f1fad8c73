//! A file, or a stream that can be read only once → bytes without their compression.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Cursor, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use flate2::bufread::MultiGzDecoder;

use crate::content::{self, Compression, START};
use crate::error::DataError;
use crate::store::{RemoteFile, is_url};

/// Compressed files within compressed files.
const LAYERS: usize = 3;

/// An opened file or stream; nothing but its beginning was read.
pub struct Input {
    path: PathBuf,
    start: Vec<u8>,
    rest: Box<dyn BufRead + Send>,
    compressed: bool,
    length: Option<u64>,
    remote: Option<RemoteFile>,
    position: Arc<AtomicU64>,
}

impl Input {
    /// Opens a file or a URL. The file may be one that can be read only once, such as a named pipe.
    ///
    /// # Errors
    /// [`DataError::Io`] and [`DataError::Store`].
    pub fn open(path: &Path) -> Result<Self, DataError> {
        if is_url(path) {
            let remote = RemoteFile::open(path)?;
            let input = Self::from_reader(path, remote.reader(0))?;
            return Ok(Self { length: Some(remote.size()), remote: Some(remote), ..input });
        }
        let io = |source| DataError::Io { path: path.to_path_buf(), source };
        let file = File::open(path).map_err(io)?;
        let length = file.metadata().ok().filter(std::fs::Metadata::is_file).map(|about| about.len());
        Ok(Self { length, ..Self::from_reader(path, file)? })
    }

    /// Reads from a stream that messages call `name`.
    ///
    /// # Errors
    /// [`DataError::Io`].
    pub fn from_reader(
        name: impl Into<PathBuf>,
        reader: impl Read + Send + 'static,
    ) -> Result<Self, DataError> {
        let path = name.into();
        let io = |source| DataError::Io { path: path.clone(), source };
        let position = Arc::new(AtomicU64::new(0));
        let counted = Counted { reader, position: Arc::clone(&position) };
        let (start, rest) = peeked(Box::new(BufReader::new(counted))).map_err(io)?;
        let mut input =
            Self { path: path.clone(), start, rest, compressed: false, length: None, remote: None, position };
        for _ in 0..LAYERS {
            let Some(compression) = content::compression(&input.start) else { return Ok(input) };
            let packed = Cursor::new(input.start).chain(input.rest);
            let unpacked: Box<dyn BufRead + Send> = match compression {
                Compression::Gzip => Box::new(BufReader::new(Gzip(MultiGzDecoder::new(packed)))),
                // Frames whose window is larger than 128 MiB are refused by the decoder.
                Compression::Zstd => {
                    Box::new(BufReader::new(zstd::stream::read::Decoder::with_buffer(packed).map_err(io)?))
                }
            };
            let (start, rest) = peeked(unpacked).map_err(io)?;
            input = Self { start, rest, compressed: true, ..input };
        }
        match content::compression(&input.start) {
            Some(_) => Err(io(io::Error::other(format!("compressed more than {LAYERS} times")))),
            None => Ok(input),
        }
    }

    /// The path or name.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Returns true if its bytes were compressed.
    #[must_use]
    pub fn is_compressed(&self) -> bool {
        self.compressed
    }

    /// Returns true for a file that can be opened again and read from its beginning.
    #[must_use]
    pub fn is_regular(&self) -> bool {
        self.length.is_some()
    }

    /// The file behind the URL, if it is one.
    pub(crate) fn remote(&self) -> Option<RemoteFile> {
        self.remote.clone()
    }

    /// Its first bytes, and whether they are all of them.
    pub(crate) fn start(&self) -> (&[u8], bool) {
        (&self.start, self.start.len() < START)
    }

    /// Its size, if it is a file, and the bytes read of it so far; both with their compression.
    pub(crate) fn progress(&self) -> (Option<u64>, Arc<AtomicU64>) {
        (self.length, Arc::clone(&self.position))
    }

    /// Its bytes, from the first one and without their compression.
    #[must_use]
    pub fn into_reader(self) -> Box<dyn BufRead + Send> {
        Box::new(Cursor::new(self.start).chain(self.rest))
    }
}

/// The beginning of a stream, and the rest. A stream that fails behind its first line fails when this was read.
fn peeked(mut from: Box<dyn BufRead + Send>) -> io::Result<(Vec<u8>, Box<dyn BufRead + Send>)> {
    let mut start = Vec::new();
    match from.by_ref().take(START as u64).read_to_end(&mut start) {
        Ok(_) => Ok((start, from)),
        Err(error) if !start.contains(&b'\n') => Err(error),
        Err(error) => Ok((start, Box::new(BufReader::new(Broken(Some(error)))))),
    }
}

/// The end of a stream that fails.
struct Broken(Option<io::Error>);

impl Read for Broken {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        self.0.take().map_or(Ok(0), Err)
    }
}

/// Says what is wrong with a gzip stream; the decoder takes what follows the end for the start of the next stream.
struct Gzip<R>(MultiGzDecoder<R>);

impl<R: BufRead> Read for Gzip<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer).map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof | io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData => {
                let message =
                    format!("the gzip stream is cut or damaged, or something follows its end ({error})");
                io::Error::new(error.kind(), message)
            }
            _ => error,
        })
    }
}

/// Counts the bytes that were read.
struct Counted<R> {
    reader: R,
    position: Arc<AtomicU64>,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let count = self.reader.read(into)?;
        self.position.fetch_add(count as u64, Ordering::Relaxed);
        Ok(count)
    }
}
