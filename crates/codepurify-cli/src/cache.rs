//! Verdicts that were reached before: kept in a directory by all that they depend on, so that code which did not change
//! costs nothing.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::SystemTime;

use codepurify::{Cost, Location, Profile, Snippet, Verdict};
use codepurify_models::Fingerprint;
use ignore::WalkBuilder;
use tempfile::NamedTempFile;

use crate::output::note;

/// Ending of an entry. Not JSON: numbers come back as they were, to the last bit.
const ENTRY: &str = "verdict.cbor";

/// Number of new entries after which old ones are removed, besides at the end.
const TRIM_AFTER: usize = 4096;

/// Share of the limit that remains after old entries were removed: room for some runs.
const KEPT: f64 = 0.9;

/// A directory of verdicts. Whatever is wrong with it costs time, never a verdict.
pub(crate) struct VerdictCache {
    dir: PathBuf,
    /// Largest size in bytes.
    limit: u64,
    /// This program and the models, with all that they are read by.
    models: String,
    /// Number of entries that were added.
    added: AtomicUsize,
    /// True once the user was told that nothing can be written.
    told: AtomicBool,
}

/// All that verdicts depend on, besides the code.
pub(crate) struct Context(Fingerprint);

/// One row of one or two snippets with everything that its verdict depends on.
pub(crate) struct Key(String);

impl VerdictCache {
    /// The cache in `dir`, of at most `limit` bytes, for the models with these fingerprints. The directory is made when it is
    /// first written to.
    pub(crate) fn new(dir: PathBuf, limit: u64, models: &[String]) -> Self {
        let models = format!("codepurify {}\n{}", env!("CARGO_PKG_VERSION"), models.join("\n"));
        Self { dir, limit, models, added: AtomicUsize::new(0), told: AtomicBool::new(false) }
    }

    /// Description of everything that verdicts of this kind depend on.
    pub(crate) fn context(&self, profile: &Profile, evidence: bool) -> Context {
        let parts = [self.models.clone(), profile.identity(), evidence.to_string()];
        Context(parts.iter().fold(Fingerprint::default(), |print, part| print.with(Some(part.as_bytes()))))
    }

    /// The verdicts on the snippets of a row, if they are known; they say that they cost nothing.
    pub(crate) fn find(&self, key: &Key, row: &[Snippet]) -> Option<Vec<Verdict>> {
        let path = self.path(key);
        let bytes = std::fs::read(&path).ok()?;
        // A damaged entry counts as missing and is written again.
        let verdicts: Vec<Verdict> = ciborium::from_reader(&bytes[..]).ok()?;
        if verdicts.len() != row.len() {
            return None;
        }
        // Entries that are in use are the last to go. One that cannot be marked goes earlier.
        let _ = File::options().write(true).open(&path).and_then(|file| file.set_modified(SystemTime::now()));
        let moved = |(verdict, snippet): (Verdict, &Snippet)| moved_to(snippet, verdict);
        Some(verdicts.into_iter().zip(row).map(moved).collect())
    }

    /// Remembers the verdicts on the snippets of a row.
    pub(crate) fn keep(&self, key: &Key, verdicts: &[&Verdict]) {
        let path = self.path(key);
        let write = || {
            let folder = path.parent().unwrap_or(&self.dir);
            std::fs::create_dir_all(folder)?;
            let mut file = NamedTempFile::new_in(folder)?;
            let mut bytes = Vec::new();
            ciborium::into_writer(verdicts, &mut bytes).map_err(std::io::Error::other)?;
            file.write_all(&bytes)?;
            file.persist(&path)?;
            std::io::Result::Ok(())
        };
        match write() {
            Ok(()) => {
                if (self.added.fetch_add(1, Ordering::Relaxed) + 1).is_multiple_of(TRIM_AFTER) {
                    self.trim();
                }
            }
            Err(error) if !self.told.swap(true, Ordering::Relaxed) => {
                note(&format!("--cache {}: verdicts are not kept: {error}", self.dir.display()));
            }
            Err(_) => {}
        }
    }

    fn path(&self, Key(key): &Key) -> PathBuf {
        let (folder, name) = key.split_at(2);
        self.dir.join(folder).join(format!("{name}.{ENTRY}"))
    }

    /// Removes entries while there are more bytes than allowed, those first that were not asked for longest.
    fn trim(&self) {
        let mut entries: Vec<(SystemTime, u64, PathBuf)> = entries(&self.dir).collect();
        let mut size: u64 = entries.iter().map(|(_, size, _)| size).sum();
        if size <= self.limit {
            return;
        }
        entries.sort();
        #[expect(clippy::cast_sign_loss, reason = "the limit is not negative")]
        let wanted = (self.limit as f64 * KEPT) as u64;
        for (_, bytes, path) in entries {
            if size <= wanted {
                return;
            }
            if std::fs::remove_file(path).is_ok() {
                size -= bytes;
            }
        }
    }
}

impl Drop for VerdictCache {
    fn drop(&mut self) {
        if *self.added.get_mut() > 0 {
            self.trim();
        }
    }
}

impl Context {
    pub(crate) fn key(&self, row: &[Snippet]) -> Key {
        let row = row.iter().fold(self.0.clone(), |print, snippet| {
            // How it was cut out of its file shows in these.
            let unit = format!("{} {:?} {:?}", snippet.language(), snippet.quality(), snippet.unit().name);
            print.with(Some(unit.as_bytes())).with(Some(snippet.text().as_bytes()))
        });
        Key(row.hex())
    }
}

/// `verdict`, which was reached on the same text, at the place of `snippet`; it costs nothing.
fn moved_to(snippet: &Snippet, mut verdict: Verdict) -> Verdict {
    let (old, new) = (verdict.unit, snippet.unit());
    let byte = |at: usize| (at + new.start_byte).saturating_sub(old.start_byte);
    let line = |at: usize| (at + new.start_line).saturating_sub(old.start_line);
    let moved = |place: Location| Location {
        start_byte: byte(place.start_byte),
        end_byte: byte(place.end_byte),
        start_line: line(place.start_line),
        end_line: line(place.end_line),
    };
    let triggers = verdict.triggers.iter_mut().flat_map(|trigger| &mut trigger.spans);
    let evidence = verdict.evidence.iter_mut().flat_map(|evidence| &mut evidence.spans);
    for span in triggers.chain(evidence) {
        *span = moved(*span);
    }
    (verdict.path, verdict.unit, verdict.cost) = (snippet.path().to_owned(), new.clone(), Cost::default());
    verdict
}

/// Time of the last use, bytes and path of every entry.
fn entries(dir: &Path) -> impl Iterator<Item = (SystemTime, u64, PathBuf)> {
    let files = WalkBuilder::new(dir).standard_filters(false).max_depth(Some(2)).build().flatten();
    let entries = files.filter(|file| file.file_name().to_string_lossy().ends_with(ENTRY));
    entries.filter_map(|file| {
        let data = file.metadata().ok()?;
        Some((data.modified().ok()?, data.len(), file.into_path()))
    })
}
