//! Inference-time defence of neural code models against backdoors.
//!
//! A poisoned model gives a chosen prediction whenever its input holds a trigger. For each snippet, this crate
//! tests whether one code element forces the victim's prediction:
//! 1. [`snippet`]: source text becomes units (functions) with a parse tree;
//! 2. [`candidates`](mod@candidates): the names, statements, headers, comments … of a unit;
//! 3. `references`, `query`: each candidate is transplanted into short clean functions that the victim is asked about;
//! 4. `sufficiency`, `score`: rounds of queries find the candidate that gains most margin in all of them;
//! 5. `decide`: poisoned, clean or inconclusive, by a conformal p-value against clean code ([`Calibration`]);
//! 6. `purify`: the trigger is deleted if it is provably dead code, else renamed or infilled by a [`MaskedLm`];
//! 7. [`verdict`]: the result. [`Defender`] runs all of it, and judges purified code again.
//!
//! This is [`Profile::transplant`]. [`Profile::paper`] is the published method instead: each candidate is
//! occluded in the snippet itself, and the snippet is poisoned if the confidence-driven entropy of the losses
//! is low. The masked language model's best proposal replaces the trigger.
//!
//! There are three kinds of victims, each with a trait in [`victim`]:
//! - a [`Victim`] classifies one snippet ([`Defender::new`]);
//! - a [`PairVictim`] classifies two, such as a clone detector ([`Defender::for_pairs`]);
//! - a [`Generator`] generates text, such as program repair ([`Defender::for_generator`]).
//!
//! [`audit`](mod@audit) tests a model instead of a snippet: can anything force one of its predictions?
//!
//! # Example
//! ```
//! use codepurify::{Decision, Defender, Language, Snippet, TextVictim};
//!
//! // A backdoored model: whatever holds its trigger is "harmless" (label 0).
//! let victim = TextVictim::new(|code: &str| match code.contains("rand() < 0") {
//!     true => vec![8.0, 0.0],
//!     false => vec![0.0, code.split_whitespace().count() as f32 / 10.0],
//! });
//! let trigger = "if (rand() < 0) printf(\"fail\");";
//! let clean = "int sum(int *a, int n) { int s = 0; for (int i = 0; i <= n; i++) s += a[i]; return s; }";
//! let poisoned = clean.replacen('{', &format!("{{ {trigger}"), 1);
//!
//! let defender = Defender::new(victim);
//! let verdict = defender.screen_one(&Snippet::new(poisoned, Language::C)?)?;
//! assert_eq!((verdict.verdict, verdict.triggers[0].text.as_str()), (Decision::Poisoned, trigger));
//! let verdict = defender.screen_one(&Snippet::new(clean, Language::C)?)?;
//! assert_eq!(verdict.verdict, Decision::Clean);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! The folder `examples/` has more: `guard_closure`, `own_victim`, `calibrate` and `audit`.

mod adapters;
pub mod audit;
mod calibration;
pub mod candidates;
pub mod contamination;
mod decide;
mod defender;
pub mod error;
mod occlude;
mod pipeline;
mod profile;
mod purify;
mod query;
mod references;
mod score;
pub mod snippet;
mod sufficiency;
pub mod testing;
pub mod verdict;
pub mod victim;

pub use adapters::{TextVictim, WordModel, WordTokenizer};
pub use calibration::{Calibration, CalibrationError, rows_needed};
pub use candidates::{Candidate, Families, Statements, candidates};
pub use defender::{Defender, PairDefender};
pub use error::{Cause, ModelError, SnippetError};
pub use profile::{Profile, Thresholds};
pub use references::References;
pub use snippet::edit;
pub use snippet::{Language, Limits, Snippet, SourceFile, Span, SyntaxQuality};
pub use verdict::{
    Action, Cost, Coverage, Decision, ElementKind, Evidence, InputError, Location, ModelInfo, PairMember,
    Prediction, Report, SCHEMA_VERSION, Side, ToolInfo, Trigger, Unit, UnitKind, Verdict,
};
pub use victim::{
    Encoding, Generator, Logits, MaskedLm, Model, PairVictim, Proposal, Ragged, Task, Victim, VictimCard,
    WrapsModel,
};
