//! The whole report as one JSON object, the form that `schema_version` counts.

use std::io::{self, Write};

use serde::Serialize;

/// Writes `report`, a [`codepurify::Report`] or [`codepurify::audit::AuditReport`], as indented JSON and a line end.
///
/// # Errors
/// What `out` reports.
pub fn write(out: &mut dyn Write, report: &impl Serialize) -> io::Result<()> {
    serde_json::to_writer_pretty(&mut *out, report)?;
    writeln!(out)
}
