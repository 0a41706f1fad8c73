//! References from the field of a model of pairs: of its own clean functions those that honest code moves least.

use std::collections::{BTreeMap, HashSet};

use super::{Graft, Reference, References, graft};
use crate::candidates::{Candidate, Families, candidates};
use crate::error::ModelError;
use crate::occlude::encode_window;
use crate::snippet::{Language, Snippet, SyntaxQuality};
use crate::victim::{PairVictim, Ragged};

/// Wanted length of a reference: long enough for honest code not to change what it is, short enough to be cheap.
const TOKENS: usize = 90;
/// Functions of about this length that are tried as references.
const TRIED: usize = 32;
/// Honest elements that are put into each of them: enough for the worst tenth not to be a matter of luck.
const ELEMENTS: usize = 256;
/// References that are kept for each answer: three are tried, and so many stand beside a next one.
const KEPT: usize = 4;
/// Share of the surest one's margin that a reference must have: one that is hardly what it is moves by anything or is stuck.
const SURE: f64 = 0.5;
/// Share of its margin that the worst honest element takes from a reference: what nothing moves, a trigger does not move either.
const MOVED: f64 = 0.35;

/// A function of the field.
struct Function<'s> {
    snippet: &'s Snippet,
    reference: Reference,
    /// How far its length is from the wanted one, in tokens.
    off: usize,
}

impl References {
    /// Of `snippets`, clean functions of the field of `victim`, a model of pairs: at most 4 of each language for each answer
    /// that functions beside themselves are given. Those with a body whose length is near 90 tokens are tried: elements of
    /// the others are put into both sides, and of the functions whose answer is sure, but not immovable, those are kept that
    /// suffer least from the worst of them (`docs/method.md` has the figures).
    ///
    /// # Errors
    /// [`ModelError`] if one cannot be tokenised or judged.
    pub fn of_field<'s>(
        victim: &dyn PairVictim,
        snippets: impl IntoIterator<Item = &'s Snippet>,
    ) -> Result<Self, ModelError> {
        let mut functions = usable(victim, snippets)?;
        functions.sort_by_key(|function| function.off);
        let mut all = Vec::new();
        for language in Language::ALL {
            let own: Vec<&Function<'_>> =
                functions.iter().filter(|function| function.reference.language == language).collect();
            all.extend(steadiest(victim, &own)?);
        }
        Ok(Self { all })
    }
}

/// The functions that can be references, none of them twice.
fn usable<'s>(
    victim: &dyn PairVictim,
    snippets: impl IntoIterator<Item = &'s Snippet>,
) -> Result<Vec<Function<'s>>, ModelError> {
    let (mut functions, mut seen) = (Vec::new(), HashSet::new());
    for snippet in snippets {
        let usable = snippet.quality() == SyntaxQuality::Clean && seen.insert(snippet.text());
        let Some(reference) = usable.then(|| Reference::new(snippet)).flatten() else { continue };
        let off = victim.encode(snippet.text())?.ids.len().abs_diff(TOKENS);
        functions.push(Function { snippet, reference, off });
    }
    Ok(functions)
}

/// A function beside itself, as the model answers it.
struct Tried<'f> {
    reference: &'f Reference,
    answer: usize,
    margin: f64,
    /// What the margin loses by the worst tenth of honest elements, on average, as a share of it.
    loss: f64,
    /// What it loses by the worst of all, likewise.
    most: f64,
}

/// Of the first of `functions`, all in one language, those that elements of the others move least, for each answer; the
/// steadiest comes last.
fn steadiest(victim: &dyn PairVictim, functions: &[&Function<'_>]) -> Result<Vec<Reference>, ModelError> {
    let (tried, others) = functions.split_at(functions.len().min(TRIED));
    let found = elements(if others.is_empty() { tried } else { others });
    let grafts: Vec<Graft<'_>> = found.iter().map(|(snippet, candidate)| graft(snippet, candidate)).collect();
    let mut of_answer: BTreeMap<usize, Vec<Tried<'_>>> = BTreeMap::new();
    for function in tried {
        let tried = Tried::new(victim, &function.reference, &grafts)?;
        of_answer.entry(tried.answer).or_default().push(tried);
    }
    let mut kept = Vec::new();
    for tried in of_answer.values_mut() {
        let surest = tried.iter().map(|tried| tried.margin).fold(0.0, f64::max);
        tried.retain(|tried| tried.margin >= SURE * surest);
        let moved = |tried: &Tried<'_>| tried.most >= MOVED;
        if tried.iter().filter(|tried| moved(tried)).count() >= KEPT {
            tried.retain(moved);
        }
        tried.sort_by(|a, b| b.loss.total_cmp(&a.loss));
        let steady = tried.iter().skip(tried.len().saturating_sub(KEPT));
        kept.extend(steady.map(|tried| tried.reference.clone()));
    }
    Ok(kept)
}

/// Elements from all over `functions`, each with where it comes from.
fn elements<'s>(functions: &[&Function<'s>]) -> Vec<(&'s Snippet, Candidate)> {
    let of = |function: &&Function<'s>| {
        let snippet = function.snippet;
        candidates(snippet, &Families::STANDARD).into_iter().map(move |candidate| (snippet, candidate))
    };
    let all: Vec<_> = functions.iter().flat_map(of).collect();
    let step = all.len().div_ceil(ELEMENTS).max(1);
    all.into_iter().step_by(step).collect()
}

impl<'f> Tried<'f> {
    fn new(
        victim: &dyn PairVictim,
        reference: &'f Reference,
        grafts: &[Graft<'_>],
    ) -> Result<Self, ModelError> {
        let mut rows = Ragged::new();
        let plain: &[Graft<'_>] = &[];
        for grafts in std::iter::once(plain).chain(grafts.chunks(1)) {
            rows.push(encode_window(victim, &reference.with(grafts))?.0.ids);
        }
        let logits = victim.judge_pairs(&rows, &rows)?;
        let answer = logits.label(0);
        let margin = logits.margin(0, answer);
        let mut losses: Vec<f64> = (1..logits.len()).map(|row| margin - logits.margin(row, answer)).collect();
        losses.sort_by(|a, b| b.total_cmp(a));
        losses.truncate(losses.len().div_ceil(10));
        let mean = losses.iter().sum::<f64>() / losses.len().max(1) as f64;
        let share = |loss: f64| loss.max(0.0) / margin.max(f64::MIN_POSITIVE);
        let most = share(losses.first().copied().unwrap_or_default());
        Ok(Self { reference, answer, margin, loss: share(mean), most })
    }
}
