//! `codepurify-lab table`.

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use codepurify_lab::table::agreement::agreement;
use codepurify_lab::table::layout::{sources, tables};
use codepurify_lab::table::{Format, Which};

#[derive(Args)]
pub(crate) struct Arguments {
    /// Directory of per-sample rows, `.jsonl` or `.jsonl.gz` at any depth.
    #[arg(long)]
    results: PathBuf,
    /// How the tables are written.
    #[arg(long, value_enum, default_value = "markdown")]
    format: Format,
    /// Which tables.
    #[arg(long, value_enum, default_value = "all")]
    which: Which,
    /// Adds a table of the files that each cell's rows came from.
    #[arg(long)]
    sources: bool,
    /// Instead of tables of these rows, how far they agree with those in another directory, sample by sample.
    #[arg(long, conflicts_with_all = ["which", "sources"])]
    against: Option<PathBuf>,
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let results = super::results(&arguments.results)?;
    if let Some(others) = &arguments.against {
        println!("{}", agreement(&results, &super::results(others)?).render(arguments.format));
        return Ok(());
    }
    let mut tables = tables(&results, arguments.which);
    if arguments.sources {
        tables.push(sources(&results));
    }
    for table in tables {
        println!("{}", table.render(arguments.format));
    }
    Ok(())
}
