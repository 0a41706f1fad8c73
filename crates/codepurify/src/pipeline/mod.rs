//! The pipeline: snippets in, verdicts out.

mod case;
mod pairs;
mod rounds;
mod windows;

use std::marker::PhantomData;
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use crate::error::ModelError;
use crate::occlude::{Inspection, Variants, encode_window};
use crate::profile::{Means, Profile, Statistic};
use crate::purify::purify;
use crate::query::{Ask, Guarded, Item, through};
use crate::references::Bench;
use crate::score::{Answer, Scores};
use crate::snippet::Snippet;
use crate::sufficiency::{self, Scales};
use crate::verdict::Verdict;
use crate::victim::{Generator, MaskedLm, Ragged, Victim};
use case::{Case, verdict};
use pairs::implicate;

pub use pairs::PairDefender;

/// Guards one model that is asked about `Input`: a [`Snippet`], or two of them (see [`crate::PairDefender`]).
pub struct Defender<'m, Input = Snippet> {
    pub(crate) guarded: Guarded<'m>,
    mlm: Option<&'m dyn MaskedLm>,
    pub(crate) profile: Profile,
    /// The references as the model answers them; judged when they are first needed.
    bench: Arc<OnceLock<Result<Bench, ModelError>>>,
    evidence: bool,
    input: PhantomData<fn(Input)>,
}

impl<Input> Clone for Defender<'_, Input> {
    fn clone(&self) -> Self {
        let (profile, bench) = (self.profile.clone(), Arc::clone(&self.bench));
        Self { profile, bench, ..*self }
    }
}

impl<'m> Defender<'m> {
    /// Guards a classifier. Detects and locates with [`Profile::standard`], not calibrated; purifies nothing.
    #[must_use]
    pub fn new(victim: &'m dyn Victim) -> Self {
        Self::guarding(Guarded::Classifier(victim))
    }

    /// Guards a model that answers with text, otherwise as [`Defender::new`]. Influence is the likelihood that its answer
    /// y loses: sᵢ = max(0, L(y|x) − L(y|x∖cᵢ)).
    #[must_use]
    pub fn for_generator(generator: &'m dyn Generator) -> Self {
        Self::guarding(Guarded::Generator(generator))
    }

    /// Judges all snippets in shared batches; one result each, in order.
    ///
    /// # Errors
    /// A snippet's own [`ModelError`] if the model cannot tokenise or judge it; the others are not affected. If only
    /// its purification fails, it keeps its verdict, which says so.
    #[must_use]
    pub fn screen(&self, snippets: &[Snippet]) -> Vec<Result<Verdict, ModelError>> {
        let started = Instant::now();
        let inspections = snippets.iter().map(|snippet| self.inspect(snippet)).collect();
        let mut cases = self.cases(inspections);
        cases.iter_mut().flatten().for_each(|case| self.repeat(case));
        self.verdicts(cases, started)
    }

    /// Judges one snippet.
    ///
    /// # Errors
    /// [`ModelError`] if the model cannot tokenise or judge it.
    pub fn screen_one(&self, snippet: &Snippet) -> Result<Verdict, ModelError> {
        let mut verdicts = self.screen(std::slice::from_ref(snippet));
        verdicts.pop().unwrap_or_else(|| Err(ModelError::Output("no verdict was reached".to_owned())))
    }
}

impl<'m, Input> Defender<'m, Input> {
    /// Guards `guarded`, which must be a model that is asked about `Input`.
    pub(crate) fn guarding(guarded: Guarded<'m>) -> Self {
        let (profile, bench) = (Profile::standard(), Arc::default());
        Self { guarded, mlm: None, profile, bench, evidence: false, input: PhantomData }
    }

    /// Purifies poisoned snippets with `mlm`.
    #[must_use]
    pub fn with_masked_lm(mut self, mlm: &'m dyn MaskedLm) -> Self {
        self.mlm = Some(mlm);
        self
    }

    /// Decides as `profile` says.
    #[must_use]
    pub fn with_profile(mut self, profile: Profile) -> Self {
        (self.profile, self.bench) = (profile, Arc::default());
        self
    }

    /// Whether verdicts carry the evidence of every candidate.
    #[must_use]
    pub fn with_evidence(mut self, evidence: bool) -> Self {
        self.evidence = evidence;
        self
    }

    /// Triggers of one snippet that are changed at most.
    pub(crate) fn most_triggers(&self) -> usize {
        self.profile.means.triggers
    }

