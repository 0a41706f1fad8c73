//! Adapters that make models of other things: any function over text becomes a [`crate::Victim`].

mod text_victim;
mod word_model;
mod words;

pub use text_victim::TextVictim;
pub use word_model::WordModel;
pub use words::WordTokenizer;
