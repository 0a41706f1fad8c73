//! The one result type that every renderer, server and binding sees. Field names are a contract
//! (schema version 1).

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use crate::snippet::{Location, Unit, UnitKind};
use crate::victim::Task;

/// Version of the serialised form.
pub const SCHEMA_VERSION: u32 = 1;

/// Everything that one run found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[non_exhaustive]
pub struct Report {
    /// Version of this form, [`SCHEMA_VERSION`].
    pub schema_version: u32,
    /// Program that made the report.
    pub tool: ToolInfo,
    /// The victim.
    pub model: ModelInfo,
    /// One entry for each judged unit, in input order.
    pub results: Vec<Verdict>,
    /// Inputs that could not be judged, in input order.
    pub errors: Vec<InputError>,
    /// Files that were found and not judged, one entry for each reason that occurred.
    #[serde(default)]
    pub skipped: Vec<Skipped>,
    /// Bytes of code in no unit: those of files that could be read but not split into units, which
    /// are also among the errors. Declarations, tables of constants, comments and white space are
    /// no code.
    #[serde(default)]
    pub code_bytes_outside_units: usize,
}

/// Files that were not judged for one reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Skipped {
    /// The reason.
    pub reason: SkipReason,
    /// Number of files, at least 1.
    pub files: usize,
    /// Paths of the first few of them, in the order in which they were found.
    pub examples: Vec<String>,
}

/// Reason why a file was not judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum SkipReason {
    /// Excluded by a rule of an ignore file.
    Ignored,
    /// Its name, or that of a folder it is in, starts with a dot.
    Hidden,
    /// Not written in a supported language, as far as its name tells.
    OtherLanguage,
    /// Empty, or white space only.
    Empty,
    /// Larger than the limit. Such a file is also among the errors.
    TooLarge,
    /// Not text in the requested encoding. Such a file is also among the errors.
    Encoding,
    /// A binary file. Such a file is also among the errors.
    Binary,
    /// Not readable. Such a file is also among the errors.
    Unreadable,
    /// A symbolic link in a folder; links are followed only if they are named.
    Link,
    /// A device, a pipe or a socket in a folder.
    Special,
}

impl SkipReason {
    /// Returns true if files that were skipped for this reason are also among the errors.
    #[must_use]
    pub fn is_error(self) -> bool {
        matches!(self, Self::TooLarge | Self::Encoding | Self::Binary | Self::Unreadable)
    }
}

/// Name and version of the tool.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ToolInfo {
    /// `codepurify`.
    pub name: String,
    /// Semantic version.
    pub version: String,
}

/// The victim.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ModelInfo {
    /// Name for people.
    pub name: String,
    /// Its task.
    pub task: Task,
    /// SHA-256 of the weights, hexadecimal.
    pub sha256: String,
}

/// An input that could not be judged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct InputError {
    /// The file, or `<stdin>`.
    pub path: String,
    /// The failure, and what to do about it.
    pub message: String,
}

/// The decision about one unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Decision {
    /// One element determines the prediction: a trigger.
    Poisoned,
    /// No element determines the prediction alone.
    Clean,
    /// The evidence is not sufficient to decide; the reason says why.
    Inconclusive,
}

