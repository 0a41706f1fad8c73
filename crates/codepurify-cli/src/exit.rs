//! Exit codes.

use clap::ValueEnum;
use codepurify::verdict::{Decision, Report};
use serde::Deserialize;

/// Verdicts that make the exit code 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum FailOn {
    /// Poisoned verdicts.
    #[default]
    Poisoned,
    /// Poisoned and inconclusive verdicts.
    Inconclusive,
    /// No verdict.
    Never,
}

/// Rules for failures and findings.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ExitRules {
    /// Which verdicts are findings.
    pub(crate) fail_on: FailOn,
    /// Accept a run in which nothing is scanned.
    pub(crate) allow_empty: bool,
}

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
    /// How a run with this report ended. Failed inputs outrank findings, and nothing judged at all is a failure, too, unless
    /// the user allows it.
    pub(crate) fn of(report: &Report, rules: ExitRules) -> Self {
        let counts = |decision| match rules.fail_on {
            FailOn::Poisoned => decision == Decision::Poisoned,
            FailOn::Inconclusive => decision != Decision::Clean,
            FailOn::Never => false,
        };
        let nothing = report.results.is_empty() && !rules.allow_empty;
        if !report.errors.is_empty() || nothing {
            Self::Error
        } else if report.results.iter().any(|result| counts(result.verdict)) {
            Self::Findings
        } else {
            Self::Nothing
        }
    }
}
