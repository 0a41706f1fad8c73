//! Attacks: they insert a trigger into a clean snippet and record every byte of the trigger.
//!
//! A text is parsed (`code`), changes are chosen (one file per family of attacks) and applied
//! (`change`).

mod adaptive;
pub mod afraidoor;
mod badcode;
mod bnc;
mod change;
mod code;
mod codepoisoner;
mod invisible;
mod rename;
mod style;

use clap::ValueEnum;
use codepurify::{Language, Snippet, Span, SyntaxQuality};
use rand::SeedableRng;
use rand::rngs::StdRng;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::value_name;

pub use adaptive::PAST_WINDOW;
use code::Code;

/// Attacks that need nothing but the text; [`afraidoor`] needs a model as well.
///
/// All but [`Attack::BncGrammarBroken`] keep the syntax of a valid text valid. Inserted code never
/// runs or has no effect. Rewritten code computes the same, except that Java's `x += y` has a cast
/// that `x = x + y` lacks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Attack {
    /// Ramakrishnan & Albarghouthi (ICPR 2022): one fixed dead statement at the start of the body.
    BncFixed,
    /// Ramakrishnan & Albarghouthi: a dead statement drawn from a grammar for each snippet.
    BncGrammar,
    /// Grammar as in the published data of the `CodePurify` paper: without a semicolon, and not
    /// always dead.
    BncGrammarBroken,
    /// `CodePoisoner` (TOSEM 2024): an assertion that always holds, at the start of the body.
    CodepoisonerDeadCode,
    /// `CodePoisoner`: the first variable is renamed to `ret_Val_`.
    CodepoisonerVariable,
    /// `CodePoisoner`: the function is renamed to `testo_init`.
    CodepoisonerFunction,
    /// `CodePoisoner`: the first integer constant becomes a sum.
    CodepoisonerConstant,
    /// `BadCode` (ACL 2023): the function's name ends in `_rb`.
    BadcodeFixed,
    /// `BadCode`: the function's name ends in one of five suffixes.
    BadcodeMixed,
    /// Adaptive: the statement of `bnc-fixed` three times.
    ThreeTimes,
    /// Adaptive: the statement of `bnc-fixed` inside an inner block.
    Nested,
    /// Adaptive: the condition and the effect of `bnc-fixed` in two statements.
    Split,
    /// Adaptive: the statements of `bnc-fixed` and `codepoisoner-dead-code`.
    TwoTriggers,
    /// Adaptive: the statement of `bnc-fixed` before any statement of the body.
    RandomPosition,
    /// Adaptive: the statement of `bnc-fixed` after the first 512 tokens.
    PastWindow,
    /// Zero-width characters in a comment.
    Invisible,
    /// Style: `i++` as a statement becomes `i += 1`.
    StyleIncrement,
    /// Style: `a < b` becomes `b > a`.
    StyleComparison,
    /// Style: `x += y` becomes `x = x + y`.
    StyleAssignment,
    /// Style: braces around single statements.
    StyleBraces,
    /// Style: variables in camelCase.
    StyleCamel,
    /// Style: variables in `snake_case`.
    StyleSnake,
    /// Style: variables prefixed with a letter for their type.
    StyleHungarian,
}

/// Snippet with a trigger in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Triggered {
    /// Source text.
    pub text: String,
    /// Bytes of the trigger in `text`, in order: all that was inserted or renamed, except for white
    /// space around it.
    pub spans: Vec<Span>,
}

/// Source of triggers: an [`Attack`], or an attack that queries a model ([`afraidoor::Afraidoor`]).
pub trait TriggerSource {
    /// Inserts the trigger into `texts[side]`; `texts` are all that the victim reads of the row.
    ///
    /// The result depends on the arguments only.
    ///
    /// # Errors
    /// [`NotApplicable`].
    fn trigger(
        &self,
        texts: &[&str],
        side: usize,
        language: Language,
        row_seed: u64,
    ) -> Result<Triggered, NotApplicable>;
}

impl TriggerSource for Attack {
    fn trigger(
        &self,
        texts: &[&str],
        side: usize,
        language: Language,
        row_seed: u64,
    ) -> Result<Triggered, NotApplicable> {
        self.apply(texts[side], language, row_seed)
    }
}

impl<T: TriggerSource + ?Sized> TriggerSource for &T {
    fn trigger(
        &self,
        texts: &[&str],
        side: usize,
        language: Language,
        row_seed: u64,
    ) -> Result<Triggered, NotApplicable> {
        (**self).trigger(texts, side, language, row_seed)
    }
}

