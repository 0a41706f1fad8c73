//! The one result type that every renderer, server and binding sees. Field names are a contract (schema version 1).

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
    /// What made the report.
    pub tool: ToolInfo,
    /// Which victim was guarded.
    pub model: ModelInfo,
    /// One entry for each judged unit, in input order.
    pub results: Vec<Verdict>,
    /// Inputs that could not be judged, in input order.
    pub errors: Vec<InputError>,
    /// Files that were found and not judged, one entry for each reason that occurred.
    #[serde(default)]
    pub skipped: Vec<Skipped>,
    /// Bytes of code that are in no unit: those of files that could be read and not be cut into units, which are among
    /// the errors too. Declarations, tables of constants, comments and blanks are no code.
    #[serde(default)]
    pub code_bytes_outside_units: usize,
}

/// Files that were not judged for one reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Skipped {
    /// Why.
    pub reason: SkipReason,
    /// Number of files, at least 1.
    pub files: usize,
    /// Paths of the first few of them, in the order in which they were found.
    pub examples: Vec<String>,
}

/// Why a file was not judged.
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
    /// Without text, or with white space only.
    Empty,
    /// Larger than the limit. Such a file is also among the errors.
    TooLarge,
    /// Not text in the encoding that was asked for. Such a file is also among the errors.
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
    /// Whether files that were skipped for this reason are also among the errors.
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

/// The guarded model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ModelInfo {
    /// Name for people.
    pub name: String,
    /// What it decides.
    pub task: Task,
    /// SHA-256 of the weights, hexadecimal.
    pub sha256: String,
}

/// An input that could not be judged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct InputError {
    /// The file, or `<stdin>`.
    pub path: String,
    /// What went wrong and what to do about it.
    pub message: String,
}

/// The decision about one unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Decision {
    /// The answer hangs on one element: a trigger.
    Poisoned,
    /// No element carries the answer alone.
    Clean,
    /// There was not enough evidence to decide; the reason says why.
    Inconclusive,
}

/// What was found in one unit (a function, or a text without one).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[non_exhaustive]
pub struct Verdict {
    /// The file, or `<stdin>`.
    pub path: String,
    /// Which part of the file was judged.
    pub unit: Unit,
    /// Which side of which pair it is; absent if it was not judged in a pair.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pair: Option<PairMember>,
    /// The decision.
    pub verdict: Decision,
    /// Why it is inconclusive, or what limits a decision that was made.
    pub reason: Option<String>,
    /// Split-conformal p-value against clean code, if the model is calibrated; in (0, 1].
    pub p_value: Option<f64>,
    /// The statistic that was compared with the threshold; the larger, the more suspicious.
    pub score: Option<f64>,
    /// What all names that the unit declares do together, in logits: what a reference gains with them and the answer loses without
    /// them. Absent where they do not turn that reference, and where nobody asks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub naming: Option<f64>,
    /// H = −Σ qᵢ ln qᵢ over the candidates' shares of all confidence change, in nats (paper, section on detection); in
    /// profile `default` over their shares of what references gain.
    pub entropy: Option<f64>,
    /// H / ln n, in [0, 1].
    pub entropy_normalized: Option<f64>,
    /// The model's answer for the code as it stands; of a pair, for both sides as they stand.
    pub prediction: Option<Prediction>,
    /// The model's answer for the purified code; of a pair, for both sides after all changes to either.
    pub purified_prediction: Option<Prediction>,
    /// The located triggers, strongest first.
    pub triggers: Vec<Trigger>,
    /// The unit's text after purification; absent if nothing was changed.
    pub purified: Option<String>,
    /// The unit's text after the changes that provably keep what the code does; absent if there is none. The provable changes
    /// come before all others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub purified_provably: Option<String>,
    /// How much of the unit was looked at.
    pub coverage: Coverage,
    /// What the verdict cost.
    pub cost: Cost,
    /// The evidence of every candidate, in source order; left out where nobody asked for it.
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
    /// Makes a verdict without evidence, predictions or triggers, whose other fields are set afterwards.
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

/// A place in one of the judged pairs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub struct PairMember {
    /// Which pair, from 0 in the order of the input.
    pub index: usize,
    /// Which side of it.
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

/// An answer of the guarded model: a class or a text.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Prediction {
    /// Class index; absent if the model answers with text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<usize>,
    /// Probability of that class, in (0, 1]. Of a text, exp L(y|x) with the mean log-likelihood L: the geometric mean of
    /// its tokens' probabilities.
    pub confidence: f64,
    /// The generated text; absent if the model answers with a class.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
}

