//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use codepurify::audit::AuditOptions;

use crate::dataset::account::{Inconclusive, Poisoned};
use crate::output::ColorMode;
use crate::rows::{FieldArgs, RowArgs};
use crate::settings::{Format, Options};
use crate::source::ModelSource;

const EXIT_CODES: &str = "Exit codes: 0 nothing found, 1 findings, 2 error (also if some inputs failed or nothing was judged), 64 usage.\n\
    Options may stand in CODEPURIFY_* variables and in a file (--config, or codepurify/codepurify.toml in the user's \
    configuration directory); flags win over variables, these over the file.";

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
    /// Judge every function of files, folders or the standard input; with a model of pairs, whole files two by two.
    Scan(ScanArgs),
    /// Judge as `scan` does, and write the source without its triggers.
    Purify(PurifyArgs),
    /// Show the evidence of every candidate.
    Explain(ExplainArgs),
    /// Score clean code, so that p-values can be given and the share of false alarms chosen.
    ///
    /// Of a model of pairs, one pair in eight is set aside, and candidates are tried in its functions from then on, unless
    /// --reference names others.
    Calibrate(CalibrateArgs),
    /// Look for elements that force an answer of the model wherever they stand: is it backdoored?
    Audit(AuditArgs),
    /// Clean a data set: judge the code of every row, and write the rows that are left.
    Dataset(DatasetArgs),
    /// List the bundled models, look into a model, or list what is known about training scripts.
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
    /// Files and folders; `-` is the standard input. A model of pairs takes files: left, right, left, right …
    #[arg(required = true, value_name = "PATH")]
    pub(crate) paths: Vec<PathBuf>,
    /// Show every unit in the text, clean and inconclusive ones too, and every finding in full.
    #[arg(short, long)]
    pub(crate) verbose: bool,
    #[command(flatten)]
    pub(crate) options: Options,
}

#[derive(Debug, Args)]
#[allow(clippy::struct_excessive_bools, reason = "each flag is a switch of its own")]
pub(crate) struct PurifyArgs {
    /// Files and folders; `-` is the standard input. A model of pairs takes files: left, right, left, right …
    #[arg(required = true, value_name = "PATH")]
    pub(crate) paths: Vec<PathBuf>,
    /// Rewrite the files. Makes only changes that provably keep what the code does, unless --rewrite is given.
    #[arg(long)]
    pub(crate) in_place: bool,
    /// Print unified diffs, for `patch -p1` and `git apply`, instead of the whole source.
    #[arg(long)]
    pub(crate) diff: bool,
    /// Make all changes, also new names and infilled code [default without --in-place].
    #[arg(long)]
    pub(crate) rewrite: bool,
    /// Make only changes that provably keep what the code does [default with --in-place].
    #[arg(long, conflicts_with = "rewrite")]
    pub(crate) provable: bool,
    #[command(flatten)]
    pub(crate) options: Options,
}

#[derive(Debug, Args)]
pub(crate) struct ExplainArgs {
    /// Files and folders; `-` is the standard input. A model of pairs takes files: left, right, left, right …
    #[arg(required = true, value_name = "PATH")]
    pub(crate) paths: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) options: Options,
}

#[derive(Debug, Args)]
pub(crate) struct CalibrateArgs {
    #[command(flatten)]
    pub(crate) rows: RowArgs,
    /// Write the calibration even if some inputs failed, or an answer has fewer rows than --alpha needs.
    #[arg(long)]
    pub(crate) partial: bool,
    #[command(flatten)]
    pub(crate) options: Options,
}

#[derive(Debug, Args)]
pub(crate) struct AuditArgs {
    #[command(flatten)]
    pub(crate) rows: RowArgs,
    /// Use the first so many functions or pairs.
    #[arg(long = "rows", value_name = "COUNT", default_value_t = 1000)]
    pub(crate) most: usize,
    /// Share of functions of other answers that a backdoor turns, at least.
    #[arg(long, value_name = "SHARE", default_value_t = AuditOptions::default().success, value_parser = share)]
    pub(crate) success: f64,
    /// Share of functions that honestly get the answer that the model may be as sure of, at most.
    #[arg(long, value_name = "SHARE", default_value_t = AuditOptions::default().benign_as_confident, value_parser = share)]
    pub(crate) sureness: f64,
    #[command(flatten)]
    pub(crate) options: Options,
}

#[derive(Debug, Args)]
pub(crate) struct DatasetArgs {
    /// File of rows: JSON Lines, a JSON array, or CSV with a header, also compressed by gzip or zstd; `-` is the standard
    /// input. The rows that stay go to the file that -o names, byte for byte but for purified code.
    #[arg(value_name = "ROWS")]
    pub(crate) path: PathBuf,
    #[command(flatten)]
    pub(crate) fields: FieldArgs,
    /// What to do with poisoned rows.
    #[arg(long, value_enum, value_name = "WHAT", default_value = "drop")]
    pub(crate) poisoned: Poisoned,
    /// What to do with rows about which nothing can be decided.
    #[arg(long, value_enum, value_name = "WHAT", default_value = "keep")]
    pub(crate) inconclusive: Inconclusive,
    /// Where the account of every row goes, a line each [default: beside the output, with `.report.jsonl`].
    #[arg(long, value_name = "FILE")]
    pub(crate) report: Option<PathBuf>,
    /// Go on with the output and the report of an interrupted run; refused unless input, models, settings and version are
    /// those of that run.
    #[arg(long)]
    pub(crate) resume: bool,
    #[command(flatten)]
    pub(crate) options: Options,
}

/// A number between 0 and 1, neither included.
fn share(text: &str) -> Result<f64, String> {
    let value: f64 = text.parse().map_err(|_| "not a number".to_owned())?;
    if value > 0.0 && value < 1.0 { Ok(value) } else { Err("not between 0 and 1".to_owned()) }
}

#[derive(Debug, Args)]
pub(crate) struct ModelsArgs {
    #[command(subcommand)]
    pub(crate) command: Option<ModelsCommand>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ModelsCommand {
    /// Load a model and print what it is.
    Inspect {
        #[command(flatten)]
        model: ModelSource,
        /// How to write the result.
        #[arg(long, value_enum, value_name = "FORMAT", default_value = "text")]
        format: InspectionFormat,
    },
    /// List the presets: what is known about the training scripts that most checkpoints come from.
    Presets,
    /// Print a preset, ready to be saved as a model's `codepurify.json`.
    Preset {
        /// Its name.
        name: String,
    },
}

/// How an inspection is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum InspectionFormat {
    /// For people.
    Text,
    /// One object.
    Json,
}
