//! Report on data sets: sizes, lengths, repeats, contradictions, and what splits share.

use std::collections::hash_map::DefaultHasher;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::hash::{Hash, Hasher};

use serde::Serialize;

use super::clone::CloneRow;
use super::defect::DefectRow;
use super::repair::RepairRow;

/// Output of a task's model: the expected one of a row, or the one that an attacker wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TaskOutput<'a> {
    /// A class.
    Label(u32),
    /// A text.
    Text(&'a str),
}

/// Input and expected output of a row.
pub trait Sample {
    /// Returns the source texts of the input, in order.
    fn texts(&self) -> Vec<&str>;
    /// Returns the expected output.
    fn answer(&self) -> TaskOutput<'_>;
}

impl Sample for DefectRow {
    fn texts(&self) -> Vec<&str> {
        vec![&self.func]
    }

    fn answer(&self) -> TaskOutput<'_> {
        TaskOutput::Label(self.target)
    }
}

impl Sample for CloneRow {
    fn texts(&self) -> Vec<&str> {
        vec![self.func1.as_str(), self.func2.as_str()]
    }

    fn answer(&self) -> TaskOutput<'_> {
        TaskOutput::Label(self.label)
    }
}

impl Sample for RepairRow {
    fn texts(&self) -> Vec<&str> {
        vec![&self.buggy]
    }

    fn answer(&self) -> TaskOutput<'_> {
        TaskOutput::Text(&self.fixed)
    }
}

/// Count under two definitions of equal inputs: byte for byte, and with runs of white space as one
/// blank.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Equal {
    /// Count of inputs that are equal byte for byte.
    pub exact: usize,
    /// Count of inputs that are equal with white space normalised.
    pub normalised: usize,
}

/// Lengths of inputs in bytes; the texts of a pair are added up.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Lengths {
    /// The shortest.
    pub min: usize,
    /// The median; the upper one if there are two.
    pub median: usize,
    /// The mean.
    pub mean: f64,
    /// The 95th percentile (nearest rank).
    pub p95: usize,
    /// The longest.
    pub max: usize,
}

/// Report on one file.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SplitReport {
    /// Usable rows.
    pub rows: usize,
    /// Rows of each class; empty if outputs are texts.
    pub labels: BTreeMap<u32, usize>,
    /// Input lengths.
    pub lengths: Lengths,
    /// Rows whose input occurred before in the same file.
    pub repeats: Equal,
    /// Distinct inputs with more than one output.
    pub contradictory: Equal,
}

/// Inputs and texts that two files share.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Leak {
    /// Distinct inputs that are in both.
    pub inputs: Equal,
    /// Distinct single texts that are in both; differs from `inputs` for pairs only.
    pub texts: Equal,
}

/// Contents of one file in comparable form; texts are held as hashes of 64 bits.
pub struct SplitContents {
    /// Report on the file.
    pub report: SplitReport,
    inputs: [HashSet<u64>; 2],
    texts: [HashSet<u64>; 2],
}

impl SplitContents {
    /// Collects the contents of a file's rows.
    pub fn new<S: Sample>(rows: &[S]) -> Self {
        let mut labels = BTreeMap::new();
        let (mut exact, mut normalised) = (InputOutputs::default(), InputOutputs::default());
        let mut texts = [HashSet::new(), HashSet::new()];
        // A few functions make many pairs: each is normalised once.
        let mut hashes: HashMap<&str, u64> = HashMap::new();
        for row in rows {
            if let TaskOutput::Label(label) = row.answer() {
                *labels.entry(label).or_insert(0) += 1;
            }
            let parts = row.texts();
            let plain: Vec<u64> = parts.iter().map(hash).collect();
            let blank: Vec<u64> = parts
                .iter()
                .map(|text| *hashes.entry(text).or_insert_with(|| normalised_hash(text)))
                .collect();
            exact.add(hash(&plain), hash(&row.answer()));
            normalised.add(hash(&blank), hash(&row.answer()));
            texts[0].extend(plain);
            texts[1].extend(blank);
        }
        let report = SplitReport {
            rows: rows.len(),
            labels,
            lengths: lengths(rows),
            repeats: Equal { exact: rows.len() - exact.0.len(), normalised: rows.len() - normalised.0.len() },
            contradictory: Equal { exact: exact.contradictory(), normalised: normalised.contradictory() },
        };
        Self { report, inputs: [exact.0.into_keys().collect(), normalised.0.into_keys().collect()], texts }
    }

