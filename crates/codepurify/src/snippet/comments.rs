//! Comments that are some only to some compilers, or by some standards of C, C++ and Java. What they hold may run, so it is
//! judged as code.

use super::bare::{Bare, Comment, raw_end};
use super::{Language, Span};

/// Raw strings that are looked for: each search may be as long as the text.
const MOST_RAW: usize = 64;

/// The bytes of `text` that are in a comment here, and may be code elsewhere, in source order:
///
/// - further lines of a comment `// …` behind a backslash, blanks or a trigraph;
/// - further lines of a block comment that starts behind a quotation mark without a partner, or behind an open `<` in a
///   directive: other compilers find the rest of a literal there, or of a file's name;
/// - in C, a comment that starts within a raw string, which compilers know by default and the standard does not;
/// - in Java, what is behind an escaped line end with two backslashes, which javac takes for one.
pub(super) fn doubtful(text: &str, language: Language) -> Vec<Span> {
    if language == Language::Python || !(text.contains("//") || text.contains("/*") || text.contains("/\\")) {
        return Vec::new();
    }
    let bare = Bare::new(text, language);
    let raw = if language == Language::C { raw_strings(text.as_bytes(), &bare) } else { Vec::new() };
    let start = |comment: &Comment| {
        let bytes = &text.as_bytes()[comment.span.start..comment.span.end];
        if raw.iter().any(|raw| raw.start < comment.span.start && comment.span.start < raw.end) {
            return Some(2);
        }
        match language {
            Language::Java => escaped_line_end(bytes),
            _ if comment.is_line || is_behind_open_name(&bare, comment.span) => first_line_end(bytes),
            _ => None,
        }
    };
    let doubtful =
        |comment: &Comment| Some(Span::new(comment.span.start + start(comment)?, comment.span.end));
    bare.comments.iter().filter_map(doubtful).filter(|span| span.start < span.end).collect()
}

fn first_line_end(bytes: &[u8]) -> Option<usize> {
    bytes.iter().position(|&byte| matches!(byte, b'\n' | b'\r')).map(|at| at + 1)
}

/// Returns true if a literal without an end, or the name of a file, begins before the comment in its line or directive.
fn is_behind_open_name(bare: &Bare, comment: Span) -> bool {
    let at = bare.directives.partition_point(|directive| directive.end <= comment.start);
    let directive = bare.directives.get(at).filter(|directive| directive.start < comment.start);
    let line = || bare.bytes[..comment.start].iter().rposition(|&byte| byte == b'\n').map_or(0, |at| at + 1);
    let before = &bare.bytes[directive.map_or_else(line, |directive| directive.start)..comment.start];
    let is_odd = |quote: u8| before.iter().fold(false, |odd, &byte| odd != (byte == quote));
    let last = before.iter().rposition(|byte| matches!(byte, b'<' | b'>'));
    is_odd(b'"') || is_odd(b'\'') || (directive.is_some() && last.is_some_and(|at| before[at] == b'<'))
}

/// Raw strings of C++ in C.
fn raw_strings(bytes: &[u8], bare: &Bare) -> Vec<Span> {
    let is_comment = |at: usize| {
        let comment = bare.comments.partition_point(|comment| comment.span.end <= at);
        bare.comments.get(comment).is_some_and(|comment| comment.span.start <= at)
    };
    let quotes = bytes.windows(2).enumerate().filter(|(_, pair)| *pair == b"R\"").map(|(at, _)| at + 1);
    let quotes = quotes.filter(|&at| !is_comment(at)).take(MOST_RAW);
    quotes.filter_map(|quote| Some(Span::new(quote, raw_end(bytes, quote)?))).collect()
}

/// The place behind an escape such as `\\u000a`: javac and the language's specification differ about it where one of the
/// backslashes is an escape.
fn escaped_line_end(bytes: &[u8]) -> Option<usize> {
    let is_line_end = |digits: &[u8]| matches!(digits, b"000a" | b"000A" | b"000d" | b"000D");
    (0..bytes.len()).find_map(|at| {
        let digits = bytes[at..].strip_prefix(b"\\\\u")?.trim_ascii_start();
        let us = digits.iter().take_while(|&&byte| byte == b'u').count();
        is_line_end(digits.get(us..us + 4)?).then_some(at + 3 + us + 4)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str, language: Language) -> Vec<&str> {
        doubtful(text, language).into_iter().map(|span| span.of(text).unwrap().trim()).collect()
    }

    #[test]
    fn comments_that_are_code_elsewhere_are_found() {
        for (text, expected) in [
            ("// why??/\nf();\ng();", "f();"),
            ("// why \\ \r\nf();\r\ng();", "f();"),
            ("#if __has_include(<a/*b>)\n#endif\nf();\n/**/", "#endif\nf();\n/**/"),
            ("#if 0\nDon't use */*.c\n#endif\nf();\n/* x */", "#endif\nf();\n/* x */"),
            ("char *s = R\"(\n//)\"; f();\n", ")\"; f();"),
        ] {
            assert_eq!(found(text, Language::C), [expected], "{text}");
        }
        assert_eq!(found("// \\u005c\\\\u000a f();\n", Language::Java), ["f();"]);
    }

    #[test]
    fn other_comments_are_comments() {
        for text in [
            "// don't\n/* it's\n \"so\" */ f();",
            "#include <a.h> /* for\n g */\n#if A > B /* or\n C */\n#endif\n",
            "char *s = \"/*\"; /* and\n t */",
            "char *s = R\"(x)\"; // and\n",
        ] {
            assert_eq!(found(text, Language::C), [""; 0], "{text}");
        }
        assert_eq!(found("// \\u0041 \\\\n x\n", Language::Java), [""; 0]);
    }
}
