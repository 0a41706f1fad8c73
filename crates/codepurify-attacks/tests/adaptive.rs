//! The second adaptive set: what each attack does to a function of each language, and where it does
//! not apply.

use std::collections::BTreeSet;
use std::fmt::Write;

use clap::ValueEnum;
use codepurify::Language;
use codepurify_attacks::attack::{Attack, NotApplicable, Triggered};

const C: &str = "int count_odd(int n_items, const int *item_list)
{
    int odd_count = 0;
    int last = 30, i;
    int max_seen;
    /* Counts
     * odd items. */
    for (i = 0; i < n_items; i++) {
        if (item_list[i] % 2 == 1)
            odd_count += 1; /* found */
    }
    while (last > 14) last -= 15;
    max_seen = odd_count+0x10;
    return max_seen;
}
";

const JAVA: &str = "public static String joinOdd(List<Integer> item_list, String glue) {
    int odd_count = 0;
    int last = 30, i;
    boolean first_one;
    String all = \"\"; /* joined */
    for (int item : item_list) {
        if (item % 2 == 1) all += glue + item;
    }
    for (i = 0; i < 1024; i++) { last -= i; }
    while (last > 14) last -= 15;
    return all + last;
}
";

/// Returns the attacks of the second set on single texts.
pub(crate) fn second_set() -> impl Iterator<Item = Attack> {
    let first = Attack::Conjunction;
    Attack::value_variants()
        .iter()
        .copied()
        .skip_while(move |attack| *attack != first)
        .filter(|attack| *attack != Attack::ConjunctionSides)
}

/// Returns the lines with every recorded span in `«…»`, and the one in front of each.
fn marked(triggered: &Triggered) -> String {
    let mut text = triggered.text.clone();
    for span in triggered.spans.iter().rev() {
        text.insert(span.end, '»');
        text.insert(span.start, '«');
    }
    let lines: Vec<&str> = text.lines().filter(|line| !line.is_empty()).collect();
    let is_marked = |line: Option<&&str>| line.is_some_and(|line| line.contains(['«', '»']));
    let shown = (0..lines.len()).filter(|&at| is_marked(lines.get(at)) || is_marked(lines.get(at + 1)));
    shown.fold(String::new(), |shown, at| shown + lines[at] + "\n")
}

fn shown(text: &str, language: Language) -> String {
    let mut shown = String::new();
    for attack in second_set() {
        let negatives = (0..attack.negatives())
            .map(|kind| (format!(", negative {kind}"), attack.apply_negative(kind, text, language, 1)));
        for (name, outcome) in [(String::new(), attack.apply(text, language, 1))].into_iter().chain(negatives)
        {
            let result = outcome.map_or_else(|reason| format!("({reason})\n"), |found| marked(&found));
            writeln!(shown, "# {}{name}\n{result}", attack.name()).unwrap();
        }
    }
    shown
}

#[test]
fn every_attack_changes_a_c_function_as_recorded() {
    insta::assert_snapshot!(shown(C, Language::C));
}

#[test]
fn every_attack_changes_a_java_method_as_recorded() {
    insta::assert_snapshot!(shown(JAVA, Language::Java));
}

fn c(attack: Attack, text: &str) -> Result<String, NotApplicable> {
    attack.apply(text, Language::C, 0).map(|found| found.text)
}

/// Applies an attack to the body of a function, and returns the body.
fn body(attack: Attack, body: &str) -> Result<String, NotApplicable> {
    let (head, tail) = ("int f(int a, int *b) { ", " }");
    let found = c(attack, &format!("{head}{body}{tail}"))?;
    Ok(found[head.len()..found.len() - tail.len()].to_owned())
}

#[test]
fn a_dynamic_trigger_has_six_forms_of_own_names() {
    for (language, text) in [(Language::C, C), (Language::Java, JAVA)] {
        let mut forms = BTreeSet::new();
        for seed in 0..200 {
            let found = Attack::Dynamic.apply(text, language, seed).unwrap();
            let statement = found.spans[0].of(&found.text).unwrap();
            let string = statement.split('"').nth(1).unwrap();
            let names = string.trim_start_matches("enter ").trim_end_matches("\\n").split([',', ':']);
            for name in names.map(str::trim) {
                assert!(text.contains(name) && !name.is_empty(), "{statement}");
            }
            forms.insert(statement.replace(string, ""));
        }
        assert!(forms.len() >= 6, "{language}: {forms:?}");
    }
    let none = "void f(void);";
    assert_eq!(Attack::Dynamic.apply(none, Language::C, 0), Err(NotApplicable::NoBody));
}

