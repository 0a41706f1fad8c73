//! Tells C from C++ in files whose names do not.

use crate::snippet::bare::{Bare, is_word};
use crate::snippet::functions::functions;
use crate::snippet::{Language, Span, Syntax};

/// The language of a text that is either: C++ if it says what only C++ says, else C, unless it parses better as the other.
pub(in crate::snippet) fn c_or_cpp(text: &str) -> Language {
    // Most texts parse in the language that they look like, and need no second look.
    let (likely, other) =
        if has_hints(text) { (Language::Cpp, Language::C) } else { (Language::C, Language::Cpp) };
    let damage = misread(text, likely);
    if damage.0 == 0 || damage <= misread(text, other) { likely } else { other }
}

/// How badly a text parses: damage first, then functions that are not found.
fn misread(text: &str, language: Language) -> (usize, usize) {
    Syntax::parse(text, language).map_or((usize::MAX, usize::MAX), |syntax| {
        (syntax.damage(), usize::MAX - functions(text, &syntax, language).len())
    })
}

/// Returns true if the text has keywords of C++ that C does not know, in places where they cannot be names.
fn has_hints(text: &str) -> bool {
    let mut bare = Bare::new(text, Language::Cpp);
    let mut headers = bare.directives.iter().filter_map(|span| span.of(text));
    if headers.any(includes_without_extension) {
        return true;
    }
    for span in only_for_cpp(text, &bare.directives) {
        bare.blank(span);
    }
    bare.blank_directives(|_| true);
    let code = String::from_utf8_lossy(&bare.bytes);
    let tokens = tokens(&code);
    tokens.windows(3).any(|three| {
        let [first, second, third] = three else { return false };
        match *first {
            "template" | "static_cast" | "reinterpret_cast" | "dynamic_cast" | "const_cast" => *second == "<",
            "class" | "namespace" => is_name(second) && matches!(*third, "{" | ":" | ";" | "final" | "<"),
            "public" | "private" | "protected" | ":" => *second == ":",
            "using" | "enum" => matches!(*second, "namespace" | "class"),
            _ => false,
        }
    })
}

/// Returns true if a directive includes a header without an extension, as those of the C++ library are named.
fn includes_without_extension(directive: &str) -> bool {
    let name = directive.trim_start_matches('#').trim_start().strip_prefix("include");
    let name = name.and_then(|rest| rest.trim().strip_prefix('<')).and_then(|rest| rest.split('>').next());
    name.is_some_and(|name| !name.contains(['.', '/']))
}

/// Branches that only a C++ compiler reads.
fn only_for_cpp(text: &str, directives: &[Span]) -> Vec<Span> {
    let branch = |pair: &[Span]| {
        let line = pair[0].of(text)?;
        (line.contains("__cplusplus") && !line.contains("ifndef"))
            .then(|| Span::new(pair[0].end, pair[1].start))
    };
    directives.windows(2).filter_map(branch).collect()
}

/// Words, and all other characters that are no blanks one by one.
fn tokens(code: &str) -> Vec<&str> {
    let mut tokens = Vec::new();
    let mut rest = code;
    while let Some(first) = rest.chars().next() {
        let word = rest.bytes().take_while(|&byte| is_word(byte)).count();
        let length = if word > 0 { word } else { first.len_utf8() };
        if !first.is_whitespace() {
            tokens.push(&rest[..length]);
        }
        rest = &rest[length..];
    }
    tokens
}

fn is_name(token: &str) -> bool {
    token.bytes().next().is_some_and(|first| is_word(first) && !first.is_ascii_digit())
}
