//! Comparison of located bytes with the trigger's.

use codepurify::Span;

/// hit@1: returns true if any located byte is a byte of the trigger.
#[must_use]
pub fn hits(located: &[Span], trigger: &[Span]) -> bool {
    located.iter().any(|span| trigger.iter().any(|other| span.overlaps(*other)))
}

/// Returns |located ∩ trigger| / |located ∪ trigger| of the byte sets, in [0, 1].
///
/// Spans may overlap and come in any order. The result is `None` without any byte.
#[must_use]
pub fn intersection_over_union(located: &[Span], trigger: &[Span]) -> Option<f64> {
    let (located_bytes, trigger_bytes) = (bytes(located), bytes(trigger));
    let union = bytes(&[located, trigger].concat());
    let both = located_bytes + trigger_bytes - union;
    (union > 0).then(|| both as f64 / union as f64)
}

/// Counts the distinct bytes in the spans.
fn bytes(spans: &[Span]) -> usize {
    let mut spans = spans.to_vec();
    spans.sort_unstable();
    let mut reached = 0;
    let mut count = 0;
    for span in spans {
        count += span.end.saturating_sub(span.start.max(reached));
        reached = reached.max(span.end);
    }
    count
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn by_hand() {
        let trigger = [Span::new(10, 20), Span::new(30, 40)];
        assert_eq!(intersection_over_union(&[Span::new(15, 35)], &trigger), Some(10.0 / 30.0));
        assert_eq!(intersection_over_union(&[], &trigger), Some(0.0));
        assert_eq!(intersection_over_union(&[], &[]), None);
        assert!(hits(&[Span::new(0, 1), Span::new(39, 50)], &trigger));
        assert!(!hits(&[Span::new(20, 30)], &trigger));
    }

    proptest! {
        #[test]
        fn it_counts_sets_of_bytes(
            located in prop::collection::vec((0_usize..30, 0_usize..10), 0..5),
            trigger in prop::collection::vec((0_usize..30, 0_usize..10), 0..5),
        ) {
            let spans = |pairs: &[(usize, usize)]| -> Vec<Span> {
                pairs.iter().map(|&(start, length)| Span::new(start, start + length)).collect()
            };
            let set = |pairs: &[(usize, usize)]| -> HashSet<usize> {
                pairs.iter().flat_map(|&(start, length)| start..start + length).collect()
            };
            let (a, b) = (set(&located), set(&trigger));
            let union = a.union(&b).count();
            let expected = (union > 0).then(|| a.intersection(&b).count() as f64 / union as f64);
            prop_assert_eq!(intersection_over_union(&spans(&located), &spans(&trigger)), expected);
        }
    }
}
