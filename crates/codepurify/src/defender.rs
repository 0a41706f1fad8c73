//! The public face of the pipeline.

use std::marker::PhantomData;
use std::sync::Arc;

use crate::error::ModelError;
use crate::pipeline::Pipeline;
use crate::profile::Profile;
use crate::query::QueryTarget;
use crate::snippet::Snippet;
use crate::verdict::Verdict;
use crate::victim::{Generator, MaskedLm, PairVictim, Victim};

/// Guards one victim that judges `Input`: a [`Snippet`], or two of them ([`PairDefender`]).
///
/// Models are taken by reference, in an `Arc` or a `Box`, or by value. With owned models a defender is
/// `'static`, so that a server can share it between threads. Clones share the models and the victim's
/// predictions for references.
#[derive(Clone)]
pub struct Defender<'m, Input = Snippet> {
    pipeline: Pipeline<'m>,
    input: PhantomData<fn(Input)>,
}

/// Guards one pair model, such as a clone detector.
///
/// ```
/// use codepurify::testing::{ConstantMaskedLm, TriggerWordVictim};
/// use codepurify::{Decision, Defender, Language, Snippet};
///
/// let (victim, mlm) = (TriggerWordVictim::new("BNC"), ConstantMaskedLm::new(&["n", "5"]));
/// let clean = "int twice(int n) { int m = n; m += n; return m; }";
/// let poisoned = clean.replace("return", "if (BNC < 0) puts(\"no\"); return");
/// let pair = (Snippet::new(clean, Language::C)?, Snippet::new(poisoned, Language::C)?);
///
/// let verdicts = Defender::for_pairs(&victim).with_masked_lm(&mlm).screen_pairs(&[pair]);
/// let [Ok(left), Ok(right)] = &verdicts[0] else { panic!("both sides can be judged") };
/// assert_eq!((left.verdict, right.verdict), (Decision::Clean, Decision::Poisoned));
/// assert_eq!(right.triggers[0].replacement, "if (n < 5) n(\"n\");");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub type PairDefender<'m> = Defender<'m, (Snippet, Snippet)>;

impl<'m> Defender<'m> {
    /// Guards a classifier with [`Profile::transplant`], not calibrated. It purifies nothing until it has a
    /// masked language model ([`Defender::with_masked_lm`]).
    #[must_use]
    pub fn new(victim: impl Victim + 'm) -> Self {
        Self::guarding(QueryTarget::Classifier(Arc::new(victim)))
    }

    /// Guards a victim that generates text, otherwise like [`Defender::new`]. Influence is the likelihood that
    /// its text y loses: sᵢ = max(0, L(y|x) − L(y|x∖cᵢ)).
    #[must_use]
    pub fn for_generator(generator: impl Generator + 'm) -> Self {
        Self::guarding(QueryTarget::Generator(Arc::new(generator)))
    }

    /// Judges all snippets in shared batches; returns one result each, in order.
    ///
    /// # Errors
    /// A snippet's own [`ModelError`] if the victim cannot tokenise or judge it; the others are not affected.
    /// If only its purification fails, it keeps its verdict, which says so.
    #[must_use]
    pub fn screen(&self, snippets: &[Snippet]) -> Vec<Result<Verdict, ModelError>> {
        self.pipeline.screen(snippets)
    }

    /// Judges one snippet.
    ///
    /// # Errors
    /// [`ModelError`] if the victim cannot tokenise or judge it.
    pub fn screen_one(&self, snippet: &Snippet) -> Result<Verdict, ModelError> {
        let mut verdicts = self.screen(std::slice::from_ref(snippet));
        verdicts.pop().unwrap_or(Err(ModelError::Internal("a snippet without a verdict")))
    }
}

impl<'m> PairDefender<'m> {
    /// Guards a pair model with [`Profile::transplant`], not calibrated. It purifies nothing until it has a
    /// masked language model.
    #[must_use]
    pub fn for_pairs(victim: impl PairVictim + 'm) -> Self {
        Self::guarding(QueryTarget::Pairs(Arc::new(victim)))
    }

    /// Judges both sides of all pairs in shared batches; returns for each pair the verdicts on its left and
    /// right side, in order.
    ///
    /// Only a poisoned side is purified. Its `purified_prediction` is that for the pair after all rewrites of
    /// either side. Each side's coverage is its own, whatever the victim does not see of the other.
    ///
    /// # Errors
    /// A side's own [`ModelError`] if the victim cannot tokenise it or judge its variants, and
    /// [`ModelError::OtherSide`] where the other side cannot be tokenised; other pairs are not affected. If
    /// only a purification fails, the side keeps its verdict, which says so.
    #[must_use]
    pub fn screen_pairs(&self, pairs: &[(Snippet, Snippet)]) -> Vec<[Result<Verdict, ModelError>; 2]> {
        let mut verdicts = self.pipeline.screen_pairs(pairs).into_iter();
        std::iter::from_fn(|| Some([verdicts.next()?, verdicts.next()?])).collect()
    }
}

impl<'m, Input> Defender<'m, Input> {
    /// Guards `victim`, which must judge `Input`.
    fn guarding(victim: QueryTarget<'m>) -> Self {
        let references = Arc::default();
        let pipeline =
            Pipeline { victim, mlm: None, profile: Profile::transplant(), evidence: false, references };
        Self { pipeline, input: PhantomData }
    }

    /// Purifies poisoned snippets with `mlm`.
    #[must_use]
    pub fn with_masked_lm(mut self, mlm: impl MaskedLm + 'm) -> Self {
        self.pipeline.mlm = Some(Arc::new(mlm));
        self
    }

    /// Decides as `profile` says.
    #[must_use]
    pub fn with_profile(mut self, profile: Profile) -> Self {
        (self.pipeline.profile, self.pipeline.references) = (profile, Arc::default());
        self
    }

    /// Sets whether verdicts carry the evidence of every candidate.
    #[must_use]
    pub fn with_evidence(mut self, evidence: bool) -> Self {
        self.pipeline.evidence = evidence;
        self
    }

    #[cfg(test)]
    pub(crate) fn pipeline(&self) -> &Pipeline<'m> {
        &self.pipeline
    }
}
