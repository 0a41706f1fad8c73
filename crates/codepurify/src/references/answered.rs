//! The references as the guarded model answers them: judged once, then at hand for every snippet.

use super::{Graft, Reference, References};
use crate::error::ModelError;
use crate::occlude::encode_window;
use crate::query::{Ask, Guarded, Item, Memory};
use crate::score::Answer;
use crate::snippet::Language;
use crate::verdict::Side;
use crate::victim::{Logits, Model};

/// What candidates are transplanted into: of single references the cheapest first, of pairs the best last.
pub(crate) struct Bench {
    entries: Vec<Entry>,
    pub(crate) memory: Memory,
}

/// A reference, or a pair of them.
pub(crate) struct Entry {
    left: Reference,
    right: Option<Reference>,
    /// What the model answers to it as it stands; absent of a generator, whose answers are its own.
    logits: Option<Logits>,
}

impl Bench {
    /// Judges all references. A model of pairs gets each of them beside the next one and, rather than that, beside itself,
    /// which is a pair of clones to a model that looks for clones.
    ///
    /// # Errors
    /// [`ModelError`] if the model cannot tokenise or judge them.
    pub(crate) fn new(guarded: Guarded<'_>, references: &References) -> Result<Self, ModelError> {
        let entry = |left: &Reference, right: Option<&Reference>| Entry {
            left: left.clone(),
            right: right.cloned(),
            logits: None,
        };
        let all = references.all.iter();
        let mut entries: Vec<Entry> = match guarded {
            Guarded::Pairs(_) => {
                let next = |(index, left): (usize, &Reference)| {
                    let mut others = references.all[index + 1..].iter();
                    Some(entry(left, Some(others.find(|other| other.language == left.language)?)))
                };
                let twice = all.clone().map(|reference| entry(reference, Some(reference)));
                all.clone().enumerate().filter_map(next).chain(twice).collect()
            }
            _ => all.map(|reference| entry(reference, None)).collect(),
        };
        let asks = entries.iter().map(|entry| entry.ask(guarded.model(), &[]));
        let asks = asks.collect::<Result<Vec<Ask>, _>>()?;
        let items: Vec<Item<'_>> = asks.iter().map(Ask::plain).collect();
        if let Some(logits) = guarded.logits(&items) {
            for (entry, logits) in entries.iter_mut().zip(logits) {
                entry.logits = Some(logits?);
            }
        }
        Ok(Self { entries, memory: Memory::default() })
    }

    /// At most `count` entries in `language`, those that the model does not give `answer`; if these are too few, those that it
    /// gives it least surely, the least sure first. Otherwise the first is short, as all candidates go into it; the others are
    /// long, as honest code moves them less. Of pairs all are long, or steady: two short functions that are the same are moved
    /// apart by almost anything. For a text all are short: what it gains is a share of what it lost, which honest code does not
    /// fill in short ones either.
    pub(crate) fn chosen(&self, language: Language, answer: &Answer, count: usize) -> Vec<&Entry> {
        let mut all: Vec<&Entry> =
            self.entries.iter().filter(|entry| entry.left.language == language).collect();
        if matches!(answer, Answer::Text(_)) {
            all.truncate(count);
            return all;
        }
        let other = |entry: &&Entry| entry.surety(answer) < 0.0;
        let mut others: Vec<&Entry> = all.iter().copied().filter(other).collect();
        if others.len() < count {
            all.sort_by(|a, b| a.surety(answer).total_cmp(&b.surety(answer)));
            all.truncate(count);
            return all;
        }
        let long = others.split_off((others.len() + 1).saturating_sub(count).max(1));
        let first = if others[0].is_pair() { others.pop() } else { others.first().copied() };
        first.into_iter().chain(long).collect()
    }

    /// At most `count` single entries in `language` besides the `chosen` ones that the model does not give `answer`: the longest.
    pub(crate) fn further(
        &self,
        language: Language,
        answer: &Answer,
        chosen: &[&Entry],
        count: usize,
    ) -> Vec<&Entry> {
        let is_chosen = |entry: &&Entry| chosen.iter().any(|chosen| std::ptr::eq(*chosen, *entry));
        let fits = |entry: &&Entry| {
            let other = entry.margin(answer).is_some_and(|margin| margin < 0.0);
            entry.left.language == language && other && !entry.is_pair() && !is_chosen(entry)
        };
        let mut others: Vec<&Entry> = self.entries.iter().filter(fits).collect();
        others.split_off(others.len().saturating_sub(count))
    }
}

impl Entry {
    /// The margin that `answer` has without any graft; unknown of a generated answer.
    pub(crate) fn margin(&self, answer: &Answer) -> Option<f64> {
        match (answer, &self.logits) {
            (Answer::Label(label), Some(logits)) => Some(logits.margin(0, *label)),
            _ => None,
        }
    }

    pub(crate) fn is_pair(&self) -> bool {
        self.right.is_some()
    }

    fn surety(&self, answer: &Answer) -> f64 {
        self.margin(answer).unwrap_or_default()
    }

    /// The entry with `grafts` in it; of a pair in both of its sides.
    ///
    /// # Errors
    /// [`ModelError`] if the text cannot be tokenised.
    pub(crate) fn ask(&self, model: &dyn Model, grafts: &[Graft<'_>]) -> Result<Ask, ModelError> {
        let encode = |reference: &Reference| Ok(encode_window(model, &reference.with(grafts))?.0.ids);
        let row = encode(&self.left)?;
        match &self.right {
            None => Ok(Ask::alone(&row)),
            Some(right) => Ok(Ask::beside(&row, encode(right)?, Side::Left)),
        }
    }
}
