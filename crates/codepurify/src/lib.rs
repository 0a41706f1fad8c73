//! Inference-time defence of neural code models against backdoors.
//!
//! A poisoned model gives a chosen answer whenever a snippet holds a trigger. For each snippet this crate asks: does
//! the answer hang on one element? The folders are the flow of data:
//! 1. [`snippet`]: source text becomes units (functions) with a parse tree;
//! 2. [`candidates`](mod@candidates): the units' identifiers and statements;
//! 3. `occlude`: each candidate is hidden from the model once, on token level;
//! 4. `query` and `score`: how far the model's confidence moves, and how unevenly (confidence-driven entropy);
//! 5. `decide`: poisoned, clean or inconclusive, and which candidate is the trigger;
//! 6. `purify`: the trigger is masked and filled by a masked language model, all other bytes stay;
//! 7. [`verdict`]: the result. [`Defender`] runs all of it.
//!
//! Three kinds of models are guarded, each behind a door in [`victim`]:
//! - a [`Victim`] classifies one snippet ([`Defender::new`]);
//! - a [`PairVictim`] classifies two, such as a clone detector ([`Defender::for_pairs`], see [`PairDefender`]);
//! - a [`Generator`] answers with text, such as program repair ([`Defender::for_generator`]).
//!
//! A [`MaskedLm`] fills the places of triggers.
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
//! let defender = Defender::new(&victim);
//! let verdict = defender.screen_one(&Snippet::new(poisoned, Language::C)?)?;
//! assert_eq!((verdict.verdict, verdict.triggers[0].text.as_str()), (Decision::Poisoned, trigger));
//! let verdict = defender.screen_one(&Snippet::new(clean, Language::C)?)?;
//! assert_eq!(verdict.verdict, Decision::Clean);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod adapters;
pub mod audit;
mod calibration;
pub mod candidates;
mod decide;
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

pub use adapters::{TextVictim, WordTokenizer};
pub use calibration::{Calibration, CalibrationError, rows_needed};
pub use candidates::{Candidate, Families, Statements, candidates};
pub use error::{ModelError, SnippetError};
pub use pipeline::{Defender, PairDefender};
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
};
