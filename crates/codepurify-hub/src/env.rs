//! The environment, read in one place.

use std::ffi::OsString;
use std::path::PathBuf;

#[cfg(feature = "download")]
use crate::download::{Remote, TokenSource};

/// Variables by name. One that is empty counts as not set.
pub(crate) struct Environment<'a> {
    lookup: &'a dyn Fn(&str) -> Option<OsString>,
}

impl<'a> Environment<'a> {
    pub(crate) fn new(lookup: &'a dyn Fn(&str) -> Option<OsString>) -> Self {
        Self { lookup }
    }

    /// The folder with one folder for each repository.
    pub(crate) fn cache(&self) -> PathBuf {
        self.path("HF_HUB_CACHE")
            .or_else(|| self.path("HUGGINGFACE_HUB_CACHE"))
            .unwrap_or_else(|| self.hugging_face_home().join("hub"))
    }

    /// The hub on the network.
    #[cfg(feature = "download")]
    pub(crate) fn remote(&self) -> Remote {
        let endpoint = self.value("HF_ENDPOINT").unwrap_or_else(|| "https://huggingface.co".into());
        Remote {
            endpoint: endpoint.to_string_lossy().trim_end_matches('/').to_owned(),
            token: self.token(),
            offline: self.is_true("HF_HUB_OFFLINE") || self.is_true("TRANSFORMERS_OFFLINE"),
        }
    }

    #[cfg(feature = "download")]
    fn token(&self) -> TokenSource {
        if self.is_true("HF_HUB_DISABLE_IMPLICIT_TOKEN") {
            return TokenSource::Nowhere;
        }
        if let Some(token) = self.value("HF_TOKEN") {
            return TokenSource::Value(token.to_string_lossy().into_owned());
        }
        let default = || self.hugging_face_home().join("token");
        TokenSource::File(self.path("HF_TOKEN_PATH").unwrap_or_else(default))
    }

    #[cfg(feature = "download")]
    fn is_true(&self, name: &str) -> bool {
        let value = self.value(name).unwrap_or_default().to_string_lossy().to_lowercase();
        ["1", "true", "yes", "on"].contains(&value.as_str())
    }

    fn hugging_face_home(&self) -> PathBuf {
        self.path("HF_HOME").unwrap_or_else(|| {
            let caches = self.path("XDG_CACHE_HOME").unwrap_or_else(|| self.home().join(".cache"));
            caches.join("huggingface")
        })
    }

    fn home(&self) -> PathBuf {
        self.value("HOME").map(PathBuf::from).unwrap_or_default()
    }

    fn value(&self, name: &str) -> Option<OsString> {
        (self.lookup)(name).filter(|value| !value.is_empty())
    }

    /// A path, in which `~` at the beginning is the home directory.
    fn path(&self, name: &str) -> Option<PathBuf> {
        let path = PathBuf::from(self.value(name)?);
        Some(path.strip_prefix("~").map(|rest| self.home().join(rest)).unwrap_or(path))
    }
}
