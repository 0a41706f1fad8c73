//! The cache that Hugging Face programs share. A repository's folder holds
//!
//! - `refs/<revision>`: the commit that the revision stood for when it was fetched;
//! - `blobs/<etag>`: contents;
//! - `snapshots/<commit>/<file>`: the files of a commit, as links to blobs.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use crate::error::HubError;
use crate::id::{ModelId, is_commit};
use crate::parts::{self, Parts};

/// The largest index of weights that is read, in bytes.
const MAX_INDEX_BYTES: u64 = 64 << 20;

/// The folder with the folders of all repositories.
#[derive(Debug)]
pub(crate) struct Cache {
    root: PathBuf,
}

impl Cache {
    pub(crate) fn new(root: PathBuf) -> Self {
        Self { root }
    }

    /// The folder of the model's repository.
    pub(crate) fn folder(&self, id: &ModelId) -> PathBuf {
        self.root.join(id.folder())
    }

    /// The folder with the files of a commit.
    pub(crate) fn snapshot(&self, id: &ModelId, commit: &str) -> PathBuf {
        self.folder(id).join("snapshots").join(commit)
    }

    /// Returns the file with the commit of a revision.
    pub(crate) fn reference(&self, id: &ModelId) -> PathBuf {
        self.folder(id).join("refs").join(id.revision())
    }

    /// The model's snapshot, or what the cache lacks for it.
    pub(crate) fn find(&self, id: &ModelId, parts: Parts) -> Result<Result<PathBuf, String>, HubError> {
        let Some(commit) = self.commit(id)? else {
            return Ok(Err(format!("revision `{}`", id.revision())));
        };
        let dir = self.snapshot(id, &commit);
        Ok(lack(&dir, parts)?.map_or(Ok(dir), Err))
    }

    /// Returns the commit of the revision, if the cache has it.
    fn commit(&self, id: &ModelId) -> Result<Option<String>, HubError> {
        if is_commit(id.revision()) {
            return Ok(Some(id.revision().to_owned()));
        }
        let path = self.reference(id);
        match read(&path, 64) {
            Ok(bytes) => match String::from_utf8_lossy(&bytes).trim() {
                commit if is_commit(commit) => Ok(Some(commit.to_owned())),
                _ => Err(HubError::BadReference { path }),
            },
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(HubError::Disk { path, source }),
        }
    }
}

/// Returns the parts that the snapshot `dir` lacks.
fn lack(dir: &Path, parts: Parts) -> Result<Option<String>, HubError> {
    let has = |name: &str| dir.join(name).is_file();
    if let Some(lack) = parts.lack(has) {
        return Ok(Some(lack.to_owned()));
    }
    let Some(index) = parts.weights(has).filter(|name| parts::is_index(name)) else { return Ok(None) };
    Ok(shards(&dir.join(index))?.into_iter().find(|shard| !has(shard)))
}

/// The files that the index at `path` names.
pub(crate) fn shards(path: &Path) -> Result<impl IntoIterator<Item = String>, HubError> {
    let bytes =
        read(path, MAX_INDEX_BYTES).map_err(|source| HubError::Disk { path: path.to_path_buf(), source })?;
    parts::shards(&bytes).map_err(|message| HubError::BadIndex { path: path.to_path_buf(), message })
}

/// The bytes of a file that holds no more than `limit`.
pub(crate) fn read(path: &Path, limit: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(limit + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > limit {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, format!("more than {limit} bytes")));
    }
    Ok(bytes)
}
