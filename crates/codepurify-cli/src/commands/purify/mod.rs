//! `purify`: judge, and write the source without its triggers.

mod account;
mod names;

use std::collections::{BTreeMap, HashSet};
use std::path::Path;

use codepurify::Span;
use codepurify::edit::{self, Edit};
use codepurify::verdict::{Decision, Verdict};
use codepurify_report::text;

use super::{ended, screen, write};
use crate::args::PurifyArgs;
use crate::error::CliError;
use crate::exit::Exit;
use crate::guard::{Guard, Purpose};
use crate::inputs::encoding::Encoding;
use crate::inputs::{Inputs, Origin, STDIN};
use crate::output::{self, ColorMode, note};
use crate::screening::Screened;
use crate::settings::{Format, Settings};
use account::{Account, Extent, note_left};
use names::PatchNames;

pub(crate) fn run(args: PurifyArgs, color: Option<ColorMode>) -> Result<Exit, CliError> {
    let mode = Mode::new(&args);
    let settings = Settings::new(args.options, color)?;
    let guard = Guard::load(&settings, Purpose::Purify)?;
    let inputs = guard.gather(&args.paths, &settings)?;
    mode.check(&inputs, settings.format)?;
    let screened = screen(&guard, inputs, false, &settings)?;
    note_unchanged(&screened);
    let files = purified_files(&screened, mode.extent);
    write(&screened, &settings, guard.labels(), || mode.text(&files, &settings))?;
    let failed = if mode.in_place { rewrite(&files)? } else { 0 };
    if mode.in_place || settings.format == Format::Text {
        note_left(&files.iter().map(|file| &file.account).collect::<Vec<_>>());
    }
    Ok(if failed > 0 { Exit::Error } else { ended(&screened.report, &settings) })
}

/// Kind of output, and extent of the changes.
struct Mode {
    in_place: bool,
    diff: bool,
    extent: Extent,
}

/// A file before and after.
struct Purified<'a> {
    path: &'a str,
    /// Where it is, and in which encoding.
    origin: Origin,
    old: &'a str,
    new: String,
    account: Account<'a>,
}

impl Purified<'_> {
    fn is_changed(&self) -> bool {
        self.old != self.new
    }

    /// Text of the file as bytes in its encoding.
    fn encoded(&self, text: &str) -> Result<Vec<u8>, CliError> {
        let Origin { path, encoding } = &self.origin;
        encoding.encode(text).map_err(|character| CliError::File {
            path: path.clone(),
            message: format!(
                "the file is left as it is: {encoding} has no bytes for {character:?} of the new text"
            ),
        })
    }

    /// The diff for programs, for UTF-8 and Latin-1 in the file's own bytes.
    fn patch(&self, names: &PatchNames) -> Vec<u8> {
        let name = names.name(&self.origin.path).unwrap_or_else(|| self.path.into());
        let patch = text::patch(&name, self.old, &self.new, names.in_git_form);
        let own_bytes = || self.encoded(&patch).ok();
        let is_latin1 = self.origin.encoding == Encoding::Latin1;
        is_latin1.then(own_bytes).flatten().unwrap_or_else(|| patch.into_bytes())
    }
}

impl Mode {
    fn new(args: &PurifyArgs) -> Self {
        let provable = args.provable || (args.in_place && !args.rewrite);
        let extent = if provable { Extent::Provable } else { Extent::All };
        Self { in_place: args.in_place, diff: args.diff, extent }
    }

    fn check(&self, inputs: &Inputs, format: Format) -> Result<(), CliError> {
        let usage = |message: &str| Err(CliError::Usage(message.to_owned()));
        if self.in_place && inputs.files.iter().any(|file| file.path() == STDIN) {
            return usage("the standard input cannot be rewritten: leave --in-place out");
        }
        let is_stream = |origin: &Origin| !origin.path.is_file();
        if self.in_place && inputs.origins.values().any(is_stream) {
            return usage("a pipe or device cannot be rewritten: leave --in-place out");
        }
        let whole = format == Format::Text && !self.in_place && !self.diff;
        if whole && inputs.files.len() + inputs.errors.len() > 1 {
            return usage("several files do not fit one output: say --in-place, --diff or --format json");
        }
        let mut paths = HashSet::new();
        if inputs.files.iter().any(|file| !paths.insert(file.path())) {
            return usage(
                "a file that is in several pairs could be changed in several ways: purify one pair at a time",
            );
        }
        Ok(())
    }

