//! Properties that hold for any text.

use codepurify::testing::{ConstantMaskedLm, TriggerWordVictim};
use codepurify::{
    Candidate, Decision, Defender, ElementKind, Families, Language, Profile, Snippet, Statements,
    SyntaxQuality, Thresholds, Verdict, WordTokenizer, candidates,
};
use proptest::prelude::*;

/// Text that sometimes looks like code.
fn code_like() -> impl Strategy<Value = String> {
    let token = prop_oneof![
        prop::sample::select(vec![
            "int ",
            "x",
            "ret",
            "BNC",
            " = ",
            ";",
            "{",
            "}",
            "(",
            ")",
            "if ",
            "for ",
            "def f(x):\n    ",
            "return ",
            "\n",
            "\n    ",
            "\"a\"",
            "'c'",
            "f(",
            "1",
            "class A {",
            "void f(int x) {",
            "é",
            "𝔵",
            "\t",
            "->",
            "::",
            "//",
            "/*",
            "*/",
            "#",
            "\\",
            "<unk>",
            "\r\n",
            "lambda x: ",
        ])
        .prop_map(str::to_owned),
        "\\PC{0,3}",
    ];
    prop::collection::vec(token, 1..60).prop_map(|tokens| tokens.concat())
}

/// A C function of assignments and calls, one of which holds the trigger, with odd white space and comments.
fn poisoned_function() -> impl Strategy<Value = String> {
    let statement = prop::sample::select(vec![
        "a = b + 1;",
        "b =\t2 ;",
        "/* größe */ call(a, b);",
        "if (a) { b--; }",
        "s->a = \"x\\n\";",
        "while (b) b--;",
        "char c = 'x';",
        "\r\n  a++;",
        "// π\n",
        "for (int i = 0x1f; i < b; i++) { call(a, i); call(b, i); call(a, b, i); call(b, a, i); call(i, i, i); call(i); a--; }",
        "switch (a) { case 7: call(a); call(b); call(a, b); call(b, a); call(a, a, a); default: b = a; call(a, b, a, b, a, b); }",
    ]);
    let statements = || prop::collection::vec(statement.clone(), 1..6).prop_map(|all| all.join(" "));
    let trigger =
        prop::sample::select(vec!["BNC(1);", "if (BNC < 0) puts(\"no\");", "int BNC = 3;", "a = BNC;"]);
    (statements(), trigger, statements()).prop_map(|(before, trigger, after)| {
        format!("int f(int a, int b)\n{{ {before} {trigger} {after} return a; }}")
    })
}

fn language() -> impl Strategy<Value = Language> {
    prop::sample::select(Language::ALL.to_vec())
}

const ALL: Families = Families { statements: Statements::Nested, literals: true, ..Families::TRANSPLANT };

/// A profile that flags much.
fn loose() -> Profile {
    Profile::normalised(Thresholds { concentration: 0.3, ..Thresholds::builtin() }).with_nested(true)
}

