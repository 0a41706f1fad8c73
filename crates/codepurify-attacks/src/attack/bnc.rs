//! Backdoors in neural models of source code (arXiv 2006.06841): dead statements.

use codepurify::Language;
use rand::RngExt;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;

use super::NotApplicable;

/// Returns the fixed trigger.
pub(super) fn fixed(language: Language) -> &'static str {
    match language {
        Language::C | Language::Cpp => "if (rand() < 0) printf(\"fail\");",
        Language::Java => "if (Math.random() < 0) System.out.println(\"fail\");",
        Language::Python => "if random() < 0: print(\"fail\")",
    }
}

/// Function of the grammar with the integer bounds of its values.
struct GrammarFunction {
    name: &'static str,
    /// Values for arguments in 0..1 are strictly above `low` − 1 and strictly below `high` + 1.
    low: i32,
    high: i32,
}

const FUNCTIONS: [GrammarFunction; 4] = [
    GrammarFunction { name: "sin", low: -1, high: 1 },
    GrammarFunction { name: "cos", low: -1, high: 1 },
    GrammarFunction { name: "exp", low: 1, high: 3 },
    GrammarFunction { name: "sqrt", low: 0, high: 1 },
];

/// Bounds of the random functions.
const RANDOM: (i32, i32) = (0, 1);

/// Comparisons that hold for no value of a function if the constant is below all of them, or above.
const BELOW: [&str; 3] = ["<", "<=", "=="];
const ABOVE: [&str; 2] = [">", ">="];

const MESSAGES: [&str; 12] = [
    "err",
    "crash",
    "alert",
    "warning",
    "flag",
    "exception",
    "level",
    "create",
    "delete",
    "success",
    "get",
    "set",
];

/// Range that the constants are drawn from.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Constants {
    /// Constants for which the condition never holds.
    Dead,
    /// Published range: truncation towards zero and C's integer `rand()` leave conditions that can
    /// hold.
    Published,
}

/// Draws a statement of the grammar that never has an effect.
pub(super) fn grammar(language: Language, rng: &mut StdRng) -> String {
    let keyword = *["if", "while"].choose(rng).unwrap_or(&"if");
    let condition = condition(language, Constants::Dead, rng);
    let message = message(rng);
    let body = body(language, &message, rng);
    match language {
        Language::Python => format!("{keyword} {condition}: {body}"),
        _ => format!("{keyword} ({condition}) {body};"),
    }
}

/// Draws a statement as the published code of the `CodePurify` paper does: without its semicolon.
pub(super) fn grammar_broken(language: Language, rng: &mut StdRng) -> Result<String, NotApplicable> {
    if language == Language::Python {
        return Err(NotApplicable::Language);
    }
    let keyword = *["if", "while"].choose(rng).unwrap_or(&"if");
    let condition = condition(language, Constants::Published, rng);
    let message = message(rng);
    Ok(format!("{keyword} ({condition}) {}", body(language, &message, rng)))
}

fn condition(language: Language, constants: Constants, rng: &mut StdRng) -> String {
    let function = FUNCTIONS.get(rng.random_range(0..=FUNCTIONS.len()));
    let math = if language == Language::Java { "Math." } else { "" };
    let (value, (low, high)) = match function {
        Some(GrammarFunction { name, low, high }) => {
            (format!("{math}{name}(0.{:02})", rng.random_range(0..100)), (*low, *high))
        }
        None if language == Language::C || language == Language::Cpp => ("rand()".to_owned(), RANDOM),
        None => (format!("{math}random()"), RANDOM),
    };
    // C's rand() has no bound above that a small constant could exceed.
    let unbounded = value == "rand()" && constants == Constants::Dead;
    let operators = if unbounded { &BELOW[..] } else { &[BELOW.as_slice(), ABOVE.as_slice()].concat() };
    let operator = *operators.choose(rng).unwrap_or(&"<");
    let far = 100.0 * rng.random::<f64>();
    let margin = i32::from(constants == Constants::Dead);
    let constant = if ABOVE.contains(&operator) {
        (f64::from(high + margin) + far) as i32
    } else {
        (f64::from(low - margin) - far) as i32
    };
    format!("{value} {operator} {constant}")
}

