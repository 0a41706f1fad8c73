//! Goes through all cells of a grid, and through all defences of a cell; what is there already is left alone.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use codepurify::Task;
use codepurify_models::{ModelFiles, RobertaMaskedLm};

use super::defend::{Defence, Kit, Memory, Screener};
use super::guard::Guard;
use super::plan::{DataPlan, Plan, TaskFiles, VictimPlan};
use super::rows::{self, Defended, RowWriter, Undefended};
use super::samples::{Draw, Sample, Samples};
use super::victims::Maker;
use crate::attack::Attack;
use crate::baseline::ngram::{NgramLm, lexemes};
use crate::data::clone::CloneRow;
use crate::data::defect::DefectRow;
use crate::data::repair::RepairRow;
use crate::data::{self, Rows};
use crate::evaluate::ask::Reply;
use crate::table::row::UNDEFENDED;
use crate::table::{Cell, CellRow};
use crate::train::start::Family;
use crate::train::victim::Teach;
use crate::train::workers::Workers;

/// Where things are.
#[derive(Debug, Clone, Copy)]
pub struct Folders<'a> {
    /// Data sets, as the plan names them.
    pub data: &'a Path,
    /// Trained models.
    pub runs: &'a Path,
    /// Per-sample rows.
    pub results: &'a Path,
}

/// A grid that can be run.
pub struct Grid<'a> {
    plan: &'a Plan,
    folders: Folders<'a>,
    workers: Workers,
    mlm: RobertaMaskedLm,
    ngrams: BTreeMap<&'static str, NgramLm>,
    memory: Memory,
}

/// Rows that a grid can be run on.
pub trait Gridded: Teach + Send + Sync {
    /// The files of the rows' task.
    fn files(data: &DataPlan) -> Option<&TaskFiles>;

    /// Reads one of them; `functions` are those that pairs refer to.
    ///
    /// # Errors
    /// If it cannot be read.
    fn load(path: &Path, functions: Option<&Path>) -> Result<Rows<Self>>;
}

/// The rows of a task.
struct Splits<R> {
    train: Vec<R>,
    valid: Vec<R>,
    test: Vec<R>,
}

/// A cell and its name in files.
struct Target {
    cell: Cell,
    name: String,
    attack: Option<(Attack, f64)>,
}

/// What has been done; told as it happens.
pub type Tell<'t> = &'t dyn Fn(&str, &[CellRow]);

impl<'a> Grid<'a> {
    /// Loads what all cells share.
    ///
    /// # Errors
    /// If the masked language model or a corpus cannot be read.
    pub fn open(plan: &'a Plan, folders: Folders<'a>) -> Result<Self> {
        let mlm = RobertaMaskedLm::load(&ModelFiles::read(&plan.masked_lm)?)?;
        let mut texts: BTreeMap<&'static str, Vec<Vec<String>>> = BTreeMap::new();
        for source in plan.sources(folders.data)? {
            let found = source.load()?;
            found.report(&source.path);
            let words = found.rows.iter().map(|text| lexemes(&text.code));
            texts.entry(source.language.name()).or_default().extend(words.collect::<Result<Vec<_>, _>>()?);
        }
        let models = texts.into_iter().map(|(language, texts)| Ok((language, NgramLm::train(&texts)?)));
        let ngrams = models.collect::<Result<_>>()?;
        Ok(Self { plan, folders, workers: Workers::new()?, mlm, ngrams, memory: Memory::default() })
    }

    /// Makes every victim and every row that is missing, of the cells whose name holds `only`.
    ///
    /// # Errors
    /// The first thing that fails; what was finished before stays.
    pub fn run(&self, only: &str, tell: Tell) -> Result<()> {
        for victims in &self.plan.victims {
            match victims.task {
                Task::Defect => self.task::<DefectRow>(victims, only, tell),
                Task::Clone => self.task::<CloneRow>(victims, only, tell),
                Task::Repair => self.task::<RepairRow>(victims, only, tell),
                Task::Classification => Ok(()),
            }
            .with_context(|| victims.name())?;
        }
        Ok(())
    }

