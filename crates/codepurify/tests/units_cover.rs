//! No code escapes: whatever a text looks like, what runs in it is in some unit.

use codepurify::{Language, Limits, Snippet, SourceFile, UnitKind};
use proptest::prelude::*;
use proptest::test_runner::RngSeed;

/// A function that parses, so that the text as a whole is no unit.
fn plain(language: Language) -> &'static str {
    match language {
        Language::C | Language::Cpp => "int plain(int a)\n{\n    int b = a * 2;\n    return b;\n}\n",
        Language::Java => "class Plain {\n    int plain(int a) {\n        return a * 2;\n    }\n}\n",
        Language::Python => "def plain(a):\n    b = a * 2\n    return b\n",
    }
}

/// The units of a text, which are disjoint, in order and made of the text's bytes.
fn units(text: &str, language: Language) -> Vec<Snippet> {
    let file = SourceFile::new("f", text.as_bytes().to_vec(), language, &Limits::default()).unwrap();
    let units = file.units().unwrap();
    let mut end = 0;
    for unit in &units {
        let place = unit.unit();
        assert!(end <= place.start_byte && place.start_byte < place.end_byte, "{text}");
        assert_eq!(text.get(place.start_byte..place.end_byte), Some(unit.text()));
        assert_eq!(place.start_line, text[..place.start_byte].matches('\n').count() + 1);
        end = place.end_byte;
    }
    units
}

/// The text around a marker that no unit holds.
fn escaped(text: &str, language: Language) -> Option<String> {
    let units = units(text, language);
    let held =
        |at: usize| units.iter().any(|unit| (unit.unit().start_byte..unit.unit().end_byte).contains(&at));
    let missing = text.match_indices("mark").map(|(at, _)| at).find(|&at| !held(at))?;
    let found: Vec<&str> = units.iter().map(Snippet::text).collect();
    Some(format!("{language}: byte {missing} of\n{text}\nis in none of {found:#?}"))
}

fn assert_held(language: Language, sources: &[&str]) {
    let plain = plain(language);
    let texts =
        |source: &&str| [format!("{source}\n{plain}"), format!("{plain}{source}\n"), (*source).to_owned()];
    let failures: Vec<String> =
        sources.iter().flat_map(texts).filter_map(|text| escaped(&text, language)).collect();
    assert!(failures.is_empty(), "{} escaped:\n{}", failures.len(), failures.join("\n----\n"));
}