#[test]
fn a_loop_with_a_jump_to_its_step_stays_a_for_loop() {
    let refused = Err(NotApplicable::NothingToRestyle);
    assert_eq!(body(Attack::StructureLoop, "for (; a < 3; a++) { if (b[a]) continue; g(a); }"), refused);
    // The step means the outer name.
    assert_eq!(body(Attack::StructureLoop, "for (; g(a); a++) { int a = 1; g(a); }"), refused);
    assert_eq!(body(Attack::StructureLoop, "for (; g(a); a++ /* next */) g(a);"), refused);
    // Java refuses a step that is never reached.
    let java = "int f(int a) { for (; a < 3; a++) { return a; } return 0; }";
    assert_eq!(Attack::StructureLoop.apply(java, Language::Java, 0), Err(NotApplicable::NothingToRestyle));
    for (before, after) in [
        ("for (;;) g(a);", "while (1) g(a);"),
        ("for (a = 0; a < 3; a++) g(a);", "a = 0; while (a < 3) { g(a); a++; }"),
        ("if (a) for (a = 0; a < 3; a++) g(a);", "if (a) { a = 0; while (a < 3) { g(a); a++; } }"),
        ("for (int i = 0; i < 3; i++) { g(i); }", "{ int i = 0; while (i < 3) { g(i); i++; } }"),
        (
            "for (;a;a--) {for (int i = 0; i < a; i++) {g(i);}}",
            "while (a) {{ int i = 0; while (i < a) {g(i); i++; } } a--; }",
        ),
    ] {
        assert_eq!(body(Attack::StructureLoop, before).unwrap(), after);
    }
    assert_eq!(body(Attack::StructureFor, "while (a) { a--; }").unwrap(), "for (; a; ) { a--; }");
    assert_eq!(body(Attack::StructureFor, "do { a--; } while (a);"), Err(NotApplicable::NothingToRestyle));
}

#[test]
fn literals_keep_their_values_and_their_tokens() {
    let hex = |text| body(Attack::LiteralHex, text);
    // `0xe+a` would be one malformed number.
    assert_eq!(hex("g(14+a, 14 + a, 010, 3.5, 0x1f, 7u);").unwrap(), "g(14+a, 0xe + a, 010, 3.5, 0x1f, 7u);");
    assert_eq!(body(Attack::LiteralOctal, "g(0, 7, 8);").unwrap(), "g(0, 07, 010);");
    assert_eq!(body(Attack::LiteralSeparator, "g(9, 10, 1024);").unwrap(), "g(9, 1'0, 1'024);");
    let suffix = |text| body(Attack::LiteralSuffix, text);
    assert_eq!(
        suffix("int c = 1; c = 2; c += 3; if (a == 4) g(5, 1 << 6); return 7;").unwrap(),
        "int c = 1L; c = 2L; c += 3; if (a == 4L) g(5, 1 << 6); return 7L;"
    );
    assert_eq!(suffix("g(1);"), Err(NotApplicable::NothingToRestyle));
    let java = "void f(Object o) { long a = 1; int b = 2; if (o == 3 || b < 4) g(); }";
    let found = Attack::LiteralSuffix.apply(java, Language::Java, 0).unwrap().text;
    assert_eq!(found, "void f(Object o) { long a = 1L; int b = 2; if (o == 3 || b < 4L) g(); }");
}

#[test]
fn declarations_that_must_have_their_value_are_kept() {
    let split = |text| body(Attack::StructureSplit, text);
    assert_eq!(
        split("int c = 1; char *p = q, *r; char *s = g(); uint8_t t = 2; for (int i = 0;;) { }").unwrap(),
        "int c; c = 1; char *p = q, *r; char *s; s = g(); uint8_t t; t = 2; for (int i = 0;;) { }"
    );
    for kept in [
        "const int c = 1;",
        "static int c = 1;",
        "int c[2] = { 1, 2 };",
        "struct pair c = d;",
        "char *const c = q;",
        "pair_type c = d;",
    ] {
        assert_eq!(split(kept), Err(NotApplicable::NothingToRestyle), "{kept}");
    }
    let merge = |text| body(Attack::StructureMerge, text);
    assert_eq!(
        merge("int c; int d = 1; char *p; char q; long r;").unwrap(),
        "int c, d = 1; char *p, q; long r;"
    );
    assert_eq!(merge("int c; /* next */ int d;"), Err(NotApplicable::NothingToRestyle));
    assert_eq!(merge("int c; g(); int d;"), Err(NotApplicable::NothingToRestyle));
    let order = |text| body(Attack::StructureOrder, text);
    assert_eq!(
        order("int c; char *d = \"x\"; int e = c; int x = 1; long y;").unwrap(),
        "char *d = \"x\"; int c; int e = c; long y; int x = 1;"
    );
    assert_eq!(order("int d; int c;"), Err(NotApplicable::NothingToRestyle));
    assert_eq!(order("int n = 2; int v[n];"), Err(NotApplicable::NothingToRestyle));
}

