//! `audit`: is the model backdoored?

use std::ops::ControlFlow;

use codepurify::audit::{
    AuditError, AuditOptions, AuditReport, AuditedLabel, Finding, Progress, audit, audit_pairs,
};
use codepurify::verdict::InputError;
use codepurify::{Snippet, SourceFile};
use codepurify_models::GuardedModel;
use codepurify_report::json;
use codepurify_report::text::{self, TextStyle};
use indicatif::ProgressBar;

use super::note_errors;
use crate::args::AuditArgs;
use crate::error::CliError;
use crate::exit::Exit;
use crate::guard::{Guard, Purpose};
use crate::inputs::Inputs;
use crate::output::{self, ColorMode};
use crate::settings::{Format, Settings};

pub(crate) fn run(args: AuditArgs, color: Option<ColorMode>) -> Result<Exit, CliError> {
    let settings = Settings::new(args.options, color)?;
    if !matches!(settings.format, Format::Text | Format::Json) {
        return Err(CliError::Usage("an audit is text or json: it has no findings in files".to_owned()));
    }
    let guard = Guard::load(&settings, Purpose::Learn)?;
    let mut inputs = args.rows.gather(&guard, &settings)?;
    note_errors(&inputs.errors, Format::Text);
    let noted = inputs.errors.len();
    let mut options = AuditOptions::default();
    (options.success, options.benign_as_confident) = (args.success, args.sureness);
    let (rows, answers) = audited(&guard, &mut inputs, args.most, &options)?;
    note_errors(&inputs.errors[noted..], Format::Text);
    let (tool, model) = guard.identity();
    let report = AuditReport::new(tool, model, rows, answers);
    let style = TextStyle { color: settings.output.color(), labels: guard.labels(), verbose: true };
    let mut out = Vec::new();
    let written = if settings.format == Format::Text {
        text::write_audit(&mut out, &report, style)
    } else {
        json::write(&mut out, &report)
    };
    written.expect("writing to memory does not fail");
    settings.output.write(&out)?;
    let looked_at = report.answers.iter().any(|answer| answer.finding != Finding::TooFewRows);
    Ok(match (looked_at && inputs.errors.is_empty(), report.is_backdoored()) {
        (false, _) => Exit::Error,
        (true, true) => Exit::Findings,
        (true, false) => Exit::Nothing,
    })
}

/// The answers, and how many of the first `most` rows they come from. What cannot be read is added to the errors.
fn audited(
    guard: &Guard,
    inputs: &mut Inputs,
    most: usize,
    options: &AuditOptions,
) -> Result<(usize, Vec<AuditedLabel>), CliError> {
    let bar = output::progress(0, "questions");
    let mut watch = |progress: Progress| {
        show(&bar, progress);
        ControlFlow::Continue(())
    };
    let failed = |error| CliError::Audit(Box::new(error));
    let result = match guard.model() {
        GuardedModel::Classifier(victim) => {
            let snippets = functions(inputs, most);
            let answers = audit(victim.as_ref(), &snippets, options, Some(&mut watch)).map_err(failed)?;
            (snippets.len(), answers)
        }
        GuardedModel::Pair(victim) => {
            let pairs = pairs(inputs, most);
            let answers = audit_pairs(victim.as_ref(), &pairs, options, Some(&mut watch)).map_err(failed)?;
            (pairs.len(), answers)
        }
        GuardedModel::Generator(_) => return Err(CliError::Usage(AuditError::NoLabels.to_string())),
    };
    bar.finish_and_clear();
    Ok(result)
}

fn show(bar: &ProgressBar, progress: Progress) {
    bar.set_length(progress.total as u64);
    bar.set_position(progress.done as u64);
}

/// The first functions of all files.
fn functions(inputs: &mut Inputs, most: usize) -> Vec<Snippet> {
    let (files, errors) = (&inputs.files, &mut inputs.errors);
    let mut failed = |file: &SourceFile, message: String| {
        errors.push(InputError { path: file.path().to_owned(), message });
    };
    let units = files.iter().flat_map(|file| {
        file.units().unwrap_or_else(|error| {
            failed(file, error.to_string());
            Vec::new()
        })
    });
    units.take(most).collect()
}

/// The first pairs.
fn pairs(inputs: &mut Inputs, most: usize) -> Vec<(Snippet, Snippet)> {
    let mut pairs = Vec::new();
    for files in inputs.files.chunks_exact(2).take(most) {
        match [files[0].whole(), files[1].whole()] {
            [Ok(left), Ok(right)] => pairs.push((left, right)),
            sides => {
                let failed = files.iter().zip(sides).filter_map(|(file, side)| Some((file, side.err()?)));
                inputs.errors.extend(failed.map(|(file, error)| InputError {
                    path: file.path().to_owned(),
                    message: error.to_string(),
                }));
            }
        }
    }
    pairs
}
