//! Text of an error with its causes.

/// Joins an error and its causes, each once: many typed errors include their source in their
/// message.
#[must_use]
pub fn error_chain(error: &anyhow::Error) -> String {
    error.chain().skip(1).map(ToString::to_string).fold(error.to_string(), |words, cause| {
        if words.ends_with(&cause) { words } else { format!("{words}: {cause}") }
    })
}

#[cfg(test)]
mod tests {
    use anyhow::Context;

    use super::error_chain;

    #[derive(Debug, thiserror::Error)]
    #[error("cannot read it: {source}")]
    struct Repeating {
        source: std::io::Error,
    }

    #[test]
    fn each_cause_is_said_once() {
        let missing = || std::io::Error::new(std::io::ErrorKind::NotFound, "no such file");
        let repeated = Err::<(), _>(Repeating { source: missing() }).context("rows.jsonl").unwrap_err();
        assert_eq!(error_chain(&repeated), "rows.jsonl: cannot read it: no such file");
        let plain = Err::<(), _>(missing()).context("rows.jsonl").unwrap_err();
        assert_eq!(error_chain(&plain), "rows.jsonl: no such file");
    }
}
