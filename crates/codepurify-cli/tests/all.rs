//! All tests of the crate in one program: it is compiled and linked once, and its tests run side by side.

mod accounting;
mod auditing;
mod bad_input;
mod caching;
mod calibrating;
mod cleaning;
mod common;
mod contaminated;
mod data_sets;
mod demo;
mod documents;
mod encodings;
mod exit_codes;
mod judging;
mod kinds;
mod models;
mod patching;
mod purifying;
mod resuming;
mod reviews;
mod rows;
mod serving;
mod settings;
mod sources;
mod units;
mod usage;
