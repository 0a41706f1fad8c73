//! One file for each command.

pub(crate) mod audit;
pub(crate) mod calibrate;
pub(crate) mod completions;
pub(crate) mod dataset;
pub(crate) mod demo;
pub(crate) mod explain;
pub(crate) mod models;
pub(crate) mod purify;
pub(crate) mod scan;

use codepurify::verdict::InputError;
use codepurify_report::text::{self, TextStyle};
use codepurify_report::{json, jsonl};

use crate::output;
use crate::screening::Screened;
use crate::settings::Format;

/// The report in the wanted format.
fn render(screened: &Screened, format: Format, style: TextStyle) -> Vec<u8> {
    let mut out = Vec::new();
    let report = &screened.report;
    let written = match format {
        Format::Text => text::write(&mut out, report, &screened.sources, style),
        Format::Json => json::write(&mut out, report),
        Format::Jsonl => jsonl::write(&mut out, &report.results),
    };
    written.expect("writing to memory does not fail");
    out
}

/// Tells about failed inputs where the output format has no place for them.
fn note_errors(errors: &[InputError], format: Format) {
    if format != Format::Json {
        for error in errors {
            output::note(&format!(
                "error: {}: {}",
                text::visible(&error.path),
                text::visible(&error.message)
            ));
        }
    }
}