    /// What is to be judged about one snippet.
    pub(crate) fn inspect<'s>(&self, snippet: &'s Snippet) -> Result<Inspection<'s>, ModelError> {
        Inspection::new(self.guarded.model(), snippet, self.profile.families, self.variants())
    }

    pub(crate) fn variants(&self) -> Variants {
        match self.profile.statistic {
            Statistic::Dependence => Variants::Asked,
            Statistic::Entropy | Statistic::Concentration => Variants::All,
        }
    }

    /// Judges and purifies what was inspected.
    pub(crate) fn cases<'s>(
        &self,
        inspections: Vec<Result<Inspection<'s>, ModelError>>,
    ) -> Vec<Result<Case<'s>, ModelError>> {
        let mut cases = through(inspections, |inspections| self.judge(inspections));
        if self.asks_about_pairs() {
            implicate(&mut cases);
        }
        self.occlude(&mut cases);
        self.purify(&mut cases);
        cases
    }

    /// The verdicts on all cases, which share the time since `started`.
    pub(crate) fn verdicts(
        &self,
        cases: Vec<Result<Case<'_>, ModelError>>,
        started: Instant,
    ) -> Vec<Result<Verdict, ModelError>> {
        let milliseconds = started.elapsed().as_secs_f64() * 1e3 / cases.len().max(1) as f64;
        let finish = |case: Case<'_>| verdict(&case, self.evidence, milliseconds);
        cases.into_iter().map(|case| case.map(finish)).collect()
    }

    /// What every candidate does to the answer when it is occluded.
    pub(crate) fn occluded(&self, inspections: &[&Inspection<'_>]) -> Vec<Result<Scores, ModelError>> {
        let items: Vec<Item<'_>> =
            inspections.iter().map(|inspection| inspection.item(&inspection.rows)).collect();
        let with_cost = |(scores, item): (Result<Scores, ModelError>, &Item<'_>)| {
            let scores = scores?;
            Ok(Scores { spent: scores.cost(*item), ..scores })
        };
        self.guarded.score(&items).into_iter().zip(&items).map(with_cost).collect()
    }

    /// Necessity and sufficiency of the candidates.
    pub(crate) fn weighed(&self, inspections: &[&Inspection<'_>]) -> Vec<Result<Scores, ModelError>> {
        match self.bench.get_or_init(|| Bench::new(self.guarded, &self.profile.references)) {
            Err(error) => inspections.iter().map(|_| Err(error.clone())).collect(),
            Ok(bench) => {
                let scales = Scales {
                    guarded: self.guarded,
                    bench,
                    effort: self.profile.effort,
                    calibrated: self.profile.calibration.is_some(),
                };
                scales.weigh(inspections)
            }
        }
    }

    /// Asks what the answers lose without the located triggers, unless that is known: purified code should lose the same.
    /// Where evidence is wanted also without what was found strongest in other code.
    fn occlude(&self, cases: &mut [Result<Case<'_>, ModelError>]) {
        let model = self.guarded.model();
        let mut open: Vec<(&mut Case<'_>, usize)> = cases
            .iter_mut()
            .flatten()
            .filter_map(|case| {
                let index = case.unoccluded(self.evidence)?;
                Some((case, index))
            })
            .collect();
        let asks = open.iter().filter_map(|(case, index)| {
            let answer = &case.scores.as_ref()?.answer;
            let row = case.inspection.without(model, *index);
            Some(row.map(|row| (sufficiency::occluded(&case.inspection, &row), answer)))
        });
        let margins = through(asks.collect(), |asks: Vec<(Ask, &Answer)>| {
            let items: Vec<_> = asks.iter().map(|(ask, answer)| (ask.item(answer), *answer)).collect();
            let spent = items.iter().map(|(item, _)| item.spent());
            self.guarded
                .margins(&items)
                .into_iter()
                .zip(spent)
                .map(|(margin, spent)| Ok((margin?, spent)))
                .collect()
        });
        for ((case, index), margin) in open.iter_mut().zip(margins) {
            case.occluded(*index, margin);
        }
    }

    /// Purifies the poisoned cases and asks the model about the results.
    fn purify(&self, cases: &mut [Result<Case<'_>, ModelError>]) {
        let Some(mlm) = self.mlm else { return };
        let mut poisoned: Vec<&mut Case<'_>> =
            cases.iter_mut().flatten().filter(|case| case.trigger().is_some()).collect();
        let triggers: Vec<_> =
            poisoned.iter().filter_map(|case| Some((case.inspection.snippet, case.trigger()?))).collect();
        let purifications = purify(mlm, &triggers, self.means());
        for (case, purification) in poisoned.iter_mut().zip(purifications) {
            case.purification = Some(purification);
        }
        poisoned.retain(|case| !case.fillings().is_empty());
        self.choose(&mut poisoned);
    }

    /// How triggers may be changed. In one side of a pair it cannot be told whether a small edit is enough, as the answer
    /// stays with the trigger in the other one.
    fn means(&self) -> Means {
        let alone = !self.asks_about_pairs();
        Means { smallest: self.profile.means.smallest && alone, ..self.profile.means }
    }

    fn asks_about_pairs(&self) -> bool {
        matches!(self.guarded, Guarded::Pairs(_))
    }

    /// Asks the model about the fillings and takes, in each case, the one that it answers most like the snippet with
    /// the trigger occluded.
    fn choose(&self, cases: &mut [&mut Case<'_>]) {
        let encoded = cases.iter().map(|case| Ok((&**case, self.encode_fillings(case)?))).collect();
        let choices = through(encoded, |encoded: Vec<(&Case<'_>, Ragged)>| {
            let trials: Vec<_> = encoded.iter().filter_map(|(case, rows)| case.trial(rows)).collect();
            self.guarded.choose(&trials)
        });
        for (case, choice) in cases.iter_mut().zip(choices) {
            match choice {
                Ok(choice) => case.choose(choice),
                Err(error) => case.unjudged(&error),
            }
        }
    }

    fn encode_fillings(&self, case: &Case<'_>) -> Result<Ragged, ModelError> {
        let model = self.guarded.model();
        case.fillings().iter().map(|filling| case.inspection.seen_of(model, &filling.text)).collect()
    }

    /// The part of `text` that the model sees.
    pub(crate) fn encode(&self, text: &str) -> Result<Vec<u32>, ModelError> {
        Ok(encode_window(self.guarded.model(), text)?.0.ids)
    }
}