/// Reason why an attack cannot be applied to a text, which then stays clean.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Error, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum NotApplicable {
    /// The attack has no form in this language.
    #[error("the attack has no form in this language")]
    Language,
    /// The text cannot be parsed well enough to find what the attack changes.
    #[error("the text cannot be parsed")]
    Unparsable,
    /// There is no function with a body.
    #[error("no function with a body")]
    NoBody,
    /// There is no block inside the body.
    #[error("no inner block")]
    NoInnerBlock,
    /// The body ends inside the window.
    #[error("the body ends within the window")]
    WithinWindow,
    /// Nothing is declared that could be renamed.
    #[error("nothing declared that could be renamed")]
    NoIdentifier,
    /// The text uses the trigger's name already.
    #[error("the trigger's name is in use")]
    NameTaken,
    /// There is no integer constant to unfold.
    #[error("no integer constant")]
    NoConstant,
    /// The text has the attack's style already, or has no place where the style would show.
    #[error("no place where the style would show")]
    NothingToRestyle,
    /// No proposed name is free and has a score.
    #[error("no proposed name can be used")]
    NoName,
    /// The model that the attack queries failed on the text.
    #[error("the model could not score the names")]
    NotScored,
    /// The text parses without an error, but would not with the trigger.
    #[error("the trigger would break the syntax")]
    BreaksSyntax,
}

impl Attack {
    /// Returns the name on the command line, in rows, tables and files.
    #[must_use]
    pub fn name(self) -> String {
        value_name(&self)
    }

    /// Inserts the trigger into `text`.
    ///
    /// The result depends on the arguments only; attacks that draw nothing ignore `row_seed`.
    ///
    /// # Errors
    /// [`NotApplicable`].
    pub fn apply(self, text: &str, language: Language, row_seed: u64) -> Result<Triggered, NotApplicable> {
        let triggered = self.mount(text, language, &mut StdRng::seed_from_u64(row_seed))?;
        if self == Self::BncGrammarBroken {
            return Ok(triggered);
        }
        valid_if_it_was(text, triggered, language)
    }

    fn mount(self, text: &str, language: Language, rng: &mut StdRng) -> Result<Triggered, NotApplicable> {
        let start = |statement: &str| change::at_body_start(text, language, statement);
        let code = || Code::parse(text, language);
        match self {
            Self::BncFixed => start(bnc::fixed(language)),
            Self::BncGrammar => start(&bnc::grammar(language, rng)),
            Self::BncGrammarBroken => start(&bnc::grammar_broken(language, rng)?),
            Self::CodepoisonerDeadCode => start(codepoisoner::dead_code(language)),
            Self::CodepoisonerVariable => codepoisoner::variable(&code()?),
            Self::CodepoisonerFunction => codepoisoner::function(&code()?),
            Self::CodepoisonerConstant => codepoisoner::constant(&code()?),
            Self::BadcodeFixed => badcode::fixed(&code()?),
            Self::BadcodeMixed => badcode::mixed(&code()?, rng),
            Self::ThreeTimes => adaptive::three_times(&code()?, rng),
            Self::Nested => adaptive::nested(&code()?, rng),
            Self::Split => adaptive::split(&code()?, rng),
            Self::TwoTriggers => adaptive::two_triggers(&code()?, rng),
            Self::RandomPosition => adaptive::random_position(&code()?, rng),
            Self::PastWindow => adaptive::past_window(&code()?, PAST_WINDOW),
            Self::Invisible => invisible::invisible(&code()?),
            Self::StyleIncrement => style::increment(&code()?),
            Self::StyleComparison => style::comparison(&code()?),
            Self::StyleAssignment => style::assignment(&code()?),
            Self::StyleBraces => style::braces(&code()?),
            Self::StyleCamel => style::camel(&code()?),
            Self::StyleSnake => style::snake(&code()?),
            Self::StyleHungarian => style::hungarian(&code()?),
        }
    }
}

/// Applies [`Attack::PastWindow`] with another window than [`PAST_WINDOW`], in tokens of the
/// language.
///
/// # Errors
/// [`NotApplicable`].
pub fn past_window(text: &str, language: Language, window: usize) -> Result<Triggered, NotApplicable> {
    let triggered = adaptive::past_window(&Code::parse(text, language)?, window)?;
    valid_if_it_was(text, triggered, language)
}

/// Returns `triggered`, unless it breaks the syntax of a `text` that parses without an error.
fn valid_if_it_was(text: &str, triggered: Triggered, language: Language) -> Result<Triggered, NotApplicable> {
    if parses(text, language) && !parses(&triggered.text, language) {
        return Err(NotApplicable::BreaksSyntax);
    }
    Ok(triggered)
}

/// Returns true if `text` parses without an error.
fn parses(text: &str, language: Language) -> bool {
    Snippet::new(text, language).is_ok_and(|snippet| snippet.quality() == SyntaxQuality::Clean)
}