const C: &[&str] = &[
    // Macros.
    "#define A(x) \\\n    do { \\\n        x = 0; /* why */ ; \\\n    } while (0)\nint f(int a) { mark(1); return a; }",
    "#define A /* begins\n ends */ 1\nint f(int a) { mark(1); return a; }",
    "#define F(n) int n(int a) { mark(1); return a; }",
    "#define CALL(x) mark(x)",
    "#define OPEN {\n#define CLOSE }\nint f(int a) OPEN mark(1); return a; CLOSE",
    "#define STR \"/*\"\nint f(void) { mark(1); }\n#define END \"*/\"",
    "DEFINE_CALL2(open, int, a, char *, b)\n{\n    mark(1);\n    return a;\n}",
    "DEFINE_CALL2(open, int, a) {\n    int mark = 1;\n    return a;\n}",
    "CASE(suite, name) { mark(1); }\nCASE(suite, second) { mark(2); }",
    "EXPORT(int)\nf(int a) API NOEXCEPT\n{ mark(1); }",
    "static API_ATTR int CALLCONV f(int a) { mark(1); }",
    "LIST_HEAD(all);\nMODULE(\"x\")\nint f(int a) { mark(1); }",
    "BEGIN_DECLS\nint f(int a) { mark(1); }\nEND_DECLS",
    "int f(a, b)\n    int a;\n    char *b;\n{\n    mark(1);\n}",
    "void f(int a) { FOR_EACH(x, a) { mark(1); } if (a) mark(2); }",
    "INIT_CALL(mark, 1);",
    "int f(int a) __attribute__((noinline)) { mark(1); }",
    "__attribute__((constructor)) static void f(void) { mark(1); }",
    "M(a) M(b)\n#pragma x\nM(c) { mark(1); }",
    "int f(int a) { return a; }\n#pragma omp declare reduction(a: int: mark(omp_out, omp_in))",
    "int f(int a) { return a; }\n#pragma omp declare reduction(a: int: omp_out += ({ mark(1); }))",
    "FNB(e1) if (mark(1)) ; FNE",
    "int plain2(void) { return 1; }\nFNB(e1) while (mark(1)) ; FNE\nFNB(e2) return M mark(2); FNE",
    "int f(int a) <% int b<:2:>; mark(1); return a; %>",
    "// why??/\nint h(void) { return mark(1); }",
    "// why \\ \nint h(void) { return mark(1); }",
    "#if __has_include(<a/*b>)\n#endif\nint h(void) { return mark(1); }\n/**/",
    "%:include <a/*b>\nint h(void) { return mark(1); }\n/**/",
    "#if 0\nDon't use */*.c\n#endif\nint h(void) { return mark(1); }\n/* x */",
    // Branches.
    "#ifdef A\nint f(int a)\n#else\nint f(long a)\n#endif\n{\n    mark(1);\n}",
    "int f(int a)\n{\n#if A\n    if (a > 1) {\n#elif B\n    if (a > 2) {\n#else\n    if (a > 3) {\n#endif\n        mark(1);\n    }\n    mark(2);\n}",
    "int f(int a)\n{\n#ifdef A\n    if (a) {\n        mark(1);\n#endif\n        mark(2);\n#ifdef A\n    }\n#endif\n    return a;\n}",
    "int f(int a) {\n    if (a) {\n        mark(1);\n#ifdef A\n    } else {\n        mark(2);\n#endif\n    }\n    mark(3);\n}",
    "int f(int a) {\n#if 0\n    if (a) {\n#else\n    {\n#endif\n        mark(1);\n    }\n}",
    "#if 0\n} don't parse {{\n#endif\nint f(int a) { mark(1); }",
    "#ifdef A\nint f(int a) {\n#ifdef B\n    if (a) {\n#else\n    if (!a) {\n#endif\n        mark(1);\n    }\n    mark(2);\n}\n#else\nint f(long a) {\n    mark(3);\n}\n#endif",
    "#ifdef __cplusplus\nextern \"C\" {\n#endif\nint f(int a) { mark(1); }\n#ifdef __cplusplus\n}\n#endif",
    "#ifdef A\nint f(int a) {\n    mark(1);\n#else\nint f(long a) {\n    mark(2);\n#endif\n    mark(3);\n}",
    "int f(int a) {\n#ifdef A\n    mark(1); }\n#else\n    mark(2); }\n#endif",
    "#if A\nint f(int a,\n#else\nint f(\n#endif\n    int b) { mark(1); }",
    "int f(int a) { return a\n#ifdef A\n    + mark(1)\n#endif\n    ; }",
    "#ifdef A\nint f(int a) { mark(1);\n",
    "#else\n#endif\nint f(int a) { mark(1); }",
    // Extensions and damage.
    "int v = ({ mark(1); 2; });",
    "int f(int a) { int g(int b) { mark(1); return b; } return g(a); }",
    "asm(\"mark\");",
    "int f(int a) { asm volatile (\"nop\" : : \"r\"(a)); mark(1); }",
    "int v[] = { [0] = mark(1) };",
    "int f(int a) { mark(1); ",
    "int f(int a) { if (a) { mark(1); }\nint g(int b) { mark(2); }",
    "int f(int a) { } mark(1); }",
    "}\nint f(int a) { mark(1); }",
    "int f(int a) { a = \"unterminated; mark(1);\n mark(2); }",
    "int f(int a) { mark(1); /* unterminated\n mark(2); }",
    "int f(int a) { mark(1); ??> mark(2); }",
    "int f(int a) <% mark(1); %>",
    "int f(int a) {\r\n  mark(1);\r\n}\r\n\x0c\r\n#define A(b) \\\r\n  mark(b)\r\n",
    "\u{feff}int f(int a) { mark(1); }",
    "int @ $ f(int a) { mark(1); }",
    "int größe(int a) { mark(1); } // ü",
    "- (int)f:(int)a {\n    [self mark:a];\n}\n@end",
    "int f(int a) { mark(1) return a; int mark = 2 }",
    "int f(int a) { switch (a) { case 1 ... 3: mark(1); } } }\nint mark = 3;",
    "struct s { int a; } s = { .a = mark(1) };",
    "int f(int a))\n{ mark(1); }",
    "while (0 > 1) { int mark = 1; }",
    // Comments that end, or begin, where only a compiler sees it.,
    "/* x *\\\n/\nint f(int a)\n{\n    mark(1);\n    return a;\n}\n/* */",
    "/* x *\\ \n/\nint f(int a)\n{\n    mark(1);\n    return a;\n}\n/* */",
    "/* x *??/\n/\nint f(int a)\n{\n    mark(1);\n    return a;\n}\n/* */",
    "/* x *\\\r\n/\r\nint f(int a)\n{\n    mark(1);\n    return a;\n}\r\n/* */",
    "/\\\n/* foo\nint f(int a)\n{\n    mark(1);\n    return a;\n}\n/* */",
    "int z = 3 /\\\n/* foo\n;\nint f(int a)\n{\n    mark(1);\n    return a;\n}\n/* */",
    "#pragma it\'s /*\nint f(int a)\n{\n    mark(1);\n    return a;\n}\n#pragma */",
    "#pragma it\" /*\nint f(int a)\n{\n    mark(1);\n    return a;\n}\n#pragma */",
    "#define Q it\'s /*\nint f(int a)\n{\n    mark(1);\n    return a;\n}\n/* */",
    "#define Q it\"s /*\nint f(int a)\n{\n    mark(1);\n    return a;\n}\n/* */",
    "#if 0\n#error it\'s /*\n#endif\nint f(int a)\n{\n    mark(1);\n    return a;\n}\n/* */",
    "#def\\\nine F(x) x mark(1)",
    "#\\\ndefine F(x) x mark(1)",
    "// c\rint f(int a) {\rmark(1); return a; }",
    "#pragma once\rint f(int a) {\rmark(1); return a; }",
    "#define T rand\\\n() < 0 ? mark\\\n(\"fail\") : 0",
    "#define X mark \\\n (1)",
    "#define Y mark\\\n\\\n(1)",
    "#define X (mark)(1)\n#define Y (*&mark)(1)\n#define Z mark\u{b}(1)",
    "#define X goto mark",
    "#define X mark = 1\n#define Y mark++\n#define Z(n) n <<= mark",
];

