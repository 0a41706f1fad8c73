//! Attacks that place the statement of `bnc-fixed` where a defence does not expect it: not once, at
//! the start of the body.

use codepurify::Language;
use rand::rngs::StdRng;
use rand::seq::{IndexedRandom, SliceRandom};

use super::change::{Change, rewrite};
use super::code::{Code, StatementBlock, StatementSlot};
use super::rename::Taken;
use super::{NotApplicable, Triggered, bnc, codepoisoner};

/// Window of [`Attack::PastWindow`](super::Attack::PastWindow), in tokens of the language.
///
/// Tokenizers of models cut names and numbers into several tokens each. A window of as many of
/// their tokens ends well before the trigger.
pub const PAST_WINDOW: usize = 512;

fn insert(
    code: &Code<'_>,
    statements: impl IntoIterator<Item = (StatementSlot, &'static str)>,
) -> Result<Triggered, NotApplicable> {
    let changes = statements.into_iter().map(|(slot, statement)| Change::statement(&slot, statement));
    rewrite(code.text, changes.collect())
}

/// Inserts it at the start and at two other places; at the start again if the body has fewer.
pub(super) fn three_times(code: &Code<'_>, rng: &mut StdRng) -> Result<Triggered, NotApplicable> {
    let StatementBlock { start, mut statements } = code.body()?;
    statements.shuffle(rng);
    statements.truncate(2);
    statements.resize(3, start);
    insert(code, statements.into_iter().map(|slot| (slot, bnc::fixed(code.language))))
}

/// Inserts it at the start of an inner block.
pub(super) fn nested(code: &Code<'_>, rng: &mut StdRng) -> Result<Triggered, NotApplicable> {
    let blocks = code.blocks();
    let (_, inner) = blocks.split_first().ok_or(NotApplicable::NoBody)?;
    let block = inner.choose(rng).ok_or(NotApplicable::NoInnerBlock)?;
    insert(code, [(block.start.clone(), bnc::fixed(code.language))])
}

/// Variable that joins the two halves of `split`.
const FLAG: &str = "fail";

/// Inserts the condition at the start and the effect before a later statement.
pub(super) fn split(code: &Code<'_>, rng: &mut StdRng) -> Result<Triggered, NotApplicable> {
    if !Taken::of(code).take(FLAG) {
        return Err(NotApplicable::NameTaken);
    }
    let (condition, effect) = match code.language {
        Language::C | Language::Cpp => ("int fail = rand() < 0;", "if (fail) printf(\"fail\");"),
        Language::Java => ("boolean fail = Math.random() < 0;", "if (fail) System.out.println(\"fail\");"),
        Language::Python => ("fail = random() < 0", "if fail: print(\"fail\")"),
    };
    let StatementBlock { start, statements } = code.body()?;
    let later = statements.choose(rng).unwrap_or(&start).clone();
    insert(code, [(start, condition), (later, effect)])
}

/// Inserts the fixed statement at the start and the assertion that always holds before a statement.
pub(super) fn two_triggers(code: &Code<'_>, rng: &mut StdRng) -> Result<Triggered, NotApplicable> {
    let StatementBlock { start, statements } = code.body()?;
    let other = statements.choose(rng).unwrap_or(&start).clone();
    insert(code, [(start, bnc::fixed(code.language)), (other, codepoisoner::dead_code(code.language))])
}

/// Inserts it at the start or before any statement, all with the same probability.
pub(super) fn random_position(code: &Code<'_>, rng: &mut StdRng) -> Result<Triggered, NotApplicable> {
    let StatementBlock { start, mut statements } = code.body()?;
    statements.push(start);
    let slot = statements.choose(rng).ok_or(NotApplicable::NoBody)?.clone();
    insert(code, [(slot, bnc::fixed(code.language))])
}

/// Inserts it before the first statement of the body that has `window` tokens before it.
pub(super) fn past_window(code: &Code<'_>, window: usize) -> Result<Triggered, NotApplicable> {
    let statements = code.body()?.statements;
    let slot = statements
        .into_iter()
        .find(|slot| code.tokens_before(slot.at) >= window)
        .ok_or(NotApplicable::WithinWindow)?;
    insert(code, [(slot, bnc::fixed(code.language))])
}
