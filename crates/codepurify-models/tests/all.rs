//! All tests of the crate in one program: it is compiled and linked once, and its tests run side by side.

mod added_tokens;
mod agreement;
mod batches;
mod common;
mod compat;
mod decoding;
mod fixture;
mod gradients;
mod heads;
mod loading;
mod parity;
mod precision;
mod seq2seq;
mod t5;
mod tokenizing;
mod weights;
