//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use clap_complete::Shell;

use crate::output::ColorMode;
use crate::settings::{Format, Options};

const EXIT_CODES: &str = "Exit codes: 0 nothing found, 1 findings, 2 error (also if some inputs failed), 64 usage.\n\
    Options may stand in `codepurify.toml` and in CODEPURIFY_* variables; flags win over variables, these over the file.";

/// Screens source code for backdoor triggers before a neural code model sees it.
#[derive(Debug, Parser)]
#[command(name = "codepurify", version, after_help = EXIT_CODES, arg_required_else_help = true)]
pub(crate) struct Cli {
    /// When to use colour; `auto` means on a terminal unless `NO_COLOR` is set.
    #[arg(long, global = true, value_enum, value_name = "WHEN", env = "CODEPURIFY_COLOR")]
    pub(crate) color: Option<ColorMode>,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Show a backdoored model being fooled, and the trigger being found and removed.
    Demo(DemoArgs),
    /// Judge every function of files, folders or the standard input.
    Scan(ScanArgs),
    /// Judge as `scan` does, and write the source with its triggers removed.
    Purify(PurifyArgs),
    /// Show the evidence of every candidate in a file.
    Explain(ExplainArgs),
    /// List the bundled models, or look into a model directory.
    Models(ModelsArgs),
    /// Print a completion script for a shell.
    Completions {
        /// The shell.
        shell: Shell,
    },
}

#[derive(Debug, Args)]
pub(crate) struct DemoArgs {
    /// How to write the result.
    #[arg(long, value_enum, value_name = "FORMAT", default_value = "text")]
    pub(crate) format: Format,
}

#[derive(Debug, Args)]
pub(crate) struct ScanArgs {
    /// Files and folders; `-` is the standard input.
    #[arg(required = true, value_name = "PATH")]
    pub(crate) paths: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) options: Options,
}

#[derive(Debug, Args)]
pub(crate) struct PurifyArgs {
    /// Files and folders; `-` is the standard input.
    #[arg(required = true, value_name = "PATH")]
    pub(crate) paths: Vec<PathBuf>,
    /// Rewrite the files.
    #[arg(long)]
    pub(crate) in_place: bool,
    /// Print unified diffs instead of the whole source.
    #[arg(long)]
    pub(crate) diff: bool,
    #[command(flatten)]
    pub(crate) options: Options,
}

#[derive(Debug, Args)]
pub(crate) struct ExplainArgs {
    /// The file; `-` is the standard input.
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    #[command(flatten)]
    pub(crate) options: Options,
}

#[derive(Debug, Args)]
pub(crate) struct ModelsArgs {
    #[command(subcommand)]
    pub(crate) command: Option<ModelsCommand>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ModelsCommand {
    /// Print what a model directory holds.
    Inspect {
        /// The directory, in the Hugging Face layout.
        dir: PathBuf,
    },
}
