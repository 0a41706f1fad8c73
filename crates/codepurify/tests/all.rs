//! All tests of the crate in one program: it is compiled and linked once, and its tests run side by side.

mod audit;
mod candidates;
mod common;
mod contamination;
mod generators;
mod joint_occlusion;
mod naming_style;
mod pairs;
mod properties;
mod purify;
mod screen;
mod sufficiency;
mod units;
mod units_cover;
mod windows;
