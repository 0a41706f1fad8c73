//! Headings that the help groups options under.

pub(crate) const MODEL: &str = "Model";
pub(crate) const INPUT: &str = "Input";
pub(crate) const DECISION: &str = "Decision";
pub(crate) const COMPUTE: &str = "Compute";
pub(crate) const SERVER: &str = "Server";
pub(crate) const OUTPUT: &str = "Output";
