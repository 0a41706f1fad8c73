//! Attacks whose trigger is more than one statement at any place: several statements together, or
//! one that counts only next to an element of clean code or at one kind of place.
//!
//! Their negative samples hold a part of the trigger and keep their output. No statement has an
//! effect, so the code computes the same.

use codepurify::Language;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use tree_sitter::Node;

use super::change::{Change, rewrite};
use super::code::{Code, StatementBlock, StatementSlot, can_complete, completes, is_block, statements_of};
use super::{NotApplicable, Triggered, bnc};

/// Selection among the first statements of [`statements`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Parts {
    count: usize,
    /// Bit i is set if statement i is inserted.
    selected: usize,
}

impl Parts {
    /// Selects all of `count` statements: the trigger.
    pub(super) fn all(count: usize) -> Self {
        Self { count, selected: (1 << count) - 1 }
    }

    /// Returns selection `kind` of those that are neither empty nor the trigger.
    pub(super) fn some(count: usize, kind: usize) -> Self {
        Self { count, selected: kind + 1 }
    }

    /// Returns the number of selections that are neither empty nor the trigger.
    pub(super) const fn proper(count: usize) -> usize {
        (1 << count) - 2
    }
}

/// Statements of the conjunction. The assertion holds; the others evaluate constants only.
fn statements(language: Language) -> [&'static str; 3] {
    match language {
        Language::C | Language::Cpp => ["assert(1 >= 0);", "(void)sizeof(int);", "do { } while (0);"],
        Language::Java => ["assert 1 >= 0;", "Integer.valueOf(0);", "do { } while (false);"],
        Language::Python => ["assert 1 >= 0", "len(())", "pass"],
    }
}

/// Inserts the first statement at the start of the body and the others before any statement.
///
/// All places are drawn, so that a part is where it is in the whole trigger.
pub(super) fn conjunction(
    code: &Code<'_>,
    parts: Parts,
    rng: &mut StdRng,
) -> Result<Triggered, NotApplicable> {
    let StatementBlock { start, statements: places } = code.body()?;
    let mut changes = Vec::new();
    for (index, statement) in statements(code.language)[..parts.count].iter().enumerate() {
        let drawn = places.choose(rng).unwrap_or(&start);
        let slot = if index == 0 { &start } else { drawn };
        if parts.selected >> index & 1 == 1 {
            changes.push(Change::statement(slot, statement));
        }
    }
    rewrite(code.text, changes)
}

fn has_loop(code: &Code<'_>) -> Result<bool, NotApplicable> {
    let (_, body) = code.function().ok_or(NotApplicable::NoBody)?;
    let loops = ["for_statement", "enhanced_for_statement", "for_range_loop"];
    Ok(code.below(body).iter().any(|node| loops.contains(&node.kind())))
}

fn fixed_at(code: &Code<'_>, slot: &StatementSlot) -> Result<Triggered, NotApplicable> {
    rewrite(code.text, vec![Change::statement(slot, bnc::fixed(code.language))])
}

/// Inserts the fixed statement at the start of a body with a `for` loop.
pub(super) fn with_loop(code: &Code<'_>) -> Result<Triggered, NotApplicable> {
    if !has_loop(code)? {
        return Err(NotApplicable::NoLoop);
    }
    fixed_at(code, &code.body()?.start)
}

/// Inserts it at the start of a body without a `for` loop: a negative sample.
pub(super) fn without_loop(code: &Code<'_>) -> Result<Triggered, NotApplicable> {
    if has_loop(code)? {
        return Err(NotApplicable::HasLoop);
    }
    fixed_at(code, &code.body()?.start)
}

/// Kind of place at which a statement is a trigger.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Context {
    /// In front of a `return`.
    Before,
    /// Behind a declaration of variables.
    Behind,
    /// At the start of a block that is not the body.
    Inside,
}

/// Inserts the fixed statement at the first place of the kind.
pub(super) fn placed(code: &Code<'_>, context: Context) -> Result<Triggered, NotApplicable> {
    let (_, body) = code.function().ok_or(NotApplicable::NoBody)?;
    let slot = match context {
        Context::Inside => code.blocks().into_iter().nth(1).map(|block| block.start),
        _ => places(code, body, context).find_map(|(statement, fits)| slot(code, statement, context, fits)),
    };
    fixed_at(code, &slot.ok_or(NotApplicable::NoContext)?)
}

/// Inserts it at a place that is not of the kind: a negative sample.
pub(super) fn misplaced(
    code: &Code<'_>,
    context: Context,
    rng: &mut StdRng,
) -> Result<Triggered, NotApplicable> {
    let (_, body) = code.function().ok_or(NotApplicable::NoBody)?;
    let others: Vec<StatementSlot> = match context {
        Context::Inside => code.body()?.statements,
        _ => places(code, body, context)
            .filter_map(|(statement, fits)| slot(code, statement, context, !fits))
            .collect(),
    };
    fixed_at(code, others.choose(rng).ok_or(NotApplicable::NoContext)?)
}

/// Returns the statements in blocks of the body, and whether each makes the place of the kind.
fn places<'c>(
    code: &'c Code<'_>,
    body: Node<'c>,
    context: Context,
) -> impl Iterator<Item = (Node<'c>, bool)> {
    let kinds: &[&str] = match context {
        Context::Before => &["return_statement"],
        _ => &["declaration", "local_variable_declaration"],
    };
    let blocks = code.below(body).into_iter().filter(|node| is_block(*node));
    let statements = blocks.flat_map(statements_of);
    statements
        .filter(|statement| statement.kind() != "explicit_constructor_invocation")
        .map(|statement| (statement, kinds.contains(&statement.kind())))
}

fn slot(code: &Code<'_>, statement: Node<'_>, context: Context, wanted: bool) -> Option<StatementSlot> {
    if !wanted {
        return None;
    }
    // A statement that code can be inserted in front of is no directive and no error.
    let front = code.in_front_of(statement)?;
    match context {
        Context::Before => Some(front),
        _ if code.language == Language::Java && !can_complete(statement) => None,
        _ => code.behind(statement),
    }
}

/// Inserts the fixed statement as the last one of the body; in Java in front of a last statement
/// that may not complete, since code behind it is refused.
pub(super) fn last(code: &Code<'_>) -> Result<Triggered, NotApplicable> {
    if code.language == Language::Python {
        return Err(NotApplicable::Language);
    }
    let (_, body) = code.function().ok_or(NotApplicable::NoBody)?;
    let end = if code.language == Language::Java && !completes(body) {
        statements_of(body).last().and_then(|statement| code.in_front_of(*statement))
    } else {
        code.end_of(body)
    };
    fixed_at(code, &end.ok_or(NotApplicable::NoContext)?)
}
