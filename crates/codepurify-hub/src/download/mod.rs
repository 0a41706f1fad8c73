//! Id → snapshot: asks the hub for the commit and its files, fetches contents, and only then makes them visible.

mod client;
mod store;
mod token;

use std::collections::HashSet;
use std::path::PathBuf;

use serde::Deserialize;

use crate::cache::{self, Cache};
use crate::error::HubError;
use crate::id::{ModelId, is_commit};
use crate::parts::{self, Parts};
use client::Client;
pub(crate) use token::TokenSource;

/// The largest description of a repository that is read, in bytes.
const MAX_DESCRIPTION_BYTES: u64 = 64 << 20;

/// The hub on the network.
pub(crate) struct Remote {
    /// Address without a slash at its end.
    pub(crate) endpoint: String,
    pub(crate) token: TokenSource,
    /// True if no server may be contacted.
    pub(crate) offline: bool,
}

/// Description of a revision by the hub.
#[derive(Deserialize)]
struct Revision {
    /// The commit.
    sha: String,
    siblings: Vec<Sibling>,
}

/// A file of the repository.
#[derive(Deserialize)]
struct Sibling {
    rfilename: String,
}

/// A model that is being fetched.
struct Fetch<'a> {
    client: Client,
    cache: &'a Cache,
    id: &'a ModelId,
    /// Where the model's files are on the server: endpoint, repository, commit.
    files: String,
    commit: String,
}

/// Fetches `parts` of a model into the cache and returns its snapshot, which comes into being as a whole.
pub(crate) fn fetch(remote: &Remote, cache: &Cache, id: &ModelId, parts: Parts) -> Result<PathBuf, HubError> {
    let client = Client::new(remote, id)?;
    let Revision { sha: commit, siblings } = revision(&client, remote, id)?;
    let names: HashSet<String> = siblings.into_iter().map(|file| file.rfilename).collect();
    let has = |name: &str| names.contains(name);
    if let Some(lack) = parts.lack(has) {
        return Err(HubError::Incomplete { id: id.to_string(), lack: lack.to_owned() });
    }
    let files = format!("{}/{}/resolve/{commit}", remote.endpoint, id.repository());
    let fetch = Fetch { client, cache, id, files, commit };
    let mut blobs = Vec::new();
    for name in parts.files(has) {
        let content = fetch.content(name)?;
        blobs.push((name.to_owned(), content.clone()));
        if parts::is_index(name) {
            for shard in cache::shards(&content)? {
                let content = fetch.content(&shard)?;
                blobs.push((shard, content));
            }
        }
    }
    fetch.publish(&blobs)
}

/// Asks what the model's revision is.
fn revision(client: &Client, remote: &Remote, id: &ModelId) -> Result<Revision, HubError> {
    // A slash inside a revision must not look like one of the address.
    let name = id.revision().replace('/', "%2F");
    let url = format!("{}/api/models/{}/revision/{name}", remote.endpoint, id.repository());
    let bad = |message: String| HubError::BadAnswer { url: url.clone(), message };
    let mut body = client.get(&url)?.body;
    let bytes = body.with_config().limit(MAX_DESCRIPTION_BYTES).read_to_vec();
    let bytes = bytes.map_err(|error| bad(error.to_string()))?;
    let revision: Revision = serde_json::from_slice(&bytes).map_err(|error| bad(error.to_string()))?;
    if !is_commit(&revision.sha) {
        return Err(bad(format!("`{}` is no commit", revision.sha.escape_debug())));
    }
    if is_commit(id.revision()) && id.revision() != revision.sha {
        return Err(bad(format!("it is about commit {}", revision.sha)));
    }
    Ok(revision)
}

impl Fetch<'_> {
    /// A local file with the content of the model's file `name`.
    fn content(&self, name: &str) -> Result<PathBuf, HubError> {
        let cached = self.cache.snapshot(self.id, &self.commit).join(name);
        if cached.is_file() {
            return Ok(cached);
        }
        let url = format!("{}/{name}", self.files);
        let answer = self.client.get(&url)?;
        let bad = |message: &str| HubError::BadAnswer { url: url.clone(), message: message.to_owned() };
        if answer.commit.as_ref().is_some_and(|commit| *commit != self.commit) {
            return Err(bad("it belongs to another commit"));
        }
        let content = store::Content {
            name,
            etag: answer.etag.as_deref().ok_or_else(|| bad("its etag is missing or no file name"))?,
            bytes: answer.bytes.ok_or_else(|| bad("its size is missing"))?,
        };
        store::save(&self.cache.folder(self.id).join("blobs"), &content, answer.body.into_reader())
    }

    /// Links the files into the snapshot, and the revision to the commit.
    fn publish(&self, files: &[(String, PathBuf)]) -> Result<PathBuf, HubError> {
        let snapshot = self.cache.snapshot(self.id, &self.commit);
        for (name, content) in files {
            store::link(content, &snapshot.join(name))?;
        }
        if self.id.revision() != self.commit {
            store::write(&self.cache.reference(self.id), self.commit.as_bytes())?;
        }
        Ok(snapshot)
    }
}