/// The result for one unit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[non_exhaustive]
pub struct Verdict {
    /// The file, or `<stdin>`.
    pub path: String,
    /// The judged part of the file.
    pub unit: Unit,
    /// Pair and side of the unit; absent if it was not judged in a pair.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pair: Option<PairMember>,
    /// The decision.
    pub verdict: Decision,
    /// Reason why the verdict is inconclusive, or what limits it.
    pub reason: Option<String>,
    /// Split-conformal p-value: the fraction of clean snippets with the same prediction that score
    /// at least as high, in (0, 1]. `None` without a calibration.
    pub p_value: Option<f64>,
    /// The statistic that decides; larger is more suspicious.
    pub score: Option<f64>,
    /// Effect of all names that the unit declares, in logits: the margin that a reference gains
    /// with them, plus the margin lost without them. Absent if they do not flip that reference, or
    /// were not tested.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub naming: Option<f64>,
    /// H = −Σ qᵢ ln qᵢ over the candidates' shares of all changes of confidence, in nats; in
    /// profile `transplant` over their shares of the gain in references.
    pub entropy: Option<f64>,
    /// H / ln n, in [0, 1].
    pub entropy_normalized: Option<f64>,
    /// Prediction for the original code; for a pair, for both original sides.
    pub prediction: Option<Prediction>,
    /// Prediction for the purified code; for a pair, for both sides after all changes to either.
    pub purified_prediction: Option<Prediction>,
    /// The located triggers, strongest first.
    pub triggers: Vec<Trigger>,
    /// The unit's text after purification; absent if nothing was changed.
    pub purified: Option<String>,
    /// The unit's text after the changes that provably keep what the code does; absent if there is
    /// none. Provable changes come before all others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub purified_provably: Option<String>,
    /// The part of the unit that the victim saw.
    pub coverage: Coverage,
    /// Cost of the verdict.
    pub cost: Cost,
    /// Evidence about every candidate, in source order; absent unless requested.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub evidence: Vec<Evidence>,
}

impl Report {
    /// Makes a report of the current schema version.
    #[must_use]
    pub fn new(tool: ToolInfo, model: ModelInfo, results: Vec<Verdict>, errors: Vec<InputError>) -> Self {
        Self {
            schema_version: SCHEMA_VERSION,
            tool,
            model,
            results,
            errors,
            skipped: Vec::new(),
            code_bytes_outside_units: 0,
        }
    }
}

impl Verdict {
    /// Makes a verdict without evidence, predictions or triggers, whose other fields are set
    /// afterwards.
    #[must_use]
    pub fn new(path: impl Into<String>, unit: Unit, verdict: Decision) -> Self {
        Self {
            path: path.into(),
            unit,
            pair: None,
            verdict,
            reason: None,
            p_value: None,
            score: None,
            naming: None,
            entropy: None,
            entropy_normalized: None,
            prediction: None,
            purified_prediction: None,
            triggers: Vec::new(),
            purified: None,
            purified_provably: None,
            coverage: Coverage { tokens_inspected: 0, tokens_total: 0 },
            cost: Cost::default(),
            evidence: Vec::new(),
        }
    }
}

/// Place of a unit in the judged pairs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub struct PairMember {
    /// Number of the pair, from 0 in the order of the input.
    pub index: usize,
    /// Its side.
    pub side: Side,
}

/// One of the two snippets that are judged together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Side {
    /// The first.
    Left,
    /// The second.
    Right,
}

/// A prediction of the victim: a class or a text.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Prediction {
    /// Class index; absent for a generated text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<usize>,
    /// Probability of that class, in (0, 1]. For a text, exp L(y|x) with the mean log-likelihood L:
    /// the geometric mean of its tokens' probabilities.
    pub confidence: f64,
    /// The generated text; absent for a class.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
}

/// Kind of a candidate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum ElementKind {
    /// A variable, parameter or function name with all its occurrences.
    Identifier,
    /// A statement, with its repetitions if they are one candidate.
    Statement,
    /// A long statement, or the function, without the statements inside it: conditions, the
    /// initialisation and step of a loop, parameters.
    #[serde(rename = "head")]
    Header,
    /// A number, a character or a string.
    Literal,
    /// A comment.
    Comment,
    /// Invisible characters: zero-width, directional …
    Invisible,
    /// All variables and parameters that the unit declares, together.
    #[serde(rename = "names")]
    NamingStyle,
}

/// Action against a trigger.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Action {
    /// The element was removed.
    Delete,
    /// Every occurrence of the identifier got the same new name: a shortened one, or a proposal of
    /// the masked language model.
    Rename,
    /// The masked language model infilled tokens of the element, or its constants were folded.
    Infill,
    /// Nothing was changed.
    None,
}

/// Kind of a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum ChangeKind {
    /// The element was removed.
    Deletion,
    /// Constant expressions were replaced by their values.
    Folding,
    /// Each name lost a part.
    Shortening,
    /// Each name was replaced by a proposal of the masked language model.
    Renaming,
    /// Names, numbers and strings were replaced by proposals of the masked language model.
    Infilling,
}

