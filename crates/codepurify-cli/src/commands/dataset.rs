//! `dataset`: judge the code of every row, and write the rows that are left.

use codepurify::contamination::{Family, family_of};
use codepurify::verdict::Decision;
use codepurify::{Language, Snippet, SourceFile, Verdict};
use codepurify_data::{DataError, Row};

use crate::args::DatasetArgs;
use crate::dataset::account::{Entry, Fate, Policy, Summary};
use crate::dataset::ledger::{Ledger, Paths};
use crate::dataset::manifest::Manifest;
use crate::dataset::self_calibration::SelfCalibrated;
use crate::error::CliError;
use crate::exit::{Exit, FailOn};
use crate::guard::{Guard, Purpose};
use crate::inputs::{self, encoding::EncodingName};
use crate::judge::Judge;
use crate::output::{self, ColorMode};
use crate::rows::{CodeRow, CodeRows, FieldArgs};
use crate::settings::Settings;

/// Rows that are judged together, and lost if the run is interrupted meanwhile.
const CHUNK: usize = 64;

/// Bytes of rows that are held at once, about.
const CHUNK_BYTES: usize = 64 << 20;

/// Why a row without code stays.
const NOTHING: &str = "empty: there is no code to judge";

/// Decides about rows.
struct Cleaner<'g> {
    judge: Judge<'g>,
    /// Rows of the data set that seem to hold one trigger.
    families: Vec<Family>,
    fields: Vec<String>,
    policy: Policy,
}

/// A row whose code was read.
struct Ready {
    row: Row,
    /// None if there is no code.
    code: Option<(Language, Vec<Snippet>)>,
}

/// A row that was read, or why it was not.
struct Outcome {
    number: usize,
    digest: String,
    read: Result<Ready, String>,
}

pub(crate) fn run(args: DatasetArgs, color: Option<ColorMode>) -> Result<Exit, CliError> {
    let settings = Settings::new(args.options, color)?;
    let Some(out) = settings.output.path() else {
        return Err(CliError::Usage("say where the rows go with -o".to_owned()));
    };
    let paths = Paths::new(out, args.report)?;
    if settings.encoding != EncodingName::Utf8 {
        let message = "--encoding is for source files; rows are UTF-8: convert the data set first";
        return Err(CliError::Usage(message.to_owned()));
    }
    let guard = Guard::load(&settings, Purpose::Purify)?;
    inputs::reject_repeats(std::iter::once(&*args.path).chain(settings.other_inputs()))?;
    let mut rows = args.fields.rows(&args.path, &guard, &settings)?;
    let policy = Policy { poisoned: args.poisoned, inconclusive: args.inconclusive };
    // A calibration on the rows depends on nothing that the manifest does not hold already.
    let manifest = Manifest::new(&rows, &guard, &settings, policy)?;
    let SelfCalibrated { guard, families } = self_calibrated(guard, &rows, &args.fields, &settings)?;
    let mut ledger = Ledger::open(&paths, &manifest, rows.reader(), args.resume)?;
    if let Some(last) = &ledger.done {
        skip(&mut rows, last)?;
    }
    let cleaner = Cleaner {
        judge: Judge::new(&guard, !families.is_empty()),
        families,
        fields: rows.fields.clone(),
        policy,
    };
    let cleaned = clean_all(&cleaner, &mut rows, &mut ledger);
    output::note(&ledger.summary.text());
    cleaned?;
    Ok(exit(&ledger.summary, &settings))
}

/// Calibrates a guard that has no calibration on the rows themselves. A file is read twice for that.
fn self_calibrated(
    guard: Guard,
    rows: &CodeRows,
    fields: &FieldArgs,
    settings: &Settings,
) -> Result<SelfCalibrated, CliError> {
    if !guard.can_calibrate() {
        return Ok(SelfCalibrated { guard, families: Vec::new() });
    }
    let is_stream = rows.reader().progress().1.is_none();
    if is_stream {
        output::note("not calibrated on the data set: a stream is read once; the built-in limit holds");
        return Ok(SelfCalibrated { guard, families: Vec::new() });
    }
    let again = fields.again(rows, settings)?;
    SelfCalibrated::new(guard, again, settings)
}

/// How a run with this account ended, by the rules of all commands.
fn exit(summary: &Summary, settings: &Settings) -> Exit {
    let findings = match settings.exit.fail_on {
        FailOn::Poisoned => summary.poisoned(),
        FailOn::Inconclusive => summary.poisoned() + summary.inconclusive(),
        FailOn::Never => 0,
    };
    if summary.judged() == 0 && summary.count(Fate::Failed) == 0 && !settings.exit.allow_empty {
        output::note("error: no row was judged: no row holds code; --allow-empty accepts that");
        return Exit::Error;
    }
    match (summary.count(Fate::Failed), findings) {
        (1.., _) => Exit::Error,
        (0, 1..) => Exit::Findings,
        (0, 0) => Exit::Nothing,
    }
}

/// Reads the rows that are accounted for, the last of which is `last`, without judging them.
fn skip(rows: &mut CodeRows, last: &Entry) -> Result<(), CliError> {
    let path = rows.reader().path().to_path_buf();
    let other = |message: &str| CliError::File { path: path.clone(), message: message.to_owned() };
    for row in rows {
        let row = row?;
        if row.number == last.row && row.digest == last.digest {
            return Ok(());
        }
        if row.number >= last.row {
            return Err(other("the rows that the report accounts for were others: remove it and the output"));
        }
    }
    Err(other("there are fewer rows than the report accounts for: remove it and the output"))
}

