//! `dataset`: judge the code of every row, and write the rows that are left.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

use codepurify::{Language, Snippet, SourceFile, Verdict};

use crate::args::DatasetArgs;
use crate::dataset::account::{Entry, Fate, Policy};
use crate::dataset::ledger::Ledger;
use crate::dataset::row::Row;
use crate::error::CliError;
use crate::exit::Exit;
use crate::judge::Judge;
use crate::output::{self, ColorMode};
use crate::screening::{Guard, Purpose};
use crate::settings::Settings;

/// Rows that are judged together, and lost if the run is interrupted meanwhile.
const CHUNK: usize = 64;

/// A line of the input, and what could be read of it.
struct Line {
    number: usize,
    text: String,
    read: Result<(Row, Vec<Snippet>), String>,
}

/// Reads rows and decides about them.
struct Cleaner<'g> {
    judge: Judge<'g>,
    fields: &'g [String],
    language: Language,
    settings: &'g Settings,
    policy: Policy,
}

pub(crate) fn run(args: DatasetArgs, color: Option<ColorMode>) -> Result<Exit, CliError> {
    let settings = Settings::new(args.options, color)?;
    let Some(out) = settings.output.path() else {
        return Err(CliError::Usage("say where the rows go with -o".to_owned()));
    };
    let Some(language) = settings.lang else {
        return Err(CliError::Usage("say the language of the code with --lang".to_owned()));
    };
    let guard = Guard::load(&settings, Purpose::Purify)?;
    let cleaner = Cleaner {
        judge: Judge::new(&guard, false),
        fields: args.fields.read_by(&guard),
        language,
        settings: &settings,
        policy: Policy { poisoned: args.poisoned, inconclusive: args.inconclusive },
    };
    let total = lines(&args.path)?.count();
    let report = args.report.unwrap_or_else(|| out.with_extension("report.jsonl"));
    let mut ledger = Ledger::open(out, &report, args.resume)?;
    let bar = output::progress(total, "rows");
    let mut rest = lines(&args.path)?.enumerate().skip(ledger.done).peekable();
    while rest.peek().is_some() {
        let chunk = rest.by_ref().take(CHUNK);
        let chunk = chunk.map(|(index, text)| Ok(cleaner.read(index + 1, text?)));
        ledger.write(&cleaner.clean(chunk.collect::<Result<_, CliError>>()?))?;
        bar.set_position(ledger.done as u64);
    }
    bar.finish_and_clear();
    output::note(&ledger.summary.text());
    Ok(match (ledger.summary.count(Fate::Failed), ledger.summary.poisoned()) {
        (1.., _) => Exit::Error,
        (0, 1..) => Exit::Findings,
        (0, 0) => Exit::Nothing,
    })
}

/// The lines of a file without their line feeds; a carriage return is part of its line.
fn lines(path: &Path) -> Result<impl Iterator<Item = Result<Vec<u8>, CliError>> + '_, CliError> {
    let failed =
        move |error: std::io::Error| CliError::File { path: path.to_path_buf(), message: error.to_string() };
    let file = File::open(path).map_err(failed)?;
    Ok(BufReader::new(file).split(b'\n').map(move |line| line.map_err(failed)))
}

impl Cleaner<'_> {
    fn read(&self, number: usize, line: Vec<u8>) -> Line {
        let snippet = |row: &Row, field: &String| {
            let code = row.text(field)?.into_bytes();
            let file = SourceFile::new(format!("row {number}"), code, self.language, &self.settings.limits);
            file.and_then(|file| file.whole()).map_err(|error| format!("`{field}`: {error}"))
        };
        let text = match String::from_utf8(line) {
            Ok(text) => text,
            Err(error) => {
                let read =
                    Err(format!("not UTF-8: first bad byte at offset {}", error.utf8_error().valid_up_to()));
                return Line { number, text: String::new(), read };
            }
        };
        let read = Row::parse(&text).and_then(|row| {
            let snippets = self.fields.iter().map(|field| snippet(&row, field)).collect::<Result<_, _>>()?;
            Ok((row, snippets))
        });
        Line { number, text, read }
    }

    /// What becomes of each line, and how it is written if it stays.
    fn clean(&self, lines: Vec<Line>) -> Vec<(Entry, Option<String>)> {
        let rows = lines.iter().filter_map(|line| Some(line.read.as_ref().ok()?.1.clone()));
        let mut judged = self.judge.judge(&rows.collect::<Vec<_>>(), |_| ()).into_iter();
        let failed = |number, reason: String| {
            (Entry { row: number, fate: Fate::Failed, reason, ..Entry::default() }, None)
        };
        let decided = |Line { number, text, read }: Line| match read {
            Err(reason) => failed(number, reason),
            Ok((row, _)) => match judged.next().map(|sides| sides.into_iter().collect::<Result<Vec<_>, _>>())
            {
                Some(Ok(verdicts)) => self.decide(number, text, row, &verdicts),
                Some(Err(error)) => failed(number, error.to_string()),
                None => failed(number, "no verdict was reached".to_owned()),
            },
        };
        lines.into_iter().map(decided).collect()
    }

    fn decide(&self, number: usize, text: String, row: Row, verdicts: &[Verdict]) -> (Entry, Option<String>) {
        let entry = self.policy.decide(number, verdicts, self.language);
        let line = match entry.fate {
            Fate::Kept => Some(text),
            Fate::Purified => Some(self.purified(row, verdicts)),
            Fate::Dropped | Fate::Failed => None,
        };
        (entry, line)
    }

    /// The row with purified code where there is any.
    fn purified(&self, mut row: Row, verdicts: &[Verdict]) -> String {
        for (field, verdict) in self.fields.iter().zip(verdicts) {
            if let Some(code) = &verdict.purified {
                row = row.with(field, code);
            }
        }
        row.line()
    }
}
