//! Purification: the located trigger is taken out if that provably changes nothing, else masked and filled anew; byte-exactly,
//! and only if the result still parses.

mod choice;
mod constant_folding;
mod dead_code;
mod delete;
mod infill;
mod masking;
mod name_shortening;
mod places;
mod proof;
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

/// Proposals asked for at each mask.
const TOP: usize = 64;

/// Fillings that are tried whether they parse.
const ATTEMPTS: usize = 8;

/// What can be done about one trigger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TriggerRewrites {
    pub(crate) action: Action,
    /// Ways to change the text, the smallest edits first and then the masked model's, its favourite first; none if it has to
    /// stay.
    pub(crate) rewrites: Vec<Rewrite>,
    pub(crate) mlm_passes: usize,
    /// Why nothing can be changed.
    pub(crate) reason: Option<String>,
}

/// One way to replace a trigger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Rewrite {
    /// The unit's text after the edits.
    pub(crate) text: String,
    pub(crate) edits: Vec<Edit>,
    /// What stands in the trigger's first place then.
    pub(crate) replacement: String,
    pub(crate) change: Change,
}

impl Rewrite {
    /// Whether it only takes something away: to be preferred, if it is enough.
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

/// A trigger ready to be filled.
struct MaskedTrigger<'a> {
    snippet: &'a Snippet,
    trigger: &'a Candidate,
    slots: Vec<Slot>,
    masked: MaskedRows,
}

/// What `options` allow to be done about each trigger; the masked rows of all that are to be filled go through the model
/// together.
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

/// The trigger taken out, if it can be.
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

/// Whether `text` parses if the snippet does.
fn parses_as_well(snippet: &Snippet, text: &str) -> bool {
    snippet.quality() != SyntaxQuality::Clean
        || snippet.parse(text).is_ok_and(|syntax| syntax.quality() == SyntaxQuality::Clean)
}

impl<'a> MaskedTrigger<'a> {
    /// Masks the trigger, or tells why that cannot be done.
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
            // A name is chosen by the occurrences that the model sees; each other place needs a filling of its own.
            Ok(Some(masked)) if masked.left_out > 0 && trigger.kind != ElementKind::Identifier => {
                let places = slots.len();
                Err(TriggerRewrites::unchanged(format!(
                    "not purified: {places} names and literals of the trigger are too many to be filled"
                )))
            }
            Ok(Some(masked)) => Ok(Self { snippet, trigger, slots, masked }),
        }
    }

    /// Takes the best fillings that parse as well as the original did.
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

    /// The edits that take away the least: a part of each name, or what is to be calculated.
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

    /// All names that have a part to spare without it, in each way of leaving one out in which all stay different names.
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

    /// One consistent new name for all occurrences of each old one, in each attempt others.
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
        // Where one name has too few proposals it gets its last again.
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

    /// What stands in each slot.
    fn old_names(&self) -> Vec<&'a str> {
        let text = self.snippet.text();
        self.slots.iter().map(|slot| slot.span.of(text).unwrap_or_default()).collect()
    }

    /// Attempt k takes the k-th choice of each slot, or its last.
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

    /// The edits carried out, unless they break the syntax.
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

    /// What stands in the trigger's first place after `edits`.
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

/// The new names in the order in which they stand, each once.
fn new_names(edits: &[Edit]) -> String {
    let mut seen = BTreeSet::new();
    let new = edits.iter().map(|edit| edit.replacement.as_str()).filter(|name| seen.insert(*name));
    new.collect::<Vec<_>>().join(SEPARATOR)
}

/// Every name of any sort in the snippet.
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
