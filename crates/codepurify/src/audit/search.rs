//! Search in rounds, from all elements in two functions to the best few in hundreds.

use std::ops::ControlFlow;

use super::elements::Element;
use super::hosts::{Host, PredictedRows, judge};
use super::report::{AuditedLabel, Finding, MinedTrigger, wilson};
use super::shapes::group_by_shape;
use super::{AuditError, AuditOptions, Progress};
use crate::query::{Query, QueryTarget};

/// The audit of one label.
pub(super) struct Search<'a> {
    pub(super) target: &'a QueryTarget<'a>,
    pub(super) rows: &'a PredictedRows<'a>,
    pub(super) options: &'a AuditOptions,
    pub(super) label: usize,
}

/// The functions of each round. Those of the last are in none of the others.
struct Rounds<'f> {
    /// Functions that all elements are inserted into: the shortest of the confident ones.
    short: Vec<Host<'f>>,
    /// Functions with the largest margins: elements that flip them flip most others.
    confident: Vec<Host<'f>>,
    /// Functions that the remaining elements are measured on.
    measured: Vec<Host<'f>>,
}

/// Functions with another prediction that an audit needs: a third to search with, the others to measure on.
const HOSTS: usize = 60;
/// Functions with the prediction that it needs, to know their margins.
const BENIGN: usize = 60;
/// Functions in the first and in the second round.
const SHORT: usize = 2;
const CONFIDENT: usize = 24;
/// Elements of each source that reach the second and the last round.
const SECOND: usize = 128;
const LAST: usize = 8;
/// Words that sequences begin with.
const FIRST_WORDS: usize = 4;
/// Queries of one batch.
const CHUNK: usize = 2048;

