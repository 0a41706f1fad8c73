//! The command line.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Arg, Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use codepurify::audit::AuditOptions;

use crate::dataset::account::{Inconclusive, Poisoned};
use crate::dataset::selection::Selection;
use crate::heading;
use crate::output::ColorMode;
use crate::rows::{FieldArgs, RowArgs};
use crate::settings::{Format, Options};
use crate::source::ModelSource;
use crate::values::{positive, seconds, share};

/// Examples at the end of each command's help.
mod examples {
    pub(super) const ALL: &str = "\
Examples:
  codepurify demo
  codepurify scan src/ --model models/my-detector
  codepurify purify parse.c --diff

Exit codes:
  0   code was scanned and nothing was found
  1   findings
  2   error: an input failed, or nothing was scanned
  64  wrong usage

Settings:
  Flags win over variables such as CODEPURIFY_FAIL_ON for --fail-on, and these over the file that
  --config names or codepurify/codepurify.toml in the user's configuration directory.";
    pub(super) const DEMO: &str = "\
Examples:
  codepurify demo
  codepurify demo --format json";
    pub(super) const SCAN: &str = "\
Examples:
  codepurify scan src/
  codepurify scan parse.c --model models/my-detector --format json
  codepurify scan - --lang c < parse.c";
    pub(super) const PURIFY: &str = "\
Examples:
  codepurify purify parse.c > purified.c
  codepurify purify src/ --diff | git apply
  codepurify purify src/ --in-place";
    pub(super) const EXPLAIN: &str = "\
Examples:
  codepurify explain parse.c
  codepurify explain parse.c --profile paper --format json";
    pub(super) const CALIBRATE: &str = "\
Examples:
  codepurify calibrate clean/ --model models/my-detector -o my.calibration.json
  codepurify calibrate rows.jsonl --field func --lang c -o my.calibration.json";
    pub(super) const AUDIT: &str = "\
Examples:
  codepurify audit rows.jsonl --lang c --model models/my-detector
  codepurify audit src/ --rows 500 --format json";
    pub(super) const DATASET: &str = "\
Examples:
  codepurify dataset rows.jsonl --lang c -o clean.jsonl --resume
  codepurify dataset data/*.parquet --lang c -o clean/ --split removed/
  codepurify dataset rows.parquet --lang c -o judged.parquet --columns";
    pub(super) const SERVE: &str = "\
Examples:
  codepurify serve
  codepurify serve --model models/my-detector --lang c --listen 127.0.0.1:9000
  codepurify serve --listen 0.0.0.0:8080 --key-file keys.txt";
    pub(super) const MODELS: &str = "\
Examples:
  codepurify models
  codepurify models inspect models/my-detector
  codepurify models presets";
    pub(super) const INSPECT: &str = "\
Examples:
  codepurify models inspect models/my-detector
  codepurify models inspect saved/model.bin --base models/codebert-base --preset codexglue-defect";
    pub(super) const PRESETS: &str = "\
Examples:
  codepurify models presets
  codepurify scan src/ --model models/my-detector --preset codexglue-defect";
    pub(super) const PRESET: &str = "\
Examples:
  codepurify models preset codexglue-defect
  codepurify models preset codet5-clone > models/my-detector/codepurify.json";
    pub(super) const COMPLETIONS: &str = "\
Examples:
  codepurify completions bash > ~/.local/share/bash-completion/completions/codepurify
  codepurify completions zsh > ~/.zfunc/_codepurify";
}

/// Find and remove backdoor triggers of neural code models
#[derive(Debug, Parser)]
#[command(name = "codepurify", version, after_help = examples::ALL, arg_required_else_help = true,
          mut_args = |arg| arg.hide_env(true))]
pub(crate) struct Cli {
    /// Use of colour [default: auto]
    #[arg(long, global = true, value_enum, value_name = "WHEN", env = "CODEPURIFY_COLOR",
          help_heading = heading::OUTPUT)]
    pub(crate) color: Option<ColorMode>,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Show a backdoor being triggered, found and removed
    #[command(after_help = examples::DEMO)]
    Demo(DemoArgs),
    /// Find poisoned functions in files and folders
    ///
    /// A pair model scans whole files two by two: left, right, left, right …
    #[command(after_help = examples::SCAN)]
    Scan(ScanArgs),
    /// Remove triggers from source code
    ///
    /// Scans as `scan` does, and writes the source without its triggers. All other bytes stay as
    /// they are.
    #[command(after_help = examples::PURIFY)]
    Purify(PurifyArgs),
    /// Show the evidence for every candidate
    #[command(after_help = examples::EXPLAIN)]
    Explain(ExplainArgs),
    /// Calibrate a model on clean code
    ///
    /// Verdicts then carry p-values, and --alpha bounds the false-positive rate. For a pair model,
    /// one pair in eight is set aside and its functions become the references, unless --reference
    /// names others.
    #[command(after_help = examples::CALIBRATE)]
    Calibrate(CalibrateArgs),
    /// Search for triggers that force a model's prediction
    ///
    /// Tells whether a classifier is backdoored. The rows need no labels and no triggers.
    #[command(after_help = examples::AUDIT)]
    Audit(AuditArgs),
    /// Remove poisoned rows from a data set
    #[command(after_help = examples::DATASET)]
    Dataset(DatasetArgs),
    /// Serve the guarded model over HTTP
    ///
    /// Judges and purifies code, and predicts for purified code. Answers text-embeddings-inference's
    /// `/predict` and vLLM's `/classify`, too. `/docs` of the server lists all routes. Log lines go
    /// to standard error. SIGTERM and SIGINT let it answer what it accepted, and end; SIGHUP lets it
    /// read its keys again.
    #[command(after_help = examples::SERVE, mut_args = hide_if_not_served)]
    Serve(ServeArgs),
    /// Inspect models; list bundled models and presets
    #[command(after_help = examples::MODELS)]
    Models(ModelsArgs),
    /// Print a completion script for a shell
    #[command(after_help = examples::COMPLETIONS)]
    Completions {
        /// Name of the shell
        shell: Shell,
    },
}

#[derive(Debug, Args)]
pub(crate) struct DemoArgs {
    /// Format of the result
    #[arg(long, value_enum, value_name = "FORMAT", default_value = "text", help_heading = heading::OUTPUT)]
    pub(crate) format: Format,
}

#[derive(Debug, Args)]
pub(crate) struct ScanArgs {
    /// Files and folders; `-` is the standard input
    #[arg(required = true, value_name = "PATH")]
    pub(crate) paths: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) options: Options,
    /// Show every unit, and every finding in full
    ///
    /// Without this option the text shows poisoned units only, and the first ten of them in full.
    #[arg(short, long, help_heading = heading::OUTPUT)]
    pub(crate) verbose: bool,
}

#[derive(Debug, Args)]
#[allow(clippy::struct_excessive_bools, reason = "each flag is a switch of its own")]
pub(crate) struct PurifyArgs {
    /// Files and folders; `-` is the standard input
    #[arg(required = true, value_name = "PATH")]
    pub(crate) paths: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) options: Options,
    /// Rewrite the files
    ///
    /// Makes only changes that provably keep what the code does, unless --rewrite is given.
    #[arg(long, help_heading = heading::OUTPUT)]
    pub(crate) in_place: bool,
    /// Print unified diffs instead of the whole source
    ///
    /// `git apply` and `patch -p1` accept them.
    #[arg(long, help_heading = heading::OUTPUT)]
    pub(crate) diff: bool,
    /// Make all changes, also renaming and infilling
    ///
    /// This is the default without --in-place.
    #[arg(long, help_heading = heading::OUTPUT)]
    pub(crate) rewrite: bool,
    /// Make only changes that provably keep what code does
    ///
    /// This is the default with --in-place.
    #[arg(long, conflicts_with = "rewrite", help_heading = heading::OUTPUT)]
    pub(crate) provable: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ExplainArgs {
    /// Files and folders; `-` is the standard input
    #[arg(required = true, value_name = "PATH")]
    pub(crate) paths: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) options: Options,
}

#[derive(Debug, Args)]
pub(crate) struct CalibrateArgs {
    #[command(flatten)]
    pub(crate) options: Options,
    #[command(flatten)]
    pub(crate) rows: RowArgs,
    /// Write the calibration even if it is incomplete
    ///
    /// Otherwise nothing is written if an input failed, or if a prediction has fewer rows than
    /// --alpha needs.
    #[arg(long, help_heading = heading::OUTPUT)]
    pub(crate) partial: bool,
    /// Keep rows that seem to hold triggers
    ///
    /// Otherwise rows are left out and named if one element, or elements of one shape, score higher in
    /// them than anything in other rows: a calibration with triggers finds none.
    #[arg(long, help_heading = heading::DECISION)]
    pub(crate) keep_suspicious: bool,
}

#[derive(Debug, Args)]
pub(crate) struct AuditArgs {
    #[command(flatten)]
    pub(crate) options: Options,
    #[command(flatten)]
    pub(crate) rows: RowArgs,
    /// Number of functions or pairs to use at most
    #[arg(long = "rows", value_name = "COUNT", default_value_t = 1000, help_heading = heading::INPUT)]
    pub(crate) most: usize,
    /// Smallest share of functions that a backdoor flips
    ///
    /// Only functions with another prediction are counted.
    #[arg(long, value_name = "SHARE", default_value_t = AuditOptions::default().success, value_parser = share,
          help_heading = heading::DECISION)]
    pub(crate) success: f64,
    /// Largest share of clean code with as high a margin
    ///
    /// Largest fraction of clean functions with the same prediction whose margin may equal or
    /// exceed that of the trigger.
    #[arg(long, value_name = "SHARE", default_value_t = AuditOptions::default().benign_as_confident, value_parser = share,
          help_heading = heading::DECISION)]
    pub(crate) sureness: f64,
}

#[derive(Debug, Args)]
pub(crate) struct DatasetArgs {
    /// Data sets to clean; `-` is the standard input
    ///
    /// Files, folders, or patterns such as 'data/*.parquet': JSON Lines, a JSON array, or CSV with
    /// a header, also compressed with gzip or zstd; or Parquet. Kept rows go to the file that -o
    /// names, byte for byte. Purified rows change only in their code field. The rows of several
    /// files, or of a folder, go to files of the same names in the folder that -o names. Builds with
    /// the feature `object-store` take URLs (s3, gs, az, http, https), also for -o except of web
    /// servers.
    #[arg(value_name = "ROWS", required = true)]
    pub(crate) paths: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) options: Options,
    #[command(flatten)]
    pub(crate) fields: FieldArgs,
    #[command(flatten)]
    pub(crate) selection: Selection,
    /// Treatment of poisoned rows
    #[arg(long, value_enum, value_name = "WHAT", default_value = "drop", help_heading = heading::DECISION)]
    pub(crate) poisoned: Poisoned,
    /// Treatment of inconclusive rows
    #[arg(long, value_enum, value_name = "WHAT", default_value = "keep", help_heading = heading::DECISION)]
    pub(crate) inconclusive: Inconclusive,
    /// Keep all rows, and add columns with the verdicts
    ///
    /// `verdict`, `p_value`, `score`, `triggers`, `purified` and `error`; for pairs all but the
    /// last with the endings `_left` and `_right`.
    #[arg(long, conflicts_with_all = ["poisoned", "inconclusive", "split"], help_heading = heading::OUTPUT)]
    pub(crate) columns: bool,
    /// File for the removed rows, as they are
    ///
    /// A folder, if the rows come from several files.
    #[arg(long, value_name = "PATH", help_heading = heading::OUTPUT)]
    pub(crate) split: Option<PathBuf>,
    /// File for the per-row report (JSON Lines)
    ///
    /// Default: the name of the output with `.report.jsonl`.
    #[arg(long, value_name = "FILE", help_heading = heading::OUTPUT)]
    pub(crate) report: Option<PathBuf>,
    /// Folder for outputs behind URLs until they are uploaded
    ///
    /// They are uploaded once they are whole. A run resumes from this folder, which may be removed
    /// afterwards.
    #[arg(long, value_name = "DIR", default_value = "codepurify-staging", help_heading = heading::OUTPUT)]
    pub(crate) staging: PathBuf,
    /// Resume an interrupted run
    ///
    /// Refused unless input, models, settings and version are those of that run.
    #[arg(long, help_heading = heading::OUTPUT)]
    pub(crate) resume: bool,
}

/// Hides options about files that are scanned and results that are written.
fn hide_if_not_served(arg: Arg) -> Arg {
    const OTHERS: [&str; 8] =
        ["encoding", "no_ignore", "hidden", "max_file_bytes", "format", "output", "fail_on", "allow_empty"];
    let is_other = OTHERS.contains(&arg.get_id().as_str());
    arg.hide(is_other)
}

#[derive(Debug, Args)]
pub(crate) struct ServeArgs {
    #[command(flatten)]
    pub(crate) options: Options,
    #[command(flatten)]
    pub(crate) serving: ServingArgs,
}

/// Options of the server itself.
#[derive(Debug, Args)]
#[command(mut_args = |arg| arg.hide_env(true))]
pub(crate) struct ServingArgs {
    /// Address of a server whose model is guarded
    ///
    /// Guards a classifier of single texts that another server answers for, in the form of
    /// text-embeddings-inference (`/info` and `/predict`), instead of --model.
    #[arg(long, value_name = "URL", env = "CODEPURIFY_UPSTREAM", help_heading = heading::SERVER)]
    pub(crate) upstream: Option<String>,
    /// Longest time for an answer of --upstream in seconds
    #[arg(long, value_name = "SECONDS", env = "CODEPURIFY_UPSTREAM_TIMEOUT", default_value = "10",
          value_parser = seconds, help_heading = heading::SERVER)]
    pub(crate) upstream_timeout: Duration,
    /// Address and port to listen on
    ///
    /// Another address than loopback needs keys, or --allow-anonymous. Port 0 takes a free one; the
    /// log names it.
    #[arg(long, value_name = "ADDRESS", env = "CODEPURIFY_LISTEN", default_value = "127.0.0.1:8080",
          help_heading = heading::SERVER)]
    pub(crate) listen: SocketAddr,
    /// File with keys of clients, one a line
    ///
    /// Clients send `Authorization: Bearer KEY`. Keys can also be in the variable `CODEPURIFY_KEYS`,
    /// separated by commas. A key has at least 16 characters. Default: no key is needed.
    #[arg(long, value_name = "FILE", env = "CODEPURIFY_KEY_FILE", help_heading = heading::SERVER)]
    pub(crate) key_file: Option<PathBuf>,
    /// Accept requests without a key from other machines
    #[arg(long, help_heading = heading::SERVER)]
    pub(crate) allow_anonymous: bool,
    /// Size limit of a request's body in bytes
    #[arg(long, value_name = "BYTES", env = "CODEPURIFY_MAX_BODY_BYTES", default_value = "8388608",
          value_parser = positive, help_heading = heading::SERVER)]
    pub(crate) max_body_bytes: usize,
    /// Size limit of a snippet in bytes
    #[arg(long, value_name = "BYTES", env = "CODEPURIFY_MAX_SNIPPET_BYTES", default_value = "1048576",
          value_parser = positive, help_heading = heading::SERVER)]
    pub(crate) max_snippet_bytes: usize,
    /// Number of snippets or pairs in a request
    #[arg(long, value_name = "COUNT", env = "CODEPURIFY_MAX_SNIPPETS", default_value = "256",
          value_parser = positive, help_heading = heading::SERVER)]
    pub(crate) max_snippets: usize,
    /// Number of requests that are answered at a time
    ///
    /// Further ones get status 429.
    #[arg(long, value_name = "COUNT", env = "CODEPURIFY_MAX_REQUESTS", default_value = "256",
          value_parser = positive, help_heading = heading::SERVER)]
    pub(crate) max_requests: usize,
    /// Number of functions that wait to be judged
    ///
    /// Requests that do not fit get status 429.
    #[arg(long, value_name = "COUNT", env = "CODEPURIFY_QUEUE", default_value = "1024",
          value_parser = positive, help_heading = heading::SERVER)]
    pub(crate) queue: usize,
    /// Tokens of the functions that are judged together
    ///
    /// A batch is what waits, up to this number; it never waits to be filled.
    #[arg(long, value_name = "TOKENS", env = "CODEPURIFY_BATCH_TOKENS", default_value = "4096",
          value_parser = positive, help_heading = heading::SERVER)]
    pub(crate) batch_tokens: usize,
    /// Longest time for a request in seconds
    ///
    /// Clients ask for less with the header `X-Request-Timeout`. Status 504 tells that the time
    /// passed.
    #[arg(long, value_name = "SECONDS", env = "CODEPURIFY_MAX_TIMEOUT", default_value = "60",
          value_parser = seconds, help_heading = heading::SERVER)]
    pub(crate) max_timeout: Duration,
    /// Time for requests in progress when the server ends
    ///
    /// In seconds.
    #[arg(long, value_name = "SECONDS", env = "CODEPURIFY_GRACE", default_value = "60",
          value_parser = seconds, help_heading = heading::SERVER)]
    pub(crate) grace: Duration,
}

#[derive(Debug, Args)]
pub(crate) struct ModelsArgs {
    #[command(subcommand)]
    pub(crate) command: Option<ModelsCommand>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ModelsCommand {
    /// Load a model and describe it
    #[command(after_help = examples::INSPECT)]
    Inspect {
        #[command(flatten)]
        model: ModelSource,
        /// Format of the result
        #[arg(long, value_enum, value_name = "FORMAT", default_value = "text", help_heading = heading::OUTPUT)]
        format: InspectionFormat,
    },
    /// List the presets of known training scripts
    #[command(after_help = examples::PRESETS)]
    Presets,
    /// Print a preset, ready to be saved as `codepurify.json`
    #[command(after_help = examples::PRESET)]
    Preset {
        /// Name of the preset
        name: String,
    },
}

/// Formats of an inspection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum InspectionFormat {
    /// Report for people.
    Text,
    /// One JSON object.
    Json,
}

#[cfg(test)]
mod tests {
    use clap::{Command, CommandFactory};

    use super::Cli;
    use crate::heading;

    const HEADINGS: [&str; 6] = [
        heading::MODEL,
        heading::INPUT,
        heading::DECISION,
        heading::COMPUTE,
        heading::SERVER,
        heading::OUTPUT,
    ];
    /// First words that leave the noun out, or put an article before it.
    const WEAK: [&str; 12] =
        ["A", "An", "How", "If", "Its", "Of", "The", "What", "When", "Where", "Whether", "Which"];

    /// Returns the program's command and all below it, except for clap's own `help`.
    fn commands() -> Vec<Command> {
        fn add(command: Command, to: &mut Vec<Command>) {
            for child in command.get_subcommands().filter(|child| child.get_name() != "help") {
                add(child.clone(), to);
            }
            to.push(command);
        }
        let mut root = Cli::command();
        root.build();
        let mut all = Vec::new();
        add(root, &mut all);
        all
    }

    /// Checks a summary: at most 60 characters that start with a noun or a verb.
    fn assert_summary(summary: &str, of: &str) {
        assert!((1..=60).contains(&summary.chars().count()), "{of}: `{summary}`");
        let word = summary.split_whitespace().next().unwrap_or_default();
        let is_strong = word.starts_with(char::is_uppercase) && !WEAK.contains(&word);
        assert!(is_strong, "{of}: `{summary}` starts with neither a noun nor a verb");
    }

    #[test]
    fn options_have_a_heading_and_a_short_summary() {
        let mut seen = 0;
        for command in commands() {
            let own = |id: &str| id == "help" || id == "version";
            for arg in command.get_arguments().filter(|arg| !own(arg.get_id().as_str())) {
                let of = format!("{} {}", command.get_name(), arg.get_id());
                assert_summary(&arg.get_help().expect(&of).to_string(), &of);
                if !arg.is_positional() {
                    let heading = arg.get_help_heading();
                    assert!(heading.is_some_and(|heading| HEADINGS.contains(&heading)), "{of}: {heading:?}");
                    seen += 1;
                }
            }
        }
        assert!(seen > 100, "only {seen} options");
    }

    #[test]
    fn commands_have_a_short_summary_and_examples() {
        for command in commands() {
            let name = command.get_name();
            assert_summary(&command.get_about().expect(name).to_string(), name);
            let after = command.get_after_help().expect(name).to_string();
            let examples = after.lines().skip(1).take_while(|line| !line.is_empty()).collect::<Vec<_>>();
            assert!(after.starts_with("Examples:\n") && (2..=3).contains(&examples.len()), "{name}: {after}");
            let is_call = |line: &&str| line.starts_with("  codepurify ") && line.chars().count() <= 100;
            assert!(examples.iter().all(is_call), "{name}: {after}");
        }
    }
}
