//! Requests → rows in the queue → answers.

use std::sync::Arc;

use axum::body::Body;
use axum::http::Request;
use codepurify::verdict::{InputError, Report, Verdict};
use codepurify::{ModelError, Snippet, SourceFile};

use crate::body;
use crate::inputs::{Cut, Prepared, Reader};
use crate::problem::{Kind, Problem};
use crate::queue::{Judgement, Wanted};
use crate::state::{Deadline, State};

/// An input with the judgements on its rows.
pub(crate) struct Outcome {
    pub(crate) files: Vec<SourceFile>,
    /// For each row the places of its snippets, and the judgement.
    pub(crate) rows: Vec<(Vec<Place>, Judgement)>,
    pub(crate) errors: Vec<InputError>,
    code_bytes_outside_units: usize,
}

/// Place of a snippet.
pub(crate) struct Place {
    path: String,
    start_line: usize,
}

/// A request whose inputs were read, with what else it says.
pub(crate) struct Asked<T> {
    pub(crate) inputs: Vec<Vec<SourceFile>>,
    pub(crate) rest: T,
}

/// Reads a request, and judges its inputs. `read` makes inputs of its JSON; it runs where it may take long.
pub(crate) async fn judge<T: Send + 'static>(
    state: &Arc<State>,
    request: Request<Body>,
    cut: Cut,
    wanted: impl FnOnce(&T) -> Wanted + Send + 'static,
    read: impl FnOnce(&Reader<'_>, &[u8]) -> Result<Asked<T>, Problem> + Send + 'static,
) -> Result<(Vec<Outcome>, T), Problem> {
    let deadline = request.extensions().get::<Deadline>().copied();
    let Deadline(deadline) = deadline.ok_or_else(|| internal("a request without a deadline"))?;
    let bytes = body::read(request, &state.limits, &state.timeouts).await?;
    let shared = Arc::clone(state);
    let (inputs, rest) = off_thread(move || {
        let reader = Reader { info: &shared.info, limits: &shared.limits };
        let Asked { inputs, rest } = read(&reader, &bytes)?;
        let inputs = inputs.into_iter().map(|files| Prepared::new(files, cut));
        Ok((inputs.collect::<Vec<_>>(), rest))
    })
    .await??;
    let (rows, places): (Vec<_>, Vec<_>) = inputs.into_iter().map(taken).unzip();
    let ticket = state.queue.submit(rows.into_iter().flatten().collect(), wanted(&rest), deadline);
    let ticket = ticket.map_err(|full| Problem::new(Kind::QueueFull, full.to_string()))?;
    let mut judgements = ticket.answers().await.into_iter();
    let outcomes = places.into_iter().map(|unanswered| unanswered.answered(&mut judgements));
    Ok((outcomes.collect(), rest))
}

/// An input whose rows are in the queue.
struct Unanswered {
    input: Prepared,
    places: Vec<Vec<Place>>,
}

/// Takes the rows of an input, and keeps their places.
fn taken(mut input: Prepared) -> (Vec<Vec<Snippet>>, Unanswered) {
    let rows = std::mem::take(&mut input.rows);
    let place =
        |snippet: &Snippet| Place { path: snippet.path().to_owned(), start_line: snippet.unit().start_line };
    let places = rows.iter().map(|row| row.iter().map(place).collect()).collect();
    (rows, Unanswered { input, places })
}

impl Unanswered {
    fn answered(self, judgements: &mut impl Iterator<Item = Judgement>) -> Outcome {
        let Prepared { files, errors, code_bytes_outside_units, .. } = self.input;
        let rows = self.places.into_iter().zip(judgements).collect();
        Outcome { files, rows, errors, code_bytes_outside_units }
    }
}

impl Outcome {
    /// Verdicts on the snippets of all rows, in order, and what could not be judged.
    pub(crate) fn verdicts(&mut self) -> (Vec<Verdict>, Vec<InputError>) {
        let mut errors = std::mem::take(&mut self.errors);
        let mut verdicts = Vec::new();
        for (places, judgement) in &mut self.rows {
            for (place, side) in places.iter().zip(judgement.sides.drain(..)) {
                match side {
                    Ok(verdict) => verdicts.push(first_pair(verdict)),
                    Err(error) => errors.push(place.failed(&error)),
                }
            }
        }
        (verdicts, errors)
    }

    /// The report on the input, as the command `scan` writes it.
    pub(crate) fn report(&mut self, state: &State) -> Report {
        let (verdicts, errors) = self.verdicts();
        let mut report = Report::new(state.info.tool.clone(), state.info.model.clone(), verdicts, errors);
        report.code_bytes_outside_units = self.code_bytes_outside_units;
        report
    }
}

impl Place {
    fn failed(&self, error: &ModelError) -> InputError {
        InputError { path: self.path.clone(), message: format!("line {}: {error}", self.start_line) }
    }
}

/// A verdict with the number of its pair in its own report, not in its batch.
fn first_pair(mut verdict: Verdict) -> Verdict {
    if let Some(member) = &mut verdict.pair {
        member.index = 0;
    }
    verdict
}

/// Runs work that takes long where it delays no connection.
async fn off_thread<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, Problem> {
    tokio::task::spawn_blocking(work).await.map_err(|_| internal("a panic while the request was read"))
}

fn internal(what: &str) -> Problem {
    Problem::new(Kind::Internal, format!("codepurify itself failed ({what}); please report it"))
}