const CPP: &[&str] = &[
    "auto l = [](int a) { mark(1); return a; };",
    "namespace a { static const int v = mark(1); }",
    "std::vector<int> v{mark(1), 2};",
    "static Registrar r(\"x\", [] { mark(1); });",
    "A::A(int a) try : b(a) { mark(1); } catch (...) { mark(2); }",
    "template <class T> requires requires(T t) { t.x(); }\nT f(T a) { mark(1); return a; }",
    "template <typename T> concept C = sizeof(T) > 1;\nvoid f(C auto a) { mark(1); }",
    "task<int> f(int a) { co_await g(a); mark(1); co_return a; }",
    "export module a.b;\nexport int f(int a) { mark(1); return a; }",
    "struct A { A operator+(A b) { mark(1); return b; } operator bool() const { mark(2); } auto operator<=>(const A &) const = default; };",
    "struct A { int b = mark(1); int c{mark(2)}; static inline int d = mark(3); };",
    "class A {\n    Q_OBJECT\npublic slots:\n    void f() { mark(1); }\nsignals:\n    void g();\n};",
    "class API A : public B<int> { void f() override final { mark(1); } };",
    "auto f(int a) -> decltype(g(a)) { mark(1); return a; }",
    "const char *s = R\"x( } \" { )x\";\nint f(int a) { mark(1); }",
    "int f(int a) { auto s = R\"(})\"; mark(1); }",
    "[[nodiscard]] constexpr int f(int a) noexcept(true) { mark(1); return a; }",
    "struct A { int f(this auto &&self) { mark(1); return 1; } };",
    "int f(int a) { if consteval { mark(1); } else { mark(2); } return a; }",
    "template <> struct std::hash<A> { size_t operator()(const A &a) const { mark(1); } };",
    "TEST_F(Suite, Name) { mark(1); }",
    "BOOST_CASE(name) { mark(1); }\nnamespace { TEST(a, b) { mark(2); } }",
    "int f(int a) {\n#ifdef A\n    try {\n#endif\n        mark(1);\n#ifdef A\n    } catch (...) { mark(2); }\n#endif\n}",
    "namespace a::inline b { int f(int a) { mark(1); } }",
    "extern \"C\" int f(int a) { mark(1); }\nextern \"C\" { int v = mark(2); }",
    "void f(int a = [] { mark(1); return 1; }());",
    "decltype([] { mark(1); }) v;",
    "#ifdef A\nclass B : C {\n#else\nclass B {\n#endif\n    void f() { mark(1); }\n    int d = mark(2);\n};",
    "enum class E { A = mark(1) };",
    "int f(int a) pre(a > 0) { mark(1); }",
    "int v = 1'000'000; int f(int a) { mark(1); return 'x'; }",
    "A::~A() { mark(1); } B::operator int() { mark(2); }",
    "class { void f() { mark(1); } } v = mark(2);",
    "friend int f(int a) { mark(1); }",
    "#if \'a/*\'\n#endif\nint f(int a)\n{\n    mark(1);\n    return a;\n}\n/* */",
    "#define A R\"(\" /*)\"\nint f(int a)\n{\n    mark(1);\n    return a;\n}\n/* */",
    "#define A u8R\"x(\" /*)x\"\nint f(int a)\n{\n    mark(1);\n    return a;\n}\n/* */",
    "#pragma message(R\"(\" /*)\")\nint f(int a)\n{\n    mark(1);\n    return a;\n}\n/* */",
    "#define Q 1\'0 + \'/*\'\nint f(int a)\n{\n    mark(1);\n    return a;\n}\n/* */",
    "#if 1\'0 < \'/*\'\n#endif\nint f(int a)\n{\n    mark(1);\n    return a;\n}\n/* */",
    "int x = \"a\"_mark;",
    "int z(mark());",
    "int S::b(static_cast<int>(mark()));",
    "int z(M(mark()));",
    "struct x { void f() <% if (1) { g0(); } if (mark()); %> };",
    "struct x { void f() BEG { g0(); } if (mark()); END };",
    "#define $R\nconst char*s = $R\"(\"; int h(){ return mark(1); } const char *t = \")\";",
    "struct s { M(\"//\"){} int h() { mark(1); return 1; } };",
    "struct s { M('//'){} int h() { mark(1); return 1; } };",
    "struct s { M('\"'){} int h() { mark(1); return 1; } M('\"'){} };",
    "struct s { M(\"\\\"//\"){} int h() { mark(1); return 1; } };",
    "struct s {\n M(\"/*\"){}\n int h() { mark(1); return 1; }\n int i(const char *x = \"*/\") {}\n};",
];

