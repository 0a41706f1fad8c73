//! Purification: deletes a located trigger if it is provably dead code, else rewrites it. Edits are
//! byte-exact, and the result must parse if the snippet did.

mod choice;
mod constant_folding;
mod dead_code;
mod delete;
mod infill;
mod masking;
mod name_shortening;
mod places;
mod proof;
mod random;
mod removal;
mod rename;
mod standard;

pub(crate) use choice::RewriteTarget;

use std::collections::{BTreeMap, BTreeSet};

use crate::candidates::{Candidate, SEPARATOR};
use crate::error::ModelError;
use crate::profile::PurifyOptions;
use crate::query::{Fills, batch};
use crate::snippet::edit::{Edit, apply};
use crate::snippet::{Leaf, Snippet, SyntaxQuality};
use crate::verdict::{Action, Change, ChangeKind, ElementKind};
use crate::victim::MaskedLm;
use masking::{MASKS_PER_NAME, MaskedRows, Place, Slot};

/// Number of proposals for each mask.
const TOP: usize = 64;

/// Number of infills that are tried until they parse.
const ATTEMPTS: usize = 8;

/// Possible rewrites of one trigger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TriggerRewrites {
    pub(crate) action: Action,
    /// Rewrites in order of preference: the smallest edits first, then infills, the most probable
    /// first. Empty if the trigger has to stay.
    pub(crate) rewrites: Vec<Rewrite>,
    pub(crate) mlm_passes: usize,
    /// Reason why nothing can be changed.
    pub(crate) reason: Option<String>,
}

/// One way to rewrite a trigger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Rewrite {
    /// Text of the unit after the edits.
    pub(crate) text: String,
    pub(crate) edits: Vec<Edit>,
    /// New text at the trigger's first place.
    pub(crate) replacement: String,
    pub(crate) change: Change,
}

impl Rewrite {
    /// True for an edit that only removes something; it is preferred if it is enough.
    pub(crate) fn is_minimal(&self) -> bool {
        !matches!(self.change.kind, ChangeKind::Renaming | ChangeKind::Infilling)
    }
}

impl TriggerRewrites {
    fn unchanged(reason: impl Into<String>) -> Self {
        Self { action: Action::None, rewrites: Vec::new(), mlm_passes: 0, reason: Some(reason.into()) }
    }

    fn failed(error: &ModelError) -> Self {
        Self::unchanged(format!("not purified: {error}"))
    }
}

/// A trigger ready to be infilled.
struct MaskedTrigger<'a> {
    snippet: &'a Snippet,
    trigger: &'a Candidate,
    slots: Vec<Slot>,
    masked: MaskedRows,
}

/// Returns the rewrites of each trigger that `options` allow. The masked rows of all triggers go
/// through the model together.
pub(crate) fn purify(
    mlm: &dyn MaskedLm,
    triggers: &[(&Snippet, &Candidate)],
    options: PurifyOptions,
) -> Vec<TriggerRewrites> {
    let plan = |&(snippet, trigger): &(_, _)| match deleted(snippet, trigger).filter(|_| options.deletion) {
        Some(purification) => Err(purification),
        None => MaskedTrigger::new(mlm, snippet, trigger),
    };
    let plans: Vec<Result<MaskedTrigger<'_>, TriggerRewrites>> = triggers.iter().map(plan).collect();
    let rows: Vec<_> = plans.iter().flatten().map(|plan| &plan.masked.rows).collect();
    let mut filled = batch::fill(mlm, &rows, TOP).into_iter();
    plans
        .into_iter()
        .map(|plan| match (plan, filled.by_ref()) {
            (Err(purification), _) => purification,
            (Ok(plan), filled) => match filled.next() {
                Some(Ok(fills)) => plan.complete(mlm, &fills, options),
                Some(Err(error)) => TriggerRewrites::failed(&error),
                None => TriggerRewrites::unchanged("not purified: the masked model gave no answer"),
            },
        })
        .collect()
}

/// Deletes the trigger, if that is possible.
fn deleted(snippet: &Snippet, trigger: &Candidate) -> Option<TriggerRewrites> {
    let edits = delete::deletion(snippet, trigger)?;
    let text = apply(snippet.text(), &edits).ok()?;
    if !parses_as_well(snippet, &text) || text.trim().is_empty() {
        return None;
    }
    let change = proof::change(ChangeKind::Deletion, snippet, trigger, &edits, &text);
    let rewrites = vec![Rewrite { text, edits, replacement: String::new(), change }];
    Some(TriggerRewrites { action: Action::Delete, rewrites, mlm_passes: 0, reason: None })
}

