//! `codepurify-lab plot`.

use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::Args;
use codepurify_lab::plot::{figures, svg};

#[derive(Args)]
pub(crate) struct Arguments {
    /// Directory of per-sample rows, `.jsonl` or `.jsonl.gz` at any depth
    #[arg(long)]
    results: PathBuf,
    /// Directory for the SVG files; created if it does not exist
    #[arg(short, long)]
    output: PathBuf,
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let results = super::results(&arguments.results)?;
    let output = &arguments.output;
    std::fs::create_dir_all(output).with_context(|| format!("cannot create {}", output.display()))?;
    for figure in figures(&results) {
        let path = output.join(format!("{}.svg", figure.name));
        std::fs::write(&path, svg(&figure)?).with_context(|| format!("cannot write {}", path.display()))?;
        println!("{}", path.display());
    }
    Ok(())
}
