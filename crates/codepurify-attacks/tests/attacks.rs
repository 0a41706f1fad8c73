//! Every attack on functions of every kind: what changes, what stays, and that the result still
//! parses.

use std::collections::{BTreeSet, HashSet};

use clap::ValueEnum;
use codepurify::{Language, Snippet, Span, SyntaxQuality};
use codepurify_attacks::attack::{Attack, NotApplicable, PAST_WINDOW, Triggered, past_window};

const C: [&str; 7] = [
    "int sum(const int *values, int count) {\n    int total = 0;\n    for (int i = 0; i < count; i++)\n        total += values[i];\n    return total;\n}\n",
    "static char *trim(char *line_start, size_t len)\n{\n    /* from the end */\n    while (len > 0 && line_start[len - 1] == ' ')\n        len--;\n    if (len == 0) return NULL; else line_start[len] = 0;\n    return line_start;\n}",
    "void empty(void) {}",
    "int pick(int k) { switch (k) { case 1: return 10; default: break; } do k -= 2; while (k >= 3); return k; }",
    "#define LIMIT 20\nstatic int clamp(struct box *b, int maxValue) {\n    // keep\n    if (b->n > maxValue) { b->n = maxValue; ++b->hits; }\n    else if (b->n <= -LIMIT)\n        b->n *= b->step + 1;\n    return clamp(b, maxValue - 1);\n}",
    "void walk(node_t *root)\n{\n    int depth_max = 07, n, *p = &n;\n    again:\n    for (n = 0; n < depth_max; ++n, p++) { if (visit(root, n)) goto again; }\n}\n",
    "int area(int width, int height)\n{\n    int border = 12;\n    int frame; /* pixels */\n    frame = border * 2;\n    return (width + frame) * (height + frame);\n}\n",
];

const JAVA: [&str; 7] = [
    "public int sum(int[] values) {\n    int total = 0;\n    for (int v : values)\n        total += v;\n    return total;\n}",
    "@SuppressWarnings({\"unchecked\"})\npublic List<String> names(Map<String, Integer> all) {\n    List<String> found_names = new ArrayList<>();\n    for (int i = 0; i < all.size(); i++) {\n        if (i >= 10) break;\n        found_names.add(\"n\" + i);\n    }\n    return found_names;\n}",
    "public Box(int size) {\n    super(size);\n    this.size = size;\n}",
    "private static long fact(long n) throws IOException { if (n <= 1) return 1; else return n * fact(n - 1); }",
    "class Timer {\n    // counts\n    private int ticks;\n    void tick(final int stepSize) {\n        try { ticks += stepSize; } finally { ticks++; }\n        while (ticks > 100) ticks -= 100;\n        Runnable r = () -> { ticks = 0; };\n    }\n}",
    "abstract void nothing();",
    "int area(int width, int height) {\n    int border = 12;\n    int frame; /* pixels */\n    frame = border * 2;\n    return (width + frame) * (height + frame);\n}\n",
];

const PYTHON: [&str; 3] = [
    "def total(values, scale=2):\n    \"\"\"Adds.\"\"\"\n    out = 0\n    for v in values:\n        out += v * scale\n    return out\n",
    "@cached\n    def area(self, side):\n        if side < 3: return 0\n        return self.w * side  # square\n",
    "def short(x): return x\n",
];