const JAVA: &[&str] = &[
    "class A {\n// \\u005c\\\\u000a int h() { return mark(1); }\n}",
    "class A { M(\"//\"){} int h() { mark(1); } }",
    "class A { M('/*'){} int h() { mark(1); } M('*/'){} }",
    "class A { M('\"'){} int h() { mark(1); } M('\"'){} }",
    "class A { static { mark(1); } }",
    "class A { { mark(1); } int plain() { return 1; } }",
    "class A { B b = () -> { mark(1); }; int f() { return 1; } }",
    "class A { B b = new B() { int f() { mark(1); return 1; } int c = mark(2); }; }",
    "class A { final int b = mark(1), c = 2; int f() { return 1; } }",
    "enum A { B(mark(1)) { int f() { mark(2); return 1; } }, C; int g() { return 1; } }",
    "record A(int b) { A { mark(1); } static int c = mark(2); }",
    "interface A { default int f() { mark(1); return 1; } int b = mark(2); }",
    "@interface A { int b() default 1; int C = mark(1); }",
    "class A { int f(Object o) { return switch (o) { case B(var c) when c > 1 -> { mark(1); yield 1; } default -> 2; }; } }",
    "class A { String f(int a) { mark(1); return STR.\"a \\{mark(2)} b\"; } }",
    "class A { int f() \\u007b mark(1); \\u007d }",
    "class A { @B(c = 1) @D int f(@E int a) throws G { mark(1); return a; } }",
    "class A { int f() { mark(1);",
    "class A { int f() { mark(1); } } } class B { int g() { mark(2); } }",
    "class A { String b = \"\"\"\n  } \" {\n  \"\"\"; int f() { mark(1); } }",
    "class A { int f() { int a = ; mark(1); } int b = mark(2) }",
    "void main() { mark(1); }",
    "int f(int a) { mark(1); }\nint g = mark(2);",
    "class A { A() { this(mark(1)); } <T> A(T a) { mark(2); } }",
    "class A { synchronized strictfp int f() { synchronized (this) { mark(1); } } }",
    "class A { Supplier<B> c = B::mark; int f() { return 1; } }",
    "sealed interface A permits B { private int f() { mark(1); } }",
    "class A {\r\n  /* a\r\n */ static int b = mark(1); // c\r\n  int f() {\r\n    mark(2);\r\n  }\r\n}",
    "class A { int f() { mark(1); \"unterminated ; } int g() { mark(2); } }",
    "class A { value class B { int f() { mark(1); } } int with b = mark(2); }",
    "class A { int b = c ? mark : 1; int f() { return 1; } }",
    "mark(1);",
    "class A { int f() { mark(1); /* unterminated } int g() { mark(2); } }",
    "class A {\n// x \\u000a static { mark(1); }\n}",
    "class A {\n/* x \\u002a/ static { mark(1); } /* */\n}",
    "class A {\nString a = \"\\u0022; static { mark(1); } String b = \\u0022\";\n}",
    "class A {\n// x\r static { mark(1); }\n}",
    "class A {\n// \\u000d static { mark(1); }\n}",
    "class A {\n\\u002f\\u002f x \\uuu000D static { mark(1); }\n}",
    "class A {\nvoid g() {} // \\u000d void h() { mark(1); }\n}",
];