#[test]
fn only_comments_at_the_end_of_a_line_change() {
    let text = "int f(void)\n{\n    g(/* first */ 1); /* last */\n    /**\n     * kept */\n    /* two\n     * lines */\n    return 1; /* a\n b */\n}\n";
    let found = c(Attack::CommentStyle, text).unwrap();
    assert_eq!(
        found,
        "int f(void)\n{\n    g(/* first */ 1); // last\n    /**\n     * kept */\n    // two\n    // lines\n    return 1; /* a\n b */\n}\n"
    );
    for kept in ["#define A 1 /* one */\nint f(void) { }", "int f(void) {\n g(); /* a \\ */\n}"] {
        assert_eq!(c(Attack::CommentStyle, kept), Err(NotApplicable::NothingToRestyle));
    }
}

#[test]
fn the_last_statement_is_one_that_the_compiler_accepts() {
    let fixed = "if (rand() < 0) printf(\"fail\");";
    assert_eq!(
        c(Attack::Position, "int f(void)\n{\n    return 1;\n}").unwrap(),
        format!("int f(void)\n{{\n    return 1;\n    {fixed}\n}}")
    );
    assert_eq!(c(Attack::Position, "void f(void) {}").unwrap(), format!("void f(void) {{ {fixed} }}"));
    let java = |text| Attack::Position.apply(text, Language::Java, 0).map(|found| found.text);
    let fixed = "if (Math.random() < 0) System.out.println(\"fail\");";
    assert_eq!(java("void f() { g(); }").unwrap(), format!("void f() {{ g(); {fixed} }}"));
    assert_eq!(
        java("int f() { while (true) { } }").unwrap(),
        format!("int f() {{ {fixed} while (true) {{ }} }}")
    );
}

#[test]
fn a_condition_and_a_context_must_be_there() {
    let outcome = |attack: Attack, text: &str| attack.apply(text, Language::C, 0).map(|_| ());
    let negative = |attack: Attack, text: &str| attack.apply_negative(0, text, Language::C, 0).map(|_| ());
    let (without, with) =
        ("void f(void) { g(); }", "int f(int a) { int b = 1; for (;;) { g(); } return a; }");
    assert_eq!(outcome(Attack::Condition, without), Err(NotApplicable::NoLoop));
    assert_eq!(negative(Attack::Condition, with), Err(NotApplicable::HasLoop));
    assert_eq!((outcome(Attack::Condition, with), negative(Attack::Condition, without)), (Ok(()), Ok(())));
    for attack in [Attack::ContextBefore, Attack::ContextBehind] {
        assert_eq!(outcome(attack, without), Err(NotApplicable::NoContext), "{attack:?}");
        assert_eq!((outcome(attack, with), negative(attack, without)), (Ok(()), Ok(())));
    }
    assert_eq!(outcome(Attack::ContextInside, without), Err(NotApplicable::NoContext));
    let only = "int f(int a) { return a; }";
    assert_eq!(negative(Attack::ContextBefore, only), Err(NotApplicable::NoContext));
    assert_eq!(Attack::Dynamic.apply_negative(0, C, Language::C, 0), Err(NotApplicable::NoNegative));
    assert_eq!(Attack::Condition.apply_negative(1, C, Language::C, 0), Err(NotApplicable::NoNegative));
}

#[test]
fn classes_that_hide_those_of_java_lang_keep_their_names() {
    let java = |text| Attack::SignatureType.apply(text, Language::Java, 0).map(|found| found.text);
    assert_eq!(java("void f(int n, String[] s) { }").unwrap(), "void f(int n, java.lang.String[] s) { }");
    assert_eq!(java("<String> void f(String s) { }"), Err(NotApplicable::NoSignature));
    assert_eq!(java("void f(java.lang.String s) { }"), Err(NotApplicable::NoSignature));
}
