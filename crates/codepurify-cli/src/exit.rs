//! Exit codes.

use std::process::ExitCode;

use codepurify::verdict::{Decision, Report};

use crate::settings::FailOn;

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Everything was judged and nothing was found.
    Nothing = 0,
    /// Something was found.
    Findings = 1,
    /// The run, or a part of it, failed.
    Error = 2,
    /// The command was called wrongly.
    Usage = 64,
}

impl Exit {
    /// How a run with this report ended; failed inputs weigh more than findings.
    pub(crate) fn of(report: &Report, fail_on: FailOn) -> Self {
        let counts = |decision| match fail_on {
            FailOn::Poisoned => decision == Decision::Poisoned,
            FailOn::Inconclusive => decision != Decision::Clean,
            FailOn::Never => false,
        };
        if !report.errors.is_empty() {
            Self::Error
        } else if report.results.iter().any(|result| counts(result.verdict)) {
            Self::Findings
        } else {
            Self::Nothing
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}