const PYTHON: &[&str] = &[
    "import a\na.mark(1)",
    "if __name__ == '__main__':\n    mark(1)",
    "class A:\n    b = mark(1)\n    def f(self):\n        pass\n    c = [mark for d in e]",
    "f = lambda a: mark(a)",
    "@mark(1)\nclass A:\n    pass",
    "def f(): return 1\n@mark\nclass A: pass",
    "@a[mark]\n@b < mark\nclass A: pass",
    "@mark(1)\ndef f(a):\n    mark(2)",
    "match mark(1):\n    case 1:\n        mark(2)",
    "print 'mark', a\nprint >>mark, b",
    "def f(a):\n    print 'a' % mark(1)\n    exec 'mark' in a\n    raise A, mark(2)",
    "try:\n    import a\nexcept A, e:\n    mark(1)",
    "async def f(a):\n    async with b as c:\n        await mark(1)",
    "if (a := mark(1)) > 2:\n    pass",
    "if TYPE_CHECKING:\n    def f(a):\n        mark(1)\nelse:\n    mark(2)\n    def f(a, b):\n        mark(3)",
    "def f(a):\n\tif a:\n\t    mark(1)\n        mark(2)\n\treturn a",
    "def f(a):\n    x = (1,\n    mark(1)\n    return x\n\ndef g(a):\n    mark(2)",
    "def f(a):\n    x = 'unterminated\n    mark(1)\n    return x",
    "def f(a):\n    '''unterminated\n    mark(1)\n",
    "def f(a)\n    mark(1)\n    return a",
    "def f(a):\n    x = a ? 1 : 2\n    mark(1)\n    return x\nmark(2)",
    "def f(a): mark(1)\ndef g(a): mark(2); return a",
    "class A(mark(1)):\n    def f(self): pass",
    "class A(B, metaclass=C(mark)):\n    '''doc'''\n    d: int = mark(1)",
    "while mark:\n    a = 1\n    break",
    "for a in mark:\n    pass",
    "with mark(1) as a:\n    def f():\n        mark(2)",
    "a = f'{mark}'\nb = a if mark else 1\nc += mark",
    "\u{feff}def f(a):\r\n    mark(1)\r\n\x0c\r\nmark(2)\r\n",
    "del mark\nassert mark\na = await mark",
    "type A = B\ndef f[T](a: T) -> T:\n    mark(1)\n    return a",
    "def f(a):\n    except* A:\n        mark(1)\n    return a",
    "def f(a):\n    return f\"{a[\"#\"]}\" + mark(1)\n",
    "  def f(a):\n    mark(1)\n  mark(2)\n",
    "class A:\n    def f(self):\n        mark(1)\n      mark(2)\n    def g(self):\n        mark(3)",
    "def f(a):\n    if a:\nmark(1)\n    mark(2)",
    "a = [\n    mark(1),\n    2,\n]\n@ b\n",
    "# comment\rif a: mark(1)",
    "# comment\rmark(1)\r\n",
];

