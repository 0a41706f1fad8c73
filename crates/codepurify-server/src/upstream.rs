//! A victim that runs elsewhere, behind `POST /predict` in the form of text-embeddings-inference.

use std::collections::BTreeMap;
use std::thread::sleep;
use std::time::Duration;

use codepurify::{Logits, Model, ModelError, Ragged, Task, Victim, VictimCard, WordModel, WrapsModel};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::json;
use thiserror::Error;
use ureq::Agent;

/// Largest answer, in bytes.
const LARGEST: u64 = 64 << 20;
/// Texts in a request, if the server does not say how many it takes.
const TEXTS: usize = 32;
/// Milliseconds before a request is sent again that met a busy server.
const WAITS: [u64; 4] = [100, 200, 400, 800];

/// A classifier of single texts behind an address.
///
/// It reads text as words, and is asked for the logits of each variant of a snippet. A text that does not
/// fit its context window is an error, since the part that it would not see is not known here.
pub struct Upstream {
    words: WordModel,
    agent: Agent,
    /// Address without a path.
    url: String,
    /// Texts in a request.
    texts: usize,
}

/// A model elsewhere that cannot be used or does not answer.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum UpstreamError {
    /// The address has another scheme.
    #[error("{0}: the address of a model starts with http://")]
    Address(String),
    /// Nobody answers in time.
    #[error("{url} does not answer: {source}")]
    Unreachable {
        /// Address of the request.
        url: String,
        /// The problem with it.
        #[source]
        source: Box<ureq::Error>,
    },
    /// The server refuses the request.
    #[error("{url} answers with status {status}: {message}")]
    Refused {
        /// Address of the request.
        url: String,
        /// HTTP status.
        status: u16,
        /// The server's message.
        message: String,
    },
    /// The answer has another form.
    #[error("{url} gives no scores of a classifier: {message}")]
    Form {
        /// Address of the request.
        url: String,
        /// The problem with it.
        message: String,
    },
}

/// The server's description of itself.
#[derive(Deserialize)]
struct Description {
    model_id: String,
    model_sha: Option<String>,
    model_type: ModelType,
    max_client_batch_size: Option<usize>,
}

#[derive(Deserialize)]
struct ModelType {
    classifier: Labels,
}

#[derive(Deserialize)]
struct Labels {
    id2label: BTreeMap<String, String>,
}

/// A label with its logit.
#[derive(Deserialize)]
struct Score {
    score: f32,
    label: String,
}

impl Upstream {
    /// Asks the server at `url` for its model. A request may take `timeout`.
    ///
    /// # Errors
    /// [`UpstreamError`] if it does not answer, or has no classifier.
    pub fn connect(url: &str, timeout: Duration) -> Result<Self, UpstreamError> {
        if !url.starts_with("http://") {
            return Err(UpstreamError::Address(url.to_owned()));
        }
        let url = url.trim_end_matches('/').to_owned();
        let config = Agent::config_builder().timeout_global(Some(timeout)).http_status_as_error(false);
        let agent: Agent = config.build().into();
        let place = format!("{url}/info");
        let Description { model_id, model_sha, model_type, max_client_batch_size } =
            answer(&place, agent.get(&place).call())?;
        let labels = model_type.classifier.id2label;
        let number = labels.len();
        let name = |index: usize| labels.get(&index.to_string()).cloned();
        let labels: Option<Vec<String>> = (0..number).map(name).collect();
        let message = || format!("its {number} labels are not numbered from 0");
        let labels = labels.filter(|labels| !labels.is_empty());
        let labels = labels.ok_or_else(|| UpstreamError::Form { url: place, message: message() })?;
        let sha256 = model_sha.unwrap_or_default();
        let card = VictimCard { name: model_id, task: Task::Classification, sha256, labels };
        let texts = max_client_batch_size.unwrap_or(TEXTS).max(1);
        Ok(Self { words: WordModel::new(card), agent, url, texts })
    }

    /// Logits of all labels for each text, in order.
    fn logits(&self, texts: &[String]) -> Result<Vec<f32>, UpstreamError> {
        let url = format!("{}/predict", self.url);
        // An empty text is refused.
        let inputs: Vec<[&str; 1]> =
            texts.iter().map(|text| [if text.is_empty() { " " } else { text }]).collect();
        let body = json!({ "inputs": inputs, "raw_scores": true, "truncate": false }).to_string();
        let rows: Vec<Vec<Score>> = self.patiently(&url, &body)?;
        let wrong = |message: String| UpstreamError::Form { url: url.clone(), message };
        if rows.len() != texts.len() {
            return Err(wrong(format!("{} rows for {} texts", rows.len(), texts.len())));
        }
        let labels = &self.words.card().labels;
        let mut logits = Vec::with_capacity(rows.len() * labels.len());
        for row in rows {
            for label in labels {
                let mut own = row.iter().filter(|score| score.label == *label);
                let (Some(score), None) = (own.next(), own.next()) else {
                    return Err(wrong(format!("not one score for the label `{label}`")));
                };
                logits.push(score.score);
            }
        }
        Ok(logits)
    }

    /// Sends a request, again if the server is busy.
    fn patiently<T: DeserializeOwned>(&self, url: &str, body: &str) -> Result<T, UpstreamError> {
        let send = || answer(url, self.agent.post(url).content_type("application/json").send(body));
        for wait in WAITS {
            match send() {
                Err(UpstreamError::Refused { status: 429 | 503, .. }) => sleep(Duration::from_millis(wait)),
                answered => return answered,
            }
        }
        send()
    }
}

/// The content of an answer with status 200.
fn answer<T: DeserializeOwned>(
    url: &str,
    response: Result<ureq::http::Response<ureq::Body>, ureq::Error>,
) -> Result<T, UpstreamError> {
    let unreachable = |source| UpstreamError::Unreachable { url: url.to_owned(), source: Box::new(source) };
    let mut response = response.map_err(unreachable)?;
    let status = response.status().as_u16();
    let bytes = response.body_mut().with_config().limit(LARGEST).read_to_vec().map_err(unreachable)?;
    if status != 200 {
        let message = String::from_utf8_lossy(&bytes).chars().take(200).collect();
        return Err(UpstreamError::Refused { url: url.to_owned(), status, message });
    }
    serde_json::from_slice(&bytes)
        .map_err(|error| UpstreamError::Form { url: url.to_owned(), message: error.to_string() })
}

impl WrapsModel for Upstream {
    type Inner = WordModel;

    fn inner(&self) -> &WordModel {
        &self.words
    }
}

impl Victim for Upstream {
    fn judge(&self, batch: &Ragged) -> Result<Logits, ModelError> {
        let texts = self.words.texts(batch)?;
        let mut logits = Vec::new();
        for texts in texts.chunks(self.texts) {
            logits.extend(self.logits(texts).map_err(ModelError::runtime)?);
        }
        Logits::new(self.words.card().labels.len(), logits)
    }
}