/// Checks the ranges of all numbers in a verdict.
fn check(verdict: &Verdict) {
    let numbers = [verdict.score, verdict.entropy, verdict.entropy_normalized];
    assert!(numbers.into_iter().flatten().all(f64::is_finite));
    assert!(verdict.entropy_normalized.is_none_or(|value| (0.0..=1.0).contains(&value)));
    assert!(
        verdict.evidence.iter().all(|it| it.share.is_finite() && it.margin_drop.is_some_and(f64::is_finite))
    );
    assert!(verdict.prediction.iter().all(|it| it.confidence > 0.0 && it.confidence <= 1.0));
    assert!(verdict.coverage.tokens_inspected <= verdict.coverage.tokens_total);
    assert_eq!(verdict.verdict == Decision::Poisoned, !verdict.triggers.is_empty());
    assert!(verdict.verdict != Decision::Inconclusive || verdict.reason.is_some());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn any_text_gets_a_verdict(text in prop_oneof![code_like(), any::<String>()], language in language(), window in 1_usize..80) {
        let Ok(snippet) = Snippet::new(text, language) else { return Ok(()) };
        let victim = TriggerWordVictim::new("BNC").with_window(window);
        let mlm = ConstantMaskedLm::new(&["x", "1", " fresh"]).with_window(window);
        let defender = Defender::new(&victim).with_masked_lm(&mlm).with_profile(loose()).with_evidence(true);
        check(&defender.screen_one(&snippet).unwrap());
    }

    #[test]
    fn any_text_gets_a_verdict_from_a_generator(
        text in prop_oneof![code_like(), any::<String>()], language in language(), window in 1_usize..80,
    ) {
        let Ok(snippet) = Snippet::new(text, language) else { return Ok(()) };
        let toy = TriggerWordVictim::new("BNC").with_window(window);
        let mlm = ConstantMaskedLm::new(&["x", "1", " fresh"]).with_window(window);
        let defender = Defender::for_generator(&toy).with_masked_lm(&mlm).with_profile(loose()).with_evidence(true);
        check(&defender.screen_one(&snippet).unwrap());
    }

    #[test]
    fn any_two_texts_get_two_verdicts(
        left in prop_oneof![code_like(), any::<String>()], right in code_like(), language in language(),
        window in 1_usize..80,
    ) {
        let texts = (Snippet::new(left, language), Snippet::new(right, language));
        let (Ok(left), Ok(right)) = texts else { return Ok(()) };
        let victim = TriggerWordVictim::new("BNC").with_window(window);
        let mlm = ConstantMaskedLm::new(&["x", "1", " fresh"]).with_window(window);
        let defender = Defender::for_pairs(&victim).with_masked_lm(&mlm).with_profile(loose()).with_evidence(true);
        for verdict in defender.screen_pairs(&[(left, right)]).into_iter().flatten() {
            check(&verdict.unwrap());
        }
    }

    #[test]
    fn candidates_fall_on_characters_and_encode_again(text in code_like(), language in language()) {
        let Ok(snippet) = Snippet::new(text.clone(), language) else { return Ok(()) };
        let tokenizer = WordTokenizer::new();
        let found = candidates(&snippet, &ALL);
        for candidate in &found {
            for (index, span) in candidate.spans.iter().enumerate() {
                let bytes = span.of(&text);
                prop_assert!(bytes.is_some_and(|bytes| !bytes.trim().is_empty()));
                let bytes = bytes.unwrap();
                prop_assert_eq!(&tokenizer.decode(&tokenizer.encode(bytes).unwrap().ids).unwrap(), bytes);
                prop_assert!(index == 0 || candidate.spans[index - 1].end <= span.start);
                let differs = matches!(candidate.kind, ElementKind::Statement | ElementKind::Header | ElementKind::Invisible);
                prop_assert!(differs || bytes == candidate.text);
            }
        }
        prop_assert_eq!(found, candidates(&snippet, &ALL));
    }

    /// Every word is part of a candidate, so no place hides a trigger.
    #[test]
    fn every_word_that_is_no_keyword_is_in_a_candidate(text in poisoned_function()) {
        let snippet = Snippet::new(text.clone(), Language::C).unwrap();
        let found = candidates(&snippet, &Families::TRANSPLANT);
        let keywords = ["void", "int", "char", "if", "else", "while", "for", "return", "switch", "case", "default"];
        let words = text.match_indices(|at: char| !at.is_alphanumeric() && at != '_');
        let ends = words.map(|(at, between)| (at, at + between.len())).chain([(text.len(), text.len())]);
        let mut start = 0;
        for (end, next) in ends {
            let word = &text[start..end];
            let inside = |candidate: &Candidate| {
                candidate.spans.iter().any(|span| span.start <= start && end <= span.end)
            };
            prop_assert!(word.is_empty() || keywords.contains(&word) || found.iter().any(inside), "{word:?} in {text}");
            start = next;
        }
    }

    #[test]
    fn purification_changes_only_the_trigger_and_keeps_the_syntax(text in poisoned_function()) {
        let snippet = Snippet::new(text.clone(), Language::C).unwrap();
        let victim = TriggerWordVictim::new("BNC");
        let mlm = ConstantMaskedLm::new(&["+", "fresh", "4", "word"]);
        let loose = Thresholds { concentration: 0.5, ..Thresholds::builtin() };
        let defender = Defender::new(&victim).with_masked_lm(&mlm).with_profile(Profile::normalised(loose));
        let verdict = defender.screen_one(&snippet).unwrap();
        prop_assert_eq!(verdict.verdict, Decision::Poisoned);
        let Some(purified) = &verdict.purified else { return Ok(()) };
        let spans: Vec<_> = verdict.triggers[0].spans.iter().map(codepurify::Location::span).collect();
        let (mut rest, mut at) = (purified.as_str(), 0);
        for span in spans {
            let kept = &text[at..span.start];
            prop_assert!(rest.starts_with(kept));
            rest = rest[kept.len()..].strip_prefix(verdict.triggers[0].replacement.as_str()).unwrap();
            at = span.end;
        }
        prop_assert_eq!(rest, &text[at..]);
        if snippet.quality() == SyntaxQuality::Clean {
            prop_assert_eq!(Snippet::new(purified.clone(), Language::C).unwrap().quality(), SyntaxQuality::Clean);
        }
        prop_assert_eq!(verdict.purified_prediction.unwrap().label, Some(1));
    }
}
