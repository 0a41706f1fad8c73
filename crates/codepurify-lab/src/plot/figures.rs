//! Choice of figures and the numbers in them.

use std::collections::{BTreeMap, BTreeSet};

use crate::evaluate::metrics::{AttackRates, mean, roc};
use crate::table::measures::{attack_outcomes, scores, side_effects};
use crate::table::results::{CellKey, Group, Results};
use crate::table::row::UNDEFENDED;

/// Figure.
#[derive(Debug, Clone, PartialEq)]
pub struct Figure {
    /// Name of its file, without extension: letters, digits, `-` and `.`.
    pub name: String,
    /// Title above the figure.
    pub title: String,
    /// Name of the horizontal axis.
    pub x: String,
    /// Name of the vertical axis.
    pub y: String,
    /// Form of the series.
    pub kind: FigureKind,
    /// Labels of bars at 0, 1, … on the horizontal axis.
    pub groups: Vec<String>,
    /// Series, at least one.
    pub series: Vec<Series>,
}

/// Form in which the series of a figure are drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FigureKind {
    /// A line through the points of each series; the vertical axis shows shares.
    Lines,
    /// Outlines of histograms.
    Distribution,
    /// Points.
    Points,
    /// Bars in groups; x of each point is the number of its group.
    Bars,
}

/// Series of points.
#[derive(Debug, Clone, PartialEq)]
pub struct Series {
    /// Name in the legend.
    pub name: String,
    /// Index of the defence among all defences; it selects the colour, so that a defence looks the
    /// same in every figure.
    pub rank: usize,
    /// Points (x, y), finite.
    pub points: Vec<(f64, f64)>,
}

/// Number of bars in a distribution.
const BINS: usize = 20;

/// Returns all figures that the results allow.
///
/// These are ROC curves of every cell; for every task and family, the entropy of clean and
/// triggered samples, `ASR_D` by cell and defence, and cost against mean `ASR_D`.
#[must_use]
pub fn figures(results: &Results) -> Vec<Figure> {
    let mut cells: BTreeMap<_, Vec<(&CellKey, &Group)>> = BTreeMap::new();
    let mut victims: BTreeMap<_, Vec<(&CellKey, &Group)>> = BTreeMap::new();
    for (key, group) in &results.groups {
        let victim = [key.task_name(), &key.family].join("-");
        let cell = format!("{victim}-{}-{}", key.attack, key.rate_name().replace(" %", ""));
        cells.entry(cell).or_default().push((key, group));
        victims.entry(victim).or_default().push((key, group));
    }
    let ranks = Ranks::of(results.groups.keys());
    let mut figures: Vec<Figure> =
        cells.iter().map(|(name, groups)| roc_curves(name, groups, &ranks)).collect();
    for (name, groups) in &victims {
        figures.push(entropies(name, groups));
        let attacked: Vec<(&CellKey, &Group)> =
            groups.iter().copied().filter(|(_, group)| success(group).is_some()).collect();
        figures.push(success_bars(name, &attacked, &ranks));
        figures.push(cost_against_success(name, &attacked, &ranks));
    }
    figures.retain(|figure| !figure.series.is_empty());
    figures
}

/// All defences, in the order of the tables.
struct Ranks(Vec<(u8, String)>);

impl Ranks {
    fn of<'r>(keys: impl Iterator<Item = &'r CellKey>) -> Self {
        let defences: BTreeSet<_> = keys.map(Self::place).collect();
        Self(defences.into_iter().collect())
    }

    fn rank(&self, key: &CellKey) -> usize {
        self.0.binary_search(&Self::place(key)).unwrap_or(0)
    }

    fn place(key: &CellKey) -> (u8, String) {
        let (_, _, place, defence) = key.line();
        (place, defence)
    }
}