    /// The diffs, or nothing if the files are rewritten, or the only file's whole source.
    fn text(&self, files: &[Purified], settings: &Settings) -> Result<Vec<u8>, CliError> {
        if !self.in_place {
            files.iter().filter(|file| file.is_changed()).for_each(note_changes);
        }
        let for_people = settings.output.is_for_people();
        if self.diff {
            return Ok(if for_people { diffs(files, settings.output.color()) } else { patches(files) });
        }
        let whole = |file: &Purified<'_>| {
            if for_people { Ok(text::visible_lines(&file.new).into_bytes()) } else { file.encoded(&file.new) }
        };
        let shown = if self.in_place { &[] } else { files };
        Ok(shown.iter().map(whole).collect::<Result<Vec<_>, _>>()?.concat())
    }
}

/// Prints the changes of a file.
fn note_changes(file: &Purified<'_>) {
    note(&format!("{}: {}", text::visible_name(file.path), file.account.words()));
}

/// The diffs for people.
fn diffs(files: &[Purified], color: bool) -> Vec<u8> {
    let diff = |file: &Purified<'_>| text::unified(file.path, file.old, &file.new, color);
    files.iter().map(diff).collect::<String>().into_bytes()
}

/// The diffs for `patch -p1` and `git apply`.
fn patches(files: &[Purified]) -> Vec<u8> {
    let changed = || files.iter().filter(|file| file.is_changed());
    let names = PatchNames::new(changed().map(|file| file.origin.path.as_path()));
    if let Some(folder) = names.elsewhere() {
        let folder = text::visible_name(&folder.to_string_lossy());
        note(&format!("note: names in this diff are paths from {folder}: apply it there"));
    }
    for file in changed().filter(|file| matches!(file.origin.encoding, Encoding::Utf16Le | Encoding::Utf16Be))
    {
        note(&format!("warning: {}: a diff of UTF-16 does not apply", text::visible_name(file.path)));
    }
    changed().flat_map(|file| file.patch(&names)).collect()
}

/// Every file with all its units' purifications.
fn purified_files<'s>(screened: &'s Screened, extent: Extent) -> Vec<Purified<'s>> {
    let mut verdicts: BTreeMap<&str, Vec<&Verdict>> = BTreeMap::new();
    for verdict in &screened.report.results {
        verdicts.entry(&verdict.path).or_default().push(verdict);
    }
    let file = |(path, old): (&'s String, &'s String)| {
        let verdicts = verdicts.remove(path.as_str()).unwrap_or_default();
        let edits: Vec<Edit> = verdicts.iter().filter_map(|verdict| edit(verdict, extent)).collect();
        let new = edit::apply(old, &edits).expect("units of one file are in its order and do not overlap");
        Purified {
            path,
            origin: screened.origins[path].clone(),
            old,
            new,
            account: Account::new(&verdicts, extent),
        }
    };
    screened.sources.iter().map(file).collect()
}

/// A unit's purification as an edit of its file.
fn edit(verdict: &Verdict, extent: Extent) -> Option<Edit> {
    let replacement = extent.purified(verdict)?.to_owned();
    Some(Edit { span: Span::new(verdict.unit.start_byte, verdict.unit.end_byte), replacement })
}

/// Rewrites the files that changed, or none if one of them cannot be written in its encoding. Returns how many failed.
fn rewrite(files: &[Purified]) -> Result<usize, CliError> {
    let changed: Vec<&Purified> = files.iter().filter(|file| file.is_changed()).collect();
    let encoded = |file: &&Purified<'_>| Ok([file.encoded(file.old)?, file.encoded(&file.new)?]);
    let contents: Vec<[Vec<u8>; 2]> = changed.iter().map(encoded).collect::<Result<_, CliError>>()?;
    let mut failed = 0;
    for (file, [old, new]) in changed.iter().zip(contents) {
        let path = text::visible_name(file.path);
        if has_other_names(&file.origin.path) {
            note(&format!("warning: {path}: its other hard links keep the old text"));
        }
        match output::replace(&file.origin.path, &old, &new) {
            Ok(()) => note(&format!("purified {path}: {}", file.account.words())),
            Err(error) => {
                failed += 1;
                note(&format!("error: {error}"));
            }
        }
    }
    Ok(failed)
}

#[cfg(unix)]
fn has_other_names(path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    path.metadata().is_ok_and(|about| about.nlink() > 1)
}

#[cfg(not(unix))]
fn has_other_names(_: &Path) -> bool {
    false
}

/// Poisoned code that could not be purified must not pass for purified.
fn note_unchanged(screened: &Screened) {
    let left = |verdict: &&Verdict| verdict.verdict == Decision::Poisoned && verdict.purified.is_none();
    for verdict in screened.report.results.iter().filter(left) {
        let reason = verdict.reason.as_deref().unwrap_or("nothing could replace the trigger");
        let (path, line) = (text::visible_name(&verdict.path), verdict.unit.start_line);
        note(&format!("warning: {path}:{line}: poisoned, left as it is: {}", text::visible(reason)));
    }
}
