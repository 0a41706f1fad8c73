//! What turns other things into models: any function over text becomes a [`crate::Victim`].

mod text_victim;
mod words;

pub use text_victim::TextVictim;
pub use words::WordTokenizer;
