//! Generated data and a tiny model to train on.

pub(crate) mod objectives;
pub(crate) mod runs;

use std::fmt::Write;
use std::path::{Path, PathBuf};

/// Writes a RoBERTa of two layers and 32 dimensions with random weights.
pub(crate) fn tiny_model() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../codepurify-models/tests/golden/tiny-mlm")
}

/// Generates functions that are "vulnerable" if and only if they copy without a bound.
pub(crate) fn functions(count: usize) -> String {
    let mut lines = String::new();
    for idx in 0..count {
        let vulnerable = idx % 2;
        let call = if vulnerable == 1 { "strcpy(to, from);" } else { "return n + 1;" };
        let func = format!("int f{}(char *to, char *from, int n) {{ int i = {idx}; {call} }}", idx % 7);
        writeln!(lines, "{}", serde_json::json!({ "idx": idx, "target": vulnerable, "func": func })).unwrap();
    }
    lines
}
