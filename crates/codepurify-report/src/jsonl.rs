//! One JSON object per result, one per line. The caller reports failed inputs.

use std::io::{self, Write};

use codepurify::verdict::Verdict;

/// Writes `result` as one line of JSON.
///
/// # Errors
/// Returns the errors of `out`.
pub fn write(out: &mut dyn Write, result: &Verdict) -> io::Result<()> {
    serde_json::to_writer(&mut *out, result)?;
    writeln!(out)
}
