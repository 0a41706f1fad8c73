//! One file for each command, and what those that judge code have in common.

pub(crate) mod audit;
pub(crate) mod calibrate;
pub(crate) mod completions;
pub(crate) mod dataset;
pub(crate) mod demo;
pub(crate) mod explain;
pub(crate) mod models;
pub(crate) mod purify;
pub(crate) mod scan;
pub(crate) mod serve;

use std::fs::File;
use std::io::Write;
use std::path::PathBuf;

use codepurify::verdict::{InputError, Report};
use codepurify_report::text::{self, TextStyle};
use codepurify_report::{github, html, json, jsonl, junit, sarif};

use crate::error::CliError;
use crate::exit::Exit;
use crate::guard::Guard;
use crate::inputs::Inputs;
use crate::output;
use crate::screening::{self, Screened};
use crate::settings::{Format, Settings};

/// Judges all inputs and tells about those that failed. Lines of JSON are written meanwhile, each as soon as it is there.
fn screen(guard: &Guard, inputs: Inputs, evidence: bool, settings: &Settings) -> Result<Screened, CliError> {
    let (screened, written) = if settings.format == Format::Jsonl {
        let mut lines = settings.output.stream()?;
        let screened = screening::screen_each(guard, inputs, evidence, &mut |verdict| {
            let mut line = Vec::new();
            jsonl::write(&mut line, verdict).expect("writing to memory does not fail");
            lines.write(&line);
        });
        (screened, lines.finish())
    } else {
        (screening::screen(guard, inputs, evidence), Ok(()))
    };
    note_errors(&screened.report.errors, settings.format);
    written.map(|()| screened)
}

/// Writes the report as `text` makes it or in another format; lines are written already.
fn write(
    screened: &Screened,
    settings: &Settings,
    labels: &[String],
    text: impl FnOnce() -> Result<Vec<u8>, CliError>,
) -> Result<(), CliError> {
    let (report, sources) = (&screened.report, &screened.sources);
    let mut out = Vec::new();
    let written = match settings.format {
        Format::Text => return settings.output.write(&text()?),
        Format::Jsonl => return Ok(()),
        Format::Json => json::write(&mut out, &screened.in_files()),
        Format::Html => html::write(&mut out, report, sources, labels),
        Format::Sarif => {
            let run = sarif::Run { exit_code: Exit::of(report, settings.exit) as u8, labels };
            sarif::write(&mut out, report, sources, run)
        }
        Format::Github => {
            summarise(&github::summary(report, labels))?;
            github::write(&mut out, report, labels)
        }
        Format::Junit => junit::write(&mut out, report, labels),
    };
    written.expect("writing to memory does not fail");
    settings.output.write(&out)
}

/// Appends to the summary of the job, if it runs in GitHub Actions.
fn summarise(summary: &str) -> Result<(), CliError> {
    let Some(path) = std::env::var_os("GITHUB_STEP_SUMMARY").filter(|path| !path.is_empty()) else {
        return Ok(());
    };
    let path = PathBuf::from(path);
    let appended = File::options().create(true).append(true).open(&path).and_then(|mut file| {
        file.write_all(summary.as_bytes())?;
        file.flush()
    });
    appended.map_err(|source| CliError::Write { to: path.display().to_string(), source })
}

/// The report for people.
fn for_people(screened: &Screened, style: TextStyle) -> Vec<u8> {
    let mut out = Vec::new();
    text::write(&mut out, &screened.report, &screened.sources, style)
        .expect("writing to memory does not fail");
    out
}

/// How a run with this report ended; says so where nothing was judged.
fn ended(report: &Report, settings: &Settings) -> Exit {
    if report.results.is_empty() && report.errors.is_empty() && !settings.exit.allow_empty {
        output::note("error: nothing was judged: no input holds code to judge; --allow-empty accepts that");
    }
    Exit::of(report, settings.exit)
}

/// Tells about failed inputs where the output format has no place for them.
fn note_errors(errors: &[InputError], format: Format) {
    if format != Format::Json {
        for error in errors {
            output::note(&format!(
                "error: {}: {}",
                text::visible_name(&error.path),
                text::visible(&error.message)
            ));
        }
    }
}
