//! `completions`: a script for a shell.

use clap::CommandFactory;
use clap_complete::Shell;

use crate::args::Cli;
use crate::error::CliError;
use crate::exit::Exit;
use crate::output::Output;

pub(crate) fn run(shell: Shell) -> Result<Exit, CliError> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "codepurify", &mut script);
    Output::stdout().write(&script)?;
    Ok(Exit::Nothing)
}
