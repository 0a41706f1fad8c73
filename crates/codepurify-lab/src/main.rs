//! `codepurify-lab`: the laboratory's commands.

use std::process::{Command, ExitCode};

use clap::{Parser, Subcommand};
use codepurify_lab::failure::in_words;

mod commands;

/// Poison data, train victims and masked language models, measure attacks and defences.
#[derive(Parser)]
#[command(name = "codepurify-lab", version)]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Look at data sets.
    Data(commands::data::Arguments),
    /// Put triggers into a training or test set.
    Poison(commands::poison::Arguments),
    /// Train a model.
    Train(commands::train::Arguments),
    /// Measure a victim or a defence.
    Evaluate(commands::evaluate::Arguments),
    /// Run a whole experiment: every attack, rate, task and family against every defence.
    Grid(commands::grid::Arguments),
    /// Print the tables of per-sample rows.
    Table(commands::table::Arguments),
    /// Draw the pictures of per-sample rows.
    Plot(commands::plot::Arguments),
    /// Set the limits of the decision of a defect detector from clean rows, in the `codepurify.json` beside its weights.
    Calibrate(commands::calibrate::Arguments),
}

impl Task {
    /// Whether the command computes with candle; the others may use all threads of rayon's pool.
    fn runs_models(&self) -> bool {
        !matches!(self, Self::Data(_) | Self::Table(_) | Self::Plot(_))
    }
}

/// Training allocates and frees megabytes at every operation; the system allocator hands such blocks back to the
/// kernel each time.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// candle splits every operation over its own spinning threads; the laboratory parallelises over rows instead. candle
/// can be told only through the environment, before its first operation, so the program starts itself anew.
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

/// The allocator is to keep the pages of freed blocks: having the kernel clear new ones for the next operation takes up to
/// a third of a training's time. It can be told only in the same way.
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
            eprintln!("error: {}", in_words(&error));
            ExitCode::from(2)
        }
    }
}

fn run(task: &Task) -> anyhow::Result<()> {
    match task {
        Task::Data(arguments) => commands::data::run(arguments),
        Task::Poison(arguments) => commands::poison::run(arguments),
        Task::Train(arguments) => commands::train::run(arguments),
        Task::Evaluate(arguments) => commands::evaluate::run(arguments),
        Task::Grid(arguments) => commands::grid::run(arguments),
        Task::Table(arguments) => commands::table::run(arguments),
        Task::Plot(arguments) => commands::plot::run(arguments),
        Task::Calibrate(arguments) => commands::calibrate::run(arguments),
    }
}