#[test]
fn c_code_is_always_in_a_unit() {
    assert_held(Language::C, C);
}

#[test]
fn cpp_code_is_always_in_a_unit() {
    assert_held(Language::Cpp, CPP);
    assert_held(Language::Cpp, C);
}

#[test]
fn java_code_is_always_in_a_unit() {
    assert_held(Language::Java, JAVA);
}

#[test]
fn python_code_is_always_in_a_unit() {
    assert_held(Language::Python, PYTHON);
}

/// Kind and name of each unit.
fn kinds(text: &str, language: Language) -> Vec<(UnitKind, Option<String>)> {
    units(text, language).iter().map(|unit| (unit.unit().kind, unit.unit().name.clone())).collect()
}

fn function(name: &str) -> (UnitKind, Option<String>) {
    (UnitKind::Function, Some(name.to_owned()))
}

const REMAINDER: (UnitKind, Option<String>) = (UnitKind::Remainder, None);

#[test]
fn functions_that_the_parser_loses_are_functions() {
    let lost = [
        (
            "#define A(x) \\\n  do { x = 0; /* y */ ; } while (0)\nint f(int a) { return a; }\n",
            vec![REMAINDER, function("f")],
        ),
        ("#ifdef A\nint f(int a)\n#else\nint f(long a)\n#endif\n{\n  g(a);\n}\n", vec![function("f")]),
        (
            "int f(int a)\n{\n#ifdef A\n  if (a) {\n#else\n  if (!a) {\n#endif\n    g(a);\n  }\n  g(1);\n}\n",
            vec![function("f")],
        ),
        ("CALL2(open, int, a)\n{\n  g(a);\n  return a;\n}\n", vec![function("CALL2")]),
    ];
    for (text, expected) in lost {
        let with = format!("{text}\nint plain(void) {{ return 1; }}\n");
        assert_eq!(kinds(&with, Language::C), [expected, vec![function("plain")]].concat(), "{text}");
    }
}

#[test]
fn declarations_make_no_units() {
    let c = "#include <a.h>\n#define B 1\nextern int c(int d);\nstatic const int e[] = { 1, 2 };\nint f(void) { return 1; }\nstruct g { int h; };\n";
    assert_eq!(kinds(c, Language::C), [function("f")]);
    let python = "'''doc'''\nimport a\nB = [1, 2]\ndef f(): pass\n__all__ = ['f']\n";
    assert_eq!(kinds(python, Language::Python), [function("f")]);
}

#[test]
fn code_of_one_class_is_one_remainder() {
    let java =
        "class A { B b = c(); int d; E e = f(); int g() { return 1; } H h = i(); } class J { K k = l(); }";
    assert_eq!(kinds(java, Language::Java), [REMAINDER, function("g"), REMAINDER, REMAINDER]);
}

#[test]
fn a_text_without_functions_is_a_remainder() {
    assert_eq!(kinds("int a = b();\n", Language::C), [REMAINDER]);
    let whole = |text: &str| Snippet::new(text, Language::C).unwrap().unit().kind;
    assert_eq!((whole("int a;"), whole("int f() { }")), (UnitKind::Remainder, UnitKind::Function));
}

#[test]
fn a_lone_function_that_the_parser_loses_is_the_whole_text() {
    let text = "CALL2(open, int, a)\n{\n  g(a);\n}\n";
    let units = units(text, Language::C);
    assert_eq!((units.len(), units[0].text()), (1, text));
    assert_eq!((units[0].unit().kind, &units[0].unit().name), (UnitKind::Function, &None));
}

