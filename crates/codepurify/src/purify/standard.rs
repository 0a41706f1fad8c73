//! Checks that names of the standard library have their standard meaning in a file.

use crate::snippet::joined;

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

/// Returns true if `file` gives no other meaning to a standard name that the statement `code` uses, and
/// defines no word of it as a macro. It looks at the text around a name, also in comments: it may find
/// declarations where there are none, but hardly misses one.
pub(super) fn are_standard(code: &str, file: &str) -> bool {
    let joined = joined(file.as_bytes());
    let joined = plain(&String::from_utf8_lossy(&joined));
    let uncommented = uncommented(&joined);
    // A comment may hold what looks like one, so each text counts.
    [file, &joined, &uncommented].iter().all(|text| are_standard_in(code, text))
}

/// The text with `#` in place of the other ways to write it.
pub(super) fn plain(text: &str) -> String {
    text.replace("??=", "#").replace("%:", "#")
}

/// The text with a blank in place of each comment between `/*` and `*/`.
fn uncommented(text: &str) -> String {
    let mut parts = text.split("/*");
    let mut code = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        code.push(' ');
        code.push_str(part.split_once("*/").map_or(part, |(_, behind)| behind));
    }
    code
}

fn are_standard_in(code: &str, file: &str) -> bool {
    // A member of a standard name is standard, too.
    let is_used = |name: &&&str| places(code, name).any(|place| !code[..place].trim_end().ends_with('.'));
    let is_standard = |name: &&str| {
        !places(file, name).any(|place| is_declared(file, place, name) || !is_use(file, place, name))
    };
    NAMES.iter().filter(is_used).all(is_standard)
        && !macros(file).any(|name| places(code, name).next().is_some())
}

/// Returns the names that `file` defines as macros, or undefines.
fn macros(file: &str) -> impl Iterator<Item = &str> {
    let directives = file.match_indices('#').map(|(at, _)| file[at + 1..].trim_start_matches([' ', '\t']));
    let names =
        directives.filter_map(|text| text.strip_prefix("define").or_else(|| text.strip_prefix("undef")));
    let names = names.filter(|text| text.starts_with([' ', '\t'])).map(str::trim_start);
    names
        .map(|text| &text[..text.find(|at| !is_word(at)).unwrap_or(text.len())])
        .filter(|name| !name.is_empty())
}

/// Returns true if `name` is called there, or if it is a name space, a class or imported. Everything else may give
/// it a meaning: a declarator such as `(*rand)(void)`, a parameter, a second declarator, a `using`.
fn is_use(file: &str, place: usize, name: &str) -> bool {
    let behind = file[place + name.len()..].trim_start();
    let before = file[..place].trim_end();
    let word = &before[before.trim_end_matches(is_word).len()..];
    let is_called = behind.starts_with('(') && !is_declarator(before);
    let is_qualified = behind.starts_with('.') || behind.starts_with("::") || before.ends_with('.');
    // Python and Java have a statement of this name.
    is_called || is_qualified || ["import", "namespace"].contains(&word) || name == "assert"
}

/// Returns true if what follows `before` may be a declarator: after the end of a template's arguments, or after a
/// comma that is in no parentheses.
fn is_declarator(before: &str) -> bool {
    let statement = &before[before.rfind([';', '{', '}']).map_or(0, |end| end + 1)..];
    let open = |sign: char| statement.matches(sign).count();
    match statement.chars().next_back() {
        Some('>') => statement.contains('<'),
        Some(',') => open('(') <= open(')'),
        _ => false,
    }
}

/// Returns the positions of `name` in `text` as a word.
pub(super) fn places<'t>(text: &'t str, name: &'t str) -> impl Iterator<Item = usize> + 't {
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
            "static int (*rand)(void) = neg;",
            "extern \"C\" int (*rand)(void);",
            "int a, (*rand)(void) = neg;",
            "int a, rand(void);",
            "int (rand)(void) { return -1; }",
            "std::function<int()> rand{neg};",
            "std::function<int()> rand(neg);",
            "using evil::rand;",
            "struct S { int (*rand)(); };",
            "int (&rand)() = neg;",
            "struct R { int operator()(); } rand;",
            "def g(rand): f(rand())",
            "for rand in gs: f(rand())",
            "#define f(x) n++; f(x)",
            "# undef f",
            "%:define f(x) x;",
            "??=define f(x) x;",
            "%:\\\ndefine f(x) x;",
            "#define \\\n rand() (-1)",
            "#define ra\\\r\nnd() (-1)",
            "#def\\ \nine f g",
            "#define ??/\n f g",
            "#define /* \n*/ rand() (-1)",
            "/* */ # /* \n */ define /**/ rand() (-1)",
            "int (*ra\\\nnd)(void) = neg;",
            "char *s = \"/*\"; int rand(void); char *t = \"*/\";",
        ] {
            assert!(!are_standard(code, file), "{file}");
        }
        for file in [
            "int f(void) { return rand() < 0 ? 1 : - rand(); }",
            "#include <stdlib.h>\nint f(int n) { if (rand() == 1) n = rand(); }",
            "from random import rand",
            "int random(void);",
            "/* why */ int f(void) { return \\\n rand() < 0; }",
            "#define g(x) f2(x)\n#include <stdlib.h>",
            "int f(int n) { return g(n, rand()) < 3 && 0 > 1; }",
        ] {
            assert!(are_standard(code, file), "{file}");
        }
        assert!(are_standard("if (Math.random() < 0) f();", "double random() { return -1; }"));
        assert!(!are_standard("if (Math.random() < 0) f();", "class Math {}"));
    }
}
