//! Options as flags, environment variables and configuration files give them, and the settings that follow.

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use codepurify::{Language, Limits, Profile};
use codepurify_models::{DeviceName, Precision};
use serde::Deserialize;

use crate::configuration;
use crate::error::CliError;
use crate::exit::{ExitRules, FailOn};
use crate::inputs::encoding::EncodingName;
use crate::inputs::{FolderRules, Reading};
use crate::output::{ColorMode, Output};
use crate::source::ModelSource;

/// Largest size of the verdicts that are kept, in MiB.
const CACHE_LIMIT: u64 = 256;

/// The options of the commands that judge code: one definition for flags, variables and file.
#[derive(Debug, Clone, Default, Args, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub(crate) struct Options {
    /// Model to guard: directory (Hugging Face layout), file of weights (see --base) or hub id [default: the bundled,
    /// backdoored detector].
    #[arg(long, value_name = "MODEL", env = "CODEPURIFY_MODEL")]
    model: Option<PathBuf>,
    /// Masked language model that fills purified places, named as --model is [default: the bundled one].
    #[arg(long, value_name = "MODEL", env = "CODEPURIFY_MLM")]
    mlm: Option<PathBuf>,
    /// Directory or hub id that configuration and tokenizer of a bare file of weights come from.
    #[arg(long, value_name = "DIR", env = "CODEPURIFY_BASE")]
    base: Option<PathBuf>,
    /// Training script that --model comes from, where no `codepurify.json` says it; see `models presets`.
    #[arg(long, value_name = "NAME", env = "CODEPURIFY_PRESET")]
    preset: Option<String>,
    /// Language of the named files and of the standard input [default: by file name].
    #[arg(long, value_enum, value_name = "LANGUAGE", env = "CODEPURIFY_LANG")]
    lang: Option<Lang>,
    /// How to decide: `transplant` by what candidates do in other code, `normalised` by H / ln n, `paper` by raw entropy
    /// [default: transplant].
    #[arg(long, value_enum, value_name = "PROFILE", env = "CODEPURIFY_PROFILE", hide_possible_values = true)]
    profile: Option<ProfileName>,
    /// Look at statements of every depth, not only at those directly in the function's body.
    #[arg(long, value_name = "BOOL", env = "CODEPURIFY_NESTED", num_args = 0..=1, require_equals = true,
          default_missing_value = "true")]
    nested: Option<bool>,
    /// Judge what lies behind the model's window as well, as if the model were shown it.
    #[arg(long, value_name = "BOOL", env = "CODEPURIFY_WHOLE", num_args = 0..=1, require_equals = true,
          default_missing_value = "true")]
    whole: Option<bool>,
    /// Also ask what all names of a function do together, with a model that was calibrated so: finds styles of naming.
    #[arg(long, value_name = "BOOL", env = "CODEPURIFY_NAMING", num_args = 0..=1, require_equals = true,
          default_missing_value = "true")]
    naming: Option<bool>,
    /// Share of clean code that may be flagged, with a calibrated model and profile `transplant` [default: 0.05].
    #[arg(long, value_name = "SHARE", env = "CODEPURIFY_ALPHA")]
    alpha: Option<f64>,
    /// What clean code scores before this model, as `calibrate` writes it [default: the model's
    /// codepurify.calibration.json, if there is one].
    #[arg(long, value_name = "FILE", env = "CODEPURIFY_CALIBRATION")]
    calibration: Option<PathBuf>,
    /// Source file whose functions candidates are tried in, instead of the bundled ones; may be given several times.
    #[arg(long, value_name = "FILE", env = "CODEPURIFY_REFERENCE", value_delimiter = ',')]
    #[serde(default)]
    reference: Vec<PathBuf>,
    /// What the evidence about one function may cost, in passes of the model over it, about [default: 16].
    #[arg(long, value_name = "PASSES", env = "CODEPURIFY_BUDGET")]
    budget: Option<f64>,
    /// How the models compute: `f32`, or `int8`, which is faster and rounds weights and activations to 8 bits
    /// [default: f32].
    #[arg(long, value_name = "PRECISION", env = "CODEPURIFY_PRECISION")]
    precision: Option<Precision>,
    /// Where the models compute: cpu, or cuda or cuda:N, the GPU of that number (in builds with CUDA) [default: cpu].
    #[arg(long, value_name = "DEVICE", env = "CODEPURIFY_DEVICE")]
    device: Option<DeviceName>,
    /// Threads that work side by side, at least 1; verdicts do not depend on it [default: one for each core].
    #[arg(long, value_name = "COUNT", env = "CODEPURIFY_THREADS")]
    threads: Option<usize>,
    /// Directory in which verdicts are kept, so that code which was judged before costs nothing the next time. What stands
    /// there is believed: nobody else should be able to write to it [default: none].
    #[arg(long, value_name = "DIR", env = "CODEPURIFY_CACHE")]
    cache: Option<PathBuf>,
    /// Largest size of that directory in MiB; what was not asked for longest goes first [default: 256].
    #[arg(long, value_name = "MIB", env = "CODEPURIFY_CACHE_LIMIT")]
    cache_limit: Option<u64>,
    /// How to write the result [default: text].
    #[arg(long, value_enum, value_name = "FORMAT", env = "CODEPURIFY_FORMAT")]
    format: Option<Format>,
    /// Write the result to a file instead of the standard output.
    #[arg(short, long, value_name = "FILE", env = "CODEPURIFY_OUTPUT")]
    output: Option<PathBuf>,
    /// Encoding of the files that are judged; they are written back in it [default: utf-8].
    #[arg(long, value_enum, value_name = "ENCODING", env = "CODEPURIFY_ENCODING")]
    encoding: Option<EncodingName>,
    /// Judge files in folders that ignore files exclude (.gitignore, .ignore and the like), too.
    #[arg(long, value_name = "BOOL", env = "CODEPURIFY_NO_IGNORE", num_args = 0..=1, require_equals = true,
          default_missing_value = "true")]
    no_ignore: Option<bool>,
    /// Judge files in folders whose name starts with a dot, or that are in a folder with such a name, too.
    #[arg(long, value_name = "BOOL", env = "CODEPURIFY_HIDDEN", num_args = 0..=1, require_equals = true,
          default_missing_value = "true")]
    hidden: Option<bool>,
    /// Exit with 0 if there was nothing to judge; without it this is an error.
    #[arg(long, value_name = "BOOL", env = "CODEPURIFY_ALLOW_EMPTY", num_args = 0..=1, require_equals = true,
          default_missing_value = "true")]
    allow_empty: Option<bool>,
    /// What counts as a finding for the exit code [default: poisoned].
    #[arg(long, value_enum, value_name = "VERDICT", env = "CODEPURIFY_FAIL_ON")]
    fail_on: Option<FailOn>,
    /// Largest file that is judged, in bytes [default: 8 MiB].
    #[arg(long, value_name = "BYTES", env = "CODEPURIFY_MAX_FILE_BYTES")]
    max_file_bytes: Option<usize>,
    /// Configuration file [default: codepurify/codepurify.toml in the user's configuration directory; of a codepurify.toml in
    /// the working directory only `format` and `color` count].
    #[arg(long, value_name = "FILE", env = "CODEPURIFY_CONFIG")]
    #[serde(skip)]
    config: Option<PathBuf>,
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

