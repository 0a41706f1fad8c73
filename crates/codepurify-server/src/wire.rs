//! Bodies of the routes below `/v1`.

use codepurify::verdict::Report;
use codepurify::{Decision, Language, Verdict};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::config::Limits;
use crate::guard::Kind;
use crate::object::Object;

/// Code to be judged: `code`, or `left` and `right` for a pair model, or `inputs` with several of
/// either.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct JudgeRequest {
    /// Source code: one function, or a text with several.
    pub(crate) code: Option<String>,
    /// Language of `code`. Default: by `path`, then the server's.
    pub(crate) language: Option<LanguageName>,
    /// Name of `code` in verdicts; nothing is read from there.
    pub(crate) path: Option<String>,
    /// Left side of a pair.
    #[schemars(with = "Option<Code>")]
    pub(crate) left: Option<Object<Code>>,
    /// Right side of a pair.
    #[schemars(with = "Option<Code>")]
    pub(crate) right: Option<Object<Code>>,
    /// Several inputs.
    #[schemars(with = "Option<Vec<Input>>")]
    pub(crate) inputs: Option<Vec<Object<Input>>>,
    /// Adds the evidence of every candidate to verdicts.
    #[serde(default)]
    pub(crate) evidence: bool,
    /// Changes that `/v1/purify` makes.
    pub(crate) changes: Option<Changes>,
}

/// One of several inputs: `code`, or `left` and `right`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Input {
    /// Source code.
    pub(crate) code: Option<String>,
    /// Language of `code`. Default: by `path`, then the server's.
    pub(crate) language: Option<LanguageName>,
    /// Name of `code` in verdicts.
    pub(crate) path: Option<String>,
    /// Left side of a pair.
    #[schemars(with = "Option<Code>")]
    pub(crate) left: Option<Object<Code>>,
    /// Right side of a pair.
    #[schemars(with = "Option<Code>")]
    pub(crate) right: Option<Object<Code>>,
}

/// A side of a pair.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Code {
    /// Text of this side.
    #[serde(rename = "code")]
    pub(crate) text: String,
    /// Language of the code. Default: by `path`, then the server's.
    pub(crate) language: Option<LanguageName>,
    /// Name of the code in verdicts.
    pub(crate) path: Option<String>,
}

/// A supported language.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum LanguageName {
    /// C.
    C,
    /// C++.
    Cpp,
    /// Java.
    Java,
    /// Python.
    Python,
}

impl From<LanguageName> for Language {
    fn from(name: LanguageName) -> Self {
        match name {
            LanguageName::C => Self::C,
            LanguageName::Cpp => Self::Cpp,
            LanguageName::Java => Self::Java,
            LanguageName::Python => Self::Python,
        }
    }
}

/// Extent of a purification.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Changes {
    /// All changes, also renaming and infilling.
    #[default]
    All,
    /// Changes that provably keep what the code does.
    Provable,
}

/// The answer for one input, or those for `inputs` in their order.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(untagged)]
pub(crate) enum Answer<T> {
    /// To a request with one input.
    One(T),
    /// To a request with `inputs`.
    Many {
        /// One answer for each input.
        outputs: Vec<T>,
    },
}

/// Purified code with the report on it.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct PurifyOutput {
    /// The purified code; left and right side for a pair.
    pub(crate) files: Vec<PurifiedFile>,
    /// Verdicts on the original code.
    pub(crate) report: Report,
}

/// A text after purification.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct PurifiedFile {
    /// Its name.
    pub(crate) path: String,
    /// Its text.
    pub(crate) purified: String,
    /// True if something was changed.
    pub(crate) changed: bool,
}

/// A guarded prediction: that for the purified code.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct PredictOutput {
    /// Prediction for the purified code; for the original code if nothing was changed. Null if the
    /// model could not be queried.
    pub(crate) prediction: Option<NamedPrediction>,
    /// Prediction for the original code.
    pub(crate) original: Option<NamedPrediction>,
    /// Action of the guard.
    pub(crate) action: GuardAction,
    /// Verdict on the code, or on the two sides of a pair, each as a whole.
    pub(crate) verdicts: Vec<Verdict>,
    /// Reasons why code could not be judged; empty if it was.
    pub(crate) errors: Vec<String>,
}

/// A prediction with the name of its label.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct NamedPrediction {
    /// Class index; null for a generated text.
    pub(crate) label: Option<usize>,
    /// Name of the class; its index if it has none. Null for a generated text.
    pub(crate) name: Option<String>,
    /// Probability of the class, or geometric mean of the probabilities of the text's tokens.
    pub(crate) confidence: f64,
    /// The generated text; null for a class.
    pub(crate) text: Option<String>,
}

/// Action of a guard on one input.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum GuardAction {
    /// No trigger was found; the prediction is for the code as it is.
    None,
    /// The prediction is for purified code.
    Purified,
    /// A trigger was found and could not be removed: do not trust the prediction.
    NotPurified,
    /// The code could not be judged.
    Failed,
}

impl GuardAction {
    /// The action that these verdicts tell of.
    pub(crate) fn of(verdicts: &[Verdict], failed: bool) -> Self {
        let poisoned = |verdict: &&Verdict| verdict.verdict == Decision::Poisoned;
        if failed {
            Self::Failed
        } else if verdicts.iter().filter(poisoned).any(|verdict| verdict.purified.is_none()) {
            Self::NotPurified
        } else if verdicts.iter().any(|verdict| verdict.purified.is_some()) {
            Self::Purified
        } else {
            Self::None
        }
    }
}

/// Description of the server and its model.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct InfoOutput {
    /// Name of the program.
    pub(crate) name: String,
    /// Its version.
    pub(crate) version: String,
    /// Version of the form of reports.
    pub(crate) schema_version: u32,
    /// The model.
    pub(crate) model: codepurify::ModelInfo,
    /// Its kind.
    pub(crate) kind: Kind,
    /// Names of its labels by class index.
    pub(crate) labels: Vec<String>,
    /// Tokens of one snippet in its context window.
    pub(crate) window: usize,
    /// Detection method.
    pub(crate) profile: String,
    /// True if clean code calibrated the model.
    pub(crate) calibrated: bool,
    /// Language of code that does not say its own.
    pub(crate) language: Option<String>,
    /// Limits of requests.
    pub(crate) limits: Limits,
}

/// Readiness of the server.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct ReadyOutput {
    /// True unless the server stops.
    pub(crate) ready: bool,
    /// True if files of the model changed since it was loaded; the loaded one keeps answering.
    pub(crate) model_changed: bool,
}
