//! A machine of its own for every test: a home, a cache, variables.
#![allow(dead_code, reason = "every test file uses its own part")]

#[cfg(feature = "download")]
pub(crate) mod server;

use std::ffi::OsString;
use std::path::PathBuf;

use codepurify_hub::Hub;
use tempfile::TempDir;

/// The commit of every model here.
pub(crate) const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

/// A directory with everything that a hub may read or write.
pub(crate) struct Machine(TempDir);

impl Machine {
    pub(crate) fn new() -> Self {
        Self(TempDir::new().unwrap())
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }

    /// A hub with these variables; `{}` in a value is this directory.
    pub(crate) fn hub(&self, variables: &[(&str, &str)]) -> Hub {
        let here = self.0.path().display().to_string();
        Hub::from_lookup(|wanted| {
            let (_, value) = variables.iter().find(|(name, _)| *name == wanted)?;
            Some(OsString::from(value.replace("{}", &here)))
        })
    }

    /// A hub with the cache `cache` and no server.
    pub(crate) fn offline(&self) -> Hub {
        self.hub(&[("HF_HUB_CACHE", "{}/cache"), ("HF_HUB_OFFLINE", "yes")])
    }

    /// The files below `name`, as paths relative to it, sorted.
    pub(crate) fn files(&self, name: &str) -> Vec<String> {
        let (root, mut folders, mut files) = (self.path(name), vec![self.path(name)], Vec::new());
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(&folder).into_iter().flatten() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else {
                    files.push(path.strip_prefix(&root).unwrap().display().to_string());
                }
            }
        }
        files.sort();
        files
    }
}
