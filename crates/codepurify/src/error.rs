//! What can go wrong, and whose fault it is.

use thiserror::Error;

/// A model behind one of the doors in [`crate::victim`] could not answer.
#[derive(Debug, Clone, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum ModelError {
    /// The text could not be turned into tokens: the tokenizer's or the text's fault.
    #[error("cannot tokenise the text: {0}")]
    Tokenise(String),
    /// The runtime failed (out of memory, device lost, remote end gone …).
    #[error("the model's runtime failed: {0}")]
    Runtime(String),
    /// A row is longer than the model's window: the caller's fault.
    #[error("row {row} has {tokens} tokens, the model's window holds {window}")]
    TooLong {
        /// Index of the row in its batch.
        row: usize,
        /// Its length in tokens.
        tokens: usize,
        /// The longest row allowed.
        window: usize,
    },
    /// The model answered something that is no answer (NaN, wrong shape): the model's fault.
    #[error("the model's output is unusable: {0}")]
    Output(String),
    /// The program failed at this snippet: a mistake in it.
    #[error("codepurify itself failed at this code; please report it with the code")]
    Internal,
    /// A snippet cannot be judged because the other one of its pair cannot be.
    #[error("the other side of the pair failed: {0}")]
    OtherSide(Box<ModelError>),
}

/// A text that cannot become a [`crate::Snippet`]: the caller's or the data's fault.
#[derive(Debug, Clone, Error, PartialEq, Eq)]
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
    /// The parser gave up (time limit).
    #[error("the parser gave up on this text")]
    ParserGaveUp,
    /// A function that is to be a reference has no body to put anything into.
    #[error("{path}, line {line}: no statement stands there; a reference is a function with a body")]
    NoReference {
        /// Where it comes from.
        path: String,
        /// Its first line.
        line: usize,
    },
}
