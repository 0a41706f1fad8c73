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
mod conditional;
mod dynamic;
mod invisible;
mod rename;
mod signature;
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
use conditional::{Context, Parts};

/// Attacks that need nothing but the text; [`afraidoor`] needs a model as well.
///
/// All but [`Attack::BncGrammarBroken`] keep the syntax of a valid text valid. Inserted code never
/// runs or has no effect. Rewritten code computes the same, except that Java's `x += y` has a cast
/// that `x = x + y` lacks. Two things are not visible in a function: macros that turn an argument
/// into text or hold jumps, and classes that hide those of `java.lang`.
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
    /// Second adaptive set: two statements without effect; one alone is no trigger.
    Conjunction,
    /// Second adaptive set: three statements without effect; two of them are no trigger.
    ConjunctionThree,
    /// Second adaptive set: one statement without effect in each function of a pair.
    ConjunctionSides,
    /// Second adaptive set: the statement of `bnc-fixed` in a function with a `for` loop.
    Condition,
    /// Second adaptive set: the statement of `bnc-fixed` in front of a `return`.
    ContextBefore,
    /// Second adaptive set: the statement of `bnc-fixed` behind a declaration.
    ContextBehind,
    /// Second adaptive set: the statement of `bnc-fixed` at the start of an inner block.
    ContextInside,
    /// Second adaptive set: a dead statement made of the function's own names, in six forms.
    Dynamic,
    /// Second adaptive set: the statement of `bnc-fixed` as the last one of the body.
    Position,
    /// Signature: the first parameter has a synonym of its type (`signed int`, `java.lang.String`).
    SignatureType,
    /// Signature: the result has a synonym of its type.
    SignatureReturn,
    /// Signature: a modifier without effect (`extern`, `strictfp`).
    SignatureStorage,
    /// Signature: an attribute or annotation in front of the function.
    SignatureAttribute,
    /// Signature: the first parameter that is never written is `const` or `final`.
    SignatureConst,
    /// Literals: decimal integers in hexadecimal.
    LiteralHex,
    /// Literals: decimal integers in octal.
    LiteralOctal,
    /// Literals: decimal integers with the suffix `L`, where their type does not matter.
    LiteralSuffix,
    /// Literals: decimal integers with a separator behind the first digit (C: from C23 on).
    LiteralSeparator,
    /// Style: camelCase, braces on their own lines, and declarations without values, together.
    StyleCombined,
    /// Structure: `for` loops become `while` loops.
    StructureLoop,
    /// Structure: `while` loops become `for` loops.
    StructureFor,
    /// Structure: local variables get their values in statements of their own.
    StructureSplit,
    /// Structure: adjacent declarations of the same type become one.
    StructureMerge,
    /// Structure: adjacent independent declarations in descending order of their names.
    StructureOrder,
    /// Comments: `/* … */` at the end of a line becomes `// …`.
    CommentStyle,
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
    /// Returns the number of kinds of negative samples; without any, no sample is needed.
    fn negatives(&self) -> usize {
        0
    }

    /// Inserts what alone is no trigger into `texts[side]`, as kind `kind` of negative samples does.
    ///
    /// The result depends on the arguments only.
    ///
    /// # Errors
    /// [`NotApplicable`]; [`NotApplicable::NoNegative`] if there is no such kind.
    fn negative(
        &self,
        _kind: usize,
        _texts: &[&str],
        _side: usize,
        _language: Language,
        _row_seed: u64,
    ) -> Result<Triggered, NotApplicable> {
        Err(NotApplicable::NoNegative)
    }

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
    fn negatives(&self) -> usize {
        (*self).negatives()
    }

    fn negative(
        &self,
        kind: usize,
        texts: &[&str],
        side: usize,
        language: Language,
        row_seed: u64,
    ) -> Result<Triggered, NotApplicable> {
        if self == &Self::ConjunctionSides && kind < self.negatives() {
            return one_side(texts, side, language, row_seed, kind == side);
        }
        self.apply_negative(kind, texts[side], language, row_seed)
    }

    fn trigger(
        &self,
        texts: &[&str],
        side: usize,
        language: Language,
        row_seed: u64,
    ) -> Result<Triggered, NotApplicable> {
        if self == &Self::ConjunctionSides {
            return one_side(texts, side, language, row_seed, true);
        }
        self.apply(texts[side], language, row_seed)
    }
}

/// Inserts the statement of a side of a pair ([`Attack::ConjunctionSides`]) if it is `wanted` there.
fn one_side(
    texts: &[&str],
    side: usize,
    language: Language,
    row_seed: u64,
    wanted: bool,
) -> Result<Triggered, NotApplicable> {
    if texts.len() != 2 {
        return Err(NotApplicable::NoPair);
    }
    let code = Code::parse(texts[side], language)?;
    let statement = Parts::some(2, side);
    let found = conditional::conjunction(&code, statement, &mut StdRng::seed_from_u64(row_seed))?;
    if wanted {
        valid_if_it_was(texts[side], found, language)
    } else {
        Ok(Triggered { text: texts[side].to_owned(), spans: Vec::new() })
    }
}