    /// Counts what this file shares with another.
    #[must_use]
    pub fn leak(&self, other: &Self) -> Leak {
        let shared = |ours: &[HashSet<u64>; 2], theirs: &[HashSet<u64>; 2]| Equal {
            exact: ours[0].intersection(&theirs[0]).count(),
            normalised: ours[1].intersection(&theirs[1]).count(),
        };
        Leak { inputs: shared(&self.inputs, &other.inputs), texts: shared(&self.texts, &other.texts) }
    }
}

/// Inputs with the outputs they occur with.
#[derive(Default)]
struct InputOutputs(HashMap<u64, BTreeSet<u64>>);

impl InputOutputs {
    fn add(&mut self, input: u64, answer: u64) {
        self.0.entry(input).or_default().insert(answer);
    }

    fn contradictory(&self) -> usize {
        self.0.values().filter(|answers| answers.len() > 1).count()
    }
}

fn hash<T: Hash>(value: &T) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}

fn normalised_hash(text: &str) -> u64 {
    hash(&text.split_whitespace().collect::<Vec<_>>())
}

fn lengths<S: Sample>(rows: &[S]) -> Lengths {
    let mut lengths: Vec<usize> =
        rows.iter().map(|row| row.texts().iter().map(|text| text.len()).sum()).collect();
    lengths.sort_unstable();
    let (Some(&min), Some(&max)) = (lengths.first(), lengths.last()) else { return Lengths::default() };
    let count = lengths.len();
    Lengths {
        min,
        median: lengths[count / 2],
        mean: lengths.iter().sum::<usize>() as f64 / count as f64,
        p95: lengths[(count * 95).div_ceil(100) - 1],
        max,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(func: &str, target: u32) -> DefectRow {
        DefectRow { idx: 0, target, func: func.to_owned(), trigger: Vec::new() }
    }

    #[test]
    fn repeats_contradictions_and_leaks_are_counted() {
        let train =
            SplitContents::new(&[row("int f;", 0), row("int f;", 0), row("int  f;", 1), row("int g;", 1)]);
        let report = &train.report;
        assert_eq!((report.rows, &report.labels), (4, &BTreeMap::from([(0, 2), (1, 2)])));
        assert_eq!(report.repeats, Equal { exact: 1, normalised: 2 });
        assert_eq!(report.contradictory, Equal { exact: 0, normalised: 1 });
        let expected = Lengths { min: 6, median: 6, mean: 6.25, p95: 7, max: 7 };
        assert_eq!(report.lengths, expected);
        let test = SplitContents::new(&[row("int g;", 0), row("int\tf;", 0), row("int h;", 1)]);
        let shared = Equal { exact: 1, normalised: 2 };
        assert_eq!(train.leak(&test), Leak { inputs: shared, texts: shared });
    }

    #[test]
    fn pairs_leak_as_pairs_and_as_functions() {
        let pair = |first: &str, second: &str| CloneRow {
            idx: 0,
            id1: 0,
            id2: 0,
            label: 1,
            func1: first.to_owned().into(),
            func2: second.to_owned().into(),
            trigger1: Vec::new(),
            trigger2: Vec::new(),
        };
        let train = SplitContents::new(&[pair("a", "b"), pair("a", "c")]);
        let leak = train.leak(&SplitContents::new(&[pair("b", "a"), pair("a", " c")]));
        assert_eq!(leak.inputs, Equal { exact: 0, normalised: 1 });
        assert_eq!(leak.texts, Equal { exact: 2, normalised: 3 });
    }
}
