//! One JSON object a line for each result; inputs that failed are the caller's to report.

use std::io::{self, Write};

use codepurify::verdict::Verdict;

/// Writes each of `results` as one line of JSON.
///
/// # Errors
/// What `out` reports.
pub fn write(out: &mut dyn Write, results: &[Verdict]) -> io::Result<()> {
    for verdict in results {
        serde_json::to_writer(&mut *out, verdict)?;
        writeln!(out)?;
    }
    Ok(())
}
