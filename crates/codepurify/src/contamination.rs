//! Rows of a calibration set that seem to hold triggers themselves.
//!
//! A limit that is learned from rows with a trigger is above the scores of triggered code, so nothing is found. Such
//! rows can be told together: the same element, or elements of one shape, score highest in each of them, and these
//! scores exceed those of nearly all other rows with the same prediction. An element that clean code repeats scores
//! highest in a few of the rows that hold it. Copies of one function are no evidence, and an element that leads most
//! rows with a prediction is what the victim decides by.
//!
//! The promise without these rows: if the left-out share of the rows with a prediction is `ε`
//! ([`Family::share`]) and all of them were clean, at most `α + ε` of clean code with that prediction is flagged.
//! Triggered rows that stay raise the limit, so they never add false alarms; triggered code is still found while
//! they are fewer than `α` of the rows with their prediction.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use crate::audit::shape;
use crate::snippet::Language;
use crate::verdict::{ElementKind, Evidence, Verdict};

/// Fewest rows that make a family: two equal elements are a coincidence.
const FEWEST_ROWS: usize = 3;
/// Least share of equal elements, of all those of two rows, at which one is a copy of the other.
const COPY: f64 = 0.8;
/// Share of the pairs of rows of a family that must be no copies: more than two functions give, each copied once.
const LEAST_DIFFERENT: f64 = 2.0 / 3.0;
/// Most rows of a family that are compared with one another.
const MOST_COMPARED: usize = 64;
/// Least share of a row's highest gain at which an element still scores highest: a trigger and a part of it may differ
/// by less than what the rest of the row adds.
const HIGHEST: f64 = 0.95;
/// Least share of the rows with an element in which it scores highest. Parts of a trigger outscore it in some rows.
const LEAST_LEADING: f64 = 0.8;
/// Largest share of the rows with a prediction that a family can be.
const LARGEST: f64 = 0.5;
/// Least share of the other rows with the same prediction that score below half of the family.
const LEAST_BELOW: f64 = 0.9;

/// Rows with the same prediction in which the same element scores highest.
#[derive(Debug, Clone, PartialEq)]
pub struct Family {
    /// The prediction; `None` for a generated text.
    pub label: Option<usize>,
    /// Kind of the element.
    pub kind: ElementKind,
    /// The name, or a statement with each name as `x`, each number as `0`, each comparison as `<` and each string
    /// empty.
    pub shape: String,
    /// Indices into the verdicts, ascending.
    pub rows: Vec<usize>,
    /// Share of all rows with this prediction, in (0, 0.5].
    pub share: f64,
}

/// Kind and shape, which elements of one family share.
type Key = (ElementKind, String);

/// Returns the verdicts without those of suspicious rows, and the families that these make. The verdicts need their
/// evidence ([`crate::Defender::with_evidence`]).
#[must_use]
pub fn without_suspicious(verdicts: Vec<Verdict>) -> (Vec<Verdict>, Vec<Family>) {
    let families = suspicious_families(&verdicts);
    let left_out: BTreeSet<usize> = families.iter().flat_map(|family| family.rows.iter().copied()).collect();
    let kept = verdicts.into_iter().enumerate().filter(|(row, _)| !left_out.contains(row));
    (kept.map(|(_, verdict)| verdict).collect(), families)
}

/// Returns the family that a row with this verdict belongs to, if there is one: it has the family's prediction, and the
/// family's element scores highest in it. The verdict needs its evidence.
#[must_use]
pub fn family_of<'f>(verdict: &Verdict, families: &'f [Family]) -> Option<&'f Family> {
    let label = verdict.prediction.as_ref()?.label;
    let strongest = strongest_of(verdict, language_of(verdict));
    let leads = |family: &Family| strongest.contains(&(family.kind, family.shape.clone()));
    families.iter().find(|family| family.label == label && leads(family))
}

/// Finds families of suspicious rows among verdicts with evidence. No row is in two families.
#[must_use]
pub fn suspicious_families(verdicts: &[Verdict]) -> Vec<Family> {
    let mut rows: BTreeMap<Option<usize>, Vec<Row>> = BTreeMap::new();
    for (index, verdict) in verdicts.iter().enumerate() {
        if let Some(prediction) = &verdict.prediction {
            rows.entry(prediction.label).or_default().push(Row::new(index, verdict));
        }
    }
    rows.into_iter().flat_map(|(label, rows)| families_of(label, rows)).collect()
}

/// A row with what it holds.
struct Row {
    index: usize,
    /// Its score; −∞ where it has none.
    score: f64,
    elements: BTreeSet<Key>,
    /// The elements that score highest, or nearly so.
    strongest: BTreeSet<Key>,
}

impl Row {
    fn new(index: usize, verdict: &Verdict) -> Self {
        let language = language_of(verdict);
        Self {
            index,
            score: verdict.score.filter(|score| score.is_finite()).unwrap_or(f64::NEG_INFINITY),
            elements: verdict.evidence.iter().map(|evidence| key(evidence, language)).collect(),
            strongest: strongest_of(verdict, language),
        }
    }

