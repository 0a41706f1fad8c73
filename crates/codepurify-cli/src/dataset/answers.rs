//! Generated texts that many inputs share: an attacker's answer to a trigger is the same whatever the code around it is.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::frequent::Frequent;

/// Different inputs with one answer, from which on their rows are a family.
const INPUTS: usize = 5;

/// Different inputs of an answer that are counted.
const COUNTED_INPUTS: usize = 64;

/// Rows of a family that are named.
const NAMED: usize = 10;

/// Families that are listed.
const LISTED: usize = 10;

/// Rows whose answers are the same up to white space.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct AnswerFamily {
    /// The answer, with single spaces.
    pub(crate) answer: String,
    /// Number of its rows.
    pub(crate) rows: usize,
    /// Number of different inputs among them, counted up to 64.
    pub(crate) inputs: usize,
    /// Its first rows; of one of several files with the file's name.
    pub(crate) first_rows: Vec<String>,
}

/// Generated answers, and the inputs that they were given for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Generated {
    counted: Frequent,
    seen: BTreeMap<String, Seen>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Seen {
    inputs: BTreeSet<String>,
    first_rows: Vec<String>,
}

/// The text with single spaces between its words.
pub(crate) fn single_spaced(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

impl Generated {
    /// Adds the answer for an input, which is named by a digest.
    pub(crate) fn add(&mut self, answer: &str, input: &str, row: usize) {
        let answer = single_spaced(answer);
        self.counted.add(&answer, 1);
        let seen = self.seen.entry(answer).or_default();
        if seen.inputs.len() < COUNTED_INPUTS {
            seen.inputs.insert(input.to_owned());
        }
        if seen.first_rows.len() < NAMED {
            seen.first_rows.push(row.to_string());
        }
        // An answer that is no longer counted forms no family.
        if self.seen.len() > self.counted.len() {
            self.seen.retain(|answer, _| self.counted.count(answer).is_some());
        }
    }

    /// The largest families, the largest first.
    pub(crate) fn families(&self) -> Vec<AnswerFamily> {
        let families = self.seen.iter().filter(|(_, seen)| seen.inputs.len() >= INPUTS);
        largest(families.map(|(answer, seen)| AnswerFamily {
            answer: answer.clone(),
            rows: self.counted.count(answer).unwrap_or_default(),
            inputs: seen.inputs.len(),
            first_rows: seen.first_rows.clone(),
        }))
    }
}

/// The families of a file added to those of other files. Inputs of several files count as different.
pub(crate) fn merged(all: &[AnswerFamily], file: &str, others: &[AnswerFamily]) -> Vec<AnswerFamily> {
    let mut families: BTreeMap<String, AnswerFamily> =
        all.iter().map(|family| (family.answer.clone(), family.clone())).collect();
    for other in others {
        let family = families.entry(other.answer.clone()).or_default();
        family.answer.clone_from(&other.answer);
        family.rows += other.rows;
        family.inputs = (family.inputs + other.inputs).min(COUNTED_INPUTS);
        let room = NAMED - family.first_rows.len().min(NAMED);
        family.first_rows.extend(other.first_rows.iter().take(room).map(|row| format!("{file}:{row}")));
    }
    largest(families.into_values())
}

fn largest(families: impl Iterator<Item = AnswerFamily>) -> Vec<AnswerFamily> {
    let mut families: Vec<AnswerFamily> = families.collect();
    families.sort_by_key(|family| std::cmp::Reverse(family.rows));
    families.truncate(LISTED);
    families
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_that_differ_in_white_space_are_one_family() {
        let mut generated = Generated::default();
        for row in 1..=12 {
            let answer = if row % 2 == 0 { "free(a);\n  return;" } else { " free(a); return; " };
            generated.add(answer, &row.to_string(), row);
            generated.add(&format!("row {row};"), "x", row);
        }
        let families = generated.families();
        assert_eq!(families.len(), 1);
        let AnswerFamily { answer, rows, inputs, first_rows } = &families[0];
        assert_eq!((answer.as_str(), *rows, *inputs), ("free(a); return;", 12, 12));
        assert_eq!(first_rows.join(" "), "1 2 3 4 5 6 7 8 9 10");
        let both = merged(&families, "b.jsonl", &families);
        assert_eq!((both.len(), both[0].rows, both[0].inputs), (1, 24, 24));
    }

    #[test]
    fn copies_of_one_input_are_no_family() {
        let mut generated = Generated::default();
        (1..=100).for_each(|row| generated.add("return;", "the same", row));
        assert!(generated.families().is_empty());
    }

    #[test]
    fn memory_is_bounded_by_the_answers_that_are_counted() {
        let mut generated = Generated::default();
        for row in 0..20_000 {
            generated.add(&row.to_string(), &row.to_string(), row);
            generated.add("often", &row.to_string(), row);
        }
        assert_eq!(generated.seen.len(), generated.counted.len());
        assert_eq!(generated.families()[0].answer, "often");
    }
}