#[test]
fn a_function_without_its_last_brace_ends_before_the_next() {
    let broken = [
        (Language::C, "#define END }\nint f(int a)\n{\n  while (a) {\n    a--;\n  END\n  return a;\n}\n"),
        (Language::C, "#define END }\nint f(int a) {\n  return a;\nEND\n"),
        (Language::C, "int f(int a)\n{\n#ifdef A\n  if (a) {\n#endif\n  a--;\n  return a;\n}"),
        (Language::C, "int f(int a)\n{\n  if (a) {\n  return a;\n}\nint k(a)\n  int a;\n{\n  return a;\n}"),
        (Language::C, "int f(int a)\n{\n  OPEN { { {\n  return a;\n}"),
        (Language::Cpp, "int f(int a)\n{\n  return b((((a;\n}\n"),
        (Language::Cpp, "namespace n {\n  int f(int a) {\n    if (a) {\n    return a;\n  }\n"),
        (Language::Java, "class A {\n  int f(int a) {\n    if (a) {\n    return a;\n  }\n"),
    ];
    for (language, first) in broken {
        for second in
            ["  int g(int b)\n  {\n    return b;\n  }\n", "  static int g(int b) {\n    return b;\n  }\n"]
        {
            let second =
                if first.contains("  int f") { second.to_owned() } else { second.replace("\n  ", "\n") };
            let text = format!("{first}{second}");
            let functions: Vec<_> =
                kinds(&text, language).into_iter().filter(|(kind, _)| *kind == UnitKind::Function).collect();
            assert_eq!(functions, [function("f"), function("g")], "{text}");
        }
    }
}

#[test]
fn long_code_without_functions_is_cut_between_lines() {
    let repeated = |count: usize, text: &str| -> String {
        (0..count).map(|index| text.replace('@', &index.to_string())).collect()
    };
    let macros = repeated(40, "#define M@(a) \\\n  do { \\\n    b@(a); \\\n    c(@); \\\n  } while (0)\n");
    let statements = repeated(90, "if a[@]:\n    b(\n        @,\n    )\n");
    for (text, language, starts) in [(macros, Language::C, "#define"), (statements, Language::Python, "if a")]
    {
        let units = units(&text, language);
        assert!(units.len() > 1 && units.iter().all(|unit| unit.text().len() <= 1_500), "{language}");
        assert!(units.iter().all(|unit| unit.text().starts_with(starts)), "{language}");
        let judged: usize = units.iter().map(|unit| unit.text().trim().len() + 1).sum();
        assert_eq!(judged, text.len(), "{language}");
    }
    // One macro that is longer: its lines.
    let long = format!("#define M(a) \\\n{}  c(a)\n", "  b(a); \\\n".repeat(400));
    assert!(units(&long, Language::C).iter().all(|unit| unit.text().len() <= 1_500));
}

#[test]
fn macro_bodies_are_read_as_statements() {
    let units =
        units("#define A(b) \\\n  if (c() < 0) \\\n    d(b)\nint f(int a) { return a; }\n", Language::C);
    let candidates = codepurify::candidates(&units[0], &codepurify::Families::TRANSPLANT);
    assert!(candidates.iter().any(|candidate| candidate.text.starts_with("if (c() < 0)")), "{candidates:?}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, rng_seed: RngSeed::Fixed(12345), ..ProptestConfig::default() })]

    /// Sources one behind the other, with a bracket or a directive too many or too few somewhere between.
    #[test]
    fn no_mixture_of_sources_hides_code(
        picks in prop::collection::vec((0_usize..1000, 0_usize..12), 1..5),
        language in prop::sample::select(&Language::ALL[..]),
    ) {
        let (sources, breaks): (&[&str], &[&str]) = match language {
            Language::C => (C, &["{", "}", ")", "(", "#else", "#endif", "#if A", "x", "="]),
            Language::Cpp => (CPP, &["{", "}", ")", "(", "#else", "template <", "public:", "x", "="]),
            Language::Java => (JAVA, &["{", "}", ")", "(", "class X {", "static", "x", "="]),
            Language::Python => (PYTHON, &["(", ")", "]", ":", "  x", "class X:", "@", "else:", "="]),
        };
        // A comment that does not end hides what follows; `mark = 3` is a declaration once another brace is missing; digraphs
        // are no braces to a parser, so a branch with one can look like a declaration.
        let lasting = |text: &&&str| !["unterminated", "mark = 3", "<%"].iter().any(|word| text.contains(word));
        let sources: Vec<&str> = sources.iter().filter(lasting).copied().collect();
        let mut text = plain(language).to_owned();
        for (source, broken) in picks {
            text += sources[source % sources.len()];
            text += "\n";
            if let Some(broken) = breaks.get(broken) {
                text += broken;
                text += "\n";
            }
        }
        prop_assert_eq!(escaped(&text, language), None);
    }
}