/// Returns true if `text` parses or the snippet does not.
fn parses_as_well(snippet: &Snippet, text: &str) -> bool {
    snippet.quality() != SyntaxQuality::Clean
        || snippet.parse(text).is_ok_and(|syntax| syntax.quality() == SyntaxQuality::Clean)
}

impl<'a> MaskedTrigger<'a> {
    /// Masks the trigger, or says why that is impossible.
    fn new(
        mlm: &dyn MaskedLm,
        snippet: &'a Snippet,
        trigger: &'a Candidate,
    ) -> Result<Self, TriggerRewrites> {
        let slots = masking::slots(snippet, trigger);
        if slots.is_empty() {
            return Err(TriggerRewrites::unchanged(
                "not purified: the trigger holds nothing but keywords and punctuation",
            ));
        }
        let masks = match trigger.kind {
            ElementKind::Identifier | ElementKind::NamingStyle => MASKS_PER_NAME,
            _ => 1,
        };
        match masking::mask(mlm, snippet.text(), &slots, masks) {
            Err(error) => Err(TriggerRewrites::failed(&error)),
            Ok(None) => Err(TriggerRewrites::unchanged(
                "not purified: the masked model's window is too small for the masks",
            )),
            // A name is chosen by the occurrences that the model sees; each other place needs its
            // own infill.
            Ok(Some(masked)) if masked.left_out > 0 && trigger.kind != ElementKind::Identifier => {
                let places = slots.len();
                Err(TriggerRewrites::unchanged(format!(
                    "not purified: {places} names and literals of the trigger are too many to be filled"
                )))
            }
            Ok(Some(masked)) => Ok(Self { snippet, trigger, slots, masked }),
        }
    }

    /// Takes the best infills that parse as well as the original does.
    fn complete(&self, mlm: &dyn MaskedLm, fills: &[Fills], options: PurifyOptions) -> TriggerRewrites {
        let (action, small, made_up, attempts) = match self.trigger.kind {
            ElementKind::Identifier | ElementKind::NamingStyle => {
                (Action::Rename, ChangeKind::Shortening, ChangeKind::Renaming, self.renamings(mlm, fills))
            }
            _ => (Action::Infill, ChangeKind::Folding, ChangeKind::Infilling, self.infillings(mlm, fills)),
        };
        let mlm_passes = self.masked.rows.len();
        let minimal = if options.minimal_edits { self.minimal_edits() } else { Vec::new() };
        let minimal = minimal.iter().filter_map(|edits| self.try_edits(edits, small));
        let filled =
            attempts.iter().filter_map(|edits| self.try_edits(edits, made_up)).take(options.rewrites);
        let rewrites: Vec<Rewrite> = minimal.chain(filled).collect();
        if !rewrites.is_empty() {
            return TriggerRewrites { action, rewrites, mlm_passes, reason: None };
        }
        let reason = if attempts.is_empty() {
            "not purified: the masked model proposes nothing that fits"
        } else {
            "not purified: no filling of the masked model parses"
        };
        TriggerRewrites { mlm_passes, ..TriggerRewrites::unchanged(reason) }
    }

    /// Returns the minimal edits: shortened names, or folded constants.
    fn minimal_edits(&self) -> Vec<Vec<Edit>> {
        let ways = match self.trigger.kind {
            ElementKind::Identifier | ElementKind::NamingStyle => self.shortenings(),
            ElementKind::Statement | ElementKind::Header | ElementKind::Literal => {
                vec![constant_folding::folded(self.snippet, self.trigger)]
            }
            ElementKind::Comment | ElementKind::Invisible => Vec::new(),
        };
        ways.into_iter().filter(|edits| !edits.is_empty()).collect()
    }

