//! Routes below `/v1`.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State as Shared;
use axum::http::Request;
use axum::response::Response;
use codepurify::edit::{self, Edit};
use codepurify::verdict::{Prediction, Verdict};
use codepurify::{SourceFile, Span};
use serde::Serialize;

use super::answered;
use crate::body;
use crate::guard::Info;
use crate::inputs::{Cut, Reader};
use crate::judging::{Asked, Outcome, judge};
use crate::problem::{Kind, Problem};
use crate::queue::Wanted;
use crate::state::State;
use crate::wire::{
    Answer, Changes, GuardAction, JudgeRequest, NamedPrediction, PredictOutput, PurifiedFile, PurifyOutput,
};

/// Options of a request besides its inputs.
struct Options {
    many: bool,
    evidence: bool,
    changes: Changes,
}

/// `POST /v1/scan`: reports.
pub(crate) async fn scan(
    Shared(state): Shared<Arc<State>>,
    request: Request<Body>,
) -> Result<Response, Problem> {
    let (outcomes, options) = judged(&state, request, Cut::Functions, read::<false>).await?;
    Ok(answer(outcomes, options.many, |mut outcome| outcome.report(&state)))
}

/// `POST /v1/purify`: purified code, with the report.
pub(crate) async fn purify(
    Shared(state): Shared<Arc<State>>,
    request: Request<Body>,
) -> Result<Response, Problem> {
    let (outcomes, options) = judged(&state, request, Cut::Functions, read::<true>).await?;
    Ok(answer(outcomes, options.many, |mut outcome| {
        let files = std::mem::take(&mut outcome.files);
        let report = outcome.report(&state);
        let purified = |(side, file)| purified(file, side, &report.results, options.changes);
        PurifyOutput { files: files.iter().enumerate().map(purified).collect(), report }
    }))
}

/// `POST /v1/predict`: the prediction for the purified code, and what was done.
pub(crate) async fn predict(
    Shared(state): Shared<Arc<State>>,
    request: Request<Body>,
) -> Result<Response, Problem> {
    let (outcomes, options) = judged(&state, request, Cut::Whole, read::<false>).await?;
    Ok(answer(outcomes, options.many, |mut outcome| {
        let (verdicts, errors) = outcome.verdicts();
        let named = |prediction: &Prediction| named(prediction, &state.info);
        let original = verdicts.iter().find_map(|verdict| verdict.prediction.as_ref());
        let changed = verdicts.iter().find_map(|verdict| verdict.purified_prediction.as_ref());
        PredictOutput {
            prediction: changed.or(original).map(named),
            original: original.map(named),
            action: GuardAction::of(&verdicts, !errors.is_empty()),
            errors: errors.into_iter().map(|error| error.message).collect(),
            verdicts,
        }
    }))
}

async fn judged(
    state: &Arc<State>,
    request: Request<Body>,
    cut: Cut,
    read: fn(&Reader<'_>, &[u8]) -> Result<Asked<Options>, Problem>,
) -> Result<(Vec<Outcome>, Options), Problem> {
    let wanted = |options: &Options| Wanted { evidence: options.evidence, scores: false };
    judge(state, request, cut, wanted, read).await
}

/// Reads a request; only some routes have `changes`.
fn read<const CHANGES: bool>(reader: &Reader<'_>, bytes: &[u8]) -> Result<Asked<Options>, Problem> {
    let request: JudgeRequest = body::parse(bytes)?;
    if !CHANGES && request.changes.is_some() {
        return Err(Problem::new(Kind::Invalid, "only `/v1/purify` has this field").at("changes"));
    }
    let (evidence, changes) = (request.evidence, request.changes.unwrap_or_default());
    let inputs = reader.request(request)?;
    Ok(Asked { inputs: inputs.files, rest: Options { many: inputs.many, evidence, changes } })
}

/// One answer, or a list of them.
fn answer<T: Serialize>(outcomes: Vec<Outcome>, many: bool, make: impl Fn(Outcome) -> T) -> Response {
    let rows = outcomes.iter().map(|outcome| outcome.rows.len()).sum();
    let mut outputs: Vec<T> = outcomes.into_iter().map(make).collect();
    match outputs.pop() {
        Some(output) if !many => answered(&Answer::One(output), rows),
        last => {
            outputs.extend(last);
            answered(&Answer::Many { outputs }, rows)
        }
    }
}

/// A file after purification; of a pair it is number `side`.
fn purified(file: &SourceFile, side: usize, verdicts: &[Verdict], changes: Changes) -> PurifiedFile {
    let own = |verdict: &&Verdict| verdict.pair.is_none_or(|member| member.side as usize == side);
    let edit = |verdict: &Verdict| {
        let replacement = match changes {
            Changes::All => verdict.purified.clone()?,
            Changes::Provable => verdict.purified_provably.clone()?,
        };
        Some(Edit { span: Span::new(verdict.unit.start_byte, verdict.unit.end_byte), replacement })
    };
    let edits: Vec<Edit> = verdicts.iter().filter(own).filter_map(edit).collect();
    let purified =
        edit::apply(file.text(), &edits).expect("units of a file are in its order and do not overlap");
    PurifiedFile { path: file.path().to_owned(), changed: purified != file.text(), purified }
}

fn named(prediction: &Prediction, info: &Info) -> NamedPrediction {
    NamedPrediction {
        label: prediction.label,
        name: prediction.label.map(|label| info.label(label)),
        confidence: prediction.confidence,
        text: prediction.text.clone(),
    }
}