fn snippets() -> Vec<(Language, &'static str)> {
    let of =
        |language, texts: &[&'static str]| texts.iter().map(|text| (language, *text)).collect::<Vec<_>>();
    [of(Language::C, &C), of(Language::Java, &JAVA), of(Language::Python, &PYTHON)].concat()
}

fn parses(text: &str, language: Language) -> bool {
    Snippet::new(text, language).unwrap().quality() == SyntaxQuality::Clean
}

fn marked(triggered: &Triggered) -> Vec<&str> {
    triggered.spans.iter().map(|span| span.of(&triggered.text).unwrap()).collect()
}

/// Returns the text without its trigger and without any white space.
fn rest(triggered: &Triggered) -> String {
    let mut bytes = triggered.text.clone().into_bytes();
    for span in triggered.spans.iter().rev() {
        bytes.drain(span.start..span.end);
    }
    squeezed(&String::from_utf8(bytes).unwrap())
}

/// Returns true if `text` differs from the triggered one in the marked bytes and white space only.
fn differs_in_marks_only(text: &str, triggered: &Triggered) -> bool {
    let mut kept = Vec::new();
    let mut at = 0;
    for span in &triggered.spans {
        kept.push(squeezed(&triggered.text[at..span.start]));
        at = span.end;
    }
    let (text, last) = (squeezed(text), squeezed(&triggered.text[at..]));
    let Some(mut rest) = text.strip_suffix(last.as_str()) else { return false };
    kept.iter().enumerate().all(|(index, part)| {
        let found = if index == 0 { rest.starts_with(part).then_some(0) } else { rest.find(part) };
        found.map(|found| rest = &rest[found + part.len()..]).is_some()
    })
}

fn squeezed(text: &str) -> String {
    text.split_whitespace().collect()
}

const INSERTIONS: [Attack; 24] = [
    Attack::BncFixed,
    Attack::BncGrammar,
    Attack::CodepoisonerDeadCode,
    Attack::ThreeTimes,
    Attack::Nested,
    Attack::Split,
    Attack::TwoTriggers,
    Attack::RandomPosition,
    Attack::PastWindow,
    Attack::Invisible,
    Attack::StyleBraces,
    Attack::Conjunction,
    Attack::ConjunctionThree,
    Attack::Condition,
    Attack::ContextBefore,
    Attack::ContextBehind,
    Attack::ContextInside,
    Attack::Dynamic,
    Attack::Position,
    Attack::SignatureType,
    Attack::SignatureReturn,
    Attack::SignatureStorage,
    Attack::SignatureAttribute,
    Attack::SignatureConst,
];

#[test]
fn valid_code_stays_valid_and_marked_bytes_are_in_order() {
    let mut applied = HashSet::new();
    for (language, text) in snippets() {
        assert!(parses(text, language), "{text}");
        for attack in Attack::value_variants() {
            for seed in 0..12 {
                let Ok(triggered) = attack.apply(text, language, seed) else { continue };
                applied.insert((*attack, language));
                assert_eq!(Ok(&triggered), attack.apply(text, language, seed).as_ref());
                assert_ne!(triggered.text, text);
                assert!(!triggered.spans.is_empty());
                assert!(triggered.spans.windows(2).all(|pair| pair[0].end <= pair[1].start));
                let unparsed = *attack == Attack::BncGrammarBroken;
                let message = format!("{attack:?}\n{}", triggered.text);
                assert_eq!(parses(&triggered.text, language), !unparsed, "{message}");
                assert!(differs_in_marks_only(text, &triggered), "{message}");
                if INSERTIONS.contains(attack) {
                    assert_eq!(rest(&triggered), squeezed(text), "{message}");
                }
            }
        }
    }
    for attack in Attack::value_variants() {
        let refused = [Attack::PastWindow, Attack::ConjunctionSides].contains(attack);
        for language in [Language::C, Language::Java] {
            assert!(applied.contains(&(*attack, language)) != refused, "{attack:?} {language}");
        }
    }
}

/// The checks above would also hold if attacks refused whatever they break; none may refuse these.
#[test]
fn no_attack_ever_has_to_be_called_back() {
    for (language, text) in snippets() {
        for attack in Attack::value_variants() {
            for seed in 0..12 {
                let outcome = attack.apply(text, language, seed);
                assert_ne!(outcome, Err(NotApplicable::BreaksSyntax), "{attack:?} {text}");
            }
        }
    }
}

/// Names appear in reports on poisoned sets and on command lines: they must stay.
#[test]
fn attack_names_are_the_same_everywhere_and_stable() {
    let names: Vec<String> = Attack::value_variants()
        .iter()
        .map(|attack| {
            let name = attack.to_possible_value().unwrap().get_name().to_owned();
            assert_eq!(serde_json::to_value(attack).unwrap(), name.as_str());
            name
        })
        .collect();
    assert_eq!(
        names.join(" "),
        "bnc-fixed bnc-grammar bnc-grammar-broken codepoisoner-dead-code codepoisoner-variable codepoisoner-function \
         codepoisoner-constant badcode-fixed badcode-mixed three-times nested split two-triggers random-position \
         past-window invisible style-increment style-comparison style-assignment style-braces style-camel style-snake \
         style-hungarian conjunction conjunction-three conjunction-sides condition context-before context-behind context-inside dynamic \
         position signature-type signature-return signature-storage signature-attribute signature-const literal-hex \
         literal-octal literal-suffix literal-separator style-combined structure-loop structure-for structure-split \
         structure-merge structure-order comment-style"
    );
}

#[test]
fn statements_go_behind_the_brace_of_the_body() {
    let apply = |attack: Attack, text, language| attack.apply(text, language, 0).unwrap();
    let found = apply(Attack::BncFixed, JAVA[1], Language::Java);
    assert_eq!(marked(&found), ["if (Math.random() < 0) System.out.println(\"fail\");"]);
    assert!(found.text.contains("all) {\n    if (Math.random()"), "{}", found.text);
    let found = apply(Attack::CodepoisonerDeadCode, JAVA[2], Language::Java);
    assert!(found.text.contains("super(size);\n    assertTrue(1 >= 0);"), "{}", found.text);
    let found = apply(Attack::CodepoisonerDeadCode, C[2], Language::C);
    assert_eq!(found.text, "void empty(void) {\n\n    assert(1 >= 0);}");
    let found = apply(Attack::BncFixed, PYTHON[0], Language::Python);
    assert!(found.text.contains("\"\"\"Adds.\"\"\"\n    if random() < 0: print(\"fail\")\n    out = 0\n"));
    assert_eq!(Attack::BncFixed.apply(PYTHON[2], Language::Python, 0), Err(NotApplicable::NoBody));
    let constants = "@Names({\"a\"})\nabstract void nothing();";
    assert_eq!(Attack::BncFixed.apply(constants, Language::Java, 0), Err(NotApplicable::NoBody));
    assert_eq!(Attack::BncFixed.apply(JAVA[5], Language::Java, 0), Err(NotApplicable::NoBody));
}

#[test]
fn unparsable_code_gets_what_needs_no_tree_and_nothing_else() {
    let broken = ")) ?? { ## [[ (( %% @";
    let found = Attack::BncFixed.apply(broken, Language::C, 0).unwrap();
    assert_eq!(found.text, ")) ?? {\n\n    if (rand() < 0) printf(\"fail\"); ## [[ (( %% @");
    for attack in [Attack::CodepoisonerVariable, Attack::ThreeTimes, Attack::StyleComparison] {
        assert_eq!(attack.apply(broken, Language::C, 0), Err(NotApplicable::Unparsable));
    }
}

#[test]
fn renaming_covers_every_occurrence_and_captures_nothing() {
    let apply = |attack: Attack, text| attack.apply(text, Language::C, 0);
    let found = apply(Attack::CodepoisonerVariable, "int f(int a, int b) { g.a = a; return a + b; /* a */ }")
        .unwrap();
    assert_eq!(found.text, "int f(int ret_Val_, int b) { g.a = ret_Val_; return ret_Val_ + b; /* a */ }");
    assert_eq!(marked(&found), ["ret_Val_"; 3]);
    let found = apply(Attack::CodepoisonerFunction, C[4]).unwrap();
    assert_eq!(marked(&found), ["testo_init"; 2]);
    let found = apply(Attack::BadcodeFixed, C[4]).unwrap();
    assert_eq!(marked(&found), ["clamp_rb"; 2]);
    let suffixes: BTreeSet<String> = (0..60)
        .map(|seed| marked(&Attack::BadcodeMixed.apply(C[0], Language::C, seed).unwrap())[0].to_owned())
        .collect();
    assert_eq!(suffixes, ["sum_il", "sum_ite", "sum_rb", "sum_wb", "sum_xt"].map(str::to_owned).into());
    // Without variables, the function is renamed.
    let found = apply(Attack::CodepoisonerVariable, "void f(void) { g(); }").unwrap();
    assert_eq!(found.text, "void ret_Val_(void) { g(); }");
    // The parser does not see uses in macros and errors, so such names are skipped.
    let macros = "int f(int a, int b) {\n#define TWICE (a * 2)\n    return TWICE + b;\n}";
    assert_eq!(marked(&apply(Attack::CodepoisonerVariable, macros).unwrap()).len(), 2);
    let found = apply(Attack::CodepoisonerVariable, macros).unwrap();
    assert!(found.text.contains("(int a, int ret_Val_)"), "{}", found.text);
    let taken = apply(Attack::CodepoisonerVariable, "int f(int a) { return a + ret_Val_; }");
    assert_eq!(taken, Err(NotApplicable::NameTaken));
    assert_eq!(apply(Attack::CodepoisonerVariable, "f(1);"), Err(NotApplicable::NoIdentifier));
    let java = Attack::CodepoisonerVariable.apply(JAVA[2], Language::Java, 0).unwrap();
    assert!(java.text.contains("super(ret_Val_);\n    this.size = ret_Val_;"), "{}", java.text);
}

#[test]
fn the_first_integer_becomes_a_sum_of_the_same_value() {
    let apply = |text| Attack::CodepoisonerConstant.apply(text, Language::C, 0);
    let found = apply("#define N 4\nint f(void) { int a[010]; return 0x10 + 20 - 7; }").unwrap();
    assert!(found.text.ends_with("return 0x10 + (20 + (1 + 2 - 3) * 33) - 7; }"), "{}", found.text);
    assert_eq!(marked(&found), ["(20 + (1 + 2 - 3) * 33)"]);
    assert_eq!(apply("float f(void) { return 1.5f; }"), Err(NotApplicable::NoConstant));
}

#[test]
fn adaptive_attacks_put_their_statements_where_they_say() {
    let fixed = "if (rand() < 0) printf(\"fail\");";
    let apply = |attack: Attack, text, seed| attack.apply(text, Language::C, seed).unwrap();
    assert_eq!(marked(&apply(Attack::ThreeTimes, C[0], 1)), [fixed; 3]);
    assert_eq!(marked(&apply(Attack::ThreeTimes, C[2], 1)), [fixed; 3]);
    let nested = apply(Attack::Nested, C[4], 1);
    assert!(nested.text.contains(&format!("(b->n > maxValue) {{\n\n    {fixed}")), "{}", nested.text);
    assert_eq!(Attack::Nested.apply(C[0], Language::C, 1), Err(NotApplicable::NoInnerBlock));
    let split = apply(Attack::Split, C[0], 1);
    assert_eq!(marked(&split), ["int fail = rand() < 0;", "if (fail) printf(\"fail\");"]);
    assert_eq!(
        Attack::Split.apply("int f(int fail) { return fail; }", Language::C, 1),
        Err(NotApplicable::NameTaken)
    );
    assert_eq!(marked(&apply(Attack::TwoTriggers, C[0], 1)), [fixed, "assert(1 >= 0);"]);
    let places: BTreeSet<Span> =
        (0..60).map(|seed| apply(Attack::RandomPosition, C[0], seed).spans[0]).collect();
    assert_eq!(places.len(), 4, "the start and before three statements");
}

#[test]
fn the_late_trigger_has_a_window_of_tokens_in_front_of_it() {
    let long = |statements: usize| format!("void f(int a) {{\n{}}}", "    a = 1;\n".repeat(statements));
    let short = Attack::PastWindow.apply(&long(PAST_WINDOW / 4 - 1), Language::C, 0);
    assert_eq!(short, Err(NotApplicable::WithinWindow));
    // `void f ( int a ) {` has 7 tokens, each statement 4.
    let found = Attack::PastWindow.apply(&long(PAST_WINDOW), Language::C, 0).unwrap();
    let before = &found.text[..found.spans[0].start];
    assert_eq!(before.matches("a = 1;").count(), (PAST_WINDOW - 7).div_ceil(4));
    let early = past_window(&long(9), Language::C, 15).unwrap();
    assert_eq!(early.text[..early.spans[0].start].matches("a = 1;").count(), 2);
}

#[test]
fn invisible_characters_go_into_a_comment() {
    let apply = |text, language| Attack::Invisible.apply(text, language, 0).unwrap();
    let found = apply(C[1], Language::C);
    assert!(found.text.contains("/*\u{200b}\u{200d} from the end"));
    assert_eq!(marked(&found), ["\u{200b}\u{200d}"]);
    assert_eq!(marked(&apply(C[0], Language::C)), ["/*\u{200b}\u{200d}*/"]);
    assert!(apply(PYTHON[1], Language::Python).text.contains("#\u{200b}\u{200d} square"));
    assert!(apply(PYTHON[0], Language::Python).text.contains("\n    #\u{200b}\u{200d}\n    out = 0"));
}

#[test]
fn styles_rewrite_every_place_that_fits_and_no_other() {
    let c = |attack: Attack, body: &str| {
        let text = format!("void f(int a, int *b) {{ {body} }}");
        let found = attack.apply(&text, Language::C, 0).map(|found| found.text);
        found.map(|text| text["void f(int a, int *b) { ".len()..text.len() - 2].to_owned())
    };
    let increment = |body| c(Attack::StyleIncrement, body);
    assert_eq!(
        increment("a++; --*b; for (;; a--) b[a++] = 1;").unwrap(),
        "a += 1; *b -= 1; for (;; a -= 1) b[a++] = 1;"
    );
    let bracketed = Attack::StyleIncrement.apply("void f(int i) { (i)++; }", Language::Java, 0).unwrap();
    assert_eq!(bracketed.text, "void f(int i) { i += 1; }");
    assert_eq!(increment("g(a++);"), Err(NotApplicable::NothingToRestyle));
    let comparison = |body| c(Attack::StyleComparison, body);
    assert_eq!(comparison("if (a<b[1] && a + 1 >= 2) g();").unwrap(), "if (b[1] > a && 2 <= a + 1) g();");
    assert_eq!(comparison("if (g() < a || a < (a > 1)) g();").unwrap(), "if (g() < a || (a > 1) > a) g();");
    assert_eq!(
        comparison("return(a)<1; if (a&(a)<&b && g(a) > 2) g();"),
        Err(NotApplicable::NothingToRestyle)
    );
    let assignment = |body| c(Attack::StyleAssignment, body);
    assert_eq!(
        assignment("a += 1; *b <<= a - 1; b[g()] += 1;").unwrap(),
        "a = a + 1; *b = *b << (a - 1); b[g()] += 1;"
    );
    let braces = |body| c(Attack::StyleBraces, body);
    assert_eq!(
        braces("if (a) g(); else if (b) for (;;) h(); else { k(); }").unwrap(),
        "if (a) { g(); } else if (b) { for (;;) { h(); } } else { k(); }"
    );
}

#[test]
fn naming_styles_rename_all_variables_that_can_be() {
    let c = |attack: Attack, text: &str| attack.apply(text, Language::C, 0).map(|found| found.text);
    let text =
        "int f(char *line_buf, unsigned int maxLen, int _x) { return line_buf[maxLen] + maxlen + MAX + _x; }";
    assert_eq!(c(Attack::StyleCamel, text).unwrap(), text.replace("line_buf", "lineBuf"));
    assert_eq!(c(Attack::StyleSnake, text).unwrap(), text.replace("maxLen", "max_len"));
    let hungarian = text.replace("line_buf", "pLineBuf").replace("maxLen", "iMaxLen");
    assert_eq!(c(Attack::StyleHungarian, text).unwrap(), hungarian);
    // A name that is in use is not assigned; a name that two would share is assigned once.
    assert_eq!(
        c(Attack::StyleCamel, "int f(int a_b) { return a_b + aB; }"),
        Err(NotApplicable::NothingToRestyle)
    );
    assert_eq!(c(Attack::StyleCamel, "int f(int a_b, int a__b);").unwrap(), "int f(int aB, int a__b);");
}