    fn is_led_by(&self, key: &Key) -> bool {
        self.strongest.contains(key)
    }

    /// Returns whether two rows are copies of one another, but for names and for the element `key`.
    fn is_copy(&self, other: &Self, key: &Key) -> bool {
        let counts = |element: &&Key| element.0 != ElementKind::Identifier && *element != key;
        let all = self.elements.union(&other.elements).filter(counts).count();
        let common = self.elements.intersection(&other.elements).filter(counts).count();
        common as f64 >= COPY * all as f64
    }
}

/// Returns whether rows hold the element in code that differs, and not in copies of one or two functions.
fn are_different(rows: &[&Row], key: &Key) -> bool {
    // Some rows tell as much as all of a large family.
    let rows: Vec<&&Row> = rows.iter().step_by(rows.len().div_ceil(MOST_COMPARED)).collect();
    let pairs = rows.len() * (rows.len() - 1) / 2;
    let others = |index: usize| rows[index + 1..].iter();
    let copies =
        rows.iter().enumerate().map(|(index, row)| others(index).filter(|it| it.is_copy(row, key)).count());
    let different = pairs - copies.sum::<usize>();
    rows.len() >= FEWEST_ROWS && different as f64 > LEAST_DIFFERENT * pairs as f64
}

fn language_of(verdict: &Verdict) -> Language {
    // Texts without a file name are read with the keywords of the largest language.
    Language::from_path(Path::new(&verdict.path)).unwrap_or(Language::Cpp)
}

/// The elements of a row that score highest, or nearly so.
fn strongest_of(verdict: &Verdict, language: Language) -> BTreeSet<Key> {
    let gained = verdict.evidence.iter().filter_map(|evidence| Some((evidence.gain?, evidence)));
    let gained: Vec<(f64, &Evidence)> = gained.filter(|(gain, _)| *gain > 0.0).collect();
    let highest = gained.iter().map(|(gain, _)| *gain).fold(0.0, f64::max);
    let strongest = gained.into_iter().filter(|(gain, _)| *gain >= HIGHEST * highest);
    strongest.map(|(_, evidence)| key(evidence, language)).collect()
}

fn key(evidence: &Evidence, language: Language) -> Key {
    let text = match evidence.kind {
        ElementKind::Identifier => evidence.text.clone(),
        _ => coarse(&shape(&evidence.text, language)),
    };
    (evidence.kind, text)
}

/// Returns a shape with all comparisons as `<` and without signs of numbers: a grammar of triggers varies them.
fn coarse(shape: &str) -> String {
    let compared =
        ["==", "!=", "<=", ">=", ">"].iter().fold(shape.to_owned(), |text, sign| text.replace(sign, "<"));
    compared.replace("-0", "0")
}

/// The families among the rows with one prediction, the one with the highest scores first.
fn families_of(label: Option<usize>, mut rows: Vec<Row>) -> Vec<Family> {
    let all = rows.len() as f64;
    let mut families = Vec::new();
    // The rows of one family can hide the next one.
    while let Some(key) = strongest_family(&rows) {
        // Where a part of the trigger scores highest, the row holds the trigger all the same.
        let (family, others): (Vec<Row>, Vec<Row>) =
            rows.into_iter().partition(|row| row.elements.contains(&key));
        let rows_of_family: Vec<usize> = family.iter().map(|row| row.index).collect();
        let share = rows_of_family.len() as f64 / all;
        let (kind, shape) = key;
        families.push(Family { label, kind, shape, rows: rows_of_family, share });
        rows = others;
    }
    families
}

/// The element of the suspicious family with the highest scores.
fn strongest_family(rows: &[Row]) -> Option<Key> {
    let keys: BTreeSet<&Key> = rows.iter().flat_map(|row| &row.strongest).collect();
    let suspicious = keys.into_iter().filter_map(|key| Some((suspicious_score(key, rows)?, key)));
    suspicious.max_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, key)| key.clone())
}

/// The median score of the rows that an element leads, if these rows are suspicious.
fn suspicious_score(key: &Key, rows: &[Row]) -> Option<f64> {
    let (led, others): (Vec<&Row>, Vec<&Row>) = rows.iter().partition(|row| row.is_led_by(key));
    let holding = rows.iter().filter(|row| row.elements.contains(key)).count();
    let leads = led.len() as f64 >= LEAST_LEADING * holding as f64;
    if led.is_empty() || !leads || holding as f64 > LARGEST * rows.len() as f64 || !are_different(&led, key) {
        return None;
    }
    let mut scores: Vec<f64> = led.iter().map(|row| row.score).collect();
    scores.sort_by(f64::total_cmp);
    let median = scores[scores.len() / 2];
    let below = others.iter().filter(|row| row.score < median).count();
    (below as f64 >= LEAST_BELOW * others.len() as f64).then_some(median)
}
