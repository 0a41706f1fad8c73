//! Where bodies of functions are as far as brackets or indentation tell: for texts that do not parse.

use super::layout::Layout;
use crate::snippet::bare::{Bare, is_word};
use crate::snippet::{Language, Span};

/// The outermost bodies of a text with their headers.
pub(crate) struct Outline {
    /// In source order, none inside another.
    pub(crate) bodies: Vec<Body>,
    /// True if every bracket has its partner. Otherwise bodies may be missing, and the last one may end too
    /// late.
    pub(crate) balanced: bool,
}

/// A header with its body.
pub(crate) struct Body {
    pub(crate) name: Option<String>,
    pub(crate) span: Span,
    /// True if its closing brace is missing, and indentation told its end.
    pub(crate) by_indentation: bool,
}

impl Outline {
    pub(crate) fn new(bare: &Bare, language: Language) -> Self {
        match language {
            Language::Python => super::indents::outline(bare),
            Language::C | Language::Cpp | Language::Java => braces(&bare.bytes, language),
        }
    }
}

/// Kind of block that an opening brace begins.
pub(super) enum Opened {
    /// Something that holds definitions: a namespace, a class.
    Container,
    /// Statements.
    Body(Option<String>),
    /// Values, or statements of no function.
    Other,
}

fn braces(code: &[u8], language: Language) -> Outline {
    let (partners, balanced) = partners(code);
    let mut outline = Outline { bodies: Vec::new(), balanced };
    // Only braces that do not match leave it to the layout where a body ends.
    let mut layout = (!balanced).then(|| Layout::new(code, language));
    // Where the definition begins that is being read.
    let mut begin: Option<usize> = None;
    let mut at = 0;
    while let Some(&byte) = code.get(at) {
        if byte.is_ascii_whitespace() {
            at += 1;
            continue;
        }
        let header = begin.map_or(&code[at..at], |begin| &code[begin..at]);
        match byte {
            b';' | b'}' => begin = None,
            b':' if is_label(header) && code.get(at + 1) != Some(&b':') => begin = None,
            b'{' => match (opened(header, language), partners[at]) {
                (Opened::Body(name), partner) => {
                    let start = begin.take().unwrap_or(at);
                    let early = layout.as_mut().and_then(|layout| layout.end_of_body(start, at, partner));
                    at = early.unwrap_or_else(|| match partner {
                        0 => code.trim_ascii_end().len(),
                        partner => end_of_handlers(code, &partners, partner),
                    });
                    let by_indentation = early.is_some();
                    outline.bodies.push(Body { name, span: Span::new(start, at), by_indentation });
                    continue;
                }
                (Opened::Container, _) | (_, 0) => begin = None,
                (Opened::Other, partner) => at = partner,
            },
            _ => begin = begin.or(Some(at)),
        }
        at += 1;
    }
    outline
}

/// The closing brace of each opening one, 0 where there is none; and whether all braces have partners.
fn partners(code: &[u8]) -> (Vec<usize>, bool) {
    let (mut partners, mut open, mut balanced) = (vec![0; code.len()], Vec::new(), true);
    for (at, &byte) in code.iter().enumerate() {
        match byte {
            b'{' => open.push(at),
            b'}' => match open.pop() {
                Some(partner) => partners[partner] = at,
                None => balanced = false,
            },
            _ => {}
        }
    }
    (partners, balanced && open.is_empty())
}

/// The end of a body that closes at `close`, with the `catch` blocks behind it.
fn end_of_handlers(code: &[u8], partners: &[usize], close: usize) -> usize {
    let mut end = close + 1;
    loop {
        let rest = &code[end..];
        let catch = rest.len() - rest.trim_ascii_start().len();
        if !rest[catch..].starts_with(b"catch") {
            return end;
        }
        let Some(brace) = rest.iter().position(|&byte| matches!(byte, b'{' | b';')) else { return end };
        match partners[end + brace] {
            0 => return end,
            partner => end = partner + 1,
        }
    }
}

/// Returns true for `public`, `private slots` and similar labels in front of a colon.
fn is_label(header: &[u8]) -> bool {
    let mut words = words(header).peekable();
    words.peek().is_some()
        && words.all(|word| {
            matches!(
                word,
                b"public" | b"private" | b"protected" | b"signals" | b"slots" | b"Q_SIGNALS" | b"Q_SLOTS"
            )
        })
}

/// Names, keywords and numbers.
pub(super) fn words(header: &[u8]) -> impl Iterator<Item = &[u8]> {
    header.split(|&byte| !is_word(byte)).filter(|word| !word.is_empty())
}

