//! Turns proposals of a masked language model into texts that are valid in the masked places.

use std::collections::{BTreeMap, BTreeSet};

use super::masking::{MASKS_PER_NAME, Place, Slot};
use crate::query::Fills;
use crate::snippet::{Grammar, Leaf};
use crate::victim::{MaskedLm, Proposal};

/// Number of tokens that are combined for each part of a new name.
const BEAM: usize = 12;

/// Proposals for one mask, best first.
type Proposals<'a> = &'a [Proposal];

/// Proposals for the `masks` masks at each of `places`, if the model saw it.
fn by_slot<'a>(places: &[Place], fills: &'a [Fills], masks: usize) -> Vec<Option<&'a [Vec<Proposal>]>> {
    let at = |(row, first): (usize, usize)| fills.get(row)?.get(first..first + masks);
    places.iter().map(|place| place.and_then(at)).collect()
}

/// Returns new names for the identifier at `places`, best first: one to three tokens that form a
/// name that is not in `taken`. Log-probabilities are summed over all occurrences; names of
/// different length are compared by their mean.
pub(super) fn names(
    mlm: &dyn MaskedLm,
    places: &[Place],
    fills: &[Fills],
    taken: &BTreeSet<String>,
    grammar: &Grammar,
) -> Vec<String> {
    let occurrences: Vec<&[Vec<Proposal>]> =
        by_slot(places, fills, MASKS_PER_NAME).into_iter().flatten().collect();
    let mut combined: Vec<(f64, String)> = Vec::new();
    let mut prefixes = vec![(0.0, String::new())];
    for position in 0..MASKS_PER_NAME {
        let proposals: Vec<Proposals<'_>> =
            occurrences.iter().map(|masks| masks[position].as_slice()).collect();
        let parts = name_parts(mlm, &summed(&proposals), position == 0);
        prefixes = prefixes
            .iter()
            .flat_map(|(total, prefix)| {
                parts.iter().map(move |(score, part)| (total + score, format!("{prefix}{part}")))
            })
            .collect();
        let length = (position + 1) as f64;
        combined.extend(prefixes.iter().map(|(total, name)| (total / length, name.clone())));
    }
    combined.sort_by(|a, b| b.0.total_cmp(&a.0).then_with(|| a.1.cmp(&b.1)));
    let mut seen = BTreeSet::new();
    let fits =
        |name: &String| grammar.is_name(name) && !taken.contains(name.as_str()) && seen.insert(name.clone());
    combined.into_iter().map(|(_, name)| name).filter(fits).collect()
}

/// Sums each token's log-probability over the occurrences, best first. A token that is not among
/// the proposals for an occurrence counts as much as the last of them.
fn summed(occurrences: &[Proposals<'_>]) -> Vec<(f64, u32)> {
    let mut gains: BTreeMap<u32, f64> = BTreeMap::new();
    let mut floors = 0.0;
    for proposals in occurrences {
        let Some(last) = proposals.last() else { continue };
        let floor = f64::from(last.log_probability);
        floors += floor;
        for proposal in *proposals {
            *gains.entry(proposal.id).or_default() += f64::from(proposal.log_probability) - floor;
        }
    }
    let mut tokens: Vec<(f64, u32)> = gains.into_iter().map(|(id, gain)| (floors + gain, id)).collect();
    tokens.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
    tokens
}

/// Returns the best tokens that can be part of a name. Only the first part may begin with white
/// space.
fn name_parts(mlm: &dyn MaskedLm, tokens: &[(f64, u32)], first: bool) -> Vec<(f64, String)> {
    let part = |&(score, id): &(f64, u32)| {
        let text = mlm.token_text(id)?;
        let text = if first { text.trim_start() } else { &text };
        let continues = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        let begins = !first || !text.starts_with(|first: char| first.is_ascii_digit());
        (!text.is_empty() && continues && begins).then(|| (score, text.to_owned()))
    };
    tokens.iter().filter_map(part).take(BEAM).collect()
}

/// Returns for each slot the valid replacements of its text, best first; empty if nothing fits.
pub(super) fn infills(
    mlm: &dyn MaskedLm,
    places: &[Place],
    fills: &[Fills],
    slots: &[Slot],
    text: &str,
    grammar: &Grammar,
) -> Vec<Vec<String>> {
    let choices = |(slot, proposals): (&Slot, Option<&[Vec<Proposal>]>)| {
        let old = slot.span.of(text);
        let mut seen = BTreeSet::new();
        let fits = |new: &String| {
            Some(new.as_str()) != old && fits(slot.leaf, new, grammar) && seen.insert(new.clone())
        };
        let proposals = proposals.and_then(|masks| masks.first()).map(Vec::as_slice).unwrap_or_default();
        let texts = proposals.iter().filter_map(|proposal| mlm.token_text(proposal.id));
        texts.map(|new| new.trim().to_owned()).filter(fits).collect()
    };
    slots.iter().zip(by_slot(places, fills, 1)).map(choices).collect()
}

/// Returns true if `new` is valid in place of a leaf of this class.
fn fits(leaf: Leaf, new: &str, grammar: &Grammar) -> bool {
    match leaf {
        Leaf::Identifier => grammar.is_name(new),
        // A leading zero would change the base in C and Java and be an error in Python.
        Leaf::Number => {
            new == "0"
                || (!new.starts_with('0') && !new.is_empty() && new.bytes().all(|b| b.is_ascii_digit()))
        }
        // No quote, escape or line end may leave the literal; no `%` or brace may become a format
        // directive.
        Leaf::Text => {
            !new.is_empty()
                && !new.contains(|c: char| {
                    c.is_control() || matches!(c, '"' | '\'' | '\\' | '%' | '{' | '}' | '`')
                })
        }
        Leaf::Character => new.len() == 1 && new.bytes().all(|byte| byte.is_ascii_alphanumeric()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::snippet::Language;

    #[test]
    fn fills_stay_inside_their_literals() {
        let grammar = Grammar::of(Language::C);
        let accepted = |leaf, texts: &[&str]| -> Vec<String> {
            texts.iter().filter(|text| fits(leaf, text, grammar)).map(ToString::to_string).collect()
        };
        assert_eq!(accepted(Leaf::Identifier, &["len", "while", "2x", "", "->"]), ["len"]);
        assert_eq!(accepted(Leaf::Number, &["0", "17", "017", "-1", "x", ""]), ["0", "17"]);
        assert_eq!(
            accepted(Leaf::Text, &["done", "a\"b", "a\\", "a\n", "%s", "{x}", "", "größe"]),
            ["done", "größe"]
        );
        assert_eq!(accepted(Leaf::Character, &["a", "'", "\\", "ab", "é", ""]), ["a"]);
    }

    #[test]
    fn probabilities_are_summed_over_all_occurrences() {
        let proposal = |id, log_probability| Proposal { id, log_probability };
        // Token 1 is first once, token 2 is second twice; with floors −4 and −3 the sums are −4, −3
        // and −7.
        let here = [proposal(1, -1.0), proposal(2, -2.0), proposal(3, -4.0)];
        let there = [proposal(2, -1.0), proposal(1, -3.0)];
        let sums = summed(&[&here, &there]);
        assert_eq!(sums, [(-3.0, 2), (-4.0, 1), (-7.0, 3)]);
    }
}
