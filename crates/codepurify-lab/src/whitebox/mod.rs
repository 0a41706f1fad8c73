//! A trained victim from inside: what its head reads, and how its answer depends on each token's embedding.
//!
//! A [`WhiteBox`] is opened from what training exports. [`representations`] feed Spectral Signatures and Activation
//! Clustering, [`attribution`] and [`probe`] feed `CodeDetector`, and [`names`] finds adversarial names for AFRAIDOOR.
//! Below them stand the networks from the word embeddings on: of classifiers that of training, of repair models
//! `rewriter`.

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
use codepurify_attacks::data::report::Answer;
use codepurify_models::checkpoint::Checkpoint;
use codepurify_models::{ModelFiles, Reading};

use crate::train::batches;
use crate::train::network::{Network, Snippets};
use crate::train::start::Architecture;
use crate::train::workers::Workers;
use body::{Body, Target};
pub use error::WhiteBoxError;
use rewriter::Rewriter;

/// Tokens that are worked on at once by one worker, counted as if rows were padded to the longest.
const BATCH_TOKENS: usize = 1024;

/// A victim that this laboratory has trained: a detector of defects or clones, or a repair model, of either family.
pub struct WhiteBox {
    body: Body,
    reading: Reading,
}

impl WhiteBox {
    /// Opens the directory that a training exports (`last` or `best`).
    ///
    /// # Errors
    /// [`WhiteBoxError::Load`] if a file or a tensor is missing or damaged, [`WhiteBoxError::NoVictim`] if the model is
    /// made for another task.
    pub fn open(dir: &Path) -> Result<Self, WhiteBoxError> {
        let files = ModelFiles::read(dir)?;
        let architecture = Architecture::load(&files, None)?;
        let reading = architecture.reading(&files)?;
        let checkpoint = Checkpoint::open(&files)?;
        let classes = reading.sidecar.labels.len();
        let classifier = |snippets| {
            checkpoint.build(|source| Network::new(&architecture, snippets, classes, &source)).map(Body::from)
        };
        let body = match reading.sidecar.task {
            Some(Task::Defect) if classes > 1 => classifier(Snippets::One)?,
            Some(Task::Clone) if classes > 1 => classifier(Snippets::Two)?,
            Some(Task::Repair) => Rewriter::new(&architecture, &checkpoint, &reading)?.into(),
            _ => return Err(WhiteBoxError::NoVictim(files.name().to_owned())),
        };
        Ok(Self { body, reading })
    }

    /// The tokens of `text` that the victim sees, without special ones.
    ///
    /// # Errors
    /// [`ModelError::Tokenise`].
    pub fn encode(&self, text: &str) -> Result<Encoding, ModelError> {
        let mut encoding = self.reading.tokenizer.encode(text)?;
        encoding.ids.truncate(self.reading.window);
        encoding.spans.truncate(self.reading.window);
        Ok(encoding)
    }

    /// The same as texts, a `Ġ` in front of those that begin with white space; what is only white space or part of a
    /// character is empty.
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

    /// The whole inputs of a row's texts, one below the other.
    fn framed(&self, texts: &[&str]) -> Result<Vec<Vec<u32>>, WhiteBoxError> {
        let wanted = self.body.snippets();
        if texts.len() != wanted {
            return Err(WhiteBoxError::Texts { found: texts.len(), wanted });
        }
        texts.iter().map(|text| Ok(self.reading.tokenizer.frame(&self.encode(text)?.ids))).collect()
    }

    /// Where the content begins in a whole input.
    fn content_start(&self) -> usize {
        // The last of the framing tokens stands at the end.
        self.reading.tokenizer.frame_length() - 1
    }

    /// What the victim is asked about, in its own numbers.
    fn target(&self, answer: Answer<'_>) -> Result<Target, WhiteBoxError> {
        match (answer, self.body.is_classifier()) {
            (Answer::Label(class), true) if (class as usize) < self.reading.sidecar.labels.len() => {
                Ok(Target::Class(class))
            }
            (Answer::Text(text), false) => Ok(Target::Tokens(self.reading.tokenizer.encode_answer(text)?)),
            (Answer::Label(class), _) => Err(WhiteBoxError::Answer(format!("class {class}"))),
            (Answer::Text(_), true) => Err(WhiteBoxError::Answer("a text".to_owned())),
        }
    }
}

/// Places `0..lengths.len()` in groups of similar length.
fn groups(lengths: &[usize]) -> Vec<Vec<usize>> {
    let mut order: Vec<usize> = (0..lengths.len()).collect();
    order.sort_by_key(|&row| lengths[row]);
    batches::parts(&order, lengths, BATCH_TOKENS)
}

/// `work(0)` … `work(count - 1)` on the workers, in order.
fn spread<T: Send>(
    workers: &Workers,
    count: usize,
    work: impl Fn(usize) -> Result<T, WhiteBoxError> + Sync,
) -> Result<Vec<T>, WhiteBoxError> {
    let done = workers.map(count, |index| Ok(work(index)));
    done.map_err(|error| WhiteBoxError::Workers(error.to_string()))?.into_iter().collect()
}

/// Names the row, from 0, that an error is about.
fn in_row<T>(row: usize, result: Result<T, WhiteBoxError>) -> Result<T, WhiteBoxError> {
    result.map_err(|source| WhiteBoxError::Row { row, source: Box::new(source) })
}
