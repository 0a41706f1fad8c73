//! The rows with the model's predictions, and the places for elements in them.

use super::AuditError;
use crate::candidates::{Families, Statements, candidates};
use crate::error::ModelError;
use crate::occlude::encode_window;
use crate::query::{Query, QueryRows, QueryTarget};
use crate::snippet::Snippet;
use crate::verdict::Side;
use crate::victim::{Logits, Model};

/// All rows with the model's predictions.
pub(super) struct PredictedRows<'s> {
    rows: Vec<Row<'s>>,
    labels: usize,
}

/// A function, or a pair of them.
pub(super) struct Row<'s> {
    pub(super) snippets: Vec<&'s Snippet>,
    /// The sides with the places for an element; `None` if one of them has none.
    host: Option<Vec<HostSide>>,
    logits: Logits,
}

/// A side with a place for an element.
struct HostSide {
    ids: Vec<u32>,
    /// First token of the body; elements are inserted in front of it.
    place: usize,
}

/// A row that elements can be inserted into.
#[derive(Clone, Copy)]
pub(super) struct Host<'f> {
    sides: &'f [HostSide],
    logits: &'f Logits,
}

/// Part of the window for elements, so that the model sees the body after them.
const HALVES: usize = 2;

impl<'s> PredictedRows<'s> {
    /// Encodes all rows and asks the model for its predictions.
    pub(super) fn new(target: &QueryTarget<'_>, rows: &[Vec<&'s Snippet>]) -> Result<Self, AuditError> {
        let (mut queries, mut hosts) = (Vec::new(), Vec::new());
        for row in rows {
            let sides = row.iter().map(|snippet| EncodedSide::new(target.model(), snippet));
            let sides = sides.collect::<Result<Vec<EncodedSide>, _>>()?;
            queries.push(query(sides.iter().map(|side| side.ids.as_slice())));
            hosts.push(sides.into_iter().map(EncodedSide::into_host).collect::<Option<Vec<HostSide>>>());
        }
        let logits = judge(target, &queries)?;
        let labels = logits.first().map_or(0, Logits::labels);
        let rows = rows.iter().cloned().zip(hosts).zip(logits);
        Ok(Self {
            rows: rows.map(|((snippets, host), logits)| Row { snippets, host, logits }).collect(),
            labels,
        })
    }

    /// Returns whether no row can host an element.
    pub(super) fn is_without_hosts(&self) -> bool {
        self.rows.iter().all(|row| row.host.is_none())
    }

    /// Number of labels of the model.
    pub(super) fn labels(&self) -> usize {
        self.labels
    }

    /// The rows with the prediction `label`.
    pub(super) fn with_label(&self, label: usize) -> impl Iterator<Item = &Row<'s>> {
        self.rows.iter().filter(move |row| row.logits.label(0) == label)
    }

    /// Margins of these rows, ascending.
    pub(super) fn benign_margins(&self, label: usize) -> Vec<f64> {
        let mut margins: Vec<f64> = self.with_label(label).map(|row| row.logits.margin(0, label)).collect();
        margins.sort_by(f64::total_cmp);
        margins
    }

    /// The rows with another prediction that can host an element.
    pub(super) fn hosts(&self, label: usize) -> Vec<Host<'_>> {
        let others = self.rows.iter().filter(|row| row.logits.label(0) != label);
        others.filter_map(|row| Some(Host { sides: row.host.as_deref()?, logits: &row.logits })).collect()
    }
}

/// A side as the model sees it.
struct EncodedSide {
    ids: Vec<u32>,
    place: Option<usize>,
}

impl EncodedSide {
    fn new(model: &dyn Model, snippet: &Snippet) -> Result<Self, ModelError> {
        let (encoding, _) = encode_window(model, snippet.text())?;
        let statements = Families { statements: Statements::Body, ..Families::NONE };
        let body = candidates(snippet, &statements).first().map(|first| first.spans[0].start);
        let seen = |body: usize| encoding.spans.iter().position(|span| span.end > body);
        let place = body.and_then(seen).filter(|place| *place <= model.window() / HALVES);
        Ok(Self { place, ids: encoding.ids })
    }

    fn into_host(self) -> Option<HostSide> {
        Some(HostSide { place: self.place?, ids: self.ids })
    }
}

impl Host<'_> {
    /// Margin of `label` without an element.
    pub(super) fn margin(&self, label: usize) -> f64 {
        self.logits.margin(0, label)
    }

    /// Length in tokens.
    pub(super) fn tokens(&self) -> usize {
        self.sides.iter().map(|side| side.ids.len()).sum()
    }

    /// The row with `element` in front of its body (for a pair, of both bodies), cut to the window.
    pub(super) fn with(&self, element: &[u32], window: usize) -> Query {
        let sides = self.sides.iter().map(|side| {
            let (before, after) = side.ids.split_at(side.place);
            let mut ids = [before, element, after].concat();
            ids.truncate(window);
            ids
        });
        let sides: Vec<Vec<u32>> = sides.collect();
        query(sides.iter().map(Vec::as_slice))
    }
}

/// A query about one or two sides.
fn query<'a>(mut sides: impl Iterator<Item = &'a [u32]>) -> Query {
    let left = sides.next().unwrap_or_default();
    match sides.next() {
        None => Query::single(left),
        Some(right) => Query::pair(left, right.to_vec(), Side::Left),
    }
}

/// Logits of each of `queries`.
pub(super) fn judge(target: &QueryTarget<'_>, queries: &[Query]) -> Result<Vec<Logits>, ModelError> {
    let items: Vec<QueryRows<'_>> = queries.iter().map(Query::rows).collect();
    target.logits(&items).unwrap_or_default().into_iter().collect()
}
