//! `codepurify-lab table`.

use std::path::{Path, PathBuf};

use anyhow::Result;
use clap::Args;
use codepurify_lab::table::agreement::agreement;
use codepurify_lab::table::layout::{sources, tables};
use codepurify_lab::table::results::grids;
use codepurify_lab::table::{TableChoice, TableFormat};

#[derive(Args)]
pub(crate) struct Arguments {
    /// Directory of per-sample rows, `.jsonl` or `.jsonl.gz` at any depth; if it holds several
    /// grids, each gets its own tables
    #[arg(long)]
    results: PathBuf,
    /// Format of the tables
    #[arg(long, value_enum, default_value = "markdown")]
    format: TableFormat,
    /// Tables to print
    #[arg(long, value_enum, default_value = "all")]
    which: TableChoice,
    /// Add a table of the files that each cell's rows come from
    #[arg(long)]
    sources: bool,
    /// Compare with the rows in another directory, sample by sample, instead of printing tables
    #[arg(long, conflicts_with_all = ["which", "sources"])]
    against: Option<PathBuf>,
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let Arguments { results: dir, format, .. } = arguments;
    if let Some(others) = &arguments.against {
        let (here, there) = (super::results(dir)?, super::results(others)?);
        println!("{}", agreement(&here, &there).render(*format));
        return Ok(());
    }
    let grids = grids(dir)?;
    for grid in &grids {
        if grids.len() > 1 {
            let name = grid.strip_prefix(dir).unwrap_or(grid);
            println!("{}", format.heading(&name.to_string_lossy()));
        }
        print(arguments, grid)?;
    }
    Ok(())
}

/// Prints the tables of the rows in `dir`.
fn print(arguments: &Arguments, dir: &Path) -> Result<()> {
    let results = super::results(dir)?;
    let mut tables = tables(&results, arguments.which);
    if arguments.sources {
        tables.push(sources(&results));
    }
    for table in tables {
        println!("{}", table.render(arguments.format));
    }
    Ok(())
}
