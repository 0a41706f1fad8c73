//! `codepurify-lab`: the laboratory's commands.

use std::process::ExitCode;

use clap::{Parser, Subcommand};

mod commands;

/// Poison data, train victims and masked language models, measure attacks and defences.
#[derive(Parser)]
#[command(name = "codepurify-lab", version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Put triggers into a training set.
    Poison(commands::poison::Arguments),
    /// Train a model.
    Train(commands::train::Arguments),
}

/// candle splits every operation over its own spinning threads; the laboratory parallelises over rows instead. candle
/// can be told only through the environment, before its first operation.
fn with_single_threaded_operations() -> Option<ExitCode> {
    const THREADS: [&str; 2] = ["CANDLE_NUM_THREADS", "RAYON_NUM_THREADS"];
    if THREADS.iter().all(|name| std::env::var_os(name).is_some()) {
        return None;
    }
    let program = std::env::current_exe().ok()?;
    let mut child = std::process::Command::new(program);
    child.args(std::env::args_os().skip(1)).envs(THREADS.map(|name| (name, "1")));
    let status = child.status().ok()?;
    Some(status.code().and_then(|code| u8::try_from(code).ok()).map_or(ExitCode::from(2), ExitCode::from))
}

fn main() -> ExitCode {
    if let Some(code) = with_single_threaded_operations() {
        return code;
    }
    let result = match Arguments::parse().command {
        Command::Poison(arguments) => commands::poison::run(&arguments),
        Command::Train(arguments) => commands::train::run(&arguments),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::from(2)
        }
    }
}