/// Returns `kind-name` as a file name.
fn file_name(kind: &str, name: &str) -> String {
    let safe = |c: char| if c.is_ascii_alphanumeric() || matches!(c, '-' | '.') { c } else { '_' };
    format!("{kind}-{name}").chars().map(safe).collect()
}

fn roc_curves(name: &str, groups: &[(&CellKey, &Group)], ranks: &Ranks) -> Figure {
    let curve = |(key, group): &(&CellKey, &Group)| {
        if group.rows.iter().all(|row| row.detection.score.is_none()) {
            return None;
        }
        let [triggered, clean] = scores(&group.rows);
        let points = roc(&triggered, &clean)?.into_iter().map(|point| (point.fpr, point.tpr)).collect();
        Some(Series { name: key.defence.clone(), rank: ranks.rank(key), points })
    };
    Figure {
        name: file_name("roc", name),
        title: format!("Detection, {name} %"),
        x: "clean samples flagged (FPR)".to_owned(),
        y: "triggered samples flagged (TPR)".to_owned(),
        kind: FigureKind::Lines,
        groups: Vec::new(),
        series: groups.iter().filter_map(curve).collect(),
    }
}

/// Draws shares of samples by entropy, for the last defence that computes one, over all attacks.
fn entropies(name: &str, groups: &[(&CellKey, &Group)]) -> Figure {
    let has_entropy = |group: &Group| group.rows.iter().any(|row| row.detection.entropy.is_some());
    let last = groups.iter().rev().find(|(_, group)| has_entropy(group));
    let last = last.map_or("", |(key, _)| key.defence.as_str());
    let of = |triggered: bool| -> Vec<f64> {
        let rows = groups.iter().filter(|(key, _)| key.defence == last).flat_map(|(_, group)| &group.rows);
        rows.filter(|row| row.triggered == triggered).filter_map(|row| row.detection.entropy).collect()
    };
    let [clean, triggered] = [of(false), of(true)];
    let highest = clean.iter().chain(&triggered).copied().fold(0.0, f64::max);
    let series = [("clean", clean), ("triggered", triggered)];
    Figure {
        name: file_name("entropy", name),
        title: format!("Entropy of {last}, {name}"),
        x: "H in nats".to_owned(),
        y: "share of samples".to_owned(),
        kind: FigureKind::Distribution,
        groups: Vec::new(),
        series: series
            .into_iter()
            .enumerate()
            .filter(|(_, (_, values))| !values.is_empty() && highest > 0.0)
            .map(|(rank, (name, values))| Series {
                name: name.to_owned(),
                rank,
                points: histogram(&values, highest),
            })
            .collect(),
    }
}

/// Returns the outline of a histogram from 0 to `highest`: both upper corners of each bar.
fn histogram(values: &[f64], highest: f64) -> Vec<(f64, f64)> {
    let mut counts = [0_usize; BINS];
    for value in values {
        #[allow(
            clippy::cast_sign_loss,
            reason = "entropies are not negative; a negative one would count as 0"
        )]
        let bin = (value / highest * BINS as f64) as usize;
        counts[bin.min(BINS - 1)] += 1;
    }
    let corner = |bin: usize| highest * bin as f64 / BINS as f64;
    let share = |bin: usize| counts[bin] as f64 / values.len() as f64;
    (0..BINS).flat_map(|bin| [(corner(bin), share(bin)), (corner(bin + 1), share(bin))]).collect()
}

/// Cells of one defence.
struct DefenceLine<'r> {
    /// Name of the defence; if it lacks results for some cells, with the number of its cells.
    name: String,
    rank: usize,
    cells: Vec<(&'r CellKey, &'r Group)>,
}

impl DefenceLine<'_> {
    /// Returns the mean `ASR_D` over the cells that have triggered samples.
    fn mean_success(&self) -> Option<f64> {
        mean(&self.cells.iter().filter_map(|(_, group)| success(group)).collect::<Vec<_>>())
    }
}

