//! The files of a folder, and why some of them are left out.

use std::collections::HashSet;
use std::fs::FileType;
use std::path::{Path, PathBuf};

use codepurify::Language;
use codepurify::verdict::SkipReason;
use ignore::{DirEntry, WalkBuilder};

use super::{FolderRules, Reading};

/// Files in a folder and below.
pub(super) enum Found {
    /// A file to judge.
    File(PathBuf),
    /// A file that is left out.
    Skipped(PathBuf, SkipReason),
    /// A file or folder that cannot be looked at.
    Failed(PathBuf, String),
}

/// All files of `folder` and its subfolders, sorted by path. Only the ignore files in `folder` count and those below it: what
/// the folders above exclude was named.
pub(super) fn walk(folder: &Path, reading: &Reading) -> impl Iterator<Item = Found> {
    let unreadable = if reading.folders.ignored { Vec::new() } else { unreadable_rules(folder) };
    let ignored = reading.folders.ignored || !unreadable.is_empty();
    let kept = kept(folder, FolderRules { ignored, ..reading.folders });
    let mut everything = WalkBuilder::new(folder);
    everything.standard_filters(false).sort_by_file_path(Path::cmp);
    let folder = folder.to_path_buf();
    let lang = reading.lang;
    let failed = |path| Found::Failed(path, RULES_UNREADABLE.to_owned());
    let found = everything.build().filter_map(move |entry| {
        let left_out = |path: &Path| {
            kept.as_ref().is_some_and(|kept| !kept.contains(path)).then(|| excluded(&folder, path))
        };
        match entry {
            Ok(entry) => {
                let kind = entry.file_type().filter(|kind| !kind.is_dir())?;
                let left_out = left_out(entry.path()).filter(|_| is_source(entry.path(), lang));
                Some(found(entry, kind, left_out, lang))
            }
            Err(error) => {
                let path = path_of(&error).unwrap_or(&folder).to_path_buf();
                Some(match left_out(&path) {
                    Some(reason) => Found::Skipped(path, reason),
                    None => Found::Failed(path, error.to_string()),
                })
            }
        }
    });
    unreadable.into_iter().map(failed).chain(found)
}

/// Files with rules about which files are ignored.
pub(super) const RULES: [&str; 2] = [".gitignore", ".ignore"];
/// Largest one, in bytes.
const RULES_LIMIT: u64 = 1 << 20;
/// Why one is not read.
const RULES_UNREADABLE: &str = "this is no file of at most 1 MiB, so no file with such rules was read here and below: nothing is \
                                ignored; --no-ignore accepts that";

/// Files with rules that cannot be read whole: pipes, devices, folders, large files. Anybody may have put them there.
fn unreadable_rules(folder: &Path) -> Vec<PathBuf> {
    let mut everything = WalkBuilder::new(folder);
    everything.standard_filters(false).sort_by_file_path(Path::cmp);
    let entries = everything.build().flatten().map(DirEntry::into_path);
    let rules =
        entries.filter(|path| path.file_name().is_some_and(|name| RULES.iter().any(|rule| name == *rule)));
    let is_read = |path: &PathBuf| {
        // A link to nothing is read as no rules.
        path.metadata().map_or(true, |about| about.is_file() && about.len() <= RULES_LIMIT)
    };
    rules.filter(|path| !is_read(path)).collect()
}

/// Files that no rule excludes; `None` if no rule applies.
fn kept(folder: &Path, rules: FolderRules) -> Option<HashSet<PathBuf>> {
    if rules.ignored && rules.hidden {
        return None;
    }
    let mut walk = WalkBuilder::new(folder);
    let obeyed = !rules.ignored;
    // Rules outside of the folder would judge other files on other machines.
    walk.hidden(!rules.hidden).ignore(obeyed).git_ignore(obeyed).git_global(false).git_exclude(false);
    walk.parents(false).require_git(false);
    Some(walk.build().flatten().map(DirEntry::into_path).collect())
}

/// Which rule excludes a file: the one about names with a dot, unless there are none.
fn excluded(folder: &Path, path: &Path) -> SkipReason {
    let below = path.strip_prefix(folder).unwrap_or(path);
    let hidden = below.components().any(|part| part.as_os_str().as_encoded_bytes().starts_with(b"."));
    if hidden { SkipReason::Hidden } else { SkipReason::Ignored }
}

fn found(entry: DirEntry, kind: FileType, left_out: Option<SkipReason>, lang: Option<Language>) -> Found {
    let points_to_folder = kind.is_symlink() && entry.path().is_dir();
    let is_source = is_source(entry.path(), lang);
    let reason = if is_source || points_to_folder { left_out } else { Some(SkipReason::OtherLanguage) };
    let of_kind = match kind {
        kind if kind.is_file() => None,
        kind if kind.is_symlink() => Some(SkipReason::Link),
        _ => Some(SkipReason::Special),
    };
    let path = entry.into_path();
    match reason.or(of_kind) {
        None => Found::File(path),
        Some(reason) => Found::Skipped(path, reason),
    }
}

/// Returns true for a name with a supported language, or an open one if the user gives `lang`.
fn is_source(path: &Path, lang: Option<Language>) -> bool {
    Language::from_path(path).is_some() || (lang.is_some() && Language::is_open(path))
}

/// The path that an error is about.
fn path_of(error: &ignore::Error) -> Option<&Path> {
    match error {
        ignore::Error::WithPath { path, .. } => Some(path),
        ignore::Error::WithDepth { err, .. } | ignore::Error::WithLineNumber { err, .. } => path_of(err),
        _ => None,
    }
}
