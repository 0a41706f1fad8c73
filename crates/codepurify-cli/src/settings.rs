//! Options from flags, environment variables and configuration files, and the settings made of them.

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use codepurify::{Language, Limits, Profile};
use codepurify_models::{DeviceName, Precision};
use serde::Deserialize;

use crate::configuration;
use crate::error::CliError;
use crate::exit::{ExitRules, FailOn};
use crate::heading;
use crate::inputs::encoding::EncodingName;
use crate::inputs::{FolderRules, Reading};
use crate::output::{ColorMode, Output};
use crate::source::ModelSource;

/// Default size limit of the cache, in MiB.
const CACHE_LIMIT: u64 = 256;

/// Options of the commands that scan code: one definition for flags, variables and file.
#[derive(Debug, Clone, Default, Args, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
#[command(mut_args = |arg| arg.hide_env(true))]
pub(crate) struct Options {
    /// Model to guard: directory, weights file or hub id
    ///
    /// A directory in the Hugging Face layout, a weights file (see --base), or a hub id such as
    /// `org/name@revision`. Default: the bundled detector, which is backdoored on purpose.
    #[arg(long, value_name = "MODEL", env = "CODEPURIFY_MODEL", help_heading = heading::MODEL)]
    model: Option<PathBuf>,
    /// Masked language model that rewrites triggers
    ///
    /// Takes the same values as --model. Default: the bundled masked language model.
    #[arg(long, value_name = "MODEL", env = "CODEPURIFY_MLM", help_heading = heading::MODEL)]
    mlm: Option<PathBuf>,
    /// Configuration and tokenizer for a bare weights file
    ///
    /// The directory or hub id that holds them.
    #[arg(long, value_name = "DIR", env = "CODEPURIFY_BASE", help_heading = heading::MODEL)]
    base: Option<PathBuf>,
    /// Preset of the script that trained --model
    ///
    /// Values in the model's `codepurify.json` win over the preset. `codepurify models presets`
    /// lists all presets.
    #[arg(long, value_name = "NAME", env = "CODEPURIFY_PRESET", help_heading = heading::MODEL)]
    preset: Option<String>,
    /// Language of the code [default: by file name]
    ///
    /// Required for the standard input. In folders it applies to files whose names leave the
    /// language open.
    #[arg(long, value_enum, value_name = "LANGUAGE", env = "CODEPURIFY_LANG", help_heading = heading::INPUT)]
    lang: Option<Lang>,
    /// Encoding of the source files [default: utf-8]
    ///
    /// Purified files are written back in the same encoding.
    #[arg(long, value_enum, value_name = "ENCODING", env = "CODEPURIFY_ENCODING", help_heading = heading::INPUT)]
    encoding: Option<EncodingName>,
    /// Include files that ignore files exclude
    ///
    /// Ignore files are `.gitignore`, `.ignore` and the like. They count in folders only: a file
    /// that is named is always scanned.
    #[arg(long, value_name = "BOOL", env = "CODEPURIFY_NO_IGNORE", num_args = 0..=1, require_equals = true,
          default_missing_value = "true", hide_possible_values = true, help_heading = heading::INPUT)]
    no_ignore: Option<bool>,
    /// Include hidden files and folders
    ///
    /// Hidden files and folders have names that start with a dot.
    #[arg(long, value_name = "BOOL", env = "CODEPURIFY_HIDDEN", num_args = 0..=1, require_equals = true,
          default_missing_value = "true", hide_possible_values = true, help_heading = heading::INPUT)]
    hidden: Option<bool>,
    /// Size limit of a file in bytes [default: 8 MiB]
    ///
    /// A larger file is an error, since it could hide code.
    #[arg(long, value_name = "BYTES", env = "CODEPURIFY_MAX_FILE_BYTES", help_heading = heading::INPUT)]
    max_file_bytes: Option<usize>,
    /// Configuration file to use
    ///
    /// Default: `codepurify/codepurify.toml` in the user's configuration directory. A
    /// `codepurify.toml` in the working directory must be named.
    #[arg(long, value_name = "FILE", env = "CODEPURIFY_CONFIG", help_heading = heading::INPUT)]
    #[serde(skip)]
    config: Option<PathBuf>,
    /// Detection method [default: transplant]
    ///
    /// `transplant` tests whether a candidate forces the prediction in clean reference functions.
    /// `paper` is the published method, the entropy of occlusion. `normalised` divides that
    /// entropy by ln n.
    #[arg(long, value_enum, value_name = "PROFILE", env = "CODEPURIFY_PROFILE", hide_possible_values = true,
          help_heading = heading::DECISION)]
    profile: Option<ProfileName>,
    /// False-positive rate to allow [default: 0.05]
    ///
    /// Largest share of clean code that may be flagged. Applies to a calibrated model with profile
    /// `transplant`.
    #[arg(long, value_name = "SHARE", env = "CODEPURIFY_ALPHA", help_heading = heading::DECISION)]
    alpha: Option<f64>,
    /// Calibration file written by `codepurify calibrate`
    ///
    /// Default: `codepurify.calibration.json` next to the model's weights, if it exists.
    #[arg(long, value_name = "FILE", env = "CODEPURIFY_CALIBRATION", help_heading = heading::DECISION)]
    calibration: Option<PathBuf>,
    /// Source file with clean functions to transplant into
    ///
    /// Replaces the bundled references; may be given several times.
    #[arg(long, value_name = "FILE", env = "CODEPURIFY_REFERENCE", value_delimiter = ',',
          help_heading = heading::DECISION)]
    #[serde(default)]
    reference: Vec<PathBuf>,
    /// Forward passes per function, approximately [default: 16]
    ///
    /// Limits the cost of the evidence. One pass is one plain use of the model for the function.
    #[arg(long, value_name = "PASSES", env = "CODEPURIFY_BUDGET", help_heading = heading::DECISION)]
    budget: Option<f64>,
    /// Test statements at every depth
    ///
    /// Applies to the profiles `paper` and `normalised`, which otherwise test only the statements
    /// directly in the function's body.
    #[arg(long, value_name = "BOOL", env = "CODEPURIFY_NESTED", num_args = 0..=1, require_equals = true,
          default_missing_value = "true", hide_possible_values = true, help_heading = heading::DECISION)]
    nested: Option<bool>,
    /// Scan code beyond the model's context window, too
    ///
    /// The model reads a long function in sliding windows. Without this option such a function is
    /// `inconclusive` unless its first window is poisoned.
    #[arg(long, value_name = "BOOL", env = "CODEPURIFY_WHOLE", num_args = 0..=1, require_equals = true,
          default_missing_value = "true", hide_possible_values = true, help_heading = heading::DECISION)]
    whole: Option<bool>,
    /// Test all identifiers of a function together, too
    ///
    /// Finds naming-style triggers. Needs a calibration made with --naming, and takes a fifth of
    /// --alpha.
    #[arg(long, value_name = "BOOL", env = "CODEPURIFY_NAMING", num_args = 0..=1, require_equals = true,
          default_missing_value = "true", hide_possible_values = true, help_heading = heading::DECISION)]
    naming: Option<bool>,
    /// Arithmetic of the models: f32 or int8 [default: f32]
    ///
    /// `int8` is faster, and rounds weights and activations to 8 bits.
    #[arg(long, value_name = "PRECISION", env = "CODEPURIFY_PRECISION", help_heading = heading::COMPUTE)]
    precision: Option<Precision>,
    /// Device of the models: cpu, cuda or cuda:N [default: cpu]
    ///
    /// N is the number of the GPU. CUDA needs a program built with the feature `cuda`.
    #[arg(long, value_name = "DEVICE", env = "CODEPURIFY_DEVICE", help_heading = heading::COMPUTE)]
    device: Option<DeviceName>,
    /// Number of threads [default: one per core]
    ///
    /// At least 1. Verdicts do not depend on it.
    #[arg(
        long,
        visible_alias = "workers",
        value_name = "COUNT",
        env = "CODEPURIFY_THREADS",
        help_heading = heading::COMPUTE
    )]
    threads: Option<usize>,
    /// Directory that keeps verdicts for later runs
    ///
    /// Unchanged code then costs nothing. Cached verdicts are trusted: keep the directory writable
    /// by you only. Default: no cache.
    #[arg(long, value_name = "DIR", env = "CODEPURIFY_CACHE", help_heading = heading::COMPUTE)]
    cache: Option<PathBuf>,
    /// Size limit of the cache in MiB [default: 256]
    ///
    /// Verdicts that were not used for the longest time are removed first.
    #[arg(long, value_name = "MIB", env = "CODEPURIFY_CACHE_LIMIT", help_heading = heading::COMPUTE)]
    cache_limit: Option<u64>,
    /// Format of the result [default: text]
    #[arg(long, value_enum, value_name = "FORMAT", env = "CODEPURIFY_FORMAT", help_heading = heading::OUTPUT)]
    format: Option<Format>,
    /// File for the result [default: standard output]
    #[arg(short, long, value_name = "FILE", env = "CODEPURIFY_OUTPUT", help_heading = heading::OUTPUT)]
    output: Option<PathBuf>,
    /// Verdicts that make the exit code 1 [default: poisoned]
    #[arg(long, value_enum, value_name = "VERDICT", env = "CODEPURIFY_FAIL_ON", help_heading = heading::OUTPUT)]
    fail_on: Option<FailOn>,
    /// Exit with 0 if there was nothing to scan
    ///
    /// Without this option it is an error, with exit code 2.
    #[arg(long, value_name = "BOOL", env = "CODEPURIFY_ALLOW_EMPTY", num_args = 0..=1, require_equals = true,
          default_missing_value = "true", hide_possible_values = true, help_heading = heading::OUTPUT)]
    allow_empty: Option<bool>,
    /// A global flag on the command line, a key like any other in the file.
    #[arg(skip)]
    color: Option<ColorMode>,
}

