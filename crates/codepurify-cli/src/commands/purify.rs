//! `purify`: judge, and write the source without its triggers.

use std::collections::HashSet;

use codepurify::Span;
use codepurify::splice::{self, Edit};
use codepurify::verdict::{Decision, Verdict};
use codepurify_report::text::{self, DiffStyle};

use super::{ended, screen, write};
use crate::args::PurifyArgs;
use crate::error::CliError;
use crate::exit::Exit;
use crate::inputs::encoding::Encoding;
use crate::inputs::{Inputs, Origin, STDIN};
use crate::output::{self, ColorMode};
use crate::screening::{Guard, Purpose, Screened};
use crate::settings::{Format, Settings};

pub(crate) fn run(args: PurifyArgs, color: Option<ColorMode>) -> Result<Exit, CliError> {
    let settings = Settings::new(args.options, color)?;
    let guard = Guard::load(&settings, Purpose::Purify)?;
    let inputs = guard.gather(&args.paths, &settings)?;
    let mode = Mode { in_place: args.in_place, diff: args.diff, format: settings.format };
    mode.check(&inputs)?;
    let screened = screen(&guard, inputs, false, &settings)?;
    note_unchanged(&screened);
    let color = settings.output.color();
    let files = purified_files(&screened);
    if mode.in_place {
        rewrite(&files)?;
    }
    write(&screened, &settings, || mode.text(&files, color))?;
    Ok(ended(&screened.report, &settings))
}

/// What is written, and where.
struct Mode {
    in_place: bool,
    diff: bool,
    format: Format,
}

/// A file before and after.
struct Purified<'a> {
    path: &'a str,
    /// Where it is, and in which encoding.
    origin: Origin,
    old: &'a str,
    new: String,
}

impl Purified<'_> {
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

    /// The diff, for UTF-8 and Latin-1 in the file's own bytes.
    fn diff(&self, style: DiffStyle) -> Vec<u8> {
        let diff = text::unified(self.path, self.old, &self.new, style);
        let own_bytes = || self.encoded(&diff).ok();
        let is_latin1 = self.origin.encoding == Encoding::Latin1;
        is_latin1.then(own_bytes).flatten().unwrap_or_else(|| diff.into_bytes())
    }
}

impl Mode {
    fn check(&self, inputs: &Inputs) -> Result<(), CliError> {
        let usage = |message: &str| Err(CliError::Usage(message.to_owned()));
        if self.in_place && inputs.files.iter().any(|file| file.path() == STDIN) {
            return usage("the standard input cannot be rewritten: leave --in-place out");
        }
        let is_stream = |origin: &Origin| !origin.path.is_file();
        if self.in_place && inputs.origins.values().any(is_stream) {
            return usage("a pipe or device cannot be rewritten: leave --in-place out");
        }
        let whole = self.format == Format::Text && !self.in_place && !self.diff;
        if whole && inputs.files.len() + inputs.errors.len() > 1 {
            return usage("several files do not fit one output: say --in-place, --diff or --format json");
        }
        let mut paths = HashSet::new();
        if inputs.files.iter().any(|file| !paths.insert(file.path())) {
            return usage(
                "a file that stands in several pairs could be changed in several ways: purify one pair at a time",
            );
        }
        Ok(())
    }

    /// The diffs, or nothing if the files were rewritten, or the only file's whole source.
    fn text(&self, files: &[Purified], color: bool) -> Result<Vec<u8>, CliError> {
        let style = if color { DiffStyle::Visible { color } } else { DiffStyle::Exact };
        if self.diff {
            Ok(files.iter().flat_map(|file| file.diff(style)).collect())
        } else if self.in_place {
            Ok(Vec::new())
        } else {
            let texts: Result<Vec<_>, _> = files.iter().map(|file| file.encoded(&file.new)).collect();
            Ok(texts?.concat())
        }
    }
}

/// Every file with all its units' purifications.
fn purified_files(screened: &Screened) -> Vec<Purified<'_>> {
    let results = &screened.report.results;
    let purified = |path: &str, old: &str| {
        let edits: Vec<Edit> =
            results.iter().filter(|verdict| verdict.path == path).filter_map(edit).collect();
        splice::apply(old, &edits).expect("units of one file stand in its order and do not overlap")
    };
    let sources = screened.sources.iter();
    let files = sources.map(|(path, old)| Purified {
        path,
        origin: screened.origins[path].clone(),
        old,
        new: purified(path, old),
    });
    files.collect()
}

/// A unit's purification as an edit of its file.
fn edit(verdict: &Verdict) -> Option<Edit> {
    let replacement = verdict.purified.clone()?;
    Some(Edit { span: Span::new(verdict.unit.start_byte, verdict.unit.end_byte), replacement })
}

/// Rewrites the files that changed, or none if one of them cannot be written in its encoding.
fn rewrite(files: &[Purified]) -> Result<(), CliError> {
    let changed: Vec<&Purified> = files.iter().filter(|file| file.old != file.new).collect();
    let contents: Vec<Vec<u8>> =
        changed.iter().map(|file| file.encoded(&file.new)).collect::<Result<_, _>>()?;
    for (file, content) in changed.iter().zip(contents) {
        output::replace(&file.origin.path, &content)?;
        output::note(&format!("purified {}", text::visible(file.path)));
    }
    Ok(())
}

/// Poisoned code that could not be purified must not pass for purified.
fn note_unchanged(screened: &Screened) {
    let left = |verdict: &&Verdict| verdict.verdict == Decision::Poisoned && verdict.purified.is_none();
    for verdict in screened.report.results.iter().filter(left) {
        let reason = verdict.reason.as_deref().unwrap_or("nothing could replace the trigger");
        let (path, line) = (text::visible(&verdict.path), verdict.unit.start_line);
        output::note(&format!("warning: {path}:{line}: poisoned, left as it is: {}", text::visible(reason)));
    }
}
