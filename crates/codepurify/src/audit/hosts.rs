//! The rows as the model answers them, and the places in them where an element can stand.

use super::AuditError;
use crate::candidates::{Families, Statements, candidates};
use crate::error::ModelError;
use crate::occlude::encode_window;
use crate::query::{Ask, Guarded, Item};
use crate::snippet::Snippet;
use crate::victim::{Logits, Model};

/// All rows.
pub(super) struct Field<'s> {
    rows: Vec<Row<'s>>,
    labels: usize,
}

/// A function, or a pair of them.
pub(super) struct Row<'s> {
    pub(super) snippets: Vec<&'s Snippet>,
    /// The sides with the place for an element; `None` if one of them has none.
    host: Option<Vec<Open>>,
    logits: Logits,
}

/// A side with a place for an element.
struct Open {
    ids: Vec<u32>,
    /// Elements stand in front of this token, the first of the body.
    place: usize,
}

/// A row that elements can be put into.
#[derive(Clone, Copy)]
pub(super) struct Host<'f> {
    sides: &'f [Open],
    logits: &'f Logits,
}

/// Elements stand in the first half of the window: behind them the body has to be seen.
const HALVES: usize = 2;

impl<'s> Field<'s> {
    /// Encodes and judges all rows.
    pub(super) fn new(guarded: Guarded<'_>, rows: &[Vec<&'s Snippet>]) -> Result<Self, AuditError> {
        let (mut asks, mut hosts) = (Vec::new(), Vec::new());
        for row in rows {
            let sides = row.iter().map(|snippet| Side::new(guarded.model(), snippet));
            let sides = sides.collect::<Result<Vec<Side>, _>>()?;
            asks.push(beside(sides.iter().map(|side| side.ids.as_slice())));
            hosts.push(sides.into_iter().map(Side::open).collect::<Option<Vec<Open>>>());
        }
        let logits = judge(guarded, &asks)?;
        let labels = logits.first().map_or(0, Logits::labels);
        let rows = rows.iter().cloned().zip(hosts).zip(logits);
        Ok(Self {
            rows: rows.map(|((snippets, host), logits)| Row { snippets, host, logits }).collect(),
            labels,
        })
    }

    /// Whether no element can be put anywhere.
    pub(super) fn is_empty(&self) -> bool {
        self.rows.iter().all(|row| row.host.is_none())
    }

    /// How many answers the model has.
    pub(super) fn labels(&self) -> usize {
        self.labels
    }

    /// The rows that the model answers with `label`.
    pub(super) fn answered(&self, label: usize) -> impl Iterator<Item = &Row<'s>> {
        self.rows.iter().filter(move |row| row.logits.label(0) == label)
    }

    /// The margins of these rows, ascending.
    pub(super) fn natural(&self, label: usize) -> Vec<f64> {
        let mut margins: Vec<f64> = self.answered(label).map(|row| row.logits.margin(0, label)).collect();
        margins.sort_by(f64::total_cmp);
        margins
    }

    /// The rows that the model answers otherwise and that an element can be put into.
    pub(super) fn others(&self, label: usize) -> Vec<Host<'_>> {
        let others = self.rows.iter().filter(|row| row.logits.label(0) != label);
        others.filter_map(|row| Some(Host { sides: row.host.as_deref()?, logits: &row.logits })).collect()
    }
}

/// A side as the model sees it.
struct Side {
    ids: Vec<u32>,
    place: Option<usize>,
}

impl Side {
    fn new(model: &dyn Model, snippet: &Snippet) -> Result<Self, ModelError> {
        let (encoding, _) = encode_window(model, snippet.text())?;
        let statements = Families { statements: Statements::Body, ..Families::NONE };
        let body = candidates(snippet, &statements).first().map(|first| first.spans[0].start);
        let seen = |body: usize| encoding.spans.iter().position(|span| span.end > body);
        let place = body.and_then(seen).filter(|place| *place <= model.window() / HALVES);
        Ok(Self { place, ids: encoding.ids })
    }

    fn open(self) -> Option<Open> {
        Some(Open { place: self.place?, ids: self.ids })
    }
}

impl Host<'_> {
    /// The margin of `label` as it stands.
    pub(super) fn margin(&self, label: usize) -> f64 {
        self.logits.margin(0, label)
    }

    /// Its length in tokens.
    pub(super) fn tokens(&self) -> usize {
        self.sides.iter().map(|side| side.ids.len()).sum()
    }

    /// With `element` in front of its body, of a pair in front of both; cut to the window.
    pub(super) fn with(&self, element: &[u32], window: usize) -> Ask {
        let sides = self.sides.iter().map(|side| {
            let (before, after) = side.ids.split_at(side.place);
            let mut ids = [before, element, after].concat();
            ids.truncate(window);
            ids
        });
        let sides: Vec<Vec<u32>> = sides.collect();
        beside(sides.iter().map(Vec::as_slice))
    }
}

/// A row of one or two sides.
fn beside<'a>(mut sides: impl Iterator<Item = &'a [u32]>) -> Ask {
    let left = sides.next().unwrap_or_default();
    match sides.next() {
        None => Ask::alone(left),
        Some(right) => Ask::beside(left, right.to_vec(), crate::verdict::Side::Left),
    }
}

/// What the model answers to each of `asks`.
pub(super) fn judge(guarded: Guarded<'_>, asks: &[Ask]) -> Result<Vec<Logits>, ModelError> {
    let items: Vec<Item<'_>> = asks.iter().map(Ask::plain).collect();
    guarded.logits(&items).unwrap_or_default().into_iter().collect()
}
