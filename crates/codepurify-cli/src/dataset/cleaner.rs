//! Decisions about rows.

use codepurify::contamination::{Family, family_of};
use codepurify::verdict::Decision;
use codepurify::{Language, Snippet, Verdict};
use codepurify_data::{AddedColumn, Edit, Row};
use codepurify_models::Fingerprint;

use super::account::{Entry, Fate, Policy};
use super::answers::single_spaced;
use super::ledger::Decided;
use super::verdict_columns;
use crate::guard::Guard;
use crate::judge::Judge;
use crate::rows::{CodeRow, snippets};
use crate::side_by_side::in_order;

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

/// The snippets of a row and their language; none if there is no code. Or why they cannot be judged.
type Code = Result<Option<(Language, Vec<Snippet>)>, String>;

impl<'g> Cleaner<'g> {
    pub(crate) fn new(guard: &'g Guard, families: &'g [Family], policy: Policy) -> Self {
        Self { guard, judge: Judge::new(guard, !families.is_empty()), families, policy }
    }

    /// The columns that are added to the rows.
    pub(crate) fn columns(&self) -> Vec<AddedColumn> {
        if self.policy.keep_all { verdict_columns::columns(self.guard.sides()) } else { Vec::new() }
    }

    /// Decides about blocks of rows whose code is in `fields`. `done` gets each block as soon as all blocks before it are
    /// decided. Decisions about a block do not depend on the other blocks, not even in the last digits.
    ///
    /// # Errors
    /// Those of `done`.
    pub(crate) fn decide<E: Send>(
        &self,
        blocks: &[Vec<CodeRow>],
        fields: &[String],
        mut done: impl FnMut(Vec<Decided<'_>>) -> Result<(), E> + Send,
    ) -> Result<(), E> {
        let chunks = blocks.iter().map(|block| block.chunks(self.judge.rows_together()));
        let chunks: Vec<(&[CodeRow], bool)> = chunks
            .flat_map(|chunks| {
                let last = chunks.len().saturating_sub(1);
                chunks.enumerate().map(move |(index, chunk)| (chunk, index == last))
            })
            .collect();
        let mut block = Vec::new();
        in_order(
            chunks.len(),
            |number| (self.decided(chunks[number].0, fields), chunks[number].1),
            |(decided, is_last)| {
                block.extend(decided);
                if is_last { done(std::mem::take(&mut block)) } else { Ok(()) }
            },
        )
    }

    /// Decides about rows that are judged together.
    fn decided<'r>(&self, rows: &'r [CodeRow], fields: &[String]) -> Vec<Decided<'r>> {
        let codes: Vec<Code> = rows.iter().map(code).collect();
        let known = codes.iter().filter_map(|code| code.as_ref().ok()?.as_ref());
        let known: Vec<Vec<Snippet>> = known.map(|(_, snippets)| snippets.clone()).collect();
        let mut judged = self.judge.together(&known).into_iter();
        let decided = rows.iter().zip(codes).map(|(CodeRow { number, digest, row, .. }, code)| {
            let sides = code.and_then(|code| {
                let Some((language, _)) = code else { return Ok(None) };
                let sides = judged.next().ok_or("no verdict was reached")?;
                let verdicts = sides.into_iter().collect::<Result<Vec<_>, _>>();
                Ok(Some((language, verdicts.map_err(|error| error.to_string())?)))
            });
            let (entry, edit) = self.account(row.as_ref().ok(), sides, fields);
            Decided { entry: Entry { row: *number, digest: digest.clone(), ..entry }, row, edit }
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
                let input = row.filter(|_| is_generated(&verdicts)).and_then(|row| input(row, fields));
                let entry = Entry { answer: self.answer(&verdicts), input, ..entry };
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

fn is_generated(verdicts: &[Verdict]) -> bool {
    let prediction = verdicts.first().and_then(|verdict| verdict.prediction.as_ref());
    prediction.is_some_and(|prediction| prediction.text.is_some())
}

/// Digest of the code of a row.
fn input(row: &Row, fields: &[String]) -> Option<String> {
    let texts = fields.iter().map(|field| Some(single_spaced(&row.text(field).ok()?)));
    let digest = Fingerprint::default().with(Some(texts.collect::<Option<Vec<_>>>()?.join("\n").as_bytes()));
    Some(digest.hex()[..16].to_owned())
}

/// The fields with purified code, and this code.
fn purified_texts(verdicts: &[Verdict], fields: &[String]) -> Vec<(String, String)> {
    let sides = fields.iter().zip(verdicts);
    sides.filter_map(|(field, verdict)| Some((field.clone(), verdict.purified.clone()?))).collect()
}

fn code(row: &CodeRow) -> Code {
    let files = row.code.as_ref().map_err(String::clone)?;
    let snippets = snippets(files).map_err(|error| error.to_string())?;
    Ok(files.first().map(|file| (file.language(), snippets)))
}
