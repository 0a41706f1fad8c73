//! The whole report as one JSON object, the form that `schema_version` counts.

use std::io::{self, Write};

use codepurify::verdict::Report;

/// Writes `report` as indented JSON and a line end.
///
/// # Errors
/// What `out` reports.
pub fn write(out: &mut dyn Write, report: &Report) -> io::Result<()> {
    serde_json::to_writer_pretty(&mut *out, report)?;
    writeln!(out)
}