/// How evidence becomes a decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum ProfileName {
    /// Sufficiency in references, calibrated.
    #[default]
    #[value(alias = "default")]
    #[serde(alias = "default")]
    Transplant,
    /// Normalised concentration.
    Normalised,
    /// Raw entropy, as published.
    Paper,
}

/// Output formats.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Format {
    /// For people.
    #[default]
    Text,
    /// One object.
    Json,
    /// One object a line and result.
    Jsonl,
}

/// Where verdicts are kept.
#[derive(Debug)]
pub(crate) struct CacheSettings {
    pub(crate) dir: PathBuf,
    /// Largest size in bytes.
    pub(crate) limit: u64,
}

/// What a run goes by: every option decided.
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
        let file = configuration::options(options.config.as_deref())?;
        let options = Options { color, ..options }.or(file);
        if options.model.is_none() && (options.base.is_some() || options.preset.is_some()) {
            let message = "--base and --preset say something about --model: name it, too";
            return Err(CliError::Usage(message.to_owned()));
        }
        let settings = Self::decided(options)?;
        if !(settings.alpha > 0.0 && settings.alpha < 1.0) {
            return Err(CliError::Usage(format!("--alpha {}: a share lies between 0 and 1", settings.alpha)));
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

    /// How inputs are found and read.
    pub(crate) fn reading(&self) -> Reading {
        Reading { lang: self.lang, limits: self.limits, encoding: self.encoding, folders: self.folders }
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
