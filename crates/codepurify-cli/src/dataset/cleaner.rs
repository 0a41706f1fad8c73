//! Decisions about rows.

use codepurify::contamination::{Family, family_of};
use codepurify::verdict::Decision;
use codepurify::{Language, Snippet, SourceFile, Verdict};
use codepurify_data::{AddedColumn, Edit, Row};

use super::account::{Entry, Fate, Policy};
use super::ledger::Decided;
use super::verdict_columns;
use crate::guard::Guard;
use crate::judge::Judge;
use crate::rows::{CodeRow, snippets};

/// Why a row without code stays.
const NOTHING: &str = "empty: there is no code to judge";

/// Decides about rows.
pub(crate) struct Cleaner<'g> {
    guard: &'g Guard,
    judge: Judge<'g>,
    /// Rows of the data set that seem to hold one trigger.
    families: &'g [Family],
    policy: Policy,
}

/// A row whose code was read, or why it was not.
pub(crate) struct Outcome {
    number: usize,
    digest: String,
    row: Result<Row, Vec<u8>>,
    /// None if there is no code.
    code: Result<Option<(Language, Vec<Snippet>)>, String>,
}

impl Outcome {
    pub(crate) fn new(CodeRow { number, digest, row, code }: CodeRow) -> Self {
        let code = code.and_then(|files| {
            let language = files.first().map(SourceFile::language);
            let snippets = snippets(&files).map_err(|error| error.to_string())?;
            Ok(language.map(|language| (language, snippets)))
        });
        Self { number, digest, row, code }
    }

    fn snippets(&self) -> Option<&Vec<Snippet>> {
        Some(&self.code.as_ref().ok()?.as_ref()?.1)
    }
}

impl<'g> Cleaner<'g> {
    pub(crate) fn new(guard: &'g Guard, families: &'g [Family], policy: Policy) -> Self {
        Self { guard, judge: Judge::new(guard, !families.is_empty()), families, policy }
    }

    /// The columns that are added to the rows.
    pub(crate) fn columns(&self) -> Vec<AddedColumn> {
        if self.policy.keep_all { verdict_columns::columns(self.guard.sides()) } else { Vec::new() }
    }

    /// Decides about rows whose code is in `fields`.
    pub(crate) fn decide(&self, rows: Vec<Outcome>, fields: &[String]) -> Vec<Decided> {
        let snippets: Vec<Vec<Snippet>> = rows.iter().filter_map(Outcome::snippets).cloned().collect();
        let mut judged = self.judge.judge(&snippets, |_| ()).into_iter();
        let decided = rows.into_iter().map(|Outcome { number, digest, row, code }| {
            let sides = code.and_then(|code| {
                let Some((language, _)) = code else { return Ok(None) };
                let sides = judged.next().ok_or("no verdict was reached")?;
                let verdicts = sides.into_iter().collect::<Result<Vec<_>, _>>();
                Ok(Some((language, verdicts.map_err(|error| error.to_string())?)))
            });
            let (entry, edit) = self.account(row.as_ref().ok(), sides, fields);
            Decided { entry: Entry { row: number, digest, ..entry }, row, edit }
        });
        decided.collect()
    }

    fn account(
        &self,
        row: Option<&Row>,
        sides: Result<Option<(Language, Vec<Verdict>)>, String>,
        fields: &[String],
    ) -> (Entry, Edit) {
        let failed = |reason: String| Entry { fate: Fate::Failed, reason, ..Entry::default() };
        let (entry, verdicts, texts) = match sides {
            Err(reason) => (failed(reason), Vec::new(), Vec::new()),
            Ok(None) => {
                let entry = Entry { fate: Fate::Kept, reason: NOTHING.to_owned(), ..Entry::default() };
                (entry, Vec::new(), Vec::new())
            }
            Ok(Some((language, verdicts))) => {
                let entry =
                    self.by_family(&verdicts).unwrap_or_else(|| self.policy.decide(&verdicts, language));
                let entry = Entry { answer: self.answer(&verdicts), ..entry };
                let purified = entry.fate == Fate::Purified;
                let texts = if purified { purified_texts(&verdicts, fields) } else { Vec::new() };
                (entry, verdicts, texts)
            }
        };
        let error = (entry.fate == Fate::Failed).then_some(entry.reason.as_str());
        let added = match row {
            Some(_) if self.policy.keep_all => {
                verdict_columns::cells(self.guard.sides(), &verdicts, &entry, error)
            }
            _ => Vec::new(),
        };
        (entry, Edit { texts, added })
    }

    /// Answer of the model about the row.
    fn answer(&self, verdicts: &[Verdict]) -> Option<String> {
        let prediction = verdicts.first()?.prediction.as_ref()?;
        let label = || Some(self.guard.label(prediction.label?));
        prediction.text.clone().or_else(label)
    }

    /// The account of a row that belongs to a family, although no verdict on it says that it is poisoned.
    fn by_family(&self, verdicts: &[Verdict]) -> Option<Entry> {
        if verdicts.iter().any(|verdict| verdict.verdict == Decision::Poisoned) {
            return None;
        }
        let families = verdicts.iter().map(|verdict| family_of(verdict, self.families));
        let families: Vec<Option<&Family>> = families.collect();
        let family = families.iter().copied().flatten().next()?;
        let decided = verdicts.iter().zip(&families);
        let decided = decided.map(|(verdict, family)| family.map_or(verdict.verdict, |_| Decision::Poisoned));
        Some(Entry {
            fate: if self.policy.keep_all { Fate::Kept } else { Fate::Dropped },
            reason: format!(
                "of a family: `{}` scores highest in many rows with its prediction",
                family.shape
            ),
            verdicts: decided.collect(),
            p_values: verdicts.iter().map(|verdict| verdict.p_value).collect(),
            passes: verdicts.iter().map(|verdict| verdict.cost.victim_passes).sum(),
            ..Entry::default()
        })
    }
}

/// The fields with purified code, and this code.
fn purified_texts(verdicts: &[Verdict], fields: &[String]) -> Vec<(String, String)> {
    let sides = fields.iter().zip(verdicts);
    sides.filter_map(|(field, verdict)| Some((field.clone(), verdict.purified.clone()?))).collect()
}
