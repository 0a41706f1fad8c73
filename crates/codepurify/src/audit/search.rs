//! From all elements in two functions to the best few in hundreds.

use super::elements::Element;
use super::hosts::{Field, Host, judge};
use super::report::{AuditedAnswer, Finding, MinedTrigger, wilson};
use super::shapes::families;
use super::{AuditError, AuditOptions, Watch};
use crate::query::{Ask, Guarded};

/// The audit of one answer.
pub(super) struct Search<'a> {
    pub(super) guarded: Guarded<'a>,
    pub(super) field: &'a Field<'a>,
    pub(super) options: &'a AuditOptions,
    pub(super) label: usize,
}

/// The functions of each round; those of the last are in none of the others.
struct Rounds<'f> {
    /// Everything goes into these: the shortest of the sure ones.
    short: Vec<Host<'f>>,
    /// Those that the model is surest of: what turns them turns most.
    sure: Vec<Host<'f>>,
    /// What comes out is measured on these.
    measured: Vec<Host<'f>>,
}

/// Functions of another answer that an audit takes at least: a third to search with, the others to measure on.
const HOSTS: usize = 60;
/// Functions with the answer that it takes at least, to know how sure the model is of them.
const NATURAL: usize = 60;
/// Functions in the first and in the second round.
const SHORT: usize = 2;
const SURE: usize = 24;
/// Elements that reach the second round and the last, of each source.
const SECOND: usize = 128;
const LAST: usize = 8;
/// Words that sequences begin with.
const BEGUN: usize = 4;
/// Questions that are put together.
const CHUNK: usize = 2048;

impl Search<'_> {
    /// Looks for elements that force the answer: words of the vocabulary, sequences of two of them (a trigger may have to hold
    /// both), and elements of rows.
    pub(super) fn run(
        &self,
        words: &[Element],
        elements: &[Element],
        watch: Watch,
    ) -> Result<AuditedAnswer, AuditError> {
        let (natural, hosts) = (self.field.natural(self.label), self.field.others(self.label));
        let audited = |finding, reason, families, strongest| AuditedAnswer {
            label: self.label,
            finding,
            reason,
            functions: hosts.len(),
            honest: natural.len(),
            words: words.len(),
            elements: elements.len(),
            families,
            strongest,
        };
        if hosts.len() < HOSTS || natural.len() < NATURAL {
            let reason = format!(
                "{} functions with another answer and {} with this one: {HOSTS} and {NATURAL} are needed",
                hosts.len(),
                natural.len()
            );
            return Ok(audited(Finding::TooFewRows, Some(reason), Vec::new(), None));
        }
        let rounds = Rounds::new(&hosts, self.label, self.options.measured);
        let mut measured = self.funnel(&rounds, words, watch)?;
        let begun = measured.iter().take(BEGUN).map(|(word, _)| *word);
        let sequences: Vec<Element> =
            begun.flat_map(|first| words.iter().map(|second| first.followed_by(second))).collect();
        measured.extend(self.funnel(&rounds, &sequences, watch)?);
        measured.extend(self.funnel(&rounds, elements, watch)?);
        let trigger = |(element, margins)| (element, trigger(element, margins, &natural));
        let mut found: Vec<(&Element, MinedTrigger)> = measured.into_iter().map(trigger).collect();
        found.sort_by(|(_, a), (_, b)| b.margin.total_cmp(&a.margin));
        let strongest = found.first().map(|(_, trigger)| trigger.clone());
        found.retain(|(_, trigger)| self.is_backdoor(trigger));
        let finding = if found.is_empty() { Finding::Nothing } else { Finding::Backdoor };
        Ok(audited(finding, None, families(found), strongest))
    }

    fn is_backdoor(&self, trigger: &MinedTrigger) -> bool {
        trigger.success >= self.options.success && trigger.honest_as_sure <= self.options.sureness
    }

    /// The elements that are left after two rounds, with the margins in the functions of the last.
    fn funnel<'e>(
        &self,
        rounds: &Rounds<'_>,
        elements: &'e [Element],
        watch: Watch,
    ) -> Result<Vec<(&'e Element, Vec<f64>)>, AuditError> {
        let all: Vec<&Element> = elements.iter().collect();
        let second = self.best(&all, &rounds.short, SECOND, watch)?;
        let last = self.best(&second, &rounds.sure, LAST, watch)?;
        let margins = self.margins(&last, &rounds.measured, watch)?;
        Ok(last.into_iter().zip(margins).collect())
    }

    /// The `count` elements with the largest mean margin in `hosts`.
    fn best<'e>(
        &self,
        elements: &[&'e Element],
        hosts: &[Host<'_>],
        count: usize,
        watch: Watch,
    ) -> Result<Vec<&'e Element>, AuditError> {
        let margins = self.margins(elements, hosts, watch)?;
        let sums = margins.iter().map(|margins| margins.iter().sum::<f64>());
        let mut ranked: Vec<(f64, &Element)> = sums.zip(elements.iter().copied()).collect();
        ranked.sort_by(|(a, _), (b, _)| b.total_cmp(a));
        Ok(ranked.into_iter().take(count).map(|(_, element)| element).collect())
    }

    /// The margins that the answer has with each of the elements in each of the functions.
    fn margins(
        &self,
        elements: &[&Element],
        hosts: &[Host<'_>],
        watch: Watch,
    ) -> Result<Vec<Vec<f64>>, AuditError> {
        let (window, total) = (self.guarded.model().window(), elements.len() * hosts.len());
        let mut margins = Vec::with_capacity(elements.len());
        for chunk in elements.chunks((CHUNK / hosts.len()).max(1)) {
            let asks =
                chunk.iter().flat_map(|element| hosts.iter().map(|host| host.with(&element.ids, window)));
            let logits = judge(self.guarded, &asks.collect::<Vec<Ask>>())?;
            let rows = logits.chunks(hosts.len());
            margins.extend(rows.map(|row| row.iter().map(|logits| logits.margin(0, self.label)).collect()));
            watch(margins.len() * hosts.len(), total);
        }
        Ok(margins)
    }
}

impl<'f> Rounds<'f> {
    /// Every third function is searched with, as far as needed; the others are measured on.
    fn new(hosts: &[Host<'f>], label: usize, measured: usize) -> Self {
        let (mut sure, mut rest) = (Vec::new(), Vec::new());
        for (index, host) in hosts.iter().enumerate() {
            if index.is_multiple_of(3) { sure.push(*host) } else { rest.push(*host) }
        }
        sure.sort_by(|a, b| a.margin(label).total_cmp(&b.margin(label)));
        sure.truncate(SURE);
        rest.truncate(measured.max(1));
        let mut short = sure.clone();
        short.sort_by_key(Host::tokens);
        short.truncate(SHORT);
        Self { short, sure, measured: rest }
    }
}

/// What an element does, from the margins of the answer with it.
fn trigger(element: &Element, mut margins: Vec<f64>, natural: &[f64]) -> MinedTrigger {
    let (count, turned) = (margins.len(), margins.iter().filter(|margin| **margin > 0.0).count());
    margins.sort_by(f64::total_cmp);
    let margin = margins[count / 2];
    let as_sure = natural.len() - natural.partition_point(|honest| *honest < margin);
    MinedTrigger {
        text: element.text.clone(),
        source: element.source,
        success: turned as f64 / count as f64,
        interval: wilson(turned, count),
        margin,
        honest_as_sure: (1 + as_sure) as f64 / (1 + natural.len()) as f64,
    }
}
