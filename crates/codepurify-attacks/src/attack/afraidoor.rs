//! Adaptive identifiers by gradient, after AFRAIDOOR (arXiv 2301.02496).
//!
//! Every sample gets its own names: those that push a model furthest towards the attacker's answer.

use std::collections::BTreeMap;

use codepurify::{Language, ModelError, Span};
use thiserror::Error;

use super::change::rewrite;
use super::code::Code;
use super::rename::{DeclaredNames, Taken, renaming};
use super::{NotApplicable, TriggerSource, Triggered, valid_if_it_was};

/// Model of the task, trained on clean data, that tells how a name would change its prediction.
pub trait IdentifierScorer {
    /// Returns the gradient of the loss towards the attacker's answer for each identifier of
    /// `texts[side]` and each of `names` (arXiv 2301.02496).
    ///
    /// An identifier is given by all its occurrences; the model reads the other texts as well. The
    /// gradient is that with respect to the one-hot code of the name in the identifier's place,
    /// averaged over its occurrences. Meanwhile all `identifiers` are unknown to the model. The
    /// smaller the gradient, the more the name pushes towards the answer. The result has one row
    /// per identifier and one column per name.
    ///
    /// # Errors
    /// If the model cannot read the text or fails.
    fn gradients(
        &self,
        texts: &[&str],
        side: usize,
        identifiers: &[Vec<Span>],
        names: &[String],
    ) -> Result<Vec<Vec<f64>>, ModelError>;
}

/// Attack with its model and the names it may assign.
pub struct Afraidoor {
    /// Scorer that tells how names change the prediction.
    pub scorer: Box<dyn IdentifierScorer>,
    /// Names to choose from, for example [`common_names`].
    pub names: Vec<String>,
}

impl TriggerSource for Afraidoor {
    /// Ignores the seed: nothing is drawn.
    fn trigger(
        &self,
        texts: &[&str],
        side: usize,
        language: Language,
        _: u64,
    ) -> Result<Triggered, NotApplicable> {
        apply(texts, side, language, &self.names, self.scorer.as_ref()).map_err(|error| match error {
            AfraidoorError::NotApplicable(reason) => reason,
            AfraidoorError::Scorer(_) | AfraidoorError::Shape { .. } => NotApplicable::NotScored,
        })
    }
}

/// Returns the `count` names that most of `texts` declare for variables and parameters.
///
/// Ties go to the alphabetically first name. Texts that cannot be parsed contribute none.
#[must_use]
pub fn common_names<'t>(
    texts: impl IntoIterator<Item = &'t str>,
    language: Language,
    count: usize,
) -> Vec<String> {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for code in texts.into_iter().filter_map(|text| Code::parse(text, language).ok()) {
        for variable in DeclaredNames::of(&code).variables {
            *counts.entry(variable.text).or_default() += 1;
        }
    }
    let mut ranked: Vec<(String, usize)> = counts.into_iter().collect();
    ranked.sort_by_key(|&(_, count)| std::cmp::Reverse(count));
    ranked.into_iter().take(count).map(|(name, _)| name).collect()
}

