//! Selects the masked tokens of a trigger and makes the rows for the masked language model.

use std::collections::BTreeSet;

use super::places::Places;
use crate::candidates::{Candidate, Families, candidates};
use crate::error::ModelError;
use crate::occlude::{check_encoding, substitute};
use crate::snippet::{Leaf, Snippet, Span};
use crate::verdict::ElementKind;
use crate::victim::{MaskedLm, Ragged};

/// Number of masks for one occurrence of an identifier (paper, section on purification).
pub(super) const MASKS_PER_NAME: usize = 3;

/// Largest number of rows of one trigger for the masked language model.
const MAX_ROWS: usize = 32;

/// A place to be masked and infilled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Slot {
    pub(super) span: Span,
    /// Class of the token, which its replacement must have as well.
    pub(super) leaf: Leaf,
}

/// Rows in which all slots are masked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct MaskedRows {
    pub(super) rows: Ragged,
    /// Place of each slot in the rows.
    pub(super) places: Vec<Place>,
    /// Number of slots that are in no row because of [`MAX_ROWS`].
    pub(super) left_out: usize,
}

/// Row of a slot and index of its first mask in that row; `None` if the model sees no token there.
pub(super) type Place = Option<(usize, usize)>;

/// Returns the slots of a located trigger: all occurrences of one identifier, or of all, or the
/// leaf tokens of a statement or header. Keywords, punctuation and operators are no slots.
pub(super) fn slots(snippet: &Snippet, trigger: &Candidate) -> Vec<Slot> {
    match trigger.kind {
        ElementKind::Identifier | ElementKind::NamingStyle => {
            trigger.spans.iter().map(|&span| Slot { span, leaf: Leaf::Identifier }).collect()
        }
        ElementKind::Comment | ElementKind::Invisible => Vec::new(),
        ElementKind::Statement | ElementKind::Literal => leaves(snippet, &trigger.spans),
        // Names declared in a header are used in the statements inside it.
        ElementKind::Header => {
            let names = candidates(snippet, &Families { identifiers: true, ..Families::NONE });
            let declared: BTreeSet<Span> = names.into_iter().flat_map(|name| name.spans).collect();
            let mut slots = leaves(snippet, &trigger.spans);
            slots.retain(|slot| !declared.contains(&slot.span));
            slots
        }
    }
}

fn leaves(snippet: &Snippet, spans: &[Span]) -> Vec<Slot> {
    let (mut slots, places) = (Vec::new(), Places::new(spans));
    let Some(syntax) = snippet.syntax() else { return slots };
    syntax.walk((), |visit, ()| {
        if !places.overlap(visit.span) {
            return None;
        }
        let Some(leaf) = Leaf::of_kind(visit.kind).filter(|_| places.contain(visit.span)) else {
            return Some(());
        };
        slots.extend(inside_quotes(snippet.text(), visit.span).map(|span| Slot { span, leaf }));
        None
    });
    slots
}

/// Removes the quotes that some grammars count in; `None` if nothing is left.
fn inside_quotes(text: &str, span: Span) -> Option<Span> {
    let bytes = span.of(text)?;
    let inner = bytes.strip_prefix('\'').and_then(|rest| rest.strip_suffix('\''));
    let span = if inner.is_some() { Span::new(span.start + 1, span.end - 1) } else { span };
    (!span.is_empty()).then_some(span)
}

/// Masks every slot with `masks` tokens. A text longer than the model's window becomes several
/// rows, with as much context around their slots as fits. Slots beyond [`MAX_ROWS`] rows are left
/// out. `None` if the window cannot hold a single slot.
///
/// # Errors
/// [`ModelError`] if the model cannot tokenise the text.
pub(super) fn mask(
    mlm: &dyn MaskedLm,
    text: &str,
    slots: &[Slot],
    masks: usize,
) -> Result<Option<MaskedRows>, ModelError> {
    let window = mlm.window();
    if window < masks {
        return Ok(None);
    }
    let encoding = mlm.encode(text)?;
    check_encoding(&encoding, text)?;
    let spans: Vec<Span> = slots.iter().map(|slot| slot.span).collect();
    let filler = vec![mlm.mask_id(); masks];
    let masked = substitute(text, &encoding, &spans, &filler, &|piece| mlm.encode(piece))?;
    let starts: Vec<usize> = masked.places.iter().flatten().copied().collect();
    let mut rows = Ragged::new();
    let mut located = Vec::with_capacity(starts.len());
    let mut rest = starts.as_slice();
    while let Some(&first) = rest.first().filter(|_| rows.len() < MAX_ROWS) {
        let together = rest.iter().take_while(|&&start| start + masks - first <= window).count();
        let end = rest[together - 1] + masks;
        let row = around(first, end, masked.ids.len(), window);
        for &start in &rest[..together] {
            // The text itself may hold mask tokens, which the model infills, too.
            let before = masked.ids[row.start..start].iter().filter(|&&id| id == mlm.mask_id()).count();
            located.push((rows.len(), before));
        }
        rows.push(masked.ids[row].iter().copied());
        rest = &rest[together..];
    }
    let mut located = located.into_iter();
    let places = masked.places.iter().map(|place| place.and_then(|_| located.next())).collect();
    Ok(Some(MaskedRows { rows, places, left_out: rest.len() }))
}

