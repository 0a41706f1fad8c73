//! Report as one JSON object.

use std::io::{self, Write};

use serde::Serialize;

/// Writes `report` as indented JSON and a line end; it is a [`codepurify::Report`] or a
/// [`codepurify::audit::AuditReport`].
///
/// # Errors
/// Returns the errors of `out`.
pub fn write(out: &mut dyn Write, report: &impl Serialize) -> io::Result<()> {
    serde_json::to_writer_pretty(&mut *out, report)?;
    writeln!(out)
}
