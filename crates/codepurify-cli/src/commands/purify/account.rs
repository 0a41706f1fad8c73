//! Which changes are made to a file, and which are left out.

use std::collections::BTreeMap;

use codepurify::verdict::{Change, ChangeKind, Trigger, Verdict};
use codepurify_report::text::{visible, visible_name};

use crate::output::note;

/// Changes that are listed as left out.
const LISTED: usize = 20;
/// Characters of a trigger that are shown.
const COLUMNS: usize = 60;

/// Which changes are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Extent {
    /// All.
    All,
    /// Those that provably keep what the code does.
    Provable,
}

impl Extent {
    fn includes(self, change: Change) -> bool {
        self == Self::All || change.provable
    }

    /// The unit's text after these changes, if there are any.
    pub(super) fn purified(self, verdict: &Verdict) -> Option<&str> {
        match self {
            Self::All => verdict.purified.as_deref(),
            Self::Provable => verdict.purified_provably.as_deref(),
        }
    }
}

/// The changes to some units.
#[derive(Default)]
pub(super) struct Account<'v> {
    /// Number of changes of each kind that are made: first those that are provable.
    made: BTreeMap<(ChangeKind, bool), usize>,
    left: Vec<(&'v Verdict, &'v Trigger, Change)>,
}

impl<'v> Account<'v> {
    /// The changes to the units of `verdicts`.
    pub(super) fn new(verdicts: &[&'v Verdict], extent: Extent) -> Self {
        let mut account = Self::default();
        for &verdict in verdicts {
            for trigger in &verdict.triggers {
                match trigger.change {
                    Some(change) if extent.includes(change) => {
                        *account.made.entry((change.kind, !change.provable)).or_default() += 1;
                    }
                    Some(change) => account.left.push((verdict, trigger, change)),
                    None => {}
                }
            }
        }
        account
    }

    /// Number of changes that are made.
    fn count(&self) -> usize {
        self.made.values().sum()
    }

    /// The changes that are made, in words.
    pub(super) fn words(&self) -> String {
        let words = |(&(kind, unproven), count): (&(ChangeKind, bool), &usize)| {
            format!("{count} × {}{}", noun(kind), if unproven { " (not provable)" } else { "" })
        };
        self.made.iter().map(words).collect::<Vec<_>>().join(", ")
    }
}

/// Says which changes were left out, the first of them one by one.
pub(super) fn note_left(accounts: &[&Account<'_>]) {
    let left: Vec<_> = accounts.iter().flat_map(|account| &account.left).collect();
    for (verdict, trigger, change) in left.iter().take(LISTED) {
        let line = trigger.spans.first().map_or(verdict.unit.start_line, |place| place.start_line);
        let [old, new] = [&trigger.text, &trigger.replacement].map(|text| shown(text));
        let becomes = if new.is_empty() { String::new() } else { format!(", which would be {new}") };
        let (path, noun) = (visible_name(&verdict.path), noun(change.kind));
        note(&format!("left out {path}:{line}: {noun} of {old}{becomes}"));
    }
    if left.len() > LISTED {
        note(&format!("left out {} more", left.len() - LISTED));
    }
    if !left.is_empty() {
        let made: usize = accounts.iter().map(|account| account.count()).sum();
        let left = left.len();
        note(&format!("{} made, {left} left out as not provable: --rewrite makes them, too", changes(made)));
    }
}

fn changes(count: usize) -> String {
    format!("{count} {}", if count == 1 { "change" } else { "changes" })
}

fn shown(text: &str) -> String {
    let text = visible(text);
    match text.char_indices().nth(COLUMNS) {
        _ if text.is_empty() => text,
        Some((end, _)) => format!("`{}…`", &text[..end]),
        None => format!("`{text}`"),
    }
}

fn noun(kind: ChangeKind) -> &'static str {
    match kind {
        ChangeKind::Deletion => "deletion",
        ChangeKind::Folding => "constant folding",
        ChangeKind::Shortening => "name shortening",
        ChangeKind::Renaming => "renaming",
        ChangeKind::Infilling => "infilling",
        _ => "change",
    }
}