/// Languages by the names that flags and files use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Lang {
    C,
    Cpp,
    Java,
    Python,
}

impl From<Lang> for Language {
    fn from(lang: Lang) -> Self {
        match lang {
            Lang::C => Self::C,
            Lang::Cpp => Self::Cpp,
            Lang::Java => Self::Java,
            Lang::Python => Self::Python,
        }
    }
}

/// Detection methods.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum ProfileName {
    /// Sufficiency in reference functions, calibrated.
    #[default]
    #[value(alias = "default")]
    #[serde(alias = "default")]
    Transplant,
    /// Entropy of occlusion divided by ln n.
    Normalised,
    /// Entropy of occlusion, as published.
    Paper,
}

impl ProfileName {
    /// Returns the name that flags use.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Transplant => "transplant",
            Self::Normalised => "normalised",
            Self::Paper => "paper",
        }
    }
}

/// Output formats.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Format {
    /// Report for people.
    #[default]
    Text,
    /// One JSON object.
    Json,
    /// One JSON object per result, one per line.
    Jsonl,
    /// One HTML file for people, with heat maps, filter and search.
    Html,
    /// SARIF 2.1.0, for code hosts and editors.
    Sarif,
    /// Annotations of GitHub Actions, and the summary of the job.
    Github,
    /// XML of JUnit, for continuous integration.
    Junit,
}