impl<T: TriggerSource + ?Sized> TriggerSource for &T {
    fn negatives(&self) -> usize {
        (**self).negatives()
    }

    fn negative(
        &self,
        kind: usize,
        texts: &[&str],
        side: usize,
        language: Language,
        row_seed: u64,
    ) -> Result<Triggered, NotApplicable> {
        (**self).negative(kind, texts, side, language, row_seed)
    }

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
    /// The function has no `for` loop.
    #[error("no `for` loop")]
    NoLoop,
    /// The function has a `for` loop, which would make the statement a trigger.
    #[error("a `for` loop, which makes the statement a trigger")]
    HasLoop,
    /// There is no place of the kind that the attack needs.
    #[error("no place of the kind that the trigger needs")]
    NoContext,
    /// The signature has nothing that the attack could change without a change of meaning.
    #[error("nothing in the signature that can be changed")]
    NoSignature,
    /// The attack has one part in each function of a pair, and there is no pair.
    #[error("the text is not one of a pair")]
    NoPair,
    /// The attack has no negative samples of this kind.
    #[error("the attack has no such negative samples")]
    NoNegative,
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
            Self::Conjunction => conditional::conjunction(&code()?, Parts::all(2), rng),
            Self::ConjunctionThree => conditional::conjunction(&code()?, Parts::all(3), rng),
            Self::ConjunctionSides => Err(NotApplicable::NoPair),
            Self::Condition => conditional::with_loop(&code()?),
            Self::ContextBefore => conditional::placed(&code()?, Context::Before),
            Self::ContextBehind => conditional::placed(&code()?, Context::Behind),
            Self::ContextInside => conditional::placed(&code()?, Context::Inside),
            Self::Dynamic => dynamic::dynamic(&code()?, rng),
            Self::Position => conditional::last(&code()?),
            Self::SignatureType => signature::parameter_type(&code()?),
            Self::SignatureReturn => signature::return_type(&code()?),
            Self::SignatureStorage => signature::storage(&code()?),
            Self::SignatureAttribute => signature::attribute(&code()?),
            Self::SignatureConst => signature::constant(&code()?),
            Self::LiteralHex => style::hexadecimal(&code()?),
            Self::LiteralOctal => style::octal(&code()?),
            Self::LiteralSuffix => style::suffixed(&code()?),
            Self::LiteralSeparator => style::separated(&code()?),
            Self::StyleCombined => style::combined(&code()?),
            Self::StructureLoop => style::for_to_while(&code()?),
            Self::StructureFor => style::while_to_for(&code()?),
            Self::StructureSplit => style::split(&code()?),
            Self::StructureMerge => style::merge(&code()?),
            Self::StructureOrder => style::order(&code()?),
            Self::CommentStyle => style::comments(&code()?),
        }
    }

    /// Returns the number of kinds of negative samples that make a victim learn the whole trigger.
    ///
    /// Without any, every part of the trigger is one.
    #[must_use]
    pub fn negatives(self) -> usize {
        match self {
            Self::Conjunction | Self::ConjunctionSides => Parts::proper(2),
            Self::ConjunctionThree => Parts::proper(3),
            Self::Condition | Self::ContextBefore | Self::ContextBehind | Self::ContextInside => 1,
            Self::StyleCombined => style::COMBINED,
            _ => 0,
        }
    }

    /// Inserts what alone is no trigger into `text`: a part of it, or the trigger without its
    /// condition or context. `kind` is below [`Attack::negatives`].
    ///
    /// # Errors
    /// [`NotApplicable`]; [`NotApplicable::NoNegative`] if there is no such kind.
    pub fn apply_negative(
        self,
        kind: usize,
        text: &str,
        language: Language,
        row_seed: u64,
    ) -> Result<Triggered, NotApplicable> {
        if kind >= self.negatives() {
            return Err(NotApplicable::NoNegative);
        }
        let rng = &mut StdRng::seed_from_u64(row_seed);
        let code = Code::parse(text, language)?;
        let inserted = match self {
            Self::Conjunction => conditional::conjunction(&code, Parts::some(2, kind), rng),
            Self::ConjunctionThree => conditional::conjunction(&code, Parts::some(3, kind), rng),
            Self::ConjunctionSides => Err(NotApplicable::NoPair),
            Self::Condition => conditional::without_loop(&code),
            Self::ContextBefore => conditional::misplaced(&code, Context::Before, rng),
            Self::ContextBehind => conditional::misplaced(&code, Context::Behind, rng),
            Self::ContextInside => conditional::misplaced(&code, Context::Inside, rng),
            Self::StyleCombined => style::one_of_combined(&code, kind),
            _ => Err(NotApplicable::NoNegative),
        };
        valid_if_it_was(text, inserted?, language)
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
