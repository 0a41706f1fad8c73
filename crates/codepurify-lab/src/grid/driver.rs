//! Runs all cells of a grid and all defences of a cell; finished results are skipped.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use candle_core::Device;
use clap::ValueEnum;
use codepurify::Task;
use codepurify_attacks::attack::Attack;
use codepurify_attacks::data::clone::CloneRow;
use codepurify_attacks::data::corpus::texts;
use codepurify_attacks::data::defect::DefectRow;
use codepurify_attacks::data::repair::RepairRow;
use codepurify_attacks::data::{self, Rows};
use codepurify_attacks::poison::{SEED, poison};
use codepurify_models::{DeviceName, ModelFiles, Precision, RobertaMaskedLm};

use super::cell_run::CellRun;
use super::cleaning::{self, Cleaning};
use super::defend::{Defence, FindingCache};
use super::defended_victim::DefendedVictim;
use super::plan::{DataPlan, GridPlan, Init, Poisoning, TaskFiles, VictimPlan, sources};
use super::pretraining::pretrained;
use super::rows::{self, Defended};
use super::samples::{CellSamples, Draw};
use super::victims::VictimTrainer;
use crate::baseline::ngram::{NgramLm, lexemes};
use crate::evaluate::ask::Reply;
use crate::table::row::{RemovalRow, UNDEFENDED};
use crate::table::{Cell, CellRow};
use crate::train::victim::TrainableRow;
use crate::train::workers::Workers;
use crate::training_defence::TrainingDefence;
use crate::whitebox::WhiteBox;

/// Stage of the work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Stage {
    /// Victims, and the input defences applied to them
    Inputs,
    /// Rows that the training-set defences remove
    TrainingSets,
    /// Victims trained on the remaining rows
    Retraining,
}

/// Folders of the grid.
#[derive(Debug, Clone, Copy)]
pub struct Folders<'a> {
    /// Data sets, as the plan names them.
    pub data: &'a Path,
    /// Trained models.
    pub runs: &'a Path,
    /// Per-sample rows.
    pub results: &'a Path,
}

/// Grid that can be run.
pub struct Grid<'a> {
    pub(super) plan: &'a GridPlan,
    folders: Folders<'a>,
    /// Device for training.
    device: Device,
    /// Device for evaluation.
    asked_on: DeviceName,
    pub(super) workers: Workers,
    pub(super) mlm: RobertaMaskedLm,
    pub(super) ngrams: BTreeMap<&'static str, NgramLm>,
    pub(super) cache: FindingCache,
}

/// Rows that a grid can run on.
pub trait GridTask: TrainableRow + Send + Sync {
    /// Returns the files of the rows' task.
    fn files(data: &DataPlan) -> Option<&TaskFiles>;

    /// Reads a file; `functions` are those that pairs refer to.
    ///
    /// # Errors
    /// If it cannot be read.
    fn load(path: &Path, functions: Option<&Path>) -> Result<Rows<Self>>;
}

/// Rows of a task.
struct Splits<R> {
    /// All training rows; each cell chooses how many of them it uses.
    train: Vec<R>,
    valid: Vec<R>,
    test: Vec<R>,
    /// Number of training rows for the initial model, and for cells that name no other.
    train_rows: usize,
}

impl<R> Splits<R> {
    /// Returns the rows that the initial model learns from.
    fn start(&self) -> &[R] {
        &self.train[..self.train_rows.min(self.train.len())]
    }

    /// Returns the rows that are poisoned for a victim.
    fn victim(&self, poisoning: Poisoning) -> &[R] {
        &self.train[..poisoning.train_rows.unwrap_or(self.train_rows).min(self.train.len())]
    }
}

/// Cell with its name in files.
struct GridCell {
    cell: Cell,
    name: String,
    /// Name of the victim in files; the clean twin is the initial model.
    victim: Option<PoisonedTraining>,
    /// Trigger of the test samples.
    trigger: Option<Attack>,
    /// Number of triggered test samples, in place of the plan's.
    triggered: Option<usize>,
}

/// Poisoning and training of the victim.
#[derive(Clone)]
struct PoisonedTraining {
    name: String,
    attack: Attack,
    poisoning: Poisoning,
}

/// Reports each finished piece of work.
pub type Tell<'t> = &'t dyn Fn(&str, &[CellRow]);