/// Returns the `window` tokens of `total` with `first..end` in their middle.
fn around(first: usize, end: usize, total: usize, window: usize) -> std::ops::Range<usize> {
    if total <= window {
        return 0..total;
    }
    let before = (window - (end - first)) / 2;
    let start = first.saturating_sub(before).min(total - window);
    start..start + window
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::candidates::{Families, Statements, candidates};
    use crate::snippet::Language;
    use crate::testing::ConstantMaskedLm;

    fn slot_texts(text: &str, language: Language, statement: &str) -> Vec<String> {
        let snippet = Snippet::new(text, language).unwrap();
        let families = Families { statements: Statements::Nested, ..Families::NONE };
        let found = candidates(&snippet, &families);
        let trigger = found.iter().find(|candidate| candidate.text == statement).unwrap();
        slots(&snippet, trigger).iter().map(|slot| slot.span.of(text).unwrap().to_owned()).collect()
    }

    #[test]
    fn only_words_numbers_and_string_contents_are_masked() {
        let statement = "if (rand() < 0) printf(\"fail %d\\n\", 'x');";
        let text = format!("void f(int n) {{ {statement} n++; }}");
        assert_eq!(slot_texts(&text, Language::C, statement), ["rand", "0", "printf", "fail %d", "x"]);
        let statement = "while (n > 1.5) { p.log(\"no\", 'c'); }";
        let text = format!("void f(int n) {{ {statement} }}");
        assert_eq!(slot_texts(&text, Language::Java, statement), ["n", "1.5", "p", "log", "no", "c"]);
        let text = "def f(a):\n    assert a.size < 10, 'too big'\n    return True\n";
        let statement = "assert a.size < 10, 'too big'";
        assert_eq!(slot_texts(text, Language::Python, statement), ["a", "size", "10", "too big"]);
        assert_eq!(slot_texts(text, Language::Python, "return True"), Vec::<String>::new());
    }

    #[test]
    fn a_row_longer_than_the_window_is_cut_around_its_masks() {
        let words: Vec<String> = (0..100).map(|n| format!("w{n}")).collect();
        let text = words.join(" ");
        let slot = |word: &str| {
            let start = text.find(word).unwrap();
            Slot { span: Span::new(start, start + word.len()), leaf: Leaf::Identifier }
        };
        let mlm = ConstantMaskedLm::new(&["x"]).with_window(9);
        let slots = [slot("w20"), slot("w24"), slot("w99")];
        let masked = mask(&mlm, &text, &slots, 1).unwrap().unwrap();
        assert_eq!(masked.places, [Some((0, 0)), Some((0, 1)), Some((1, 0))]);
        let rows: Vec<&[u32]> = masked.rows.rows().collect();
        assert_eq!(rows.iter().map(|row| row.len()).collect::<Vec<_>>(), [9, 9]);
        let mask_at = |row: &[u32]| row.iter().position(|&id| id == mlm.mask_id());
        assert_eq!((mask_at(rows[0]), mask_at(rows[1])), (Some(2), Some(8)));
    }

    #[test]
    fn slots_beyond_the_limit_of_rows_are_counted() {
        let text = "w ".repeat(10 * MAX_ROWS);
        let slots: Vec<Slot> = (0..10 * MAX_ROWS)
            .map(|word| Slot { span: Span::new(2 * word, 2 * word + 1), leaf: Leaf::Identifier })
            .collect();
        let mlm = ConstantMaskedLm::new(&["x"]).with_window(4);
        let masked = mask(&mlm, &text, &slots, 1).unwrap().unwrap();
        assert_eq!((masked.rows.len(), masked.left_out), (MAX_ROWS, 6 * MAX_ROWS));
        assert_eq!(masked.places.iter().flatten().count(), 4 * MAX_ROWS);
    }

    #[test]
    fn a_window_smaller_than_one_slot_is_told_apart() {
        let mlm = ConstantMaskedLm::new(&["x"]).with_window(2);
        let slot = Slot { span: Span::new(0, 1), leaf: Leaf::Identifier };
        assert_eq!(mask(&mlm, "a b c", &[slot], 3).unwrap(), None);
    }
}
