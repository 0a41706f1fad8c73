//! The command `codepurify` as a library: arguments → settings → one of `commands` → exit code.
//!
//! [`run`] is the whole program; the binary and the Python package call it. The other public items let
//! the package find models and source files, and judge rows, as the command does.

mod args;
pub mod bundled;
mod by_language;
mod cache;
mod commands;
mod configuration;
mod dataset;
mod error;
mod exit;
mod guard;
mod heading;
mod inputs;
mod judge;
mod judged;
mod output;
mod row_defender;
mod rows;
mod screening;
mod settings;
mod side_by_side;
pub mod source;
mod suspicion;
mod values;
mod watched;

use std::ffi::OsString;
use std::io;

use clap::Parser;

use args::{Cli, Command};
use exit::Exit;

pub use by_language::ByLanguage;
pub use error::CliError;
pub use guard::PAIRS_FOR_A_REFERENCE;
pub use inputs::source_files;
pub use judge::SNIPPETS_TOGETHER;
pub use row_defender::{RowDefender, Sides};
pub use side_by_side::in_chunks;

/// Runs the command with these arguments, of which the first is the program's name, and returns its exit code.
pub fn run(arguments: impl IntoIterator<Item = impl Into<OsString> + Clone>) -> u8 {
    let exit = match Cli::try_parse_from(arguments) {
        Ok(cli) => dispatch(cli).unwrap_or_else(|error| failed(&error)),
        Err(message) => printed(&message),
    };
    exit as u8
}

fn dispatch(cli: Cli) -> Result<Exit, CliError> {
    match cli.command {
        Command::Demo(args) => commands::demo::run(&args, cli.color),
        Command::Scan(args) => commands::scan::run(args, cli.color),
        Command::Purify(args) => commands::purify::run(args, cli.color),
        Command::Explain(args) => commands::explain::run(args, cli.color),
        Command::Calibrate(args) => commands::calibrate::run(args, cli.color),
        Command::Audit(args) => commands::audit::run(args, cli.color),
        Command::Dataset(args) => commands::dataset::run(args, cli.color),
        Command::Serve(args) => commands::serve::run(args, cli.color),
        Command::Models(args) => commands::models::run(&args),
        Command::Completions { shell } => commands::completions::run(shell),
    }
}

/// Prints help, the version, or what is wrong with the arguments. Help and version are no errors, unless they cannot be written.
fn printed(message: &clap::Error) -> Exit {
    match message.print() {
        Err(source) if !message.use_stderr() && source.kind() != io::ErrorKind::BrokenPipe => {
            failed(&CliError::Write { to: "the standard output".to_owned(), source })
        }
        _ if message.use_stderr() => Exit::Usage,
        _ => Exit::Nothing,
    }
}

/// Tells people what went wrong.
fn failed(error: &CliError) -> Exit {
    output::note(&format!("error: {error}"));
    error.exit()
}
