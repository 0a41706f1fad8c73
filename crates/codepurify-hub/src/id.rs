//! Hub ids. Their parts become folder names and parts of addresses, so the hub's own rules for names are enforced.

use std::fmt;

use crate::error::HubError;

/// The longest name and the longest revision, in bytes.
const MAX_BYTES: usize = 96;
const DEFAULT_REVISION: &str = "main";

/// `org/name` at a revision: a branch, a tag, a reference such as `refs/pr/1`, or a commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ModelId {
    organisation: String,
    name: String,
    revision: String,
}

impl ModelId {
    /// Takes `org/name` or `org/name@revision` apart.
    pub(crate) fn parse(text: &str) -> Result<Self, HubError> {
        let wrong = |reason| HubError::NoSuchModel { model: text.to_owned(), reason };
        let (repository, revision) = text.split_once('@').unwrap_or((text, DEFAULT_REVISION));
        let (organisation, name) = repository.split_once('/').ok_or_else(|| wrong("it has no slash"))?;
        for part in [organisation, name] {
            check_name(part).map_err(wrong)?;
        }
        check_revision(revision).map_err(wrong)?;
        Ok(Self {
            organisation: organisation.to_owned(),
            name: name.to_owned(),
            revision: revision.to_owned(),
        })
    }

    /// `org/name`.
    pub(crate) fn repository(&self) -> String {
        format!("{}/{}", self.organisation, self.name)
    }

    /// The name of its folder in the cache.
    pub(crate) fn folder(&self) -> String {
        format!("models--{}--{}", self.organisation, self.name)
    }

    /// Branch, tag, reference or commit.
    pub(crate) fn revision(&self) -> &str {
        &self.revision
    }
}

impl fmt::Display for ModelId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}/{}@{}", self.organisation, self.name, self.revision)
    }
}

/// Returns true for a full commit: the 40 lower-case hexadecimal digits of a git object.
pub(crate) fn is_commit(text: &str) -> bool {
    text.len() == 40 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// Returns true for a plain file name, without a folder, on every platform.
pub(crate) fn is_plain(name: &str) -> bool {
    let word = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    !name.is_empty() && name.len() <= MAX_BYTES && !name.starts_with('.') && name.bytes().all(word)
}

fn check_name(name: &str) -> Result<(), &'static str> {
    let at_an_end = |mark| name.starts_with(mark) || name.ends_with(mark);
    if name.contains('/') {
        Err("it has more than one slash")
    } else if !is_plain(name) {
        Err("names are 1 to 96 letters, digits, `-`, `_` and `.`, and do not start with `.`")
    } else if at_an_end('-') || at_an_end('.') || name.contains("--") || name.contains("..") {
        Err("names hold no `--` and no `..`, and neither start nor end with `-` or `.`")
    } else {
        Ok(())
    }
}

fn check_revision(revision: &str) -> Result<(), &'static str> {
    let plain = |part: &str| is_plain(part) && !part.contains("..");
    if revision.len() <= MAX_BYTES && revision.split('/').all(plain) {
        Ok(())
    } else {
        Err("a revision is made of letters, digits, `-`, `_` and `.`, with `/` between its parts")
    }
}

#[cfg(test)]
mod tests {
    use std::path::{Component, Path};

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn whatever_is_an_id_stays_below_its_folder(text in "[a-zA-Z./\\\\@~: %-]{0,12}|\\PC{0,30}") {
            let Ok(id) = ModelId::parse(&text) else { return Ok(()) };
            let down = |path: &str| {
                !path.contains('\\') && Path::new(path).components().all(|part| matches!(part, Component::Normal(_)))
            };
            prop_assert!(down(&id.folder()) && !id.folder().contains('/'));
            prop_assert!(down(id.revision()));
            prop_assert_eq!(id.repository().matches('/').count(), 1);
        }
    }

    #[test]
    fn an_id_is_taken_apart() {
        let id = ModelId::parse("my-org/model_1.5").unwrap();
        assert_eq!((id.repository().as_str(), id.revision()), ("my-org/model_1.5", "main"));
        assert_eq!(id.folder(), "models--my-org--model_1.5");
        assert_eq!(ModelId::parse("a/b@refs/pr/1").unwrap().revision(), "refs/pr/1");
    }

    #[test]
    fn names_that_could_leave_their_folder_are_no_ids() {
        for text in [
            "",
            "a",
            "/",
            "a/",
            "/a",
            "a/b/c",
            "../b",
            "a/..",
            "a/b..c",
            "a\\b/c",
            "C:/b",
            "~/b",
            "a/b--c",
            "-a/b",
            "a/.b",
            "a/b.",
            "a/b\0",
            "a/b%2e",
            "a/b@",
            "a/b@../x",
            "a/b@x/../y",
            "a/b@/x",
            "a/b@x//y",
            "a/b@x\\y",
            "a/b@.git",
            "a/b@c@d",
            "a /b",
            "a/ä",
        ] {
            assert!(matches!(ModelId::parse(text), Err(HubError::NoSuchModel { .. })), "{text:?}");
        }
        assert!(ModelId::parse(&format!("a/{}", "b".repeat(97))).is_err());
    }

    #[test]
    fn commits_are_forty_hexadecimal_digits() {
        assert!(is_commit(&"0a".repeat(20)));
        assert!(!is_commit(&"0A".repeat(20)) && !is_commit(&"0".repeat(39)) && !is_commit(&"é".repeat(20)));
    }
}
