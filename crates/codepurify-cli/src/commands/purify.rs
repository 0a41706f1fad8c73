//! `purify`: judge, and write the source without its triggers.

use std::collections::HashSet;

use codepurify::Span;
use codepurify::splice::{self, Edit};
use codepurify::verdict::{Decision, Verdict};
use codepurify_report::text::{self, DiffStyle, TextStyle};

use super::{note_errors, render};
use crate::args::PurifyArgs;
use crate::error::CliError;
use crate::exit::Exit;
use crate::inputs::{Inputs, STDIN};
use crate::output::{self, ColorMode};
use crate::screening::{Guard, Purpose, Screened};
use crate::settings::{Format, Settings};

pub(crate) fn run(args: PurifyArgs, color: Option<ColorMode>) -> Result<Exit, CliError> {
    let settings = Settings::new(args.options, color)?;
    let guard = Guard::load(&settings, Purpose::Purify)?;
    let inputs = guard.gather(&args.paths, &settings)?;
    let mode = Mode { in_place: args.in_place, diff: args.diff, format: settings.format };
    mode.check(&inputs)?;
    let screened = guard.screen(inputs, false);
    note_errors(&screened.report.errors, settings.format);
    note_unchanged(&screened);
    let color = settings.output.color();
    let files = purified_files(&screened);
    if mode.in_place {
        rewrite(&files)?;
    }
    let result = match settings.format {
        Format::Text => mode.text(&files, color),
        format => render(&screened, format, TextStyle { color, labels: guard.labels() }),
    };
    settings.output.write(&result)?;
    Ok(Exit::of(&screened.report, settings.fail_on))
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
    old: &'a str,
    new: String,
}

impl Mode {
    fn check(&self, inputs: &Inputs) -> Result<(), CliError> {
        let usage = |message: &str| Err(CliError::Usage(message.to_owned()));
        if self.in_place && inputs.files.iter().any(|file| file.path() == STDIN) {
            return usage("the standard input cannot be rewritten: leave --in-place out");
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
    fn text(&self, files: &[Purified], color: bool) -> Vec<u8> {
        let style = if color { DiffStyle::Visible { color } } else { DiffStyle::Exact };
        let text: String = if self.diff {
            files.iter().map(|file| text::unified(file.path, file.old, &file.new, style)).collect()
        } else if self.in_place {
            String::new()
        } else {
            files.iter().map(|file| file.new.as_str()).collect()
        };
        text.into_bytes()
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
    screened.sources.iter().map(|(path, old)| Purified { path, old, new: purified(path, old) }).collect()
}

/// A unit's purification as an edit of its file.
fn edit(verdict: &Verdict) -> Option<Edit> {
    let replacement = verdict.purified.clone()?;
    Some(Edit { span: Span::new(verdict.unit.start_byte, verdict.unit.end_byte), replacement })
}

fn rewrite(files: &[Purified]) -> Result<(), CliError> {
    for file in files.iter().filter(|file| file.old != file.new) {
        output::replace(file.path.as_ref(), &file.new)?;
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