/// Judges the rows that are left, and writes what becomes of them.
fn clean_all(cleaner: &Cleaner, rows: &mut CodeRows, ledger: &mut Ledger) -> Result<(), CliError> {
    let bar = output::progress_through(rows.reader().progress().1);
    loop {
        let (chunk, failure) = next_chunk(rows);
        let ended = chunk.is_empty();
        // What was read before the input failed is written, too.
        ledger.write(cleaner.clean(chunk))?;
        if let Some(failure) = failure {
            return Err(failure.into());
        }
        if ended {
            break;
        }
        bar.set_position(rows.reader().progress().0);
        bar.set_message(ledger.summary.rows().to_string());
    }
    bar.finish_and_clear();
    ledger.append(rows.reader().tail())
}

/// The next rows, and the error behind them if there is one.
fn next_chunk(rows: &mut CodeRows) -> (Vec<Outcome>, Option<DataError>) {
    let (mut chunk, mut bytes) = (Vec::new(), 0);
    while chunk.len() < CHUNK && bytes < CHUNK_BYTES {
        match rows.next() {
            Some(Ok(row)) => {
                let outcome = Outcome::new(row);
                bytes += outcome.read.as_ref().map_or(0, |ready| ready.row.raw().len());
                chunk.push(outcome);
            }
            Some(Err(error)) => return (chunk, Some(error)),
            None => break,
        }
    }
    (chunk, None)
}

impl Outcome {
    fn new(CodeRow { number, digest, read }: CodeRow) -> Self {
        let read = read.and_then(|(row, files)| {
            let language = files.first().map(SourceFile::language);
            let snippets = files.iter().map(SourceFile::whole).collect::<Result<Vec<_>, _>>();
            let snippets = snippets.map_err(|error| error.to_string())?;
            Ok(Ready { row, code: language.map(|language| (language, snippets)) })
        });
        Self { number, digest, read }
    }

    /// The row's code, if there is any to be judged.
    fn snippets(&self) -> Option<&Vec<Snippet>> {
        let (_, snippets) = self.read.as_ref().ok()?.code.as_ref()?;
        Some(snippets)
    }
}

impl Cleaner<'_> {
    /// Decides on each row, and writes it if it is kept.
    fn clean(&self, rows: Vec<Outcome>) -> Vec<(Entry, Option<Vec<u8>>)> {
        let snippets: Vec<Vec<Snippet>> = rows.iter().filter_map(Outcome::snippets).cloned().collect();
        let mut judged = self.judge.judge(&snippets, |_| ()).into_iter();
        let mut decided = |read: Result<Ready, String>| {
            let Ready { row, code } = read?;
            let Some((language, _)) = code else {
                let entry = Entry { fate: Fate::Kept, reason: NOTHING.to_owned(), ..Entry::default() };
                return Ok((entry, Some(row.raw().to_vec())));
            };
            let sides = judged.next().ok_or("no verdict was reached")?;
            let verdicts = sides.into_iter().collect::<Result<Vec<_>, _>>();
            self.decide(&row, &verdicts.map_err(|error| error.to_string())?, language)
        };
        let account = |Outcome { number, digest, read }: Outcome| {
            let (entry, row) = decided(read).unwrap_or_else(|reason: String| {
                (Entry { fate: Fate::Failed, reason, ..Entry::default() }, None)
            });
            (Entry { row: number, digest, ..entry }, row)
        };
        rows.into_iter().map(account).collect()
    }

    fn decide(
        &self,
        row: &Row,
        verdicts: &[Verdict],
        language: Language,
    ) -> Result<(Entry, Option<Vec<u8>>), String> {
        let entry = self.by_family(verdicts).unwrap_or_else(|| self.policy.decide(verdicts, language));
        let bytes = match entry.fate {
            Fate::Kept => Some(row.raw().to_vec()),
            Fate::Purified => Some(self.purified(row, verdicts)?),
            Fate::Dropped | Fate::Failed => None,
        };
        Ok((entry, bytes))
    }

    /// The account of a row that belongs to a family, although no verdict on it says that it is poisoned.
    fn by_family(&self, verdicts: &[Verdict]) -> Option<Entry> {
        if verdicts.iter().any(|verdict| verdict.verdict == Decision::Poisoned) {
            return None;
        }
        let families = verdicts.iter().map(|verdict| family_of(verdict, &self.families));
        let families: Vec<Option<&Family>> = families.collect();
        let family = families.iter().copied().flatten().next()?;
        let decided = verdicts.iter().zip(&families);
        let decided = decided.map(|(verdict, family)| family.map_or(verdict.verdict, |_| Decision::Poisoned));
        Some(Entry {
            fate: Fate::Dropped,
            reason: format!(
                "of a family: `{}` scores highest in many rows with its prediction",
                family.shape
            ),
            verdicts: decided.collect(),
            p_values: verdicts.iter().map(|verdict| verdict.p_value).collect(),
            ..Entry::default()
        })
    }

    /// The row with purified code where there is any.
    fn purified(&self, row: &Row, verdicts: &[Verdict]) -> Result<Vec<u8>, String> {
        let sides = self.fields.iter().zip(verdicts);
        let texts = sides.filter_map(|(field, verdict)| Some((field.as_str(), verdict.purified.as_deref()?)));
        row.with_texts(&texts.collect::<Vec<_>>()).map_err(|error| error.to_string())
    }
}