/// Words after which a brace opens a container, unless a parameter list comes between.
const CONTAINERS: [&[u8]; 8] =
    [b"namespace", b"class", b"struct", b"union", b"enum", b"interface", b"extern", b"record"];
/// Words in front of a parenthesis that do not make it a parameter list.
const ATTRIBUTES: [&[u8]; 5] = [b"__attribute__", b"__attribute", b"__declspec", b"alignas", b"_Alignas"];
/// Words in front of a parenthesis that begin a statement.
const STATEMENTS: [&[u8]; 7] = [b"if", b"for", b"while", b"switch", b"catch", b"synchronized", b"return"];

/// Most bytes of a header. What is longer is a list of values, each of which may have braces of its own.
const LONGEST_HEADER: usize = 8 << 10;

/// Returns the kind of brace behind `header`.
pub(super) fn opened(header: &[u8], language: Language) -> Opened {
    if header.len() > LONGEST_HEADER {
        return Opened::Other;
    }
    let parameters = parameters(header);
    let container = words(header).any(|word| CONTAINERS.contains(&word));
    let record = language == Language::Java && words(header).any(|word| word == b"record");
    if container && (parameters.is_none() || record) {
        return Opened::Container;
    }
    let Some(open) = parameters else { return Opened::Other };
    // `= {`, `= f({`, `= [](int a) {`: an initialiser. `operator=(` is a name.
    let name = name_before(header, open);
    let assigns = header[..open].contains(&b'=') && !name.starts_with(b"operator");
    if assigns || STATEMENTS.contains(&name) {
        return Opened::Other;
    }
    Opened::Body((!name.is_empty()).then(|| String::from_utf8_lossy(name).into_owned()))
}

/// Where the parameter list begins: the first parenthesis that belongs to no attribute or annotation.
pub(super) fn parameters(header: &[u8]) -> Option<usize> {
    let (mut at, mut depth) = (0, 0_usize);
    let mut attribute = 0;
    while let Some(&byte) = header.get(at) {
        match byte {
            b'(' if depth == 0 => {
                let name = name_before(header, at);
                let annotation = header[..at].trim_ascii_end().len() > name.len()
                    && header[header[..at].trim_ascii_end().len() - name.len() - 1] == b'@';
                if !annotation && !ATTRIBUTES.contains(&name) {
                    return Some(at);
                }
                attribute = at;
                depth = 1;
            }
            b'(' => depth += 1,
            b')' => depth = depth.saturating_sub(1),
            _ => {}
        }
        at += 1;
    }
    // An attribute that does not end hides nothing.
    (depth > 0).then_some(attribute)
}

/// The name right before `at`, with its scope; empty if there is none.
fn name_before(header: &[u8], at: usize) -> &[u8] {
    let before = header[..at].trim_ascii_end();
    let length =
        before.iter().rev().take_while(|&&byte| is_word(byte) || matches!(byte, b':' | b'~' | b'.')).count();
    let name = &before[before.len() - length..];
    name.iter().position(|&byte| byte != b':').map_or(&[], |first| &name[first..])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bodies(text: &str, language: Language) -> Vec<(Option<String>, String)> {
        let outline = Outline::new(&Bare::new(text, language), language);
        let text = |span: Span| span.of(text).unwrap().to_owned();
        outline.bodies.into_iter().map(|body| (body.name, text(body.span))).collect()
    }

    fn body(name: &str, text: &str) -> (Option<String>, String) {
        (Some(name.to_owned()), text.to_owned())
    }

    #[test]
    fn bodies_in_containers_are_found_with_their_headers() {
        let text = "extern \"C\" { int g; namespace a { class __attribute__((x)) B : C { public: B() try { } catch (...) { } }; } }\nM(k, v) { \"}\" }";
        let expected = [body("B", "B() try { } catch (...) { }"), body("M", "M(k, v) { \"}\" }")];
        assert_eq!(bodies(text, Language::Cpp), expected);
    }

    #[test]
    fn initialisers_and_statements_are_no_bodies() {
        let text = "int a[] = { f({1}) }; auto l = [](int a) { }; if (x) { } struct s { int (*f)(void); };";
        assert_eq!(bodies(text, Language::Cpp), []);
    }

    #[test]
    fn annotations_and_records_are_no_functions() {
        let text = "@A(1) class B { record C(int d) { @E(2) int f() { } } }";
        assert_eq!(bodies(text, Language::Java), [body("f", "@E(2) int f() { }")]);
    }

    #[test]
    fn a_missing_brace_is_noticed() {
        let balanced = |text: &str| Outline::new(&Bare::new(text, Language::C), Language::C).balanced;
        assert!(balanced("int f() { /* { */ }") && !balanced("int f() { ") && !balanced("} int f() { }"));
    }
}