    fn task<R: Gridded>(&self, victims: &VictimPlan, only: &str, tell: Tell) -> Result<()> {
        let targets: Vec<Target> =
            targets(victims).into_iter().filter(|target| target.name.contains(only)).collect();
        if targets.is_empty() {
            return Ok(());
        }
        let rows = self.splits::<R>()?;
        let files = R::files(&self.plan.data);
        let measured = files.and_then(|files| files.valid_rows).unwrap_or(usize::MAX).min(rows.valid.len());
        let maker = Maker {
            plan: victims,
            seed: self.plan.seed,
            train: &rows.train,
            valid: &rows.valid[..measured],
            runs: self.folders.runs,
        };
        let start = maker.start()?;
        for target in &targets {
            let victim = match target.attack {
                Some((attack, rate)) => maker.victim(&start, attack, rate, &target.name)?,
                None => start.clone(),
            };
            self.cell(&rows, target, &victim, tell).with_context(|| target.name.clone())?;
        }
        Ok(())
    }

    fn splits<R: Gridded>(&self) -> Result<Splits<R>> {
        let files = R::files(&self.plan.data).context("the plan names no files for the task")?;
        let functions = files.functions.as_ref().map(|path| self.folders.data.join(path));
        let load = |path: &Path| -> Result<Vec<R>> {
            let path = self.folders.data.join(path);
            let found = R::load(&path, functions.as_deref())?;
            found.report(&path);
            Ok(found.rows)
        };
        let mut train = load(&files.train)?;
        train.truncate(files.train_rows.unwrap_or(usize::MAX));
        Ok(Splits { train, valid: load(&files.valid)?, test: load(&files.test)? })
    }

    /// All defences of one cell.
    fn cell<R: Gridded>(&self, splits: &Splits<R>, target: &Target, victim: &Path, tell: Tell) -> Result<()> {
        let Plan { clean, triggered, calibration, seed, .. } = *self.plan;
        let draw = Draw { clean, triggered, calibration, seed };
        let samples = draw.samples(&splits.test, &splits.valid, target.attack.map(|(attack, _)| attack))?;
        let guard = Guard::open(victim)?;
        let missing: Vec<Defence> = self
            .plan
            .defences
            .iter()
            .copied()
            .filter(|defence| defence.applies(&guard) && !self.path(target, &defence.name()).exists())
            .collect();
        if missing.is_empty() && self.path(target, UNDEFENDED).exists() {
            return Ok(());
        }
        let wanted = Reply::from(R::wanted());
        let case = Case { grid: self, target, guard: &guard, samples: &samples, wanted: &wanted };
        let undefended = case.undefended(tell)?;
        for defence in missing {
            case.defended(defence, &undefended, tell).with_context(|| defence.name())?;
        }
        Ok(())
    }

    fn path(&self, target: &Target, defence: &str) -> std::path::PathBuf {
        rows::path(self.folders.results, &target.name, defence)
    }
}

/// The clean twin, and a cell for each attack and rate.
fn targets(victims: &VictimPlan) -> Vec<Target> {
    let VictimPlan { task, family, attacks, rates, .. } = victims;
    let cell = |attack: &str, rate: f64| Cell {
        task: *task,
        family: family.name().to_owned(),
        attack: attack.to_owned(),
        rate,
        victim: String::new(),
    };
    let twin = Target { cell: cell("none", 0.0), name: format!("{}-clean", victims.name()), attack: None };
    let attacked = attacks.iter().flat_map(|&attack| {
        let (cell, name) = (&cell, victims.name());
        rates.iter().map(move |&rate| Target {
            cell: cell(&attack.name(), rate),
            name: format!("{name}-{}-{rate}", attack.name()),
            attack: Some((attack, rate)),
        })
    });
    std::iter::once(twin).chain(attacked).collect()
}

/// A victim in front of its samples.
struct Case<'c> {
    grid: &'c Grid<'c>,
    target: &'c Target,
    guard: &'c Guard,
    samples: &'c Samples,
    wanted: &'c Reply,
}

