//! The supported languages.

use std::fmt;
use std::path::Path;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::error::SnippetError;

/// A programming language that snippets can be written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Language {
    /// C.
    C,
    /// C++.
    Cpp,
    /// Java.
    Java,
    /// Python.
    Python,
}

impl Language {
    /// Every supported language.
    pub const ALL: [Self; 4] = [Self::C, Self::Cpp, Self::Java, Self::Python];

    /// The language that a file's extension names (upper or lower case), if it is a supported one. `.h` counts as C.
    #[must_use]
    pub fn from_path(path: &Path) -> Option<Self> {
        let extension = path.extension()?.to_str()?.to_ascii_lowercase();
        match extension.as_str() {
            "c" | "h" => Some(Self::C),
            "cc" | "cpp" | "cxx" | "hpp" | "hh" | "hxx" => Some(Self::Cpp),
            "java" => Some(Self::Java),
            "py" => Some(Self::Python),
            _ => None,
        }
    }

    /// The name used on the command line and in files.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::C => "c",
            Self::Cpp => "cpp",
            Self::Java => "java",
            Self::Python => "python",
        }
    }

    /// The tree-sitter grammar.
    pub(crate) fn parser(self) -> tree_sitter::Language {
        match self {
            Self::C => tree_sitter_c::LANGUAGE.into(),
            Self::Cpp => tree_sitter_cpp::LANGUAGE.into(),
            Self::Java => tree_sitter_java::LANGUAGE.into(),
            Self::Python => tree_sitter_python::LANGUAGE.into(),
        }
    }
}

impl fmt::Display for Language {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Language {
    type Err = SnippetError;

    fn from_str(name: &str) -> Result<Self, SnippetError> {
        Self::ALL
            .into_iter()
            .find(|language| language.name() == name)
            .ok_or_else(|| SnippetError::UnsupportedLanguage(name.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_round_trip_and_unknown_ones_are_refused() {
        for language in Language::ALL {
            assert_eq!(language.to_string().parse(), Ok(language));
        }
        assert_eq!("cobol".parse::<Language>(), Err(SnippetError::UnsupportedLanguage("cobol".to_owned())));
    }

    #[test]
    fn extensions_choose_the_language() {
        let of = |name: &str| Language::from_path(Path::new(name));
        assert_eq!(of("a/b.c"), Some(Language::C));
        assert_eq!(of("b.h"), Some(Language::C));
        assert_eq!(of("b.HXX"), Some(Language::Cpp));
        assert_eq!(of("B.java"), Some(Language::Java));
        assert_eq!(of("b.py"), Some(Language::Python));
        assert_eq!(of("c"), None);
        assert_eq!(of("b.rs"), None);
    }
}
