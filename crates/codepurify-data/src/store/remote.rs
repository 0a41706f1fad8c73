//! Files in object stores and on web servers.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use futures_util::TryStreamExt;
use object_store::aws::AmazonS3Builder;
use object_store::azure::MicrosoftAzureBuilder;
use object_store::gcp::GoogleCloudStorageBuilder;
use object_store::http::HttpBuilder;
use object_store::path::Path as Key;
use object_store::{
    BackoffConfig, ClientOptions, GetOptions, ObjectMeta, ObjectStore, ObjectStoreExt, ObjectStoreScheme,
    RetryConfig, WriteMultipart,
};
use parquet::errors::ParquetError;
use parquet::file::reader::{ChunkReader, Length};
use tokio::runtime::Runtime;
use url::Url;

use super::StoreError;
use super::blocks::{BLOCK, Blocks};

/// Least bytes of a part of an upload. Stores take up to 10,000 parts, all but the last of 5 MiB or more.
const PART: u64 = 8 << 20;

/// Most parts of an upload.
const PARTS: u64 = 9_000;

/// Parts that are on their way at once.
const AT_ONCE: usize = 4;

/// Tries after the first one, from 0.1 seconds after it to 10: half a minute in all.
const RETRIES: usize = 8;

/// Variable of the environment with another number of tries.
const RETRIES_VARIABLE: &str = "CODEPURIFY_STORE_RETRIES";

/// Drives the requests. Failures to start it are those of each request.
static RUNTIME: LazyLock<io::Result<Runtime>> = LazyLock::new(|| {
    // Another part of the program may have chosen the same one before.
    let _ = rustls::crypto::ring::default_provider().install_default();
    tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()
});

/// A file behind a URL, as it was when it was opened.
#[derive(Debug, Clone)]
pub struct RemoteFile {
    place: Arc<Place>,
    about: Arc<ObjectMeta>,
    blocks: Arc<Mutex<Blocks>>,
}

/// A URL, and how its store is reached.
#[derive(Debug)]
struct Place {
    url: String,
    store: Box<dyn ObjectStore>,
    key: Key,
    is_web_server: bool,
    runtime: &'static Runtime,
}

impl RemoteFile {
    /// Asks for the file's size and version.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn open(url: &Path) -> Result<Self, StoreError> {
        let place = Place::new(url)?;
        let about = place.wait(place.store.head(&place.key))?;
        Ok(Self { place: Arc::new(place), about: Arc::new(about), blocks: Arc::default() })
    }

    /// Size in bytes.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.about.size
    }

    /// Text that changes with the content of the file: its entity tag and version, or when it was written; and its size.
    #[must_use]
    pub fn version(&self) -> String {
        let ObjectMeta { size, e_tag, version, last_modified, .. } = &*self.about;
        match (e_tag, version) {
            (None, None) => format!("written {last_modified}, {size} bytes"),
            (tag, version) => {
                let of = |text: &Option<String>| text.clone().unwrap_or_default();
                format!("tag {} {}, {size} bytes", of(tag), of(version))
            }
        }
    }

    /// The bytes from `start` on.
    #[must_use]
    pub fn reader(&self, start: u64) -> RemoteReader {
        RemoteReader { file: self.clone(), at: start, block: Bytes::new() }
    }

    /// The bytes from `at` to the end of its block; none at the end of the file.
    fn block(&self, at: u64) -> Result<Bytes, StoreError> {
        let number = at / BLOCK;
        let skipped = usize::try_from(at % BLOCK).unwrap_or_default();
        if let Some(bytes) = self.kept().find(number) {
            return Ok(bytes.slice(skipped.min(bytes.len())..));
        }
        let range = number * BLOCK..((number + 1) * BLOCK).min(self.size());
        if range.is_empty() {
            return Ok(Bytes::new());
        }
        let options = GetOptions::new().with_range(Some(range)).with_if_match(self.about.e_tag.clone());
        let Place { store, key, .. } = &*self.place;
        let bytes = self.place.wait(async { store.get_opts(key, options).await?.bytes().await })?;
        self.kept().keep(number, bytes.clone());
        Ok(bytes.slice(skipped.min(bytes.len())..))
    }

    fn kept(&self) -> std::sync::MutexGuard<'_, Blocks> {
        self.blocks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Reads a file behind a URL, a block at a time.