impl<'a> Grid<'a> {
    /// Loads the data and models that all cells share.
    ///
    /// Models are trained and evaluated on `device`, except that 8-bit victims run on the CPU.
    ///
    /// # Errors
    /// If the device, the masked language model or a corpus cannot be used.
    pub fn open(plan: &'a GridPlan, folders: Folders<'a>, device: DeviceName) -> Result<Self> {
        let asked_on = if plan.precision == Precision::Int8 { DeviceName::Cpu } else { device };
        let device = device.open()?;
        let mlm = RobertaMaskedLm::load(&ModelFiles::read(&plan.masked_lm)?.on_device(asked_on))?;
        let mut words: BTreeMap<&'static str, Vec<Vec<String>>> = BTreeMap::new();
        for text in texts(&sources(&plan.corpora, folders.data)?)? {
            words.entry(text.language.name()).or_default().push(lexemes(&text.code)?);
        }
        let models = words.into_iter().map(|(language, texts)| Ok((language, NgramLm::train(&texts)?)));
        let ngrams = models.collect::<Result<_>>()?;
        let cache = FindingCache::open(&folders.runs.join("memory.jsonl"))?;
        Ok(Self { plan, folders, device, asked_on, workers: Workers::new()?, mlm, ngrams, cache })
    }

    /// Computes all missing victims and rows of the cells whose name contains `only`, one stage
    /// after the other.
    ///
    /// # Errors
    /// The first failure; finished results stay.
    pub fn run(&self, stages: &[Stage], only: &str, tell: Tell) -> Result<()> {
        for &stage in stages {
            for victims in &self.plan.victims {
                match victims.task {
                    Task::Defect => self.stage::<DefectRow>(stage, victims, only, tell),
                    Task::Clone => self.stage::<CloneRow>(stage, victims, only, tell),
                    Task::Repair => self.stage::<RepairRow>(stage, victims, only, tell),
                    _ => Ok(()),
                }
                .with_context(|| victims.name())?;
            }
        }
        Ok(())
    }

    fn stage<R: GridTask>(&self, stage: Stage, victims: &VictimPlan, only: &str, tell: Tell) -> Result<()> {
        let targets: Vec<GridCell> =
            targets(victims).into_iter().filter(|target| target.name.contains(only)).collect();
        if targets.is_empty() {
            return Ok(());
        }
        let rows = self.splits::<R>()?;
        let files = R::files(&self.plan.data);
        let measured = files.and_then(|files| files.valid_rows).unwrap_or(usize::MAX).min(rows.valid.len());
        let init = self.init(victims)?;
        let trainer = VictimTrainer {
            plan: victims,
            init: &init,
            seed: self.plan.seed,
            train: rows.start(),
            valid: &rows.valid[..measured],
            runs: self.folders.runs,
            device: &self.device,
        };
        let start = trainer.start()?;
        for target in &targets {
            let victim = target.victim.as_ref();
            let train = victim.map_or(trainer.train, |victim| rows.victim(victim.poisoning));
            let trainer = VictimTrainer { train, ..trainer };
            let victim = match victim {
                Some(PoisonedTraining { name, attack, poisoning }) => {
                    trainer.victim(&start, *attack, *poisoning, name)?
                }
                None => start.clone(),
            };
            let place = CellStage { grid: self, target, victim: &victim };
            match stage {
                Stage::Inputs => place.inputs(&rows, tell),
                Stage::TrainingSets => place.training_set(&rows),
                Stage::Retraining => place.retrained(&rows, &trainer, &start, tell),
            }
            .with_context(|| target.name.clone())?;
        }
        Ok(())
    }

    /// Returns the model that the initial model is made from.
    fn init(&self, victims: &VictimPlan) -> Result<PathBuf> {
        match &victims.init {
            Init::Path(path) => Ok(path.clone()),
            Init::Pretrained { pretrained: name } => {
                let plan = self.plan.pretrained.iter().find(|plan| plan.name == *name);
                pretrained(
                    plan.context("the plan does not name it")?,
                    self.plan.seed,
                    self.folders,
                    &self.device,
                )
            }
        }
    }

    fn open_victim(&self, victim: &Path) -> Result<DefendedVictim> {
        DefendedVictim::open(victim, self.plan.precision, self.asked_on)
    }