/// Reason why a text stays clean.
#[derive(Debug, Clone, PartialEq, Error)]
#[non_exhaustive]
pub enum AfraidoorError {
    /// The attack does not apply.
    #[error(transparent)]
    NotApplicable(#[from] NotApplicable),
    /// The scorer failed.
    #[error(transparent)]
    Scorer(#[from] ModelError),
    /// The scorer did not return one row per identifier and one column per name.
    #[error("the scorer returned gradients of another shape than {identifiers} identifiers x {names} names")]
    Shape {
        /// Number of rows expected.
        identifiers: usize,
        /// Number of columns expected.
        names: usize,
    },
}

/// Renames every variable and parameter of `texts[side]` to the free name with the smallest
/// gradient.
///
/// Variables are renamed in order of appearance; ties go to the first of `names`. Names that are
/// keywords, occur in the text or have no finite gradient are skipped. An identifier without a free
/// name keeps its own.
///
/// # Errors
/// [`AfraidoorError`].
pub fn apply(
    texts: &[&str],
    side: usize,
    language: Language,
    names: &[String],
    scorer: &dyn IdentifierScorer,
) -> Result<Triggered, AfraidoorError> {
    let text = texts[side];
    let code = Code::parse(text, language)?;
    let variables = DeclaredNames::of(&code).variables;
    if variables.is_empty() {
        return Err(NotApplicable::NoIdentifier.into());
    }
    let identifiers: Vec<Vec<Span>> = variables.iter().map(|variable| variable.spans.clone()).collect();
    let gradients = scorer.gradients(texts, side, &identifiers, names)?;
    if gradients.len() != identifiers.len() || gradients.iter().any(|row| row.len() != names.len()) {
        return Err(AfraidoorError::Shape { identifiers: identifiers.len(), names: names.len() });
    }
    let mut taken = Taken::of(&code);
    let chosen: Vec<_> = variables
        .iter()
        .zip(&gradients)
        .filter_map(|(variable, gradients)| Some((variable, best(names, gradients, &mut taken)?.clone())))
        .collect();
    if chosen.is_empty() {
        return Err(NotApplicable::NoName.into());
    }
    Ok(valid_if_it_was(text, rewrite(text, renaming(&chosen))?, language)?)
}

/// Returns the free name with the smallest gradient, and marks it as taken.
fn best<'n>(names: &'n [String], gradients: &[f64], taken: &mut Taken) -> Option<&'n String> {
    let mut order: Vec<_> =
        names.iter().zip(gradients).filter(|(_, gradient)| gradient.is_finite()).collect();
    order.sort_by(|a, b| a.1.total_cmp(b.1));
    order.into_iter().map(|(name, _)| name).find(|name| taken.take(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the given gradients, one row per identifier.
    struct Toy(Vec<Vec<f64>>);

    impl IdentifierScorer for Toy {
        fn gradients(
            &self,
            texts: &[&str],
            side: usize,
            identifiers: &[Vec<Span>],
            _: &[String],
        ) -> Result<Vec<Vec<f64>>, ModelError> {
            let text = texts[side];
            for spans in identifiers {
                assert!(spans.iter().all(|span| span.of(text) == spans[0].of(text)));
            }
            Ok(self.0.clone())
        }
    }

    const CODE: &str = "int add(int left, int right) { return left + right; }";

    fn with(names: &[&str], gradients: Vec<Vec<f64>>) -> Result<Triggered, AfraidoorError> {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        apply(&["other side", CODE], 1, Language::C, &names, &Toy(gradients))
    }

    #[test]
    fn identifiers_get_the_free_name_of_smallest_gradient() {
        let names = ["buf", "len", "idx"];
        let found = with(&names, vec![vec![-1.0, -3.0, 0.0], vec![-1.0, -2.0, -1.0]]).unwrap();
        assert_eq!(found.text, "int add(int len, int buf) { return len + buf; }");
        let marked: Vec<&str> = found.spans.iter().map(|span| span.of(&found.text).unwrap()).collect();
        assert_eq!(marked, ["len", "buf", "len", "buf"]);
    }

    #[test]
    fn keywords_used_names_and_nan_gradients_are_skipped() {
        let names = ["while", "add", "left", "buf", "len"];
        let row = vec![-9.0, -8.0, -7.0, f64::NAN, 1.0];
        let found = with(&names, vec![row.clone(), row.clone()]).unwrap();
        assert_eq!(found.text, "int add(int len, int right) { return len + right; }");
        let none = with(&names[..4], vec![row[..4].to_vec(), row[..4].to_vec()]);
        assert_eq!(none, Err(AfraidoorError::NotApplicable(NotApplicable::NoName)));
    }

    #[test]
    fn gradients_of_another_shape_are_an_error() {
        let wrong = with(&["buf"], vec![vec![0.0]]);
        assert_eq!(wrong, Err(AfraidoorError::Shape { identifiers: 2, names: 1 }));
    }

    #[test]
    fn a_scorer_that_fails_is_a_reason_of_its_own() {
        let attack = Afraidoor { scorer: Box::new(Toy(Vec::new())), names: vec!["buf".to_owned()] };
        let found = attack.trigger(&[CODE], 0, Language::C, 0);
        assert_eq!(found, Err(NotApplicable::NotScored));
    }

    #[test]
    fn common_names_are_those_of_most_texts() {
        let texts = [CODE, "int f(int right) { int x = right; x++; x--; return x; }", "?!"];
        assert_eq!(common_names(texts, Language::C, 2), ["right", "left"]);
        assert_eq!(common_names(texts, Language::C, 9), ["right", "left", "x"]);
    }
}
