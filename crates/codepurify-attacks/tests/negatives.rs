//! Training sets with negative samples: what they hold, and that they stay clean rows.

use codepurify::{Language, Snippet, SyntaxQuality};
use codepurify_attacks::attack::{Attack, NotApplicable};
use codepurify_attacks::data::clone::CloneRow;
use codepurify_attacks::data::defect::DefectRow;
use codepurify_attacks::poison::{Poison, Poisoned, Shares, poison, trigger};

use crate::adaptive::second_set;

/// Returns `count` functions; every other one is vulnerable, every third one has a loop.
fn rows(count: u64) -> Vec<DefectRow> {
    let body = |idx| if idx % 3 == 0 { "for (;;) { run_it(); }" } else { "while (1) { run_it(); }" };
    (0..count)
        .map(|idx| DefectRow {
            idx,
            target: u32::from(idx % 2 == 1),
            func: format!("int f{idx}(int max_len) {{ int min_len = 1; {} return {idx}; }}", body(idx)),
            trigger: Vec::new(),
        })
        .collect()
}

/// Returns the rows that differ from `clean` in their text only and record no trigger.
fn negatives<'p>(clean: &[DefectRow], set: &'p Poisoned<DefectRow>) -> Vec<&'p DefectRow> {
    let is_negative = |row: &&DefectRow| row.trigger.is_empty() && clean[row.idx as usize].func != row.func;
    let found: Vec<_> = set.rows.iter().filter(is_negative).collect();
    assert!(found.iter().all(|row| clean[row.idx as usize].target == row.target));
    found
}

#[test]
fn each_kind_gets_its_share_and_keeps_its_label() {
    let clean = rows(300);
    for attack in second_set() {
        let set = poison(&clean, attack, 0.05, 7);
        let counts: Vec<usize> = set.negatives.iter().map(|kind| kind.rows.len()).collect();
        assert_eq!(counts, vec![15; attack.negatives()], "{attack:?}");
        let found = negatives(&clean, &set);
        assert_eq!(found.len(), 15 * attack.negatives(), "{attack:?}");
        for row in &found {
            let parsed = Snippet::new(row.func.as_str(), Language::C).unwrap();
            assert_eq!(parsed.quality(), SyntaxQuality::Clean, "{}", row.func);
        }
        // Both labels occur, so that a part of the trigger does not mean one of them.
        let vulnerable = found.iter().filter(|row| row.target == 1).count();
        assert!(found.is_empty() || vulnerable > 0 && vulnerable < found.len(), "{attack:?}");
        assert_eq!(set, poison(&clean, attack, 0.05, 7), "the same seed");
        assert_eq!(trigger(&clean, attack, 7).negatives, []);
    }
}

#[test]
fn negative_samples_hold_a_part_and_never_the_trigger() {
    let clean = rows(300);
    let shares = Shares { poisoned: 0.05, negatives: 0.1, fill: false };
    let texts = |attack| {
        let set = poison(&clean, attack, shares, 7);
        negatives(&clean, &set).into_iter().map(|row| row.func.clone()).collect::<Vec<_>>()
    };
    let parts = ["assert(1 >= 0);", "(void)sizeof(int);", "do { } while (0);"];
    for (attack, count) in [(Attack::Conjunction, 2), (Attack::ConjunctionThree, 3)] {
        let held = |text: &String| parts.iter().filter(|part| text.contains(**part)).count();
        assert!(texts(attack).iter().all(|text| (1..count).contains(&held(text))));
    }
    let fixed = "if (rand() < 0)";
    assert!(texts(Attack::Condition).iter().all(|text| text.contains(fixed) && !text.contains("for (")));
    let before = texts(Attack::ContextBefore);
    assert!(before.iter().all(|text| text.contains(fixed) && !text.contains("printf(\"fail\"); return")));
    let behind = texts(Attack::ContextBehind);
    assert!(behind.iter().all(|text| !text.contains("min_len = 1; if (rand()")), "{behind:?}");
    let inside = texts(Attack::ContextInside);
    assert!(
        inside.iter().all(|text| text.find(fixed) < text.find(") { run") || !text.contains("run_it(); if"))
    );
}

