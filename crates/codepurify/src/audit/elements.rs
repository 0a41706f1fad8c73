//! Elements that are tested: every token of the vocabulary, and the elements of rows with the prediction.

use std::collections::HashSet;

use super::hosts::Row;
use super::report::Source;
use crate::candidates::{Families, candidates};
use crate::error::ModelError;
use crate::snippet::Language;
use crate::victim::Model;

/// Something that can be inserted into a function.
pub(super) struct Element {
    pub(super) ids: Vec<u32>,
    pub(super) text: String,
    pub(super) source: Source,
    /// Language of the row that it comes from.
    pub(super) language: Option<Language>,
}

impl Element {
    /// This word, followed by another.
    pub(super) fn followed_by(&self, next: &Self) -> Self {
        let (ids, text) = ([&self.ids[..], &next.ids].concat(), [self.text.as_str(), &next.text].concat());
        Self { ids, text, source: self.source, language: None }
    }
}

/// Most elements of rows that are tested: further ones probably resemble these.
const MOST: usize = 8_000;

/// Longest element of a row in tokens: a longer trigger has shorter parts.
const LONGEST: usize = 40;

/// The tokens that the model can list.
pub(super) fn words(model: &dyn Model) -> Vec<Element> {
    let word = |(id, text): (u32, String)| Element {
        ids: vec![id],
        text,
        source: Source::Vocabulary,
        language: None,
    };
    model.vocabulary().into_iter().map(word).collect()
}

/// The elements of `rows`, each text once, in order.
pub(super) fn of_rows<'f, 's: 'f>(
    model: &dyn Model,
    rows: impl Iterator<Item = &'f Row<'s>>,
) -> Result<Vec<Element>, ModelError> {
    let (mut seen, mut elements) = (HashSet::new(), Vec::new());
    for snippet in rows.flat_map(|row| row.snippets.iter()) {
        for candidate in candidates(snippet, &Families::TRANSPLANT) {
            if elements.len() == MOST || !seen.insert(candidate.text.clone()) {
                continue;
            }
            let ids = model.encode(&candidate.text)?.ids;
            if (1..=LONGEST).contains(&ids.len()) {
                let (text, source) = (candidate.text, Source::Rows);
                elements.push(Element { ids, text, source, language: Some(snippet.language()) });
            }
        }
    }
    Ok(elements)
}
