//! Units of files, and refusal of other texts.

use codepurify::{Language, Limits, Snippet, SnippetError, SourceFile, SyntaxQuality};

fn file(text: &str, language: Language) -> SourceFile {
    SourceFile::new("dir/file", text.as_bytes().to_vec(), language, &Limits::default()).unwrap()
}

/// Name, first and last line of each unit; checks that its bytes are those of the file.
fn units(text: &str, language: Language) -> Vec<(Option<String>, usize, usize)> {
    let units = file(text, language).units().unwrap();
    let describe = |snippet: &Snippet| {
        let unit = snippet.unit();
        assert_eq!(snippet.text(), &text[unit.start_byte..unit.end_byte]);
        assert_eq!(
            (snippet.path(), snippet.quality()),
            ("dir/file", SyntaxQuality::Clean),
            "{}",
            snippet.text()
        );
        (unit.name.clone(), unit.start_line, unit.end_line)
    };
    units.iter().map(describe).collect()
}

fn named(name: &str, first: usize, last: usize) -> (Option<String>, usize, usize) {
    (Some(name.to_owned()), first, last)
}

#[test]
fn c_functions() {
    let text = "#include <x.h>\nint declared(void);\n\nstatic char *first(int a)\n{\n  return 0;\n}\nint g;\nvoid second(void) { }\n";
    assert_eq!(units(text, Language::C), [named("first", 4, 7), named("second", 9, 9)]);
}

#[test]
fn cpp_methods_templates_and_lambdas() {
    let text = "class Stack {\n public:\n  Stack() = default;\n  explicit Stack(int n) : n_(n) {}\n  int size() const { auto f = [](int x) { return x; }; return f(n_); }\n};\ntemplate <class T>\nT Box<T>::get() try { return t; } catch (...) { throw; }\n";
    assert_eq!(
        units(text, Language::Cpp),
        [named("Stack", 4, 4), named("size", 5, 5), named("Box<T>::get", 7, 8)]
    );
}

#[test]
fn java_methods_and_constructors() {
    let text = "class Box {\n  int size;\n  public Box(int size) { this.size = size; }\n  abstract int area();\n  @Override public int hash() {\n    return new Object() { int inner() { return 1; } }.inner();\n  }\n}\n";
    assert_eq!(units(text, Language::Java), [named("Box", 3, 3), named("hash", 5, 7)]);
}

#[test]
fn python_methods_with_decorators() {
    let text = "import os\n\nclass Box:\n    @property\n    def area(self):\n        def inner():\n            return 1\n        return inner()\n\nasync def main():\n    pass\n";
    assert_eq!(units(text, Language::Python), [named("area", 4, 8), named("main", 10, 11)]);
}

#[test]
fn a_text_without_functions_is_one_unit() {
    assert_eq!(units("x = 1\ny = 2\n", Language::Python), [(None, 1, 2)]);
    let snippet = Snippet::new("\nint f(void)\n{\n}\n", Language::C).unwrap();
    let unit = snippet.unit();
    assert_eq!((unit.name.as_deref(), unit.start_line, unit.end_line), (Some("f"), 1, 4));
    assert_eq!((unit.start_byte, unit.end_byte, snippet.path()), (0, 17, "<snippet>"));
}

#[test]
fn what_is_no_source_text_is_refused_with_the_reason() {
    let open = |bytes: &[u8]| SourceFile::new("f", bytes.to_vec(), Language::C, &Limits::default()).err();
    assert_eq!(open(b""), Some(SnippetError::Empty));
    assert_eq!(open(b" \n\t\r\n"), Some(SnippetError::Empty));
    assert_eq!(open(b"int \xff;"), Some(SnippetError::NotUtf8 { offset: 4 }));
    assert_eq!(open(b"\x7fELF\0\xff"), Some(SnippetError::Binary { offset: 4 }));
    assert_eq!(Snippet::new(" \n", Language::C).err(), Some(SnippetError::Empty));
    assert_eq!(Snippet::new("a\0b", Language::C).err(), Some(SnippetError::Binary { offset: 1 }));
}

#[test]
fn a_ten_megabyte_line_is_too_large_for_a_file() {
    let bytes = b"x=1;".repeat(10 << 18);
    let limit = Limits::default().max_file_bytes;
    let expected = SnippetError::TooLarge { bytes: 10 << 20, limit };
    assert_eq!(SourceFile::new("f", bytes, Language::C, &Limits::default()).err(), Some(expected));
}

#[test]
fn a_unit_over_its_limit_stays_in_the_list_unparsed() {
    let limits = Limits { max_unit_bytes: 40, ..Limits::default() };
    let text = "int a(void) { return 1; }\nint b(void) { return 11111111111111111111111111; }\n";
    let units = SourceFile::new("f", text.into(), Language::C, &limits).unwrap().units().unwrap();
    let qualities: Vec<SyntaxQuality> = units.iter().map(Snippet::quality).collect();
    assert_eq!(qualities, [SyntaxQuality::Clean, SyntaxQuality::NotParsed { bytes: 50, limit: 40 }]);
}

#[test]
fn five_thousand_nested_braces_are_one_unit() {
    let text = format!("void f(int x) {{{}x = 1;{}}}", "{".repeat(2_500), "}".repeat(2_500));
    assert_eq!(units(&text, Language::C), [named("f", 1, 1)]);
}

#[test]
fn a_whole_file_is_one_unit_named_by_its_only_function() {
    let one = "// before\n#include <x.h>\nint f(void) { return 0; }\n// behind\n";
    let two = format!("{one}int g(void) {{ return 1; }}\n");
    for (text, name) in [(one, Some("f")), (two.as_str(), None), ("int x;\n", None)] {
        let whole = file(text, Language::C).whole().unwrap();
        let unit = whole.unit();
        assert_eq!((whole.text(), whole.path(), unit.name.as_deref()), (text, "dir/file", name));
        assert_eq!((unit.start_byte, unit.end_byte, unit.start_line), (0, text.len(), 1));
        assert_eq!(unit.end_line, text.lines().count());
    }
    let limits = Limits { max_unit_bytes: 10, ..Limits::default() };
    let large =
        SourceFile::new("a.c", one.as_bytes().to_vec(), Language::C, &limits).unwrap().whole().unwrap();
    assert_eq!(large.quality(), SyntaxQuality::NotParsed { bytes: one.len(), limit: 10 });
}