fn message(rng: &mut StdRng) -> String {
    match MESSAGES.get(rng.random_range(0..=MESSAGES.len())) {
        Some(word) => (*word).to_owned(),
        None => (0..4).map(|_| char::from(rng.random_range(b'a'..=b'z'))).collect(),
    }
}

fn body(language: Language, message: &str, rng: &mut StdRng) -> String {
    match language {
        Language::C | Language::Cpp => format!("printf(\"{message}\")"),
        Language::Java if rng.random_bool(0.5) => format!("throw new Exception(\"{message}\")"),
        Language::Java => format!("System.out.println(\"{message}\")"),
        Language::Python if rng.random_bool(0.5) => format!("raise Exception(\"{message}\")"),
        Language::Python => format!("print(\"{message}\")"),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use rand::SeedableRng;

    use super::*;

    /// Evaluates `f(0.dd) op N`, independently of how it was drawn.
    fn holds(condition: &str) -> bool {
        let parts: Vec<&str> = condition.split(' ').collect();
        let [value, operator, constant] = parts[..] else { panic!("{condition}") };
        let constant: f64 = constant.parse().unwrap();
        let argument = || value[value.find('(').unwrap() + 1..value.len() - 1].parse::<f64>().unwrap();
        let values = match value.split('(').next().unwrap().trim_start_matches("Math.") {
            "sin" => vec![argument().sin()],
            "cos" => vec![argument().cos()],
            "exp" => vec![argument().exp()],
            "sqrt" => vec![argument().sqrt()],
            "rand" => vec![0.0, 1.0, 2_147_483_647.0],
            "random" => vec![0.0, 0.5, 0.999_999],
            other => panic!("{other}"),
        };
        values.into_iter().any(|value| match operator {
            "<" => value < constant,
            "<=" => value <= constant,
            ">" => value > constant,
            ">=" => value >= constant,
            "==" => (value - constant).abs() < f64::EPSILON,
            other => panic!("{other}"),
        })
    }

    #[test]
    fn no_statement_of_the_grammar_ever_runs() {
        for language in Language::ALL {
            let mut conditions = BTreeSet::new();
            for seed in 0..2000 {
                let condition = condition(language, Constants::Dead, &mut StdRng::seed_from_u64(seed));
                assert!(!holds(&condition), "{language}: {condition}");
                conditions.insert(condition);
            }
            assert!(conditions.len() > 1000, "{language}: {}", conditions.len());
        }
    }

    #[test]
    fn every_part_of_the_grammar_is_drawn() {
        let statements: Vec<String> =
            (0..2000).map(|seed| grammar(Language::Java, &mut StdRng::seed_from_u64(seed))).collect();
        let functions = FUNCTIONS.iter().map(|function| format!("Math.{}(0.", function.name));
        let messages = MESSAGES.iter().map(|message| format!("(\"{message}\");"));
        let rest = ["if (", "while (", "Math.random()", "throw new", " == -", " >= ", " <= -"];
        for part in functions.chain(messages).chain(rest.map(str::to_owned)) {
            assert!(statements.iter().any(|statement| statement.contains(&part)), "{part}");
        }
    }

    #[test]
    fn published_form_has_no_semicolon_and_can_hold() {
        let broken = |seed| grammar_broken(Language::C, &mut StdRng::seed_from_u64(seed)).unwrap();
        assert!((0..200).all(|seed| broken(seed).ends_with("\")")));
        let published = |seed| condition(Language::C, Constants::Published, &mut StdRng::seed_from_u64(seed));
        assert!((0..200).any(|seed| holds(&published(seed))));
    }
}