    fn splits<R: GridTask>(&self) -> Result<Splits<R>> {
        let files = R::files(&self.plan.data).context("the plan names no files for the task")?;
        let functions = files.functions.as_ref().map(|path| self.folders.data.join(path));
        let load = |path: &Path| -> Result<Vec<R>> {
            let path = self.folders.data.join(path);
            let found = R::load(&path, functions.as_deref())?;
            found.report(&path);
            Ok(found.rows)
        };
        let train_rows = files.train_rows.unwrap_or(usize::MAX);
        let (train, valid, test) = (load(&files.train)?, load(&files.valid)?, load(&files.test)?);
        Ok(Splits { train, valid, test, train_rows })
    }
}

/// Cell with its victim.
struct CellStage<'p> {
    grid: &'p Grid<'p>,
    target: &'p GridCell,
    victim: &'p Path,
}

impl CellStage<'_> {
    fn rows(&self, defence: &str) -> PathBuf {
        rows::path(self.grid.folders.results, &self.target.name, defence)
    }

    fn removal(&self, defence: TrainingDefence) -> PathBuf {
        cleaning::path(&self.grid.folders.results.join(&self.target.name), &defence.name())
    }

    fn samples<R: GridTask>(&self, splits: &Splits<R>) -> Result<CellSamples> {
        let GridPlan { clean, triggered, calibration, contamination, seed, .. } = *self.grid.plan;
        let triggered = self.target.triggered.unwrap_or(triggered);
        let draw = Draw { clean, triggered, calibration, contamination, seed };
        draw.samples(&splits.test, &splits.valid, self.target.trigger)
    }

    /// Runs all input defences.
    fn inputs<R: GridTask>(&self, splits: &Splits<R>, tell: Tell) -> Result<()> {
        let victim = self.grid.open_victim(self.victim)?;
        let wanted = self.grid.plan.defences.iter().copied();
        let missing: Vec<Defence> = wanted
            .filter(|defence| defence.applies(&victim) && !self.rows(&defence.name()).exists())
            .collect();
        if missing.is_empty() && self.rows(UNDEFENDED).exists() {
            return Ok(());
        }
        let (samples, target) = (self.samples(splits)?, Reply::from(R::wanted()));
        let cell_run = CellRun::new(self.grid, &self.target.cell, &victim, &samples)?;
        let write = |defence: &str, defended: &[Defended]| -> Result<()> {
            let rows = cell_run.rows(defence, &target, defended)?;
            rows::write(&self.rows(defence), &rows)?;
            tell(&self.target.name, &rows);
            Ok(())
        };
        write(UNDEFENDED, &cell_run.untouched())?;
        for defence in missing {
            let defended = cell_run.defended(defence).with_context(|| defence.name())?;
            write(&defence.name(), &defended)?;
        }
        Ok(())
    }

    /// Runs all training-set defences.
    fn training_set<R: GridTask>(&self, splits: &Splits<R>) -> Result<()> {
        let Some(PoisonedTraining { attack, poisoning, .. }) = self.target.victim else { return Ok(()) };
        let wanted = self.grid.plan.training_defences.iter().copied();
        let missing: Vec<TrainingDefence> =
            wanted.filter(|defence| !self.removal(*defence).exists()).collect();
        if missing.is_empty() {
            return Ok(());
        }
        let cleaning = Cleaning {
            cell: &self.target.cell,
            set: poison(splits.victim(poisoning), attack, poisoning.shares(), SEED).rows,
            clean: &splits.valid,
            victim: WhiteBox::open(self.victim)?,
            seed: self.grid.plan.seed,
            workers: &self.grid.workers,
        };
        for defence in missing {
            let removal = cleaning.removal(defence).with_context(|| defence.name())?;
            cleaning::write(&self.removal(defence), &removal)?;
        }
        Ok(())
    }

    /// Evaluates victims trained on the rows that training-set defences keep.
    fn retrained<R: GridTask>(
        &self,
        splits: &Splits<R>,
        trainer: &VictimTrainer<R>,
        start: &Path,
        tell: Tell,
    ) -> Result<()> {
        let Some(PoisonedTraining { attack, poisoning, .. }) = self.target.victim else { return Ok(()) };
        if !poisoning.retrain {
            return Ok(());
        }
        let left = self.left_over()?;
        if left.is_empty() {
            return Ok(());
        }
        let (victim, samples) = (self.grid.open_victim(self.victim)?, self.samples(splits)?);
        let cell_run = CellRun::new(self.grid, &self.target.cell, &victim, &samples)?;
        for RemovalRow { defence, removed, .. } in left {
            let folder = format!("{}-without-{defence}", self.target.name);
            let retrained = trainer.victim_without(&removed, start, attack, poisoning, &folder)?;
            let defended = cell_run.replaced(&self.grid.open_victim(&retrained)?)?;
            let rows = cell_run.rows(&defence, &Reply::from(R::wanted()), &defended)?;
            rows::write(&self.rows(&defence), &rows)?;
            tell(&self.target.name, &rows);
        }
        Ok(())
    }

    /// Returns the removals that keep any row and whose victim has not been measured yet.
    fn left_over(&self) -> Result<Vec<RemovalRow>> {
        let mut left = Vec::new();
        for defence in &self.grid.plan.training_defences {
            let name = defence.name();
            if self.rows(&name).exists() {
                continue;
            }
            let removal = cleaning::read(&self.removal(*defence))?;
            if removal.removed.len() < removal.rows {
                left.push(removal);
            } else {
                eprintln!("{}: {name} removes all rows: there is nothing to train on", self.target.name);
            }
        }
        Ok(left)
    }
}

