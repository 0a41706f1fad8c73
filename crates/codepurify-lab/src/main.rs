//! Commands of `codepurify-lab`.

use std::process::{Command, ExitCode};

use clap::{Parser, Subcommand};
use codepurify_lab::error_chain;

mod commands;

/// Poison data, train victims and masked language models, measure attacks and defences
#[derive(Parser)]
#[command(name = "codepurify-lab", version)]
struct Arguments {
    #[command(subcommand)]
    task: LabCommand,
}

#[derive(Subcommand)]
enum LabCommand {
    /// Report on data sets
    Data(commands::data::Arguments),
    /// Insert triggers into a training or test set
    Poison(commands::poison::Arguments),
    /// Train a model
    Train(commands::train::Arguments),
    /// Measure a victim or a defence
    Evaluate(commands::evaluate::Arguments),
    /// Run an experiment: every attack, rate, task and family against every defence
    Grid(commands::grid::Arguments),
    /// Print the tables of per-sample rows
    Table(commands::table::Arguments),
    /// Draw the figures of per-sample rows
    Plot(commands::plot::Arguments),
    /// Set the decision limits of a defect detector on clean rows, in the `codepurify.json` in its
    /// directory
    Calibrate(commands::calibrate::Arguments),
}

impl LabCommand {
    /// Returns true if the command computes with candle; other commands may use all threads of
    /// rayon's pool.
    fn runs_models(&self) -> bool {
        !matches!(self, Self::Data(_) | Self::Table(_) | Self::Plot(_))
    }
}

/// Training allocates and frees megabytes in every operation. The system allocator returns such
/// blocks to the kernel each time; mimalloc keeps them.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Restarts the program with single-threaded tensor operations.
///
/// candle splits every operation over its own spinning threads; the laboratory runs rows in
/// parallel instead. candle reads the environment only before its first operation, hence the
/// restart.
fn restart_with_single_threaded_operations() -> std::io::Result<ExitCode> {
    let mut program = Command::new(std::env::current_exe()?);
    program
        .args(std::env::args_os().skip(1))
        .envs(THREADS.map(|name| (name, "1")))
        .env(KEEP_PAGES.0, KEEP_PAGES.1);
    #[cfg(unix)]
    return Err(std::os::unix::process::CommandExt::exec(&mut program));
    #[cfg(not(unix))]
    Ok(program
        .status()?
        .code()
        .and_then(|code| u8::try_from(code).ok())
        .map_or(ExitCode::from(2), ExitCode::from))
}

/// Tells the allocator to keep the pages of freed blocks.
///
/// Otherwise the kernel clears new pages for the next operation, which takes up to a third of a
/// training's time. The allocator, too, reads the environment only at the start.
const KEEP_PAGES: (&str, &str) = ("MIMALLOC_PURGE_DECOMMITS", "0");

const THREADS: [&str; 2] = ["CANDLE_NUM_THREADS", "RAYON_NUM_THREADS"];

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let unset = |name| std::env::var_os(name).is_none();
    let result = if arguments.task.runs_models() && THREADS.into_iter().any(unset) {
        restart_with_single_threaded_operations().map_err(Into::into)
    } else {
        run(&arguments.task).map(|()| ExitCode::SUCCESS)
    };
    match result {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {}", error_chain(&error));
            ExitCode::from(2)
        }
    }
}

fn run(task: &LabCommand) -> anyhow::Result<()> {
    match task {
        LabCommand::Data(arguments) => commands::data::run(arguments),
        LabCommand::Poison(arguments) => commands::poison::run(arguments),
        LabCommand::Train(arguments) => commands::train::run(arguments),
        LabCommand::Evaluate(arguments) => commands::evaluate::run(arguments),
        LabCommand::Grid(arguments) => commands::grid::run(arguments),
        LabCommand::Table(arguments) => commands::table::run(arguments),
        LabCommand::Plot(arguments) => commands::plot::run(arguments),
        LabCommand::Calibrate(arguments) => commands::calibrate::run(arguments),
    }
}