/// What kind of element a candidate is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum ElementKind {
    /// A variable, parameter or function name with all its occurrences.
    Identifier,
    /// A statement, with its repetitions if they are looked at together.
    Statement,
    /// What is left of a long statement, or of the function, without the statements in it: conditions, what a loop does first
    /// and at each turn, parameters.
    #[serde(rename = "head")]
    Header,
    /// A number, a character or a string.
    Literal,
    /// A comment.
    Comment,
    /// Characters that are not seen.
    Invisible,
    /// All variables and parameters that the unit declares, together: how it names things.
    #[serde(rename = "names")]
    NamingStyle,
}

/// What was done about a trigger.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Action {
    /// The element was removed.
    Delete,
    /// Every occurrence of the identifier got the same new name: without a part of the old one, or the masked language model's.
    Rename,
    /// Masked tokens of the element were filled by the masked language model, or its constants were calculated.
    Infill,
    /// Nothing was changed.
    None,
}

/// The way in which a trigger was changed.
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
    /// Each name was replaced by one that the masked language model proposes.
    Renaming,
    /// Names, numbers and strings were replaced by what the masked language model proposes.
    Infilling,
}

/// A change to the unit's text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub struct Change {
    /// The way in which the text was changed.
    pub kind: ChangeKind,
    /// Whether the code provably does the same after this change and all changes before it.
    pub provable: bool,
}

/// A located trigger.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[non_exhaustive]
pub struct Trigger {
    /// What it is.
    pub kind: ElementKind,
    /// Its text (of the first occurrence); of all names the first twelve of them.
    pub text: String,
    /// All its places, in source order.
    pub spans: Vec<Location>,
    /// Margin lost when it is occluded, in logits; of a generated text L(y|x) − L(y|x∖c), in nats a token.
    pub necessity: f64,
    /// Share of clean reference snippets that it flips when transplanted; absent where it was not measured.
    pub sufficiency: Option<f64>,
    /// What was done about it.
    pub action: Action,
    /// The kind of the change, and whether it is provable; absent if nothing was changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub change: Option<Change>,
    /// The text that stands in its first place now, of all names the new ones; empty if nothing does.
    pub replacement: String,
}

/// The evidence about one candidate.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[non_exhaustive]
pub struct Evidence {
    /// What it is.
    pub kind: ElementKind,
    /// Its text (of the first occurrence).
    pub text: String,
    /// All its places, in source order.
    pub spans: Vec<Location>,
    /// Nesting depth of the element: 0 stands directly in the function's body.
    pub depth: usize,
    /// What its share is made of, ≥ 0. Profiles `paper` and `normalised`: sᵢ = |p(x) − p(x∖cᵢ)| of the predicted class; of a
    /// generated text max(0, L(y|x) − L(y|x∖cᵢ)), in nats a token. Profile `default`: `gain`, if it is positive.
    pub score: f64,
    /// qᵢ = sᵢ / Σ s, in [0, 1]; 0 for all if Σ s = 0.
    pub share: f64,
    /// Necessity: margin(x) − margin(x∖cᵢ), in logits; of a generated text L(y|x) − L(y|x∖cᵢ), in nats a token. Absent if the
    /// candidate was not occluded.
    pub margin_drop: Option<f64>,
    /// Whether the victim answers another label without the candidate; absent for a generated text, as no variant's text
    /// is decoded.
    pub flips: Option<bool>,
    /// Sufficiency: what the margin of the answer gains in references that the candidate is transplanted into, halfway
    /// between mean and least, in logits; of a generated text the share of what it loses there, 1 if all of it comes back.
    /// Absent in profiles that do not ask.
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

/// How much of a unit was looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Coverage {
    /// Victim tokens that lay in its window.
    pub tokens_inspected: usize,
    /// Victim tokens of the unit.
    pub tokens_total: usize,
}

/// What a verdict cost; nothing if it was remembered.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
pub struct Cost {
    /// Sequences that the victim judged, pairs counted once; of a generator, texts decoded and scored.
    pub victim_passes: usize,
    /// Victim tokens processed, in units of one plain use of the model: over the unit, over both sides of a pair, over
    /// source and answer of a generator (decoding counts as one pass, however many beams it takes).
    pub pass_equivalents: f64,
    /// Sequences that the masked language model filled.
    pub mlm_passes: usize,
    /// Wall time of a batch, shared evenly by its units; other batches may have been on their way beside it.
    pub milliseconds: f64,
}