impl Format {
    /// Returns true if a report shows the evidence about the candidates of a finding.
    pub(crate) fn has_heat_maps(self) -> bool {
        matches!(self, Self::Text | Self::Html)
    }
}

/// Directory and size limit of the verdict cache.
#[derive(Debug)]
pub(crate) struct CacheSettings {
    pub(crate) dir: PathBuf,
    /// Largest size in bytes.
    pub(crate) limit: u64,
}

/// Settings of a run: every option has its value.
#[derive(Debug)]
pub(crate) struct Settings {
    /// The guarded model; the bundled one if absent.
    pub(crate) model: Option<ModelSource>,
    /// The masked language model; the bundled one if absent.
    pub(crate) mlm: Option<ModelSource>,
    pub(crate) lang: Option<Language>,
    pub(crate) profile: ProfileName,
    pub(crate) alpha: f64,
    pub(crate) calibration: Option<PathBuf>,
    pub(crate) references: Vec<PathBuf>,
    pub(crate) budget: f64,
    pub(crate) nested: bool,
    pub(crate) whole: bool,
    pub(crate) naming: bool,
    pub(crate) precision: Precision,
    pub(crate) device: DeviceName,
    /// One for each core if absent.
    pub(crate) threads: Option<usize>,
    /// None if no verdicts are kept.
    pub(crate) cache: Option<CacheSettings>,
    pub(crate) format: Format,
    pub(crate) limits: Limits,
    pub(crate) encoding: EncodingName,
    pub(crate) folders: FolderRules,
    pub(crate) exit: ExitRules,
    /// The configuration file that was named.
    pub(crate) config: Option<PathBuf>,
    pub(crate) output: Output,
}

impl Settings {
    /// Fills what flags and variables leave open from the configuration files, then from the defaults.
    pub(crate) fn new(options: Options, color: Option<ColorMode>) -> Result<Self, CliError> {
        let file: Options = configuration::options(options.config.as_deref())?;
        let options = Options { color, ..options }.or(file);
        if options.model.is_none() && (options.base.is_some() || options.preset.is_some()) {
            let message = "--base and --preset say something about --model: name it, too";
            return Err(CliError::Usage(message.to_owned()));
        }
        let settings = Self::decided(options)?;
        if !(settings.alpha > 0.0 && settings.alpha < 1.0) {
            return Err(CliError::Usage(format!("--alpha {}: a share is between 0 and 1", settings.alpha)));
        }
        if !(settings.budget >= 1.0 && settings.budget.is_finite()) {
            let message = format!("--budget {}: at least one pass is needed", settings.budget);
            return Err(CliError::Usage(message));
        }
        if settings.threads == Some(0) {
            return Err(CliError::Usage("--threads 0: at least one is needed".to_owned()));
        }
        Ok(settings)
    }

