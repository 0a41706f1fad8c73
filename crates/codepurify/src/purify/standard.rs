//! Checks that names of the standard library have their standard meaning in a file.

/// Names that proofs rely on (`dead_code.rs`).
const NAMES: &[&str] = &[
    "rand",
    "random",
    "sin",
    "cos",
    "atan",
    "exp",
    "sqrt",
    "abs",
    "fabs",
    "math",
    "std",
    "Math",
    "assert",
    "assertTrue",
    "assertFalse",
    "g_assert",
    "static_assert",
    "Assert",
    "Assertions",
];

/// Words that precede the use of a name; any other word before it makes it a declaration.
const BEFORE_USE: &[&str] = &[
    "return",
    "else",
    "case",
    "throw",
    "in",
    "not",
    "and",
    "or",
    "if",
    "elif",
    "while",
    "yield",
    "await",
    "do",
    "is",
    "import",
    "raise",
    "from",
    "using",
    "namespace",
    "static",
    "print",
    "assert",
    "goto",
    "sizeof",
];

/// Returns true if `file` gives no other meaning to a standard name that the statement `code` uses.
/// It looks at the text around a name, also in comments: it may find declarations where there are
/// none, but hardly misses one.
pub(super) fn are_standard(code: &str, file: &str) -> bool {
    // A member of a standard name is standard, too.
    let is_used = |name: &&&str| places(code, name).any(|place| !code[..place].trim_end().ends_with('.'));
    NAMES.iter().filter(is_used).all(|name| !places(file, name).any(|place| is_declared(file, place, name)))
}

/// Returns the positions of `name` in `text` as a word.
fn places<'t>(text: &'t str, name: &'t str) -> impl Iterator<Item = usize> + 't {
    let is_whole = move |&(place, _): &(usize, &str)| {
        !text[..place].ends_with(is_word) && !text[place + name.len()..].starts_with(is_word)
    };
    text.match_indices(name).filter(is_whole).map(|(place, _)| place)
}

/// Returns true if a type, a declaration keyword or `#define` precedes `name`, or an assignment
/// follows it.
fn is_declared(file: &str, place: usize, name: &str) -> bool {
    // Blanks and the signs of pointers and references separate a type from a name.
    let before = file[..place].trim_end_matches(|at: char| at.is_whitespace() || "*&".contains(at));
    let word = &before[before.trim_end_matches(is_word).len()..];
    let of_type =
        !word.is_empty() && !BEFORE_USE.contains(&word) && !file[before.len()..place].contains("&&");
    let behind = file[place + name.len()..].trim_start();
    of_type || (behind.starts_with('=') && !behind.starts_with("=="))
}

fn is_word(at: char) -> bool {
    at.is_alphanumeric() || at == '_'
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn standard_name_that_the_file_declares_has_another_meaning() {
        let code = "if (rand() < 0) f();";
        for file in [
            "int rand(void) { return -1; }",
            "static int *rand(void);",
            "#define rand() -1",
            "int f(int (*g)(void)) { int rand = 1; }",
            "rand = g",
            "from x import g as rand",
            "def rand(): pass",
        ] {
            assert!(!are_standard(code, file), "{file}");
        }
        for file in [
            "int f(void) { return rand() < 0 ? 1 : - rand(); }",
            "#include <stdlib.h>\nint f(int n) { if (rand() == 1) n = rand(); }",
            "from random import rand",
            "int random(void);",
        ] {
            assert!(are_standard(code, file), "{file}");
        }
        assert!(are_standard("if (Math.random() < 0) f();", "double random() { return -1; }"));
        assert!(!are_standard("if (Math.random() < 0) f();", "class Math {}"));
    }
}
