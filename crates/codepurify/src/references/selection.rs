//! Selection of references from the domain of a pair model: its own clean functions that other clean
//! code moves least.

use std::collections::{BTreeMap, HashSet};

use super::{Reference, References, Transplant, transplant};
use crate::candidates::{Candidate, Families, candidates};
use crate::error::ModelError;
use crate::occlude::encode_window;
use crate::snippet::{Language, Snippet, SyntaxQuality};
use crate::victim::{PairVictim, Ragged};

/// Preferred length of a reference in tokens: long enough for clean code not to change what it computes,
/// short enough to be cheap.
const TOKENS: usize = 90;
/// Functions of about this length that are tested as references.
const TESTED: usize = 32;
/// Clean elements that are inserted into each of them: enough to estimate the worst tenth.
const ELEMENTS: usize = 256;
/// References kept for each label: three are tested with a snippet, and each has a next one.
const KEPT: usize = 4;
/// Share of the largest margin that a reference must have. Below it anything moves the prediction, or nothing.
const CONFIDENT: f64 = 0.5;
/// Share of its margin that the worst clean element takes from a reference. A trigger does not move what
/// nothing moves.
const MOVED: f64 = 0.35;

/// A function of the domain.
struct DomainFunction<'s> {
    snippet: &'s Snippet,
    reference: Reference,
    /// Distance of its length from the preferred one, in tokens.
    distance: usize,
}

impl References {
    /// Selects references from `snippets`, clean functions of the domain of `victim`, a pair model: at
    /// most 4 of each language for each label that the victim predicts for a function paired with itself.
    ///
    /// Functions with a body whose length is near 90 tokens are tested: elements of the others are inserted
    /// into both sides. Of the functions with a confident prediction that is not immovable, those are kept
    /// that lose least by the worst of these elements (`docs/method.md` has the figures).
    ///
    /// # Errors
    /// [`ModelError`] if a function cannot be tokenised or judged.
    pub fn from_domain<'s>(
        victim: &dyn PairVictim,
        snippets: impl IntoIterator<Item = &'s Snippet>,
    ) -> Result<Self, ModelError> {
        let mut functions = usable(victim, snippets)?;
        functions.sort_by_key(|function| function.distance);
        let mut all = Vec::new();
        for language in Language::ALL {
            let own: Vec<&DomainFunction<'_>> =
                functions.iter().filter(|function| function.reference.language == language).collect();
            all.extend(most_reliable(victim, &own)?);
        }
        Ok(Self { all })
    }
}

/// The functions that can be references, each text once.
fn usable<'s>(
    victim: &dyn PairVictim,
    snippets: impl IntoIterator<Item = &'s Snippet>,
) -> Result<Vec<DomainFunction<'s>>, ModelError> {
    let (mut functions, mut seen) = (Vec::new(), HashSet::new());
    for snippet in snippets {
        let usable = snippet.quality() == SyntaxQuality::Clean && seen.insert(snippet.text());
        let Some(reference) = usable.then(|| Reference::new(snippet)).flatten() else { continue };
        let distance = victim.encode(snippet.text())?.ids.len().abs_diff(TOKENS);
        functions.push(DomainFunction { snippet, reference, distance });
    }
    Ok(functions)
}

/// A function paired with itself, and how far clean elements move its prediction.
struct TestedReference<'f> {
    reference: &'f Reference,
    label: usize,
    margin: f64,
    /// Mean loss of margin by the worst tenth of clean elements, as a share of it.
    loss: f64,
    /// Loss by the worst element, likewise.
    worst: f64,
}

/// The references for each label among the first of `functions`, all in one language; the most reliable
/// comes last.
fn most_reliable(
    victim: &dyn PairVictim,
    functions: &[&DomainFunction<'_>],
) -> Result<Vec<Reference>, ModelError> {
    let (tested, others) = functions.split_at(functions.len().min(TESTED));
    let found = elements(if others.is_empty() { tested } else { others });
    let transplants: Vec<Transplant<'_>> =
        found.iter().map(|(snippet, candidate)| transplant(snippet, candidate)).collect();
    let mut by_label: BTreeMap<usize, Vec<TestedReference<'_>>> = BTreeMap::new();
    for function in tested {
        let reference = TestedReference::new(victim, &function.reference, &transplants)?;
        by_label.entry(reference.label).or_default().push(reference);
    }
    let mut kept = Vec::new();
    for tested in by_label.values_mut() {
        let largest = tested.iter().map(|tested| tested.margin).fold(0.0, f64::max);
        tested.retain(|tested| tested.margin >= CONFIDENT * largest);
        let moved = |tested: &TestedReference<'_>| tested.worst >= MOVED;
        if tested.iter().filter(|tested| moved(tested)).count() >= KEPT {
            tested.retain(moved);
        }
        tested.sort_by(|a, b| b.loss.total_cmp(&a.loss));
        let reliable = tested.iter().skip(tested.len().saturating_sub(KEPT));
        kept.extend(reliable.map(|tested| tested.reference.clone()));
    }
    Ok(kept)
}

/// Elements spread over `functions`, each with its snippet.
fn elements<'s>(functions: &[&DomainFunction<'s>]) -> Vec<(&'s Snippet, Candidate)> {
    let of = |function: &&DomainFunction<'s>| {
        let snippet = function.snippet;
        candidates(snippet, &Families::TRANSPLANT).into_iter().map(move |candidate| (snippet, candidate))
    };
    let all: Vec<_> = functions.iter().flat_map(of).collect();
    let step = all.len().div_ceil(ELEMENTS).max(1);
    all.into_iter().step_by(step).collect()
}

impl<'f> TestedReference<'f> {
    fn new(
        victim: &dyn PairVictim,
        reference: &'f Reference,
        transplants: &[Transplant<'_>],
    ) -> Result<Self, ModelError> {
        let mut rows = Ragged::new();
        let plain: &[Transplant<'_>] = &[];
        for inserted in std::iter::once(plain).chain(transplants.chunks(1)) {
            rows.push(encode_window(victim, &reference.with(inserted))?.0.ids);
        }
        let logits = victim.judge_pairs(&rows, &rows)?;
        let label = logits.label(0);
        let margin = logits.margin(0, label);
        let mut losses: Vec<f64> = (1..logits.len()).map(|row| margin - logits.margin(row, label)).collect();
        losses.sort_by(|a, b| b.total_cmp(a));
        losses.truncate(losses.len().div_ceil(10));
        let mean = losses.iter().sum::<f64>() / losses.len().max(1) as f64;
        let share = |loss: f64| loss.max(0.0) / margin.max(f64::MIN_POSITIVE);
        let worst = share(losses.first().copied().unwrap_or_default());
        Ok(Self { reference, label, margin, loss: share(mean), worst })
    }
}
