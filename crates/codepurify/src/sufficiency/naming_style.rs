//! How a snippet names things. A style of naming is a trigger that none of its names is alone, so all names that are declared are
//! looked at together, by a statistic of their own: they gain less than single elements do (`docs/method.md` has the figures), so
//! the larger of both would hardly see them, and are compared with the names of clean code.

use std::collections::BTreeMap;

use super::{Draft, Drafts, Scales, occluded};
use crate::occlude::Inspection;
use crate::score::Naming;
use crate::snippet::Span;
use crate::snippet::edit::{Edit, apply};
use crate::verdict::ElementKind;

impl Scales<'_> {
    /// The candidate that is all names of the snippet, if there is clean code to compare it with. Not asked of pairs and texts, nor
    /// behind the window.
    pub(super) fn all_names(&self, draft: &Draft<'_, '_>) -> Option<usize> {
        let inspection = draft.inspection;
        let names = |&index: &usize| inspection.candidates[index].kind == ElementKind::Names;
        (0..inspection.candidates.len())
            .find(names)
            .filter(|_| self.calibrated && draft.is_single() && inspection.is_first())
    }

    /// Asks what is left of the answer once nothing is called as it is, where all names together turned the first reference: an
    /// honest answer seldom hangs on them.
    pub(super) fn named<'a, 's>(&self, drafts: Drafts<'a, 's>) -> Drafts<'a, 's> {
        let turning = |draft: &Draft<'a, 's>| {
            let names = self.all_names(draft)?;
            draft.alone[names].filter(|&margin| margin >= draft.bars().given).map(|_| names)
        };
        let asks = |draft: &mut Draft<'a, 's>| {
            let (inspection, model) = (draft.inspection, self.guarded.model());
            let renamed = |names: usize| inspection.seen_of(model, &renamed(inspection, names));
            turning(draft).map(|names| Ok(occluded(inspection, &renamed(names)?))).into_iter().collect()
        };
        self.ask(drafts, asks, |draft, margins| {
            let Some((names, &without)) = turning(draft).zip(margins.first()) else { return };
            let lost = draft.scores.margin - without;
            let gained = draft.scores.influences[names].first_look.unwrap_or_default();
            draft.scores.occluded(names, without);
            draft.scores.naming = Some(Naming { score: gained + lost, names });
        })
    }
}

/// The snippet with names that say nothing. Hidden names would not do: so much that the model cannot read is code that it has never
/// seen.
fn renamed(inspection: &Inspection<'_>, names: usize) -> String {
    let (text, mut known) = (inspection.snippet.text(), BTreeMap::new());
    let edit = |&span: &Span| {
        let next = known.len() + 1;
        let number = *known.entry(span.of(text)).or_insert(next);
        Edit { span, replacement: format!("v{number}") }
    };
    let edits: Vec<Edit> = inspection.candidates[names].spans.iter().map(edit).collect();
    apply(text, &edits).expect("the places of a candidate are apart and in the text")
}

impl Draft<'_, '_> {
    /// The candidates that are single elements.
    pub(super) fn elements(&self) -> impl Iterator<Item = usize> + '_ {
        let candidates = self.inspection.candidates.iter().enumerate();
        candidates.filter(|(_, candidate)| candidate.kind != ElementKind::Names).map(|(index, _)| index)
    }
}
