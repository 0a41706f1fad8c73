//! Runs the parser within limits of work and memory.
//!
//! Both grow with the square of the length of some texts that no programmer writes: 4 KiB of `} + } +` take the Java
//! parser seconds. The limits are counts, not times, so that a text has the same result on every machine.

mod allocated;
mod deep;

use std::borrow::Cow;
use std::ops::ControlFlow;

use tree_sitter::{ParseOptions, ParseState, Parser, Tree};

use self::allocated::Allocated;
use super::Language;
use super::bare::Bare;
use super::translated::translated;
use crate::error::SnippetError;

/// Parses `text`. Where it is nested too deeply for the parser, the deepest parts are a call in the tree.
///
/// # Errors
/// [`SnippetError::ParserGaveUp`] if the parser needs far more work or memory than code of this size does.
pub(super) fn parse(text: &str, language: Language) -> Result<Tree, SnippetError> {
    let text = shown(text, language);
    let parse = |text: &str| parse_within(text, language, Limits::of(text.len()));
    match parse(&text) {
        Err(SnippetError::ParserGaveUp) => {
            let shallow = deep::shallow(&text, language).ok_or(SnippetError::ParserGaveUp)?;
            parse(&shallow)
        }
        result => result,
    }
}

/// The text as the parser has to read it to find the comments and literals that the compiler finds. It is as long as `text`.
///
/// In code that it cannot parse, and in directives, the parser takes the slashes of `"//"` for a comment, and the quotation
/// mark of `'"'` for the start of a string: neither is left in a literal.
fn shown(text: &str, language: Language) -> Cow<'_, str> {
    let text = translated(text, language);
    // In Python a literal may hold code with literals of its own, and none was found to be taken for a comment.
    if language == Language::Python || !(text.contains(['"', '\'']) || text.contains("/*")) {
        return text;
    }
    let mut bytes = text.as_bytes().to_vec();
    let bare = Bare::new(&text, language);
    // Each time the parser would look for their ends to the end of the text.
    for start in bare.unended {
        bytes[start] = b' ';
    }
    for literal in bare.literals {
        let literal = &mut bytes[literal.start..literal.end];
        let closed = literal.len() > 1 && literal.first() == literal.last();
        let inside = 1..literal.len() - usize::from(closed);
        disarm(&mut literal[inside]);
    }
    String::from_utf8(bytes).map_or(text, Cow::Owned)
}

/// Replaces what could start or end a comment or another literal by bytes that leave the literal of its kind.
fn disarm(literal: &mut [u8]) {
    let mut escaped = false;
    for byte in literal {
        let (plain, escape) = (*byte, escaped);
        if matches!(plain, b'/' | b'"' | b'\'') {
            *byte = if escape { b'n' } else { b'_' };
        }
        escaped = plain == b'\\' && !escape;
    }
}

#[derive(Clone, Copy)]
struct Limits {
    /// Times that the parser reports; it does so every hundred operations.
    reports: usize,
    allocated: Allocated,
}

impl Limits {
    /// Code takes about four reports for a hundred bytes, garbage of which the work grows with its length ten.
    ///
    /// Code allocates up to 160 bytes for each of its own, a header of C++ that is read as C 1,200 in the worst of 8,000
    /// files (22 KiB), garbage 600,000 for each of 4 KiB.
    ///
    /// Code that is nested without errors needs up to 420 nodes of the stack. Where a text ends in an error, the parser
    /// may copy its stack once for each node in one step, which nothing interrupts: 400 MB for these 3,000.
    fn of(bytes: usize) -> Self {
        let allocated = Allocated { bytes: (32 << 20) + 1_000 * bytes, stack_nodes: 3_000 };
        Self { reports: 1_000 + bytes / 4, allocated }
    }
}

fn parse_within(text: &str, language: Language, limits: Limits) -> Result<Tree, SnippetError> {
    allocated::restart();
    let mut parser = Parser::new();
    parser
        .set_language(&language.parser())
        .map_err(|_| SnippetError::UnsupportedLanguage(language.name().to_owned()))?;
    let mut reports = 0;
    let mut guard = |_: &ParseState| {
        reports += 1;
        let within = reports <= limits.reports && allocated::so_far().is_within(limits.allocated);
        if within { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    };
    let options = ParseOptions::new().progress_callback(&mut guard);
    let bytes = text.as_bytes();
    parser
        .parse_with_options(&mut |at, _| bytes.get(at..).unwrap_or_default(), None, Some(options))
        .ok_or(SnippetError::ParserGaveUp)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gives_up(text: &str, language: Language) -> bool {
        parse(text, language).err() == Some(SnippetError::ParserGaveUp)
    }

    #[test]
    fn each_limit_stops_the_parser() {
        let text = "void f(void) { x = 1; }".repeat(100);
        let Limits { reports, allocated } = Limits::of(text.len());
        let within =
            |reports, allocated| parse_within(&text, Language::C, Limits { reports, allocated }).is_ok();
        assert!(within(reports, allocated));
        assert!(!within(3, allocated));
        assert!(!within(reports, Allocated { bytes: 10_000, ..allocated }));
        assert!(!within(reports, Allocated { stack_nodes: 5, ..allocated }));
    }

    /// Found by parsing all pairs of tokens of each grammar and random longer chains, repeated.
    #[test]
    fn garbage_of_quadratic_cost_is_given_up() {
        let chains = [
            (Language::Java, "} + "),
            (Language::Java, "a += ||"),
            (Language::Java, "a<"),
            (Language::Java, "a.b < "),
            (Language::C, "!= ! "),
            (Language::C, "= %a "),
            (Language::Cpp, "} & "),
            (Language::Cpp, "a |= / << - ~ "),
            (Language::Python, "~ += "),
        ];
        for (language, unit) in chains {
            let head = if language == Language::Python { "" } else { "class A { int f() { " };
            let text = format!("{head}{}", unit.repeat((64 << 10) / unit.len()));
            assert!(gives_up(&text, language), "{unit} in {language:?}");
        }
    }

    #[test]
    fn literals_hold_nothing_that_starts_another_one() {
        let cases = [
            ("f(\"// /*\", '\"'); // \"//\"", "f(\"__ _*\", '_'); // \"//\""),
            ("\"a\\\"b\\\\\" '\\''", "\"a\\nb\\\\\" '\\n'"),
            ("#if 'x /*\n", "#if 'x _*\n"),
            ("#if '\n", "#if '\n"),
        ];
        for (text, expected) in cases {
            assert_eq!(shown(text, Language::C), expected);
        }
        assert_eq!(shown("f(\"'\")", Language::Python), "f(\"'\")");
    }

    #[test]
    fn deep_code_is_parsed() {
        for (open, close) in [("(", ")"), ("!", ""), ("1+(", ")"), ("{", "}"), ("f(a[1 + ", "])")] {
            let nested = format!("{}1{}", open.repeat(60_000), close.repeat(60_000));
            let condition = if open == "{" { format!("{nested};") } else { format!("if ({nested}) b();") };
            assert!(!gives_up(&format!("int f(int a) {{ {condition} return a; }}"), Language::C), "{open}");
        }
        let nested = format!("int f() {{ x = {}1{}; }}", "(".repeat(2_500), ")".repeat(2_500));
        let branches = format!("int f() {{ {} ; }}", "if (a) x = 1; else ".repeat(700));
        let list = format!("int f() {{ int a[] = {{ {} }}; }}", "1, ".repeat(50_000));
        for text in [nested, branches, list] {
            assert!(!gives_up(&text, Language::C), "{}", &text[..40]);
        }
    }
}
