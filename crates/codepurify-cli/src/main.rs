//! The command `codepurify`: arguments → settings → one of [`commands`] → exit code.

mod args;
mod bundled;
mod cache;
mod commands;
mod configuration;
mod dataset;
mod error;
mod exit;
mod heading;
mod inputs;
mod judge;
mod judged;
mod output;
mod rows;
mod screening;
mod settings;
mod side_by_side;
mod source;

use std::process::ExitCode;

use clap::Parser;

use args::{Cli, Command};
use error::CliError;
use exit::Exit;

/// Activations come and go in large blocks, on several threads.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let exit = match Cli::try_parse() {
        Ok(cli) => run(cli).unwrap_or_else(|error| failed(&error)),
        Err(message) => {
            // Help and version are no errors; where even they cannot be printed, nothing else can.
            let _ = message.print();
            if message.use_stderr() { Exit::Usage } else { Exit::Nothing }
        }
    };
    exit.into()
}

fn run(cli: Cli) -> Result<Exit, CliError> {
    match cli.command {
        Command::Demo(args) => commands::demo::run(&args, cli.color),
        Command::Scan(args) => commands::scan::run(args, cli.color),
        Command::Purify(args) => commands::purify::run(args, cli.color),
        Command::Explain(args) => commands::explain::run(args, cli.color),
        Command::Calibrate(args) => commands::calibrate::run(args, cli.color),
        Command::Audit(args) => commands::audit::run(args, cli.color),
        Command::Dataset(args) => commands::dataset::run(args, cli.color),
        Command::Models(args) => commands::models::run(&args),
        Command::Completions { shell } => commands::completions::run(shell),
    }
}

/// Tells people what went wrong.
fn failed(error: &CliError) -> Exit {
    output::note(&format!("error: {error}"));
    error.exit()
}