    /// Shortens all names that have a part to spare, in each way that keeps them different.
    fn shortenings(&self) -> Vec<Vec<Edit>> {
        let (old, names) = (self.old_names(), names_in(self.snippet));
        let old_ones: BTreeSet<&str> = old.iter().copied().collect();
        let shorter = old_ones.into_iter().filter_map(|name| Some((name, name_shortening::shorter(name)?)));
        let shorter: BTreeMap<&str, [String; name_shortening::WAYS]> = shorter.collect();
        let in_way = |way: usize| {
            let mut taken = names.clone();
            let fits = |new: &[String; name_shortening::WAYS]| {
                self.snippet.grammar().is_name(&new[way]) && taken.insert(new[way].clone())
            };
            let edit = |(slot, old): (&Slot, &&str)| {
                Some(Edit { span: slot.span, replacement: shorter.get(old)?[way].clone() })
            };
            let all_fit = shorter.values().all(fits);
            all_fit.then(|| self.slots.iter().zip(&old).filter_map(edit).collect())
        };
        (0..name_shortening::WAYS).filter_map(in_way).collect()
    }

    /// Gives all occurrences of each old name one new name, another in each attempt.
    fn renamings(&self, mlm: &dyn MaskedLm, fills: &[Fills]) -> Vec<Vec<Edit>> {
        let (old, mut places) = (self.old_names(), BTreeMap::<&str, Vec<Place>>::new());
        for (name, place) in old.iter().zip(&self.masked.places) {
            places.entry(name).or_default().push(*place);
        }
        let mut taken = names_in(self.snippet);
        let proposals = places.into_iter().map(|(old, places)| {
            let new = infill::names(mlm, &places, fills, &taken, self.snippet.grammar());
            let new: Vec<String> = new.into_iter().take(ATTEMPTS).collect();
            taken.extend(new.iter().cloned());
            (old, new)
        });
        let proposals: BTreeMap<&str, Vec<String>> = proposals.collect();
        // A name with too few proposals gets its last again.
        let attempts = proposals.values().map(Vec::len).max().unwrap_or(0);
        let rename = |attempt: usize| {
            let edit = |(slot, old): (&Slot, &&str)| {
                let new = proposals.get(old)?;
                Some(Edit { span: slot.span, replacement: new.get(attempt).or(new.last())?.clone() })
            };
            self.slots.iter().zip(&old).filter_map(edit).collect()
        };
        (0..attempts).map(rename).collect()
    }

    /// Returns the name in each slot.
    fn old_names(&self) -> Vec<&'a str> {
        let text = self.snippet.text();
        self.slots.iter().map(|slot| slot.span.of(text).unwrap_or_default()).collect()
    }

    /// Attempt k takes the k-th replacement of each slot, or its last.
    fn infillings(&self, mlm: &dyn MaskedLm, fills: &[Fills]) -> Vec<Vec<Edit>> {
        let (text, grammar) = (self.snippet.text(), self.snippet.grammar());
        let choices = infill::infills(mlm, &self.masked.places, fills, &self.slots, text, grammar);
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

    /// Applies the edits, unless they break the syntax.
    fn try_edits(&self, edits: &[Edit], kind: ChangeKind) -> Option<Rewrite> {
        let text = apply(self.snippet.text(), edits).ok()?;
        if !parses_as_well(self.snippet, &text) {
            return None;
        }
        let replacement = match self.trigger.kind {
            ElementKind::NamingStyle => new_names(edits),
            _ => self.first_place(edits)?,
        };
        let change = proof::change(kind, self.snippet, self.trigger, edits, &text);
        Some(Rewrite { text, edits: edits.to_vec(), replacement, change })
    }

    /// Returns the text at the trigger's first place after `edits`.
    fn first_place(&self, edits: &[Edit]) -> Option<String> {
        let place = self.trigger.spans[0];
        let within: Vec<Edit> = edits
            .iter()
            .filter(|edit| place.contains(edit.span))
            .map(|edit| Edit {
                span: (edit.span.start - place.start..edit.span.end - place.start).into(),
                replacement: edit.replacement.clone(),
            })
            .collect();
        apply(place.of(self.snippet.text())?, &within).ok()
    }
}

/// Returns the new names in source order, each once.
fn new_names(edits: &[Edit]) -> String {
    let mut seen = BTreeSet::new();
    let new = edits.iter().map(|edit| edit.replacement.as_str()).filter(|name| seen.insert(*name));
    new.collect::<Vec<_>>().join(SEPARATOR)
}

/// Returns all names of any kind in the snippet.
fn names_in(snippet: &Snippet) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    if let Some(syntax) = snippet.syntax() {
        syntax.walk((), |visit, ()| {
            if Leaf::of_kind(visit.kind) == Some(Leaf::Identifier) {
                names.extend(visit.span.of(snippet.text()).map(str::to_owned));
            }
            Some(())
        });
    }
    names
}