#[derive(Debug)]
pub struct RemoteReader {
    file: RemoteFile,
    at: u64,
    /// Bytes from `at` on.
    block: Bytes,
}

impl Read for RemoteReader {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.block.is_empty() {
            self.block = self.file.block(self.at).map_err(io::Error::other)?;
        }
        let taken = self.block.split_to(self.block.len().min(into.len()));
        into[..taken.len()].copy_from_slice(&taken);
        self.at += taken.len() as u64;
        Ok(taken.len())
    }
}

impl Length for RemoteFile {
    fn len(&self) -> u64 {
        self.size()
    }
}

impl ChunkReader for RemoteFile {
    type T = RemoteReader;

    fn get_read(&self, start: u64) -> parquet::errors::Result<Self::T> {
        Ok(self.reader(start))
    }

    fn get_bytes(&self, start: u64, length: usize) -> parquet::errors::Result<Bytes> {
        let mut bytes = Vec::new();
        let read = self.reader(start).take(length as u64).read_to_end(&mut bytes);
        match read.map_err(|error| ParquetError::External(Box::new(error)))? {
            read if read == length => Ok(bytes.into()),
            read => Err(ParquetError::EOF(format!("{length} bytes are wanted at {start}, {read} are there"))),
        }
    }
}

/// Returns true if there is a file at a URL.
///
/// # Errors
/// [`StoreError`].
pub fn exists(url: &Path) -> Result<bool, StoreError> {
    match RemoteFile::open(url) {
        Ok(_) => Ok(true),
        Err(StoreError::NotFound { .. }) => Ok(false),
        Err(error) => Err(error),
    }
}

/// The keys of all files below the folder at a URL, without that of the folder, in order.
///
/// # Errors
/// [`StoreError`].
pub fn list(url: &Path) -> Result<Vec<String>, StoreError> {
    let place = Place::new(url)?;
    place.reject_web_server("it has no lists of files: name each file")?;
    let files: Vec<ObjectMeta> = place.wait(place.store.list(Some(&place.key)).try_collect())?;
    let name = |about: ObjectMeta| {
        let parts = about.location.prefix_match(&place.key)?;
        let parts: Vec<String> = parts.map(|part| part.as_ref().to_owned()).collect();
        Some(parts.join("/")).filter(|name| !name.is_empty())
    };
    let mut names: Vec<String> = files.into_iter().filter_map(name).collect();
    names.sort_unstable();
    Ok(names)
}

/// Writes a file to a URL: in parts, which become a file once all of them are there.
///
/// # Errors
/// [`StoreError`]; nothing is at the URL then that was not there before.
pub fn upload(file: &Path, url: &Path) -> Result<(), StoreError> {
    let place = Place::new(url)?;
    place.reject_web_server("nothing is written there: choose a store, or a file")?;
    let unreadable =
        |source: io::Error| StoreError::Failed { url: place.url.clone(), source: Box::new(source) };
    let mut from = File::open(file).map_err(unreadable)?;
    let size = from.metadata().map_err(unreadable)?.len();
    let part = PART.max(size / PARTS);
    let mut next = || {
        let mut bytes = Vec::new();
        from.by_ref().take(part).read_to_end(&mut bytes).map_err(unreadable).map(|_| bytes)
    };
    if size <= part {
        let bytes = next()?;
        return place.wait(place.store.put(&place.key, bytes.into())).map(drop);
    }
    let parts = place.wait(place.store.put_multipart(&place.key))?;
    let mut parts = WriteMultipart::new_with_chunk_size(parts, usize::try_from(part).unwrap_or(usize::MAX));
    loop {
        let bytes = next()?;
        if bytes.is_empty() {
            return place.wait(parts.finish()).map(drop);
        }
        let sent = place.wait(async {
            parts.wait_for_capacity(AT_ONCE).await?;
            parts.put(bytes.into());
            Ok(())
        });
        if let Err(error) = sent {
            // The parts that were sent are of no use; the first error says why.
            let _ = place.wait(parts.abort());
            return Err(error);
        }
    }
}