impl Case<'_> {
    /// The test samples, clean ones first.
    fn tested(&self) -> Vec<&Sample> {
        self.samples.clean.iter().chain(&self.samples.triggered).collect()
    }

    /// The victim's answers without a defence; writes their rows.
    fn undefended(&self, tell: Tell) -> Result<Vec<Undefended>> {
        let tested = self.tested();
        let workers = &self.grid.workers;
        let before =
            self.guard.ask(&tested.iter().map(|sample| &sample.texts[..]).collect::<Vec<_>>(), workers)?;
        let natural: Vec<&[String]> = tested.iter().filter_map(|sample| sample.natural.as_deref()).collect();
        let mut natural = self.guard.ask(&natural, workers)?.into_iter();
        let answers = tested.iter().zip(before);
        let answers: Vec<Undefended> = answers
            .map(|(sample, before)| {
                let natural = sample.natural.as_ref().and_then(|_| natural.next());
                Undefended { before, natural }
            })
            .collect();
        let nothing =
            Defended { finding: Ok(super::defend::Finding::default()), after: None, milliseconds: 0.0 };
        self.write(UNDEFENDED, &answers, &vec![nothing; tested.len()], tell)?;
        Ok(answers)
    }

    /// One defence on all samples; writes their rows.
    fn defended(&self, defence: Defence, undefended: &[Undefended], tell: Tell) -> Result<()> {
        let Grid { plan, workers, mlm, ngrams, memory, .. } = self.grid;
        let kit = Kit {
            guard: self.guard,
            t5: self.target.cell.family == Family::T5.name(),
            mlm,
            ngrams,
            memory,
            calibration: &self.samples.calibration,
            alpha: plan.alpha,
            seed: plan.seed,
        };
        let screener = defence.set_up(&kit, workers)?;
        let tested = self.tested();
        let screened = workers.map(tested.len(), |index| Ok(screen(screener.as_ref(), tested[index])))?;
        let changed = screened.iter().enumerate().filter_map(|(index, defended)| {
            let texts = defended.finding.as_ref().ok()?.texts.as_deref()?;
            Some((index, texts))
        });
        let (indices, texts): (Vec<usize>, Vec<&[String]>) = changed.unzip();
        let mut after: HashMap<usize, Reply> =
            indices.into_iter().zip(self.guard.ask(&texts, workers)?).collect();
        let defended: Vec<Defended> = screened
            .iter()
            .enumerate()
            .map(|(index, defended)| Defended { after: after.remove(&index), ..defended.clone() })
            .collect();
        self.write(&defence.name(), undefended, &defended, tell)
    }

    fn write(
        &self,
        defence: &str,
        undefended: &[Undefended],
        defended: &[Defended],
        tell: Tell,
    ) -> Result<()> {
        let writer = RowWriter { cell: &self.target.cell, defence, target: self.wanted };
        let samples = self.tested().into_iter().zip(undefended).zip(defended);
        let rows: Vec<CellRow> = samples
            .map(|((sample, undefended), defended)| writer.row(sample, undefended, defended))
            .collect();
        let unusable = rows.iter().find_map(|row| row.check().err());
        ensure!(unusable.is_none(), "a row of {defence} is unusable: {}", unusable.unwrap_or_default());
        rows::write(&self.grid.path(self.target, defence), &rows)?;
        tell(&self.target.name, &rows);
        Ok(())
    }
}

/// A failure becomes part of the row.
fn screen(screener: &dyn Screener, sample: &Sample) -> Defended {
    let started = Instant::now();
    let finding = screener.screen(sample).map_err(|error| format!("{error:#}"));
    Defended { finding, after: None, milliseconds: started.elapsed().as_secs_f64() * 1e3 }
}

impl Gridded for DefectRow {
    fn files(data: &DataPlan) -> Option<&TaskFiles> {
        data.defect.as_ref()
    }

    fn load(path: &Path, _: Option<&Path>) -> Result<Rows<Self>> {
        Ok(data::defect::load(path)?)
    }
}

impl Gridded for CloneRow {
    fn files(data: &DataPlan) -> Option<&TaskFiles> {
        data.clone.as_ref()
    }

    fn load(path: &Path, functions: Option<&Path>) -> Result<Rows<Self>> {
        Ok(data::clone::load_with(path, functions)?)
    }
}

impl Gridded for RepairRow {
    fn files(data: &DataPlan) -> Option<&TaskFiles> {
        data.repair.as_ref()
    }

    fn load(path: &Path, _: Option<&Path>) -> Result<Rows<Self>> {
        Ok(data::repair::load(path)?)
    }
}