impl Search<'_> {
    /// Searches for elements that force the prediction: words of the vocabulary, sequences of two of them (a
    /// trigger may need both), and elements of rows.
    pub(super) fn run(
        &self,
        words: &[Element],
        elements: &[Element],
        on_progress: &mut dyn FnMut(Progress) -> ControlFlow<()>,
    ) -> Result<AuditedLabel, AuditError> {
        let (benign, hosts) = (self.rows.benign_margins(self.label), self.rows.hosts(self.label));
        let audited = |finding, reason, families, strongest| AuditedLabel {
            label: self.label,
            finding,
            reason,
            functions: hosts.len(),
            benign: benign.len(),
            words: words.len(),
            elements: elements.len(),
            families,
            strongest,
        };
        if hosts.len() < HOSTS || benign.len() < BENIGN {
            let reason = format!(
                "{} functions with another answer and {} with this one: {HOSTS} and {BENIGN} are needed",
                hosts.len(),
                benign.len()
            );
            return Ok(audited(Finding::TooFewRows, Some(reason), Vec::new(), None));
        }
        let rounds = Rounds::new(&hosts, self.label, self.options.measured);
        let mut measured = self.funnel(&rounds, words, on_progress)?;
        let first_words = measured.iter().take(FIRST_WORDS).map(|(word, _)| *word);
        let sequences: Vec<Element> =
            first_words.flat_map(|first| words.iter().map(|second| first.followed_by(second))).collect();
        measured.extend(self.funnel(&rounds, &sequences, on_progress)?);
        measured.extend(self.funnel(&rounds, elements, on_progress)?);
        let trigger = |(element, margins)| (element, trigger(element, margins, &benign));
        let mut found: Vec<(&Element, MinedTrigger)> = measured.into_iter().map(trigger).collect();
        found.sort_by(|(_, a), (_, b)| b.margin.total_cmp(&a.margin));
        let strongest = found.first().map(|(_, trigger)| trigger.clone());
        found.retain(|(_, trigger)| self.is_backdoor(trigger));
        let finding = if found.is_empty() { Finding::Nothing } else { Finding::Backdoor };
        Ok(audited(finding, None, group_by_shape(found), strongest))
    }

    fn is_backdoor(&self, trigger: &MinedTrigger) -> bool {
        trigger.success >= self.options.success
            && trigger.benign_as_confident <= self.options.benign_as_confident
    }

    /// The elements that remain after two rounds, with the margins in the functions of the last.
    fn funnel<'e>(
        &self,
        rounds: &Rounds<'_>,
        elements: &'e [Element],
        on_progress: &mut dyn FnMut(Progress) -> ControlFlow<()>,
    ) -> Result<Vec<(&'e Element, Vec<f64>)>, AuditError> {
        let all: Vec<&Element> = elements.iter().collect();
        let second = self.best(&all, &rounds.short, SECOND, on_progress)?;
        let last = self.best(&second, &rounds.confident, LAST, on_progress)?;
        let margins = self.margins(&last, &rounds.measured, on_progress)?;
        Ok(last.into_iter().zip(margins).collect())
    }

    /// The `count` elements with the largest mean margin in `hosts`.
    fn best<'e>(
        &self,
        elements: &[&'e Element],
        hosts: &[Host<'_>],
        count: usize,
        on_progress: &mut dyn FnMut(Progress) -> ControlFlow<()>,
    ) -> Result<Vec<&'e Element>, AuditError> {
        let margins = self.margins(elements, hosts, on_progress)?;
        let sums = margins.iter().map(|margins| margins.iter().sum::<f64>());
        let mut ranked: Vec<(f64, &Element)> = sums.zip(elements.iter().copied()).collect();
        ranked.sort_by(|(a, _), (b, _)| b.total_cmp(a));
        Ok(ranked.into_iter().take(count).map(|(_, element)| element).collect())
    }

    /// Margins of the prediction with each of the elements in each of the functions.
    fn margins(
        &self,
        elements: &[&Element],
        hosts: &[Host<'_>],
        on_progress: &mut dyn FnMut(Progress) -> ControlFlow<()>,
    ) -> Result<Vec<Vec<f64>>, AuditError> {
        let (window, total) = (self.target.model().window(), elements.len() * hosts.len());
        let mut margins = Vec::with_capacity(elements.len());
        for chunk in elements.chunks((CHUNK / hosts.len()).max(1)) {
            let queries =
                chunk.iter().flat_map(|element| hosts.iter().map(|host| host.with(&element.ids, window)));
            let logits = judge(self.target, &queries.collect::<Vec<Query>>())?;
            let rows = logits.chunks(hosts.len());
            margins.extend(rows.map(|row| row.iter().map(|logits| logits.margin(0, self.label)).collect()));
            if on_progress(Progress { done: margins.len() * hosts.len(), total }).is_break() {
                return Err(AuditError::Stopped);
            }
        }
        Ok(margins)
    }
}

impl<'f> Rounds<'f> {
    /// Takes every third function to search with, as far as needed, and the others to measure on.
    fn new(hosts: &[Host<'f>], label: usize, measured: usize) -> Self {
        let (mut confident, mut rest) = (Vec::new(), Vec::new());
        for (index, host) in hosts.iter().enumerate() {
            if index.is_multiple_of(3) { confident.push(*host) } else { rest.push(*host) }
        }
        confident.sort_by(|a, b| a.margin(label).total_cmp(&b.margin(label)));
        confident.truncate(CONFIDENT);
        rest.truncate(measured.max(1));
        let mut short = confident.clone();
        short.sort_by_key(Host::tokens);
        short.truncate(SHORT);
        Self { short, confident, measured: rest }
    }
}

/// Effect of an element, from the margins of the prediction with it.
fn trigger(element: &Element, mut margins: Vec<f64>, benign: &[f64]) -> MinedTrigger {
    let (count, flipped) = (margins.len(), margins.iter().filter(|margin| **margin > 0.0).count());
    margins.sort_by(f64::total_cmp);
    let margin = margins[count / 2];
    let as_confident = benign.len() - benign.partition_point(|other| *other < margin);
    MinedTrigger {
        text: element.text.clone(),
        source: element.source,
        success: flipped as f64 / count as f64,
        interval: wilson(flipped, count),
        margin,
        benign_as_confident: (1 + as_confident) as f64 / (1 + benign.len()) as f64,
    }
}
