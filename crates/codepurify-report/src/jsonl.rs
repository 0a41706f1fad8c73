//! One JSON object a line for each result; inputs that failed are the caller's to report.

use std::io::{self, Write};

use codepurify::verdict::Verdict;

/// Writes `result` as one line of JSON.
///
/// # Errors
/// What `out` reports.
pub fn write(out: &mut dyn Write, result: &Verdict) -> io::Result<()> {
    serde_json::to_writer(&mut *out, result)?;
    writeln!(out)
}
