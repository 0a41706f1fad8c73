//! White box of a trained victim: the input of its head, and the influence of each token's
//! embedding on its prediction.
//!
//! A [`WhiteBox`] opens the export of a training. [`representations`] serve Spectral Signatures and
//! Activation Clustering, [`attribution`] and [`probe`] serve `CodeDetector`, and [`names`] finds
//! adversarial names for AFRAIDOOR. The networks start from word embeddings: classifiers use that
//! of training, repair models `rewriter`.

pub mod attribution;
mod body;
mod error;
pub mod names;
pub mod probe;
pub mod representations;
mod rewriter;

use std::path::Path;

use codepurify::ModelError;
use codepurify::victim::{Encoding, Task};
use codepurify_attacks::data::report::TaskOutput;
use codepurify_models::checkpoint::Checkpoint;
use codepurify_models::{ModelFiles, Reading};

use crate::train::batches;
use crate::train::network::{Network, Snippets};
use crate::train::start::Architecture;
use crate::train::workers::Workers;
use body::{QueriedOutput, VictimNetwork};
pub use error::WhiteBoxError;
use rewriter::Rewriter;

/// Number of tokens that a worker processes at once, counted as if rows were padded to the longest.
const BATCH_TOKENS: usize = 1024;

/// Victim trained by this laboratory: a detector of defects or clones, or a repair model, of either
/// family.
pub struct WhiteBox {
    body: VictimNetwork,
    reading: Reading,
}

impl WhiteBox {
    /// Opens the directory that a training exports (`last` or `best`).
    ///
    /// # Errors
    /// [`WhiteBoxError::Load`] if a file or a tensor is missing or damaged,
    /// [`WhiteBoxError::NoVictim`] if the model has another task.
    pub fn open(dir: &Path) -> Result<Self, WhiteBoxError> {
        let files = ModelFiles::read(dir)?;
        let architecture = Architecture::load(&files, None)?;
        let reading = architecture.reading(&files)?;
        let checkpoint = Checkpoint::open(&files)?;
        let classes = reading.sidecar.labels.len();
        let classifier = |snippets| {
            checkpoint
                .build(|source| Network::new(&architecture, snippets, classes, &source))
                .map(VictimNetwork::from)
        };
        let body = match reading.sidecar.task {
            Some(Task::Defect) if classes > 1 => classifier(Snippets::One)?,
            Some(Task::Clone) if classes > 1 => classifier(Snippets::Two)?,
            Some(Task::Repair) => Rewriter::new(&architecture, &checkpoint, &reading)?.into(),
            _ => return Err(WhiteBoxError::NoVictim(files.name().to_owned())),
        };
        Ok(Self { body, reading })
    }

    /// Returns the tokens of `text` that the victim sees, without special ones.
    ///
    /// # Errors
    /// [`ModelError::Tokenise`].
    pub fn encode(&self, text: &str) -> Result<Encoding, ModelError> {
        let mut encoding = self.reading.tokenizer.encode(text)?;
        encoding.ids.truncate(self.reading.window);
        encoding.spans.truncate(self.reading.window);
        Ok(encoding)
    }

    /// Returns the same tokens as texts, with `Ġ` before those that begin with white space.
    ///
    /// Tokens of white space only, and parts of a character, are empty.
    ///
    /// # Errors
    /// [`ModelError::Tokenise`].
    pub fn pieces(&self, text: &str) -> Result<Vec<String>, ModelError> {
        let encoding = self.encode(text)?;
        let piece = |span: &codepurify::Span| {
            let piece = span.of(text).unwrap_or_default();
            let content = piece.trim();
            let spaced = piece.starts_with(char::is_whitespace) && !content.is_empty();
            if spaced { format!("Ġ{content}") } else { content.to_owned() }
        };
        Ok(encoding.spans.iter().map(piece).collect())
    }

    /// Returns the complete inputs of a row's texts, concatenated.
    fn framed(&self, texts: &[&str]) -> Result<Vec<Vec<u32>>, WhiteBoxError> {
        let wanted = self.body.snippets();
        if texts.len() != wanted {
            return Err(WhiteBoxError::Texts { found: texts.len(), wanted });
        }
        texts.iter().map(|text| Ok(self.reading.tokenizer.frame(&self.encode(text)?.ids))).collect()
    }

    /// Returns the index of the first content token in a complete input.
    fn content_start(&self) -> usize {
        // The last of the framing tokens is at the end.
        self.reading.tokenizer.frame_length() - 1
    }

    /// Converts an output to the numbers of the victim.
    fn target(&self, answer: TaskOutput<'_>) -> Result<QueriedOutput, WhiteBoxError> {
        match (answer, self.body.is_classifier()) {
            (TaskOutput::Label(class), true) if (class as usize) < self.reading.sidecar.labels.len() => {
                Ok(QueriedOutput::Class(class))
            }
            (TaskOutput::Text(text), false) => {
                Ok(QueriedOutput::Tokens(self.reading.tokenizer.encode_answer(text)?))
            }
            (TaskOutput::Label(class), _) => Err(WhiteBoxError::Output(format!("class {class}"))),
            (TaskOutput::Text(_), true) => Err(WhiteBoxError::Output("a text".to_owned())),
        }
    }
}

/// Groups the indices `0..lengths.len()` by similar length.
fn groups(lengths: &[usize]) -> Vec<Vec<usize>> {
    let mut order: Vec<usize> = (0..lengths.len()).collect();
    order.sort_by_key(|&row| lengths[row]);
    batches::parts(&order, lengths, BATCH_TOKENS)
}

/// Runs `work(0)` … `work(count - 1)` on the workers; returns the results in order.
fn spread<T: Send>(
    workers: &Workers,
    count: usize,
    work: impl Fn(usize) -> Result<T, WhiteBoxError> + Sync,
) -> Result<Vec<T>, WhiteBoxError> {
    let done = workers.map(count, |index| Ok(work(index)));
    done.map_err(|error| WhiteBoxError::Workers(error.to_string()))?.into_iter().collect()
}

/// Adds the index of the row, from 0, to an error.
fn in_row<T>(row: usize, result: Result<T, WhiteBoxError>) -> Result<T, WhiteBoxError> {
    result.map_err(|source| WhiteBoxError::Row { row, source: Box::new(source) })
}
