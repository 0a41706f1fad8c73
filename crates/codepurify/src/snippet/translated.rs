//! Translates a text as compilers do before they look for tokens. Parsers do not, so code could hide in a comment that only a
//! parser sees.

use std::borrow::Cow;

use super::Language;

/// Returns `text` with line ends and escapes as a compiler reads them. It has as many bytes as before, and its tokens
/// are where they were, or a few bytes before that in the same line.
///
/// - All languages: a carriage return alone ends a line.
/// - C and C++ (phases 1 and 2 of translation): a backslash continues the line, also within a token that matters here
///   (a name, the start or end of a comment, a directive), with blanks behind it, or written as a trigraph. Digraphs such as
///   `<%` are brackets.
/// - Java (JLS 3.3): `\u002a/` ends a comment, `\u0022` a string, `\u000a` a line.
pub(super) fn translated(text: &str, language: Language) -> Cow<'_, str> {
    let text = with_line_ends(Cow::Borrowed(text));
    match language {
        Language::C | Language::Cpp => with_brackets(with_joined_lines(text)),
        Language::Java => with_unicode(text),
        Language::Python => text,
    }
}

fn with_line_ends(text: Cow<'_, str>) -> Cow<'_, str> {
    let is_alone = |at: usize| text.as_bytes()[at] == b'\r' && text.as_bytes().get(at + 1) != Some(&b'\n');
    if !text.contains('\r') || !(0..text.len()).any(is_alone) {
        return text;
    }
    let mut bytes = text.as_bytes().to_vec();
    (0..text.len()).filter(|&at| is_alone(at)).for_each(|at| bytes[at] = b'\n');
    rewritten(text, bytes)
}

/// ASCII characters were replaced by ASCII characters, or characters moved as a whole: it stays UTF-8.
fn rewritten(text: Cow<'_, str>, bytes: Vec<u8>) -> Cow<'_, str> {
    String::from_utf8(bytes).map_or(text, Cow::Owned)
}

/// Moves line continuations out of tokens, to their end.
fn with_joined_lines(text: Cow<'_, str>) -> Cow<'_, str> {
    if continuation(text.as_bytes(), 0).is_none() {
        return text;
    }
    let mut bytes = text.as_bytes().to_vec();
    let mut at = 0;
    while let Some((start, end)) = continuation(&bytes, at) {
        let moved = moved(&bytes, start, end);
        bytes[start..end + moved].rotate_left(end - start);
        normalise(&mut bytes[start + moved..end + moved]);
        // A name may go on behind the next continuation, a comment's start or end does not.
        let may_go_on = moved > 0 && !matches!(bytes[start], b'/' | b'*');
        at = if may_go_on { start + moved } else { end + moved };
    }
    rewritten(text, bytes)
}

/// Digraphs, and the bracket or sign that each of them is.
const DIGRAPHS: [(&[u8], u8); 5] =
    [(b"<%", b'{'), (b"%>", b'}'), (b"<:", b'['), (b":>", b']'), (b"%:", b'#')];

/// Replaces digraphs by what they are, and a blank.
fn with_brackets(text: Cow<'_, str>) -> Cow<'_, str> {
    let digraph =
        |rest: &[u8]| DIGRAPHS.iter().find(|(digraph, _)| rest.starts_with(digraph)).map(|found| found.1);
    // The start of template arguments in C++: `<::name`.
    let is_scope = |rest: &[u8]| rest.starts_with(b"<::") && !matches!(rest.get(3), Some(b':' | b'>'));
    let is_digraph = |rest: &[u8]| digraph(rest).filter(|_| !is_scope(rest));
    if !(0..text.len()).any(|at| is_digraph(&text.as_bytes()[at..]).is_some()) {
        return text;
    }
    let mut bytes = text.as_bytes().to_vec();
    let mut at = 0;
    while at < bytes.len() {
        if let Some(bracket) = is_digraph(&bytes[at..]) {
            (bytes[at], bytes[at + 1]) = (bracket, b' ');
            at += 1;
        }
        at += 1;
    }
    rewritten(text, bytes)
}

/// The next line continuation behind `from`, or several directly behind each other.
fn continuation(bytes: &[u8], from: usize) -> Option<(usize, usize)> {
    let (start, mut end) = (from..bytes.len()).find_map(|at| Some((at, continuation_end(bytes, at)?)))?;
    while let Some(further) = continuation_end(bytes, end) {
        end = further;
    }
    Some((start, end))
}

/// The text without its line continuations, as a preprocessor reads it. It stays UTF-8.
pub(crate) fn joined(bytes: &[u8]) -> Vec<u8> {
    let (mut joined, mut at) = (Vec::with_capacity(bytes.len()), 0);
    while let Some((start, end)) = continuation(bytes, at) {
        joined.extend(&bytes[at..start]);
        at = end;
    }
    joined.extend(&bytes[at..]);
    joined
}

/// The end of the line continuation that starts at `at`: a backslash or its trigraph, blanks, a line end.
fn continuation_end(bytes: &[u8], at: usize) -> Option<usize> {
    let rest = bytes.get(at..)?;
    let behind = rest.strip_prefix(b"\\").or_else(|| rest.strip_prefix(b"??/"))?;
    let blanks = behind.iter().take_while(|byte| matches!(byte, b' ' | b'\t' | 0x0b | 0x0c)).count();
    let behind = &behind[blanks..];
    let behind = behind.strip_prefix(b"\r").unwrap_or(behind).strip_prefix(b"\n")?;
    Some(bytes.len() - behind.len())
}

/// How many bytes behind the continuation belong to the token before it.
fn moved(bytes: &[u8], start: usize, end: usize) -> usize {
    let Some((&before, &behind)) = bytes[..start].last().zip(bytes.get(end)) else { return 0 };
    let is_word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte >= 0x80;
    let line = bytes[..start].rsplit(|&byte| byte == b'\n').next().unwrap_or_default();
    let joins_words = is_word(before) || line.trim_ascii() == b"#";
    match behind {
        byte if is_word(byte) && joins_words => {
            bytes[end..].iter().take_while(|&&byte| is_word(byte)).count()
        }
        b'/' | b'*' if before == b'/' && !line.ends_with(b"*/") => 1,
        b'/' if before == b'*' => 1,
        _ => 0,
    }
}

/// Writes a line continuation as the parser knows it: blanks, then backslashes and line ends.
fn normalise(block: &mut [u8]) {
    let ends: Vec<usize> = (0..block.len()).filter(|&at| block[at] == b'\n').collect();
    for byte in block.iter_mut().filter(|byte| !matches!(byte, b'\r' | b'\n')) {
        *byte = b' ';
    }
    for end in ends {
        let end = if block[end - 1] == b'\r' { end - 1 } else { end };
        block[end - 1] = b'\\';
    }
}

/// Replaces the Unicode escapes that begin or end a comment, a literal or a line. Blanks take the place of the bytes that
/// are saved. Other escapes stay.
fn with_unicode(text: Cow<'_, str>) -> Cow<'_, str> {
    if !text.contains("\\u") {
        return text;
    }
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let (mut at, mut backslashes) = (0, 0);
    while let Some(&byte) = bytes.get(at) {
        let escape = if backslashes % 2 == 0 { escape(&bytes[at..]) } else { None };
        let escape = escape.filter(|&(length, character)| delimits(character, &out, &bytes[at + length..]));
        backslashes = if byte == b'\\' && escape.is_none() { backslashes + 1 } else { 0 };
        out.push(match escape {
            // A carriage return alone ends a line.
            Some((_, '\r')) => b'\n',
            Some((_, character)) => character as u8,
            None => byte,
        });
        at += escape.map_or(1, |(length, _)| length);
        // Two characters can be one delimiter.
        let goes_on = escape.is_some_and(|(_, character)| match next(&bytes[at..]) {
            '*' | '/' => matches!(character, '*' | '/'),
            following => character == '\\' || (character == '"' && following == '"'),
        });
        if !goes_on {
            out.resize(at, b' ');
        }
    }
    out.resize(bytes.len(), b' ');
    rewritten(text, out)
}

/// Returns true if a character between two texts can begin or end a comment, a literal or a line.
fn delimits(character: char, before: &[u8], behind: &[u8]) -> bool {
    match character {
        '"' | '\'' | '\\' | '\n' | '\r' => true,
        '*' => before.last() == Some(&b'/') || next(behind) == '/',
        '/' => matches!(before.last(), Some(b'*' | b'/')) || matches!(next(behind), '*' | '/'),
        _ => false,
    }
}

/// The first character, which may be escaped, if it is an ASCII character; else a blank.
fn next(bytes: &[u8]) -> char {
    let character =
        escape(bytes).map(|(_, character)| character).or_else(|| bytes.first().map(|&byte| char::from(byte)));
    character.filter(char::is_ascii).unwrap_or(' ')
}

/// The length of the Unicode escape at the start of `bytes`, and its character. Halves of a character have none.
fn escape(bytes: &[u8]) -> Option<(usize, char)> {
    let behind = bytes.strip_prefix(b"\\u")?;
    let digits = behind.iter().position(|&byte| byte != b'u')?;
    let code = std::str::from_utf8(behind.get(digits..digits + 4)?).ok()?;
    let code =
        u32::from_str_radix(code, 16).ok().filter(|_| code.bytes().all(|byte| byte.is_ascii_hexdigit()))?;
    Some((2 + digits + 4, char::from_u32(code).filter(|&character| character != '\0')?))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(language: Language, cases: &[(&str, &str)]) {
        for (text, expected) in cases {
            assert_eq!(translated(text, language), *expected, "{text:?}");
        }
    }

    #[test]
    fn continued_lines_keep_their_tokens_whole() {
        check(
            Language::C,
            &[
                ("/* x *\\\n/ f();", "/* x */\\\n f();"),
                ("/* x *\\ \t\r\n/ f();", "/* x */  \\\r\n f();"),
                ("/* x *??/\n/ f();", "/* x */  \\\n f();"),
                ("/\\\n/ x\nf();", "//\\\n x\nf();"),
                ("/\\\n\\\n* x */ f();", "/*\\\n\\\n x */ f();"),
                ("#def\\\nine F(x) x", "#define\\\n F(x) x"),
                ("# \\\ndefine F", "# define\\\n F"),
                ("de\\\nfi\\\nne x", "define\\\n\\\n x"),
                // Nothing to join.
                ("#define F a; \\\n  b; \\\n}", "#define F a; \\\n  b; \\\n}"),
                ("x = a; \\\n} \"\\\\\"", "x = a; \\\n} \"\\\\\""),
                ("z = 4 /* c */\\\n/ f();", "z = 4 /* c */\\\n/ f();"),
            ],
        );
    }

    #[test]
    fn digraphs_are_brackets() {
        check(
            Language::Cpp,
            &[
                ("void f() <% a<:1:> = 2; %>", "void f() {  a[ 1]  = 2; } "),
                ("%:define A\nstd::vector<::B> c; d<:::E:>", "# define A\nstd::vector<::B> c; d[ ::E] "),
            ],
        );
    }

    #[test]
    fn unicode_escapes_are_characters() {
        check(
            Language::Java,
            &[
                ("// x \\u000a static { }", "// x \n      static { }"),
                ("// x \\uu000D f();", "// x \n       f();"),
                ("/* x \\u002a/ f();", "/* x */      f();"),
                ("/* x *\\uuu002f f();", "/* x */        f();"),
                ("a = \"\\u0022; f();", "a = \"\"     ; f();"),
                ("a = '\\u0022'; f();", "a = '\"     '; f();"),
                ("a = \"\\u005c\"; f();", "a = \"\\\"     ; f();"),
                ("a = \\u0022\\u0022\"", "a = \"\"\"          "),
                ("int z = 3 \\u002f\\u002a c */;", "int z = 3 /*           c */;"),
                // Nothing that delimits.
                ("s = \"caf\\u00e9 \\u002f\";\\u0069nt x;", "s = \"caf\\u00e9 \\u002f\";\\u0069nt x;"),
                // An escaped backslash, and half of a character.
                ("\"\\\\u0022\"", "\"\\\\u0022\""),
                ("\"\\ud83d\"", "\"\\ud83d\""),
            ],
        );
    }

    #[test]
    fn a_carriage_return_ends_a_line() {
        for language in [Language::C, Language::Java, Language::Python] {
            check(language, &[("// x\rf();\r\n", "// x\nf();\r\n"), ("x;\r\n", "x;\r\n")]);
        }
    }

    proptest! {
        #[test]
        fn nothing_gets_longer_or_shorter(text in "[a*/#?ü \"u\\\\0-9\r\n]{0,40}") {
            for language in [Language::C, Language::Cpp, Language::Java, Language::Python] {
                prop_assert_eq!(translated(&text, language).len(), text.len());
            }
        }
    }
}
