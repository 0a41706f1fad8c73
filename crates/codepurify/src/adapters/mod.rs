//! Adapters that make models of other things: any function over text becomes a [`crate::Victim`].

mod text_victim;
mod words;

pub use text_victim::TextVictim;
pub use words::WordTokenizer;