/// Returns the clean twin and the cells: one for each attack and rate, or one for each trigger that
/// the victim is tested with.
fn targets(victims: &VictimPlan) -> Vec<GridCell> {
    let VictimPlan { task, family, attacks, rates, triggers, triggered, .. } = victims;
    let triggered = *triggered;
    let cell = |attack: &str, rate: f64| Cell {
        task: *task,
        family: family.name().to_owned(),
        attack: attack.to_owned(),
        rate,
        victim: String::new(),
    };
    let twin = GridCell {
        cell: cell("none", 0.0),
        name: format!("{}-clean", victims.name()),
        victim: None,
        trigger: None,
        triggered,
    };
    let poisoned = |attack: Attack, poisoning: Poisoning| {
        let name = format!("{}-{}-{}", victims.name(), attack.name(), poisoning.name());
        PoisonedTraining { name, attack, poisoning }
    };
    let own = |victim: PoisonedTraining| GridCell {
        cell: cell(&victim.attack.name(), victim.poisoning.rate),
        name: victim.name.clone(),
        trigger: Some(victim.attack),
        triggered,
        victim: Some(victim),
    };
    let other = |victim: PoisonedTraining, trigger: Attack| GridCell {
        cell: Cell { victim: victim.attack.name(), ..cell(&trigger.name(), victim.poisoning.rate) },
        name: format!("{}-{}", victim.name, trigger.name()),
        trigger: Some(trigger),
        triggered,
        victim: Some(victim),
    };
    let of_victim = |victim: PoisonedTraining| -> Vec<GridCell> {
        match &triggers[..] {
            [] => vec![own(victim)],
            triggers => triggers.iter().map(|&trigger| other(victim.clone(), trigger)).collect(),
        }
    };
    let all = attacks.iter().flat_map(|&attack| rates.iter().map(move |&rate| (attack, rate)));
    std::iter::once(twin).chain(all.flat_map(|(attack, rate)| of_victim(poisoned(attack, rate)))).collect()
}

impl GridTask for DefectRow {
    fn files(data: &DataPlan) -> Option<&TaskFiles> {
        data.defect.as_ref()
    }

    fn load(path: &Path, _: Option<&Path>) -> Result<Rows<Self>> {
        Ok(data::defect::load(path)?)
    }
}

impl GridTask for CloneRow {
    fn files(data: &DataPlan) -> Option<&TaskFiles> {
        data.clone.as_ref()
    }

    fn load(path: &Path, functions: Option<&Path>) -> Result<Rows<Self>> {
        Ok(data::clone::load_with(path, functions)?)
    }
}

impl GridTask for RepairRow {
    fn files(data: &DataPlan) -> Option<&TaskFiles> {
        data.repair.as_ref()
    }

    fn load(path: &Path, _: Option<&Path>) -> Result<Rows<Self>> {
        Ok(data::repair::load(path)?)
    }
}