/// A change to the unit's text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub struct Change {
    /// Kind of the change.
    pub kind: ChangeKind,
    /// True if the code provably does the same after this change and all changes before it.
    pub provable: bool,
}

/// A located trigger.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[non_exhaustive]
pub struct Trigger {
    /// Its kind.
    pub kind: ElementKind,
    /// Text of its first occurrence; for a naming style, the first twelve names.
    pub text: String,
    /// All its places, in source order.
    pub spans: Vec<Location>,
    /// Margin lost when it is occluded, in logits; for a generated text L(y|x) − L(y|x∖c), in nats
    /// per token.
    pub necessity: f64,
    /// Fraction of the references that it flips when transplanted; `None` if not measured.
    pub sufficiency: Option<f64>,
    /// Action against it.
    pub action: Action,
    /// The change of the text; absent if nothing was changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub change: Option<Change>,
    /// New text at its first place, for a naming style the new names; empty if there is none.
    pub replacement: String,
}

/// The evidence about one candidate.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[non_exhaustive]
pub struct Evidence {
    /// Its kind.
    pub kind: ElementKind,
    /// Text of its first occurrence.
    pub text: String,
    /// All its places, in source order.
    pub spans: Vec<Location>,
    /// Number of statements around it: 0 directly in the function's body.
    pub depth: usize,
    /// Basis of its share, ≥ 0. Profile `transplant`: `gain`, if positive. Profiles `paper` and
    /// `normalised`: sᵢ =
    /// |p(x) − p(x∖cᵢ)| of the predicted class; for a generated text max(0, L(y|x) − L(y|x∖cᵢ)), in nats per token.
    pub score: f64,
    /// qᵢ = sᵢ / Σ s, in [0, 1]; 0 for all if Σ s = 0.
    pub share: f64,
    /// Necessity: margin(x) − margin(x∖cᵢ), in logits; for a generated text L(y|x) − L(y|x∖cᵢ), in
    /// nats per token. `None` if the candidate was not occluded.
    pub margin_drop: Option<f64>,
    /// True if the victim predicts another label without the candidate. `None` for a generator,
    /// which does not decode its text without each candidate.
    pub flips: Option<bool>,
    /// Sufficiency: margin that the prediction gains in references when the candidate is
    /// transplanted, halfway between the mean and the smallest gain, in logits. For a generated
    /// text the share of the margin lost there, 1 if all of it returns. Absent in profiles `paper`
    /// and `normalised`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gain: Option<f64>,
}

impl Trigger {
    /// Makes a trigger without influence and action, which are set afterwards.
    #[must_use]
    pub fn new(kind: ElementKind, text: impl Into<String>, spans: Vec<Location>) -> Self {
        Self {
            kind,
            text: text.into(),
            spans,
            necessity: 0.0,
            sufficiency: None,
            action: Action::None,
            change: None,
            replacement: String::new(),
        }
    }
}

impl Evidence {
    /// Makes the evidence of a candidate without influence, which is set afterwards.
    #[must_use]
    pub fn new(kind: ElementKind, text: impl Into<String>, spans: Vec<Location>) -> Self {
        Self {
            kind,
            text: text.into(),
            spans,
            depth: 0,
            score: 0.0,
            share: 0.0,
            margin_drop: None,
            flips: None,
            gain: None,
        }
    }
}

/// The part of a unit that the victim saw.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Coverage {
    /// Tokens of the unit in the victim's window.
    pub tokens_inspected: usize,
    /// Tokens of the unit, as the victim encodes it.
    pub tokens_total: usize,
}

/// Cost of a verdict; 0 if it came from a cache.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
pub struct Cost {
    /// Sequences (or pairs of them) that the victim processed; for a generator, texts decoded and
    /// scored.
    pub victim_passes: usize,
    /// Tokens that the victim processed, divided by those of one plain use: over the unit, over
    /// both sides of a pair, over source and generated text. Decoding counts as one pass for any
    /// number of beams.
    pub pass_equivalents: f64,
    /// Sequences that the masked language model infilled.
    pub mlm_passes: usize,
    /// Wall time of a batch, divided equally among its units; other batches may have run in
    /// parallel.
    pub milliseconds: f64,
}