/// Returns the cells of each defence, in the order of the tables.
fn by_defence<'r>(groups: &[(&'r CellKey, &'r Group)], ranks: &Ranks) -> Vec<DefenceLine<'r>> {
    let mut lines: BTreeMap<_, Vec<(&CellKey, &Group)>> = BTreeMap::new();
    for &(key, group) in groups {
        lines.entry(key.line()).or_default().push((key, group));
    }
    let all = columns(groups).len();
    let line = |cells: Vec<(&'r CellKey, &'r Group)>| {
        let (count, key) = (cells.len(), cells.first()?.0);
        let defence = &key.defence;
        let name = if count < all { format!("{defence} ({count} of {all})") } else { defence.clone() };
        Some(DefenceLine { name, rank: ranks.rank(key), cells })
    };
    lines.into_values().filter_map(line).collect()
}

/// Returns the cells with their labels, in the order of the tables.
fn columns(groups: &[(&CellKey, &Group)]) -> Vec<((String, i64), String)> {
    let named = |key: &CellKey| (key.column(), format!("{} {}", key.attack, key.rate_name()));
    let columns: BTreeMap<_, _> = groups.iter().map(|(key, _)| named(key)).collect();
    columns.into_iter().collect()
}

fn success(group: &Group) -> Option<f64> {
    AttackRates::of(&attack_outcomes(&group.rows)).asr_defended
}

fn success_bars(name: &str, groups: &[(&CellKey, &Group)], ranks: &Ranks) -> Figure {
    let columns = columns(groups);
    let bars = |line: DefenceLine| {
        let mut points = vec![(0.0, line.mean_success()?)];
        for (key, group) in &line.cells {
            let place = columns.iter().position(|(column, _)| *column == key.column());
            points.extend(place.zip(success(group)).map(|(place, height)| (1.0 + place as f64, height)));
        }
        Some(Series { name: line.name, rank: line.rank, points })
    };
    Figure {
        name: file_name("asr", name),
        title: format!("Success rate under each defence, {name}"),
        x: String::new(),
        y: "ASR_D".to_owned(),
        kind: FigureKind::Bars,
        series: by_defence(groups, ranks).into_iter().filter_map(bars).collect(),
        groups: std::iter::once("mean".to_owned()).chain(columns.into_iter().map(|(_, name)| name)).collect(),
    }
}

fn cost_against_success(name: &str, groups: &[(&CellKey, &Group)], ranks: &Ranks) -> Figure {
    let point = |line: DefenceLine| {
        let costs = line.cells.iter().filter_map(|(_, group)| side_effects(&group.rows).passes);
        let cost = mean(&costs.collect::<Vec<_>>())?;
        let success = line.mean_success()?;
        Some(Series { name: line.name, rank: line.rank, points: vec![(cost, success)] })
    };
    let mut series: Vec<Series> = by_defence(groups, ranks).into_iter().filter_map(point).collect();
    series.extend(floor(groups, ranks.0.len()));
    Figure {
        name: file_name("cost", name),
        title: format!("Cost and success rate, {name}"),
        x: "pass equivalents a sample, mean".to_owned(),
        y: "ASR_D, mean over attacks".to_owned(),
        kind: FigureKind::Points,
        groups: Vec::new(),
        series,
    }
}

/// Returns the floor of `ASR_D` without refusals: how often the same samples get the target without
/// a trigger.
fn floor(groups: &[(&CellKey, &Group)], rank: usize) -> Option<Series> {
    let natural =
        |(_, group): &(&CellKey, &Group)| AttackRates::of(&attack_outcomes(&group.rows)).asr_natural;
    let undefended = groups.iter().filter(|(key, _)| key.defence == UNDEFENDED);
    let rate = mean(&undefended.filter_map(natural).collect::<Vec<_>>())?;
    Some(Series { name: "samples without a trigger".to_owned(), rank, points: vec![(0.0, rate)] })
}
