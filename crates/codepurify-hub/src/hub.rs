//! Name → directory.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::cache::Cache;
#[cfg(feature = "download")]
use crate::download::{self, Remote};
use crate::env::Environment;
use crate::error::HubError;
use crate::id::ModelId;
use crate::parts::Parts;

/// Where models are found: the local cache and, with the feature `download`, the hub behind it.
pub struct Hub {
    cache: Cache,
    #[cfg(feature = "download")]
    remote: Remote,
}

impl Hub {
    /// The hub as the environment describes it, by the variables that Hugging Face programs share:
    ///
    /// - the cache: `HF_HUB_CACHE` (or the older `HUGGINGFACE_HUB_CACHE`), else `hub` in `HF_HOME`, else
    ///   `huggingface/hub` in `XDG_CACHE_HOME`, else in `~/.cache`;
    /// - `HF_HUB_OFFLINE` and `TRANSFORMERS_OFFLINE`: nothing is fetched (1, true, yes, on);
    /// - the server: `HF_ENDPOINT`, by default `https://huggingface.co`;
    /// - the token: `HF_TOKEN`, else the file `HF_TOKEN_PATH`, else `token` in `HF_HOME`; none with
    ///   `HF_HUB_DISABLE_IMPLICIT_TOKEN`.
    #[must_use]
    pub fn from_env() -> Self {
        Self::from_lookup(|name| match name {
            "HOME" => std::env::home_dir().map(OsString::from),
            name => std::env::var_os(name),
        })
    }

    /// As [`Hub::from_env`], with the variables that `lookup` knows. `HOME` is asked for on every platform.
    #[must_use]
    pub fn from_lookup(lookup: impl Fn(&str) -> Option<OsString>) -> Self {
        let environment = Environment::new(&lookup);
        Self {
            cache: Cache::new(environment.cache()),
            #[cfg(feature = "download")]
            remote: environment.remote(),
        }
    }

    /// The directory or file that `model` names. Whatever exists is returned as it is; anything else must be a hub id,
    /// whose snapshot must hold the wanted `parts`.
    ///
    /// # Errors
    /// [`HubError`]: `model` is no path and no id, the cache does not hold it and it may not be fetched, or fetching it
    /// failed.
    pub fn resolve(&self, model: impl AsRef<Path>, parts: Parts) -> Result<PathBuf, HubError> {
        let path = model.as_ref();
        if path.try_exists().map_err(|source| HubError::Disk { path: path.to_path_buf(), source })? {
            return Ok(path.to_path_buf());
        }
        let id = ModelId::parse(&path.to_string_lossy())?;
        match self.cache.find(&id, parts)? {
            Ok(dir) => Ok(dir),
            Err(lack) => self.fetch(&id, parts, &lack),
        }
    }

    #[cfg(feature = "download")]
    fn fetch(&self, id: &ModelId, parts: Parts, lack: &str) -> Result<PathBuf, HubError> {
        if self.remote.offline {
            return Err(self.not_cached(id, lack, "HF_HUB_OFFLINE forbids to fetch it"));
        }
        download::fetch(&self.remote, &self.cache, id, parts)
    }

    #[cfg(not(feature = "download"))]
    fn fetch(&self, id: &ModelId, _parts: Parts, lack: &str) -> Result<PathBuf, HubError> {
        Err(self.not_cached(id, lack, "this program was built without the feature `download`"))
    }

    fn not_cached(&self, id: &ModelId, lack: &str, obstacle: &str) -> HubError {
        let (repository, revision) = (id.repository(), id.revision());
        HubError::NotCached {
            id: id.to_string(),
            cache: self.cache.folder(id),
            lack: lack.to_owned(),
            advice: format!("{obstacle}; put it there with `hf download {repository} --revision {revision}`"),
        }
    }
}
