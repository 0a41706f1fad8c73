//! Compares the models that `tests/golden/make_compat.py` made with PyTorch's answers; prints a Markdown table.
//!
//! `cargo run --release -p codepurify-models --example parity -- OUT/HEAD ...`

#[path = "../tests/common/compat.rs"]
mod compat;

use std::path::PathBuf;
use std::process::ExitCode;

use compat::{FORMATS, compare};

fn main() -> Result<ExitCode, Box<dyn std::error::Error>> {
    let heads: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    if heads.is_empty() {
        eprintln!("usage: parity HEAD_DIR...");
        return Ok(ExitCode::from(64));
    }
    println!(
        "| model | head | weights | largest difference | greedy and beam answers |\n|---|---|---|---|---|"
    );
    for head in &heads {
        for format in FORMATS {
            let parity = compare(head, format)?;
            let answers = match parity.same_answers {
                None => "",
                Some(true) => "identical",
                Some(false) => "DIFFERENT",
            };
            println!(
                "| {} | {} | {format}: {} | {:.1e} | {answers} |",
                parity.architecture, parity.head, parity.format, parity.difference
            );
        }
    }
    Ok(ExitCode::SUCCESS)
}
