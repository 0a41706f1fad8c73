//! Errors, by whose fault they are.

use std::error::Error;
use std::fmt;
use std::sync::Arc;

use thiserror::Error as ThisError;

/// A model behind one of the traits in [`crate::victim`] failed.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ModelError {
    /// The text cannot be turned into tokens: the tokenizer's or the text's fault.
    Tokenise(Cause),
    /// The runtime failed (out of memory, device lost, remote end gone …).
    Runtime(Cause),
    /// A row is longer than the model's window: the caller's fault.
    TooLong {
        /// Index of the row in its batch.
        row: usize,
        /// Its length in tokens.
        tokens: usize,
        /// The longest row allowed.
        window: usize,
    },
    /// The model's output is unusable (NaN, wrong shape): the model's fault.
    Output(Cause),
    /// A snippet cannot be judged because the other side of its pair cannot be.
    OtherSide(Box<ModelError>),
    /// An assumption of this library does not hold: its own fault.
    Internal(&'static str),
}

/// The error behind a [`ModelError`]. Two causes are equal if their messages are.
#[derive(Debug, Clone)]
pub struct Cause(Arc<dyn Error + Send + Sync>);

impl ModelError {
    /// The text cannot be turned into tokens because of `cause`, an error or a message.
    pub fn tokenise(cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::Tokenise(Cause(Arc::from(cause.into())))
    }

    /// The runtime failed because of `cause`, an error or a message.
    pub fn runtime(cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::Runtime(Cause(Arc::from(cause.into())))
    }

    /// The output is unusable because of `cause`, an error or a message.
    pub fn output(cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::Output(Cause(Arc::from(cause.into())))
    }
}

impl Cause {
    /// The error itself, to be downcast to the type that the model's implementation uses.
    #[must_use]
    pub fn error(&self) -> &(dyn Error + Send + Sync + 'static) {
        self.0.as_ref()
    }
}

impl PartialEq for Cause {
    fn eq(&self, other: &Self) -> bool {
        self.to_string() == other.to_string()
    }
}

impl Eq for Cause {}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for ModelError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tokenise(cause) => write!(f, "cannot tokenise the text: {cause}"),
            Self::Runtime(cause) => write!(f, "the model's runtime failed: {cause}"),
            Self::TooLong { row, tokens, window } => {
                write!(f, "row {row} has {tokens} tokens, the model's window holds {window}")
            }
            Self::Output(cause) => write!(f, "the model's output is unusable: {cause}"),
            Self::OtherSide(error) => write!(f, "the other side of the pair failed: {error}"),
            Self::Internal(what) => {
                write!(f, "codepurify itself failed at this code ({what}); please report it with the code")
            }
        }
    }
}

impl Error for ModelError {
    /// The source of the cause, whose own message is part of this error's.
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Tokenise(cause) | Self::Runtime(cause) | Self::Output(cause) => cause.0.source(),
            Self::OtherSide(error) => error.source(),
            Self::TooLong { .. } | Self::Internal(_) => None,
        }
    }
}

/// A text that cannot become a [`crate::Snippet`]: the caller's or the data's fault.
#[derive(Debug, Clone, ThisError, PartialEq, Eq)]
#[non_exhaustive]
pub enum SnippetError {
    /// Nothing but white space.
    #[error("the text is empty")]
    Empty,
    /// The bytes are no UTF-8 text.
    #[error("not UTF-8: first bad byte at offset {offset}")]
    NotUtf8 {
        /// Offset of the first byte that is not part of a character.
        offset: usize,
    },
    /// The bytes look like a binary file.
    #[error("looks like a binary file: NUL byte at offset {offset}")]
    Binary {
        /// Offset of the NUL byte.
        offset: usize,
    },
    /// The text is larger than the limit that the caller set.
    #[error("{bytes} bytes, more than the limit of {limit}")]
    TooLarge {
        /// Size of the text.
        bytes: usize,
        /// The limit in force.
        limit: usize,
    },
    /// No parser for this language or file extension.
    #[error("unsupported language `{0}`; supported: c, cpp, java, python")]
    UnsupportedLanguage(String),
    /// The parser gave up (work limit).
    #[error("the parser gave up on this text")]
    ParserGaveUp,
    /// A function that is to be a reference has no body that a candidate can be inserted into.
    #[error("{path}, line {line}: no statement stands there; a reference is a function with a body")]
    NoReference {
        /// Its file.
        path: String,
        /// Its first line.
        line: usize,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, ThisError)]
    #[error("device lost")]
    struct DeviceLost(#[source] std::io::Error);

    #[test]
    fn cause_is_kept_with_its_source_and_shown_once() {
        let error = ModelError::runtime(DeviceLost(std::io::Error::other("cable")));
        assert_eq!(error.to_string(), "the model's runtime failed: device lost");
        assert_eq!(error.source().map(ToString::to_string), Some("cable".to_owned()));
        let ModelError::Runtime(cause) = &error else { panic!("a failure of the runtime") };
        assert!(cause.error().downcast_ref::<DeviceLost>().is_some());
        assert_eq!(error, ModelError::runtime("device lost"));
        assert_ne!(error, ModelError::output("device lost"));
    }
}
