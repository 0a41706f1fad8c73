//! `codepurify-lab data`.

use std::path::{Path, PathBuf};

use anyhow::Result;
use clap::{Args, Subcommand, ValueEnum};
use codepurify_attacks::data::report::{Equal, Sample, SplitContents};
use codepurify_attacks::data::{Rows, clone, defect, repair};

#[derive(Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    action: DataCommand,
}

#[derive(Subcommand)]
enum DataCommand {
    /// Count rows, labels, lengths, repeats, contradictions, and what files share
    Report(ReportArguments),
}

#[derive(Args)]
struct ReportArguments {
    /// Files of a data set, one per split: JSON Lines (plain or gzip) or Parquet
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// Task of the rows
    #[arg(long, value_enum, default_value_t = DataTask::Defect)]
    task: DataTask,
    /// Clone detection: file with the functions that lines of `idx1 TAB idx2 TAB label` refer to
    #[arg(long)]
    functions: Option<PathBuf>,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum DataTask {
    Defect,
    Clone,
    Repair,
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let DataCommand::Report(report) = &arguments.action;
    let mut splits = Vec::new();
    println!(
        "| file | rows | refused | labels | bytes: min, median, mean, p95, max | repeats | contradictory |"
    );
    println!("|---|---|---|---|---|---|---|");
    for path in &report.files {
        let (split, refused) = match report.task {
            DataTask::Defect => looked_through(path, &defect::load(path)?),
            DataTask::Clone => looked_through(path, &clone::load_with(path, report.functions.as_deref())?),
            DataTask::Repair => looked_through(path, &repair::load(path)?),
        };
        println!("{}", line(&name(path), &split, refused));
        splits.push((name(path), split));
    }
    println!(
        "\nRepeats are rows whose input came before, contradictory are inputs with more than one answer: exact"
    );
    println!("(with white space normalised).");
    if splits.len() > 1 {
        println!("\n| files | shared inputs | shared texts |\n|---|---|---|");
    }
    for (index, (first, split)) in splits.iter().enumerate() {
        for (second, other) in &splits[index + 1..] {
            let leak = split.leak(other);
            println!("| {first}, {second} | {} | {} |", both(leak.inputs), both(leak.texts));
        }
    }
    Ok(())
}

fn looked_through<S: Sample>(path: &Path, found: &Rows<S>) -> (SplitContents, usize) {
    found.report(path);
    (SplitContents::new(&found.rows), found.refused.len())
}

fn line(name: &str, split: &SplitContents, refused: usize) -> String {
    let report = &split.report;
    let labels: Vec<String> =
        report.labels.iter().map(|(label, count)| format!("{label}: {count}")).collect();
    let lengths = &report.lengths;
    format!(
        "| {name} | {} | {refused} | {} | {}, {}, {:.1}, {}, {} | {} | {} |",
        report.rows,
        if labels.is_empty() { "–".to_owned() } else { labels.join(", ") },
        lengths.min,
        lengths.median,
        lengths.mean,
        lengths.p95,
        lengths.max,
        both(report.repeats),
        both(report.contradictory)
    )
}

fn both(count: Equal) -> String {
    format!("{} ({})", count.exact, count.normalised)
}

fn name(path: &Path) -> String {
    path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}
