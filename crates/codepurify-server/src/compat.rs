//! Requests in the forms of other servers: texts alone in, scores of all classes for the purified texts out.

use std::sync::Arc;

use axum::body::Body;
use axum::http::Request;

use crate::guard::{Kind as ModelKind, Scores};
use crate::inputs::Cut;
use crate::judging::{Asked, judge};
use crate::problem::{Kind, Problem};
use crate::queue::Wanted;
use crate::state::State;

/// A row of texts; `field` is its place in the request.
pub(crate) struct Row {
    pub(crate) field: String,
    pub(crate) texts: Vec<String>,
}

/// The rows of a request, the name of the field that holds them, and what else it says.
type Read<T> = (Vec<Row>, &'static str, T);

/// Scores for the purified rows of a request, which `read` makes of its body.
pub(crate) async fn scored<T: Send + 'static>(
    state: &Arc<State>,
    request: Request<Body>,
    read: impl FnOnce(&[u8]) -> Result<Read<T>, Problem> + Send + 'static,
) -> Result<(Vec<Scores>, T), Problem> {
    let sides = state.info.kind.sides();
    if state.info.kind == ModelKind::Generator {
        return Err(Problem::new(Kind::Invalid, "this model answers with text: use `/v1/predict`"));
    }
    let wanted = |_: &_| Wanted { evidence: false, scores: true };
    let (outcomes, rest) = judge(state, request, Cut::Whole, wanted, move |reader, bytes| {
        let (rows, field, rest) = read(bytes)?;
        reader.check_number(rows.len(), field)?;
        if let Some(row) = rows.iter().find(|row| row.texts.len() != sides) {
            let detail = format!("{} texts, this model reads {sides}", row.texts.len());
            return Err(Problem::new(Kind::Invalid, detail).at(&row.field));
        }
        let placed = |row: Row| row.texts.into_iter().map(|text| (row.field.clone(), text)).collect();
        let inputs = reader.texts(rows.into_iter().map(placed).collect())?;
        Ok(Asked { inputs, rest })
    })
    .await?;
    let scores = outcomes.into_iter().map(|mut outcome| {
        let scores = outcome.rows.first_mut().and_then(|(_, judgement)| judgement.scores.take());
        let (_, errors) = outcome.verdicts();
        // Code that could not be judged is not guarded, so it gets no prediction.
        if let Some(error) = errors.into_iter().next() {
            return Err(Problem::new(Kind::Model, error.message));
        }
        let missing = || Problem::new(Kind::Model, "the model gave no scores");
        scores.ok_or_else(missing)?.map_err(|error| Problem::new(Kind::Model, error.to_string()))
    });
    Ok((scores.collect::<Result<_, _>>()?, rest))
}