impl Place {
    fn new(path: &Path) -> Result<Self, StoreError> {
        let url = path.display().to_string();
        let bad = |message: String| StoreError::BadUrl { url: url.clone(), message };
        let parsed: Url = url.parse().map_err(|error| bad(format!("no URL: {error}")))?;
        if parsed.query().is_some() {
            return Err(bad("a URL with a query is not read: download the file first".to_owned()));
        }
        // It also chooses the cryptography, which clients need.
        let runtime = RUNTIME
            .as_ref()
            .map_err(|error| StoreError::Failed { url: url.clone(), source: error.to_string().into() })?;
        let (scheme, key) = ObjectStoreScheme::parse(&parsed).map_err(|error| bad(error.to_string()))?;
        let store = store(&scheme, &parsed).map_err(|error| bad(error.to_string()))?;
        Ok(Self { url, store, key, is_web_server: scheme == ObjectStoreScheme::Http, runtime })
    }

    fn reject_web_server(&self, message: &str) -> Result<(), StoreError> {
        if !self.is_web_server {
            return Ok(());
        }
        Err(StoreError::BadUrl { url: self.url.clone(), message: format!("on a web server: {message}") })
    }

    /// Waits for a request.
    fn wait<T>(&self, request: impl Future<Output = object_store::Result<T>>) -> Result<T, StoreError> {
        self.runtime.block_on(request).map_err(|error| self.failed(error))
    }

    fn failed(&self, error: object_store::Error) -> StoreError {
        use object_store::Error;
        let (url, source) = (self.url.clone(), Box::new(error));
        match *source {
            Error::NotFound { .. } => StoreError::NotFound { url, source },
            Error::PermissionDenied { .. } | Error::Unauthenticated { .. } => {
                StoreError::Denied { url, source }
            }
            Error::Precondition { .. } => StoreError::Changed { url, source },
            Error::NotSupported { .. } => StoreError::NoRanges { url, source },
            _ => StoreError::Failed { url, source },
        }
    }
}

/// The store of a URL, with the credentials and the address that the environment says.
fn store(scheme: &ObjectStoreScheme, url: &Url) -> object_store::Result<Box<dyn ObjectStore>> {
    let retries = std::env::var(RETRIES_VARIABLE).ok().and_then(|retries| retries.parse().ok());
    let backoff = BackoffConfig { max_backoff: Duration::from_secs(10), ..BackoffConfig::default() };
    let retry = RetryConfig { backoff, max_retries: retries.unwrap_or(RETRIES), ..RetryConfig::default() };
    Ok(match scheme {
        ObjectStoreScheme::AmazonS3 => {
            Box::new(AmazonS3Builder::from_env().with_url(url.as_str()).with_retry(retry).build()?)
        }
        ObjectStoreScheme::GoogleCloudStorage => {
            Box::new(GoogleCloudStorageBuilder::from_env().with_url(url.as_str()).with_retry(retry).build()?)
        }
        ObjectStoreScheme::MicrosoftAzure => {
            Box::new(MicrosoftAzureBuilder::from_env().with_url(url.as_str()).with_retry(retry).build()?)
        }
        _ => {
            let options = ClientOptions::new().with_allow_http(url.scheme() == "http");
            let origin = &url[..url::Position::BeforePath];
            Box::new(
                HttpBuilder::new().with_url(origin).with_client_options(options).with_retry(retry).build()?,
            )
        }
    })
}
