//! Purification: the located trigger is masked and filled anew, byte-exactly, and only if the result still parses.

mod fill;
mod masking;
pub mod splice;

use std::collections::BTreeSet;

use crate::batch;
use crate::candidates::Candidate;
use crate::error::ModelError;
use crate::snippet::{Leaf, Snippet, Syntax, SyntaxQuality};
use crate::verdict::{Action, ElementKind};
use crate::victim::MaskedLm;
use masking::{MASKS_PER_NAME, Masked, Slot};
use splice::Edit;

/// Proposals asked for at each mask.
const TOP: usize = 64;

/// Fillings that are tried until one parses.
const ATTEMPTS: usize = 8;

/// What was done about one trigger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Purification {
    pub(crate) action: Action,
    /// The new text, and what stands in the trigger's first place now; absent if nothing was changed.
    pub(crate) changed: Option<(String, String)>,
    pub(crate) mlm_passes: usize,
    /// Why nothing was changed.
    pub(crate) reason: Option<String>,
}

impl Purification {
    fn unchanged(reason: impl Into<String>) -> Self {
        Self { action: Action::None, changed: None, mlm_passes: 0, reason: Some(reason.into()) }
    }

    fn failed(error: &ModelError) -> Self {
        Self::unchanged(format!("not purified: {error}"))
    }
}

/// A trigger ready to be filled.
struct Plan<'a> {
    snippet: &'a Snippet,
    trigger: &'a Candidate,
    slots: Vec<Slot>,
    masked: Masked,
}

/// Replaces each trigger in its snippet; the masked rows of all of them are filled together.
pub(crate) fn purify(mlm: &dyn MaskedLm, triggers: &[(&Snippet, &Candidate)]) -> Vec<Purification> {
    let plans: Vec<Result<Plan<'_>, Purification>> =
        triggers.iter().map(|&(snippet, trigger)| Plan::new(mlm, snippet, trigger)).collect();
    let rows: Vec<_> = plans.iter().flatten().map(|plan| &plan.masked.rows).collect();
    let mut filled = batch::fill(mlm, &rows, TOP).into_iter();
    plans
        .into_iter()
        .map(|plan| match (plan, filled.by_ref()) {
            (Err(purification), _) => purification,
            (Ok(plan), filled) => match filled.next() {
                Some(Ok(fills)) => plan.complete(mlm, &fills),
                Some(Err(error)) => Purification::failed(&error),
                None => Purification::unchanged("not purified: the masked model gave no answer"),
            },
        })
        .collect()
}

impl<'a> Plan<'a> {
    /// Masks the trigger, or tells why that cannot be done.
    fn new(mlm: &dyn MaskedLm, snippet: &'a Snippet, trigger: &'a Candidate) -> Result<Self, Purification> {
        let slots = masking::slots(snippet, trigger);
        if slots.is_empty() {
            return Err(Purification::unchanged(
                "not purified: the trigger holds nothing but keywords and punctuation",
            ));
        }
        let masks = if trigger.kind == ElementKind::Identifier { MASKS_PER_NAME } else { 1 };
        match masking::mask(mlm, snippet.text(), &slots, masks) {
            Err(error) => Err(Purification::failed(&error)),
            Ok(None) => Err(Purification::unchanged(
                "not purified: the masked model's window is too small for the masks",
            )),
            Ok(Some(masked)) => Ok(Self { snippet, trigger, slots, masked }),
        }
    }

    /// Takes the best filling that parses as well as the original did.
    fn complete(&self, mlm: &dyn MaskedLm, fills: &[batch::Fills]) -> Purification {
        let (action, attempts) = match self.trigger.kind {
            ElementKind::Identifier => (Action::Rename, self.renamings(mlm, fills)),
            ElementKind::Statement => (Action::Infill, self.infillings(mlm, fills)),
        };
        let mlm_passes = self.masked.rows.len();
        let reason = if attempts.is_empty() {
            "not purified: the masked model proposes nothing that fits"
        } else {
            "not purified: no filling of the masked model parses"
        };
        let changed = attempts.iter().find_map(|edits| self.try_edits(edits));
        match changed {
            Some(changed) => Purification { action, changed: Some(changed), mlm_passes, reason: None },
            None => Purification { mlm_passes, ..Purification::unchanged(reason) },
        }
    }

    /// One consistent new name for all occurrences, in each attempt another.
    fn renamings(&self, mlm: &dyn MaskedLm, fills: &[batch::Fills]) -> Vec<Vec<Edit>> {
        let taken = names_in(self.snippet);
        let names = fill::names(mlm, &self.masked, fills, &taken, self.snippet.grammar());
        let rename = |name: String| {
            let edit = |slot: &Slot| Edit { span: slot.span, replacement: name.clone() };
            self.slots.iter().map(edit).collect()
        };
        names.into_iter().take(ATTEMPTS).map(rename).collect()
    }

    /// Attempt k takes the k-th choice of each slot, or its last.
    fn infillings(&self, mlm: &dyn MaskedLm, fills: &[batch::Fills]) -> Vec<Vec<Edit>> {
        let (text, grammar) = (self.snippet.text(), self.snippet.grammar());
        let choices = fill::infills(mlm, &self.masked, fills, &self.slots, text, grammar);
        let attempts = choices.iter().map(Vec::len).max().unwrap_or(0).min(ATTEMPTS);
        let infill = |attempt: usize| {
            let edit = |(slot, choices): (&Slot, &Vec<String>)| {
                let choice = choices.get(attempt).or(choices.last())?;
                Some(Edit { span: slot.span, replacement: choice.clone() })
            };
            self.slots.iter().zip(&choices).filter_map(edit).collect()
        };
        (0..attempts).map(infill).collect()
    }

    /// The new text and the trigger's replacement, unless the edits break the syntax.
    fn try_edits(&self, edits: &[Edit]) -> Option<(String, String)> {
        let text = splice::apply(self.snippet.text(), edits).ok()?;
        if self.snippet.quality() == SyntaxQuality::Clean {
            let syntax = Syntax::parse(&text, self.snippet.language()).ok()?;
            if syntax.quality() != SyntaxQuality::Clean {
                return None;
            }
        }
        let place = self.trigger.spans[0];
        let within: Vec<Edit> = edits
            .iter()
            .filter(|edit| place.contains(edit.span))
            .map(|edit| Edit {
                span: (edit.span.start - place.start..edit.span.end - place.start).into(),
                replacement: edit.replacement.clone(),
            })
            .collect();
        let replacement = splice::apply(place.of(self.snippet.text())?, &within).ok()?;
        Some((text, replacement))
    }
}

/// Every name of any sort in the snippet.
fn names_in(snippet: &Snippet) -> BTreeSet<&str> {
    let mut names = BTreeSet::new();
    if let Some(syntax) = snippet.syntax() {
        syntax.walk((), |visit, ()| {
            if Leaf::of_kind(visit.kind) == Some(Leaf::Identifier) {
                names.extend(visit.span.of(snippet.text()));
            }
            Some(())
        });
    }
    names
}