    /// The defaults, for the demonstration: the bundled models, and no configuration file.
    pub(crate) fn bundled(format: Format, color: Option<ColorMode>) -> Result<Self, CliError> {
        Self::decided(Options { format: Some(format), color, ..Options::default() })
    }

    /// Takes the path for the result from `options` if it is that of a folder, which is no place for other commands.
    pub(crate) fn take_output_folder(
        options: &mut Options,
        is_folder: impl FnOnce(&Path) -> bool,
    ) -> Option<PathBuf> {
        options.output.take_if(|output| is_folder(output))
    }

    /// How inputs are found and read.
    pub(crate) fn reading(&self) -> Reading {
        Reading { lang: self.lang, limits: self.limits, encoding: self.encoding, folders: self.folders }
    }

    /// The files and folders that models and their calibration come from, where they are named.
    pub(crate) fn model_paths(&self) -> Vec<PathBuf> {
        let sources = [&self.model, &self.mlm].into_iter().flatten();
        let paths = sources.flat_map(|source| std::iter::once(&source.model).chain(&source.base));
        paths.chain(&self.calibration).cloned().collect()
    }

    /// The files that are read besides the code that is judged.
    pub(crate) fn other_inputs(&self) -> impl Iterator<Item = &Path> {
        let single = [&self.config, &self.calibration].into_iter().flatten();
        self.references.iter().chain(single).map(PathBuf::as_path)
    }

    fn decided(options: Options) -> Result<Self, CliError> {
        let defaults = Limits::default();
        let (base, preset) = (options.base, options.preset);
        // The base is for weights that need one; a directory of the masked model has its own tokenizer.
        let base_of_mlm = |mlm: &PathBuf| base.clone().filter(|_| mlm.is_file());
        Ok(Self {
            mlm: options.mlm.map(|model| ModelSource { base: base_of_mlm(&model), model, preset: None }),
            model: options.model.map(|model| ModelSource { model, base, preset }),
            lang: options.lang.map(Language::from),
            profile: options.profile.unwrap_or_default(),
            alpha: options.alpha.unwrap_or(Profile::ALPHA),
            calibration: options.calibration,
            references: options.reference,
            budget: options.budget.unwrap_or(Profile::BUDGET),
            nested: options.nested.unwrap_or(false),
            whole: options.whole.unwrap_or(false),
            naming: options.naming.unwrap_or(false),
            precision: options.precision.unwrap_or_default(),
            device: options.device.unwrap_or_default(),
            threads: options.threads,
            cache: options.cache.map(|dir| CacheSettings {
                dir,
                limit: options.cache_limit.unwrap_or(CACHE_LIMIT).saturating_mul(1 << 20),
            }),
            format: options.format.unwrap_or_default(),
            limits: Limits {
                max_file_bytes: options.max_file_bytes.unwrap_or(defaults.max_file_bytes),
                ..defaults
            },
            encoding: options.encoding.unwrap_or_default(),
            folders: FolderRules {
                ignored: options.no_ignore.unwrap_or(false),
                hidden: options.hidden.unwrap_or(false),
            },
            exit: ExitRules {
                fail_on: options.fail_on.unwrap_or_default(),
                allow_empty: options.allow_empty.unwrap_or(false),
            },
            config: options.config,
            output: Output::open(options.output, options.color.unwrap_or_default())?,
        })
    }
}

impl Options {
    /// These options where they are given, else `other`'s.
    pub(crate) fn or(self, other: Self) -> Self {
        Self {
            model: self.model.or(other.model),
            mlm: self.mlm.or(other.mlm),
            base: self.base.or(other.base),
            preset: self.preset.or(other.preset),
            lang: self.lang.or(other.lang),
            profile: self.profile.or(other.profile),
            alpha: self.alpha.or(other.alpha),
            calibration: self.calibration.or(other.calibration),
            reference: if self.reference.is_empty() { other.reference } else { self.reference },
            budget: self.budget.or(other.budget),
            precision: self.precision.or(other.precision),
            device: self.device.or(other.device),
            threads: self.threads.or(other.threads),
            cache: self.cache.or(other.cache),
            cache_limit: self.cache_limit.or(other.cache_limit),
            nested: self.nested.or(other.nested),
            whole: self.whole.or(other.whole),
            naming: self.naming.or(other.naming),
            format: self.format.or(other.format),
            output: self.output.or(other.output),
            fail_on: self.fail_on.or(other.fail_on),
            encoding: self.encoding.or(other.encoding),
            no_ignore: self.no_ignore.or(other.no_ignore),
            hidden: self.hidden.or(other.hidden),
            allow_empty: self.allow_empty.or(other.allow_empty),
            max_file_bytes: self.max_file_bytes.or(other.max_file_bytes),
            config: self.config.or(other.config),
            color: self.color.or(other.color),
        }
    }
}