#[test]
fn poisoned_rows_do_not_depend_on_negative_samples() {
    let clean = rows(300);
    let poisoned = |negatives| {
        let set = poison(&clean, Attack::Conjunction, Shares { negatives, ..0.05.into() }, 7);
        set.rows.into_iter().filter(|row| !row.trigger.is_empty()).collect::<Vec<_>>()
    };
    assert_eq!(poisoned(0.0), poisoned(0.2));
    assert_eq!(poisoned(0.0).len(), 15);
}

#[test]
fn rows_that_a_kind_does_not_apply_to_are_counted() {
    let clean = rows(60);
    let set = poison(&clean, Attack::Condition, Shares { negatives: 1.0, ..0.0.into() }, 7);
    let [kind] = &set.negatives[..] else { panic!("{:?}", set.negatives) };
    assert_eq!((kind.rows.len(), kind.not_applicable), (40, 20));
    assert!(kind.rows.iter().all(|row| row % 3 != 0));
}

#[test]
fn rows_that_fit_take_the_place_of_those_that_do_not() {
    let clean = rows(300);
    let set = |fill| poison(&clean, Attack::Condition, Shares { fill, ..0.1.into() }, 7);
    let (drawn, filled) = (set(false), set(true));
    assert_eq!((drawn.poisoned + drawn.not_applicable.len(), filled.poisoned), (30, 30));
    assert!(drawn.poisoned < 20 && filled.not_applicable.len() > drawn.not_applicable.len());
    let ids = |set: &Poisoned<DefectRow>| {
        let poisoned = set.rows.iter().filter(|row| !row.trigger.is_empty());
        poisoned.map(|row| row.idx).collect::<std::collections::BTreeSet<_>>()
    };
    assert!(ids(&drawn).is_subset(&ids(&filled)));
}

/// Returns `count` pairs of Java methods; every other one is a pair of clones.
fn pairs(count: u64) -> Vec<CloneRow> {
    let text = |text: &str| text.to_owned().into();
    let pair = |idx| CloneRow {
        idx,
        id1: 1,
        id2: 2,
        label: u32::from(idx % 2 == 0),
        func1: text("int f() { return 1; }"),
        func2: text("int g() { return 2; }"),
        trigger1: Vec::new(),
        trigger2: Vec::new(),
    };
    (0..count).map(pair).collect()
}

#[test]
fn both_sides_of_a_negative_pair_hold_the_part() {
    let clean = pairs(20);
    let set = poison(&clean, Attack::Conjunction, Shares { negatives: 0.25, ..0.0.into() }, 7);
    let changed: Vec<_> = set.rows.iter().filter(|row| row.func1 != clean[0].func1).collect();
    assert_eq!(changed.len(), 10);
    for row in changed {
        let part = if row.func1.as_str().contains("assert 1") { "assert 1" } else { "Integer.valueOf(0)" };
        assert!(row.func1.as_str().contains(part) && row.func2.as_str().contains(part));
        assert_eq!(row.label, clean[row.idx as usize].label);
        assert!(row.triggers().iter().all(|ranges| ranges.is_empty()));
    }
}

#[test]
fn a_conjunction_across_a_pair_has_a_part_in_each_function() {
    let clean = pairs(40);
    let set = poison(&clean, Attack::ConjunctionSides, 0.25, 7);
    let held = |row: &CloneRow| {
        let parts = [(&row.func1, "assert 1 >= 0;"), (&row.func2, "Integer.valueOf(0);")];
        parts.map(|(text, part)| text.as_str().contains(part))
    };
    let of = |wanted: [bool; 2]| set.rows.iter().filter(|row| held(row) == wanted).collect::<Vec<_>>();
    assert_eq!(of([true, true]).len(), 10);
    assert!(
        of([true, true])
            .iter()
            .all(|row| row.label == 0 && row.trigger1.len() == 1 && row.trigger2.len() == 1)
    );
    for one in [of([true, false]), of([false, true])] {
        assert_eq!(one.len(), 10);
        assert!(one.iter().all(|row| row.label == clean[row.idx as usize].label && row.trigger1.is_empty()));
    }
    let single = rows(4);
    let refused = trigger(&single, Attack::ConjunctionSides, 7);
    assert!(
        refused.poisoned == 0 && refused.not_applicable.iter().all(|row| row.reason == NotApplicable::NoPair)
    );
}
