//! The supported languages.

use std::fmt;
use std::path::Path;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::cut;
use crate::error::SnippetError;

/// Programming language of a snippet.
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

    /// Returns the supported language of a file by its name. An extension that C and C++ share
    /// means C for `.h`, else C++; [`Language::detect`] reads the content as well.
    #[must_use]
    pub fn from_path(path: &Path) -> Option<Self> {
        let extension = path.extension()?.to_str()?;
        // Except on Windows, capitals mean C++.
        if matches!(extension, "C" | "H") {
            return Some(Self::Cpp);
        }
        match extension.to_ascii_lowercase().as_str() {
            "c" | "h" => Some(Self::C),
            "cc" | "cpp" | "cxx" | "c++" | "hpp" | "hh" | "hxx" | "h++" | "inl" | "ipp" | "tpp" | "txx"
            | "tcc" | "cu" | "cuh" | "ino" => Some(Self::Cpp),
            "java" => Some(Self::Java),
            "py" | "pyi" | "pyw" => Some(Self::Python),
            _ => None,
        }
    }

    /// Returns the language of a file by name and content. If C and C++ share its extension, it is
    /// the one that explains the text better. A file without an extension is Python if its first
    /// line says so.
    #[must_use]
    pub fn detect(path: &Path, bytes: &[u8]) -> Option<Self> {
        if path.extension().is_none() {
            return is_python_script(bytes).then_some(Self::Python);
        }
        let named = Self::from_path(path)?;
        if !is_shared(path) {
            return Some(named);
        }
        Some(std::str::from_utf8(bytes).map_or(named, cut::c_or_cpp))
    }

    /// Returns the language of a file found in a folder, for which the user asked for `wanted`. A
    /// name that only one language has decides; else it is `wanted`, unless the name says
    /// otherwise; else the content decides.
    #[must_use]
    pub fn choose(path: &Path, bytes: &[u8], wanted: Option<Self>) -> Option<Self> {
        match wanted {
            Some(wanted) if Self::is_open(path) => Some(wanted),
            _ => Self::detect(path, bytes),
        }
    }

    /// Returns true if a file's name does not determine its language: several share the extension,
    /// it has none, or one that belongs to no language.
    #[must_use]
    pub fn is_open(path: &Path) -> bool {
        let Some(extension) = path.extension() else { return true };
        let neutral = ["inc", "def", "txt", "src", "code", "snippet", "in", "tmpl"];
        is_shared(path) || extension.to_str().is_some_and(|extension| neutral.contains(&extension))
    }

    /// Returns the name used on the command line and in files.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::C => "c",
            Self::Cpp => "cpp",
            Self::Java => "java",
            Self::Python => "python",
        }
    }

    /// Returns the tree-sitter grammar.
    pub(crate) fn parser(self) -> tree_sitter::Language {
        match self {
            Self::C => tree_sitter_c::LANGUAGE.into(),
            Self::Cpp => tree_sitter_cpp::LANGUAGE.into(),
            Self::Java => tree_sitter_java::LANGUAGE.into(),
            Self::Python => tree_sitter_python::LANGUAGE.into(),
        }
    }
}

/// Returns true if both C and C++ have files with this extension.
fn is_shared(path: &Path) -> bool {
    matches!(
        path.extension().and_then(|extension| extension.to_str()),
        Some("h" | "H" | "C" | "inl" | "ipp" | "tpp")
    )
}

/// Returns true if the first line is `#!` with a Python interpreter.
fn is_python_script(bytes: &[u8]) -> bool {
    let line = bytes.split(|&byte| byte == b'\n').next().unwrap_or_default();
    let Some(command) = line.strip_prefix(b"#!") else { return false };
    let words = command.split(|byte| byte.is_ascii_whitespace() || *byte == b'/');
    words.into_iter().any(|word| word.starts_with(b"python") || word.starts_with(b"pypy"))
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
        for name in
            ["a.C", "a.H", "a.inl", "a.ipp", "a.tpp", "a.c++", "a.cu", "a.cuh", "a.ino", "a.hh", "a.CPP"]
        {
            assert_eq!(of(name), Some(Language::Cpp), "{name}");
        }
        assert_eq!((of("a.pyi"), of("a.pyw")), (Some(Language::Python), Some(Language::Python)));
    }

    #[test]
    fn content_decides_between_c_and_cpp() {
        let of = |name: &str, text: &str| Language::detect(Path::new(name), text.as_bytes());
        let cpp = [
            "class A;\n",
            "namespace a { int f(); }\n",
            "template <typename T> T f(T a) { return a; }\n",
            "struct A { int f() { return 1; } };\n",
            "inline int f(int &a) { return a; }\n",
            "#include <vector>\nextern int a;\n",
            "struct A { A(); ~A(); };\n",
            "enum class A { B };\n",
        ];
        let c = [
            "#ifdef __cplusplus\nextern \"C\" {\n#endif\nint f(int class);\n#ifdef __cplusplus\n}\n#endif\n",
            "struct s { struct t *class; int new; };\nstatic inline int f(struct s *this) { return this->new; }\n",
            "/* class A; std::b */\nint f(void);\n",
            "#define A(b) b::c\nint f(void);\n",
        ];
        for name in ["a.h", "a.H", "a.C", "a.inl"] {
            for text in cpp {
                assert_eq!(of(name, text), Some(Language::Cpp), "{name}: {text}");
            }
            for text in c {
                assert_eq!(of(name, text), Some(Language::C), "{name}: {text}");
            }
        }
        assert_eq!(of("a.c", cpp[0]), Some(Language::C));
    }

    #[test]
    fn a_first_line_tells_python() {
        let of = |name: &str, text: &str| Language::detect(Path::new(name), text.as_bytes());
        assert_eq!(of("run", "#!/usr/bin/env python3\nf()\n"), Some(Language::Python));
        assert_eq!(of("run", "#!/usr/bin/python2.7 -u\r\n"), Some(Language::Python));
        assert_eq!((of("run", "#!/bin/sh\npython\n"), of("run.sh", "#!/usr/bin/python\n")), (None, None));
    }

    #[test]
    fn a_wanted_language_decides_what_names_leave_open() {
        let of = |name: &str| Language::choose(Path::new(name), b"int a;\n", Some(Language::Cpp));
        assert_eq!(
            (of("a.h"), of("a.inc"), of("a")),
            (Some(Language::Cpp), Some(Language::Cpp), Some(Language::Cpp))
        );
        assert_eq!((of("a.c"), of("a.py"), of("a.rs")), (Some(Language::C), Some(Language::Python), None));
        assert_eq!(Language::choose(Path::new("a.h"), b"int a;\n", None), Some(Language::C));
    }
}
