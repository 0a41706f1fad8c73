//! Plan of a grid, read from a TOML file.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use codepurify::Task;
use codepurify_attacks::attack::Attack;
use codepurify_attacks::data::corpus::CorpusSource;
use codepurify_attacks::poison::Shares;
use codepurify_models::Precision;
use serde::Deserialize;

use super::defend::Defence;
use crate::train::start::ModelFamily;
use crate::train::t5::T5Shape;
use crate::training_defence::TrainingDefence;

/// Plan of an experiment.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GridPlan {
    /// Seed of all draws, except for attacks, which have the published seed.
    pub seed: u64,
    /// Number of clean test samples of a cell.
    pub clean: usize,
    /// Number of triggered test samples of a cell.
    pub triggered: usize,
    /// Number of clean validation samples that thresholds are set on.
    pub calibration: usize,
    /// Share of these that hold the trigger of the cell, in [0, 1): calibration on a set that nobody vouches for.
    #[serde(default)]
    pub contamination: f64,
    /// Share of clean samples that a calibrated defence may flag, in (0, 1).
    pub alpha: f64,
    /// Precision of the victims at inference; training is not affected.
    #[serde(default)]
    pub precision: Precision,
    /// Directory of the masked language model, relative to the plan.
    pub masked_lm: PathBuf,
    /// Clean code that n-gram models learn from, `PATH:FIELD:LANGUAGE` below the data directory.
    pub corpora: Vec<String>,
    /// Defences at inference time.
    pub defences: Vec<Defence>,
    /// Defences of training sets.
    #[serde(default)]
    pub training_defences: Vec<TrainingDefence>,
    /// Files of each task, below the data directory.
    pub data: DataPlan,
    /// Models to pre-train first.
    #[serde(default)]
    pub pretrained: Vec<Pretraining>,
    /// Victims.
    pub victims: Vec<VictimPlan>,
}

/// Small T5, pre-trained by span corruption.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pretraining {
    /// Name that victims refer to.
    pub name: String,
    /// Training texts, `PATH:FIELD:LANGUAGE` below the data directory.
    pub corpora: Vec<String>,
    /// Validation texts, `PATH:FIELD:LANGUAGE` below the data directory.
    pub valid: Vec<String>,
    /// Directory with the `tokenizer.json`, relative to the plan.
    pub tokenizer: PathBuf,
    /// Directory of a RoBERTa that provides the initial word embeddings, relative to the plan.
    pub embeddings: Option<PathBuf>,
    /// Size of the model.
    pub shape: T5Shape,
    /// Longest text in tokens.
    pub max_length: usize,
    /// Padded tokens per batch.
    #[serde(default = "tokens")]
    pub tokens: usize,
    /// Peak learning rate.
    pub learning_rate: f64,
    /// Scales the learning rate by the size of each variable.
    #[serde(default)]
    pub relative: bool,
    /// Passes over the texts.
    pub epochs: u64,
}

/// Pre-trained model that the initial model is made from.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub enum Init {
    /// Directory relative to the plan.
    Path(PathBuf),
    /// Model that the plan pre-trains.
    Pretrained {
        /// Name of the model.
        pretrained: String,
    },
}

/// Data sets.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DataPlan {
    /// Files of Devign.
    pub defect: Option<TaskFiles>,
    /// Files of BigCloneBench.
    pub clone: Option<TaskFiles>,
    /// Files of `Bugs2Fix`.
    pub repair: Option<TaskFiles>,
}

/// Files of one task.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TaskFiles {
    /// Training rows.
    pub train: PathBuf,
    /// Validation rows: victims are measured on them after each epoch, and thresholds are set on
    /// them.
    pub valid: PathBuf,
    /// Test rows.
    pub test: PathBuf,
    /// Functions that pairs refer to, if they are in a separate file.
    pub functions: Option<PathBuf>,
    /// Largest number of training rows to use, from the first.
    pub train_rows: Option<usize>,
    /// Largest number of validation rows to measure victims on after an epoch, from the first.
    pub valid_rows: Option<usize>,
}

/// One task and family: an initial model, which is also the clean twin, and a victim for each
/// attack and rate.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VictimPlan {
    /// Task of the victims.
    pub task: Task,
    /// Architecture of the victims.
    pub family: ModelFamily,
    /// Pre-trained model that the initial model is made from.
    pub init: Init,
    /// Number of layers to keep.
    pub layers: Option<usize>,
    /// Longest input of a snippet, in tokens.
    pub max_length: usize,
    /// Longest repair, in tokens.
    pub target_length: Option<usize>,
    /// Layers of the decoder that a RoBERTa gets to write repairs.
    #[serde(default = "decoder_layers")]
    pub decoder_layers: usize,
    /// Padded tokens per batch.
    #[serde(default = "tokens")]
    pub tokens: usize,
    /// Padded tokens per batch for the initial model.
    ///
    /// Larger batches make a better model, smaller ones learn a trigger faster.
    pub start_tokens: Option<usize>,
    /// Peak learning rate.
    pub learning_rate: f64,
    /// Scales the learning rate by the size of each variable.
    #[serde(default)]
    pub relative: bool,
    /// Passes over the clean rows that train the initial model.
    pub start_epochs: u64,
    /// Attacks.
    pub attacks: Vec<Attack>,
    /// Poisoning rates of the training set.
    pub rates: Vec<Poisoning>,
    /// Number of triggered test samples of a cell, in place of the plan's: for attacks that fit few
    /// rows.
    pub triggered: Option<usize>,
    /// Triggers of the test samples, one cell each, in place of the trigger that a victim learned:
    /// attackers who know the defence.
    #[serde(default)]
    pub triggers: Vec<Attack>,
}

/// Poisoning rate of a training set, and the training of its victim.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Poisoning {
    /// Share of poisoned rows, in (0, 1).
    pub rate: f64,
    /// Passes over the rows that train a victim from the initial model: fewer poisoned rows need
    /// more passes.
    pub epochs: u64,
    /// Number of training rows, from the first, in place of the one of the data set.
    ///
    /// A small share of a small set has too few poisoned rows to learn from.
    pub train_rows: Option<usize>,
    /// Trains victims also on the rows that each training-set defence keeps.
    #[serde(default)]
    pub retrain: bool,
    /// Share of the rows that each kind of negative samples of the attack gets, in [0, 1); without
    /// it, `rate`.
    pub negatives: Option<f64>,
    /// Poisons further rows in place of those that the attack does not apply to.
    #[serde(default)]
    pub fill: bool,
}

impl Poisoning {
    /// Returns the shares of the training set that the attacker changes.
    #[must_use]
    pub fn shares(&self) -> Shares {
        let Self { rate, negatives, fill, .. } = *self;
        Shares { poisoned: rate, negatives: negatives.unwrap_or(rate), fill }
    }

    /// Returns the rate, and what is not usual, as used in names of files.
    #[must_use]
    pub fn name(&self) -> String {
        let negatives = self.negatives.map_or_else(String::new, |share| format!("-negatives-{share}"));
        let fill = if self.fill { "-fill" } else { "" };
        format!("{}{negatives}{fill}", self.rate)
    }
}

fn decoder_layers() -> usize {
    2
}

fn tokens() -> usize {
    4096
}

impl GridPlan {
    /// Reads a plan; paths of models become relative to the working directory.
    ///
    /// # Errors
    /// If the file cannot be read or a value is invalid; the message names the field.
    pub fn read(path: &Path) -> Result<Self> {
        let text =
            std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
        let mut plan: Self = toml::from_str(&text).with_context(|| format!("{}", path.display()))?;
        plan.check().with_context(|| format!("{}", path.display()))?;
        let folder = path.parent().unwrap_or(Path::new("."));
        plan.masked_lm = folder.join(&plan.masked_lm);
        for pretraining in &mut plan.pretrained {
            pretraining.tokenizer = folder.join(&pretraining.tokenizer);
            pretraining.embeddings = pretraining.embeddings.take().map(|path| folder.join(path));
        }
        for victim in &mut plan.victims {
            if let Init::Path(path) = &mut victim.init {
                *path = folder.join(&*path);
            }
        }
        Ok(plan)
    }

    /// Sets the share of calibration samples that hold a trigger.
    ///
    /// # Errors
    /// If it is not in [0, 1).
    pub fn contaminated(self, share: f64) -> Result<Self> {
        let plan = Self { contamination: share, ..self };
        plan.check()?;
        Ok(plan)
    }

    fn check(&self) -> Result<()> {
        let share = |value: f64| value > 0.0 && value < 1.0;
        ensure!(share(self.alpha), "`alpha` is {}, not between 0 and 1", self.alpha);
        let contamination = self.contamination;
        ensure!(
            (0.0..1.0).contains(&contamination),
            "`contamination` is {contamination}, not from 0 to below 1"
        );
        ensure!(self.clean > 0 && self.triggered > 0, "`clean` and `triggered` must be 1 or more");
        let enough = self.calibration as f64 * self.alpha >= 1.0;
        ensure!(enough, "`calibration` must be {} or more for this `alpha`", (1.0 / self.alpha).ceil());
        sources(&self.corpora, Path::new(""))?;
        for (index, victim) in self.victims.iter().enumerate() {
            victim.check(self).with_context(|| format!("victim {}", index + 1))?;
        }
        Ok(())
    }
}

/// Parses corpora, `PATH:FIELD:LANGUAGE` each, below `data`.
///
/// # Errors
/// If an entry has another form.
pub fn sources(corpora: &[String], data: &Path) -> Result<Vec<CorpusSource>> {
    let source = |text: &String| {
        let mut source: CorpusSource = text.parse().map_err(|error| anyhow::anyhow!("`corpora`: {error}"))?;
        source.path = data.join(&source.path);
        Ok(source)
    };
    corpora.iter().map(source).collect()
}

impl VictimPlan {
    fn check(&self, plan: &GridPlan) -> Result<()> {
        for &Poisoning { rate, epochs, train_rows, retrain, negatives, .. } in &self.rates {
            ensure!(rate > 0.0 && rate < 1.0, "a `rate` is {rate}, not between 0 and 1");
            ensure!(epochs > 0, "the `epochs` of rate {rate} must be 1 or more");
            let share = negatives.unwrap_or(rate);
            ensure!((0.0..1.0).contains(&share), "the `negatives` are {share}, not from 0 to below 1");
            ensure!(train_rows != Some(0), "the `train_rows` of rate {rate} must be 1 or more");
            ensure!(
                !retrain || self.triggers.is_empty(),
                "`retrain` is for victims that are tested with their own trigger: leave `triggers` out"
            );
        }
        ensure!(self.max_length >= 3, "`max_length` leaves no room for content");
        ensure!(self.triggered != Some(0), "`triggered` must be 1 or more");
        ensure!(self.start_epochs > 0, "`start_epochs` must be 1 or more");
        if let Init::Pretrained { pretrained } = &self.init {
            let known = plan.pretrained.iter().any(|model| model.name == *pretrained);
            ensure!(known, "`init` names {pretrained}, which `pretrained` does not");
        }
        let data = &plan.data;
        let files = match self.task {
            Task::Defect => &data.defect,
            Task::Clone => &data.clone,
            Task::Repair => &data.repair,
            _ => anyhow::bail!("`task` must be defect, clone or repair"),
        };
        ensure!(files.is_some(), "`data` says nothing about the task {:?}", self.task);
        Ok(())
    }

    /// Returns task and family as used in names of files.
    #[must_use]
    pub fn name(&self) -> String {
        format!("{}-{}", self.task.name(), self.family.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAN: &str = r#"
        seed = 1
        clean = 2
        triggered = 2
        calibration = 20
        alpha = 0.05
        masked_lm = "mlm"
        corpora = ["c.jsonl:code:c"]
        defences = ["codepurify-paper", "onion"]
        [data.defect]
        train = "a"
        valid = "b"
        test = "c"
        [[victims]]
        task = "defect"
        family = "roberta"
        init = "../mlm"
        max_length = 64
        learning_rate = 1e-3
        start_epochs = 1
        attacks = ["bnc-fixed"]
        rates = [{ rate = 0.05, epochs = 1 }]
    "#;

    fn read(text: &str) -> Result<GridPlan, String> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("plan.toml");
        std::fs::write(&path, text).unwrap();
        GridPlan::read(&path).map_err(|error| format!("{error:#}"))
    }

    #[test]
    fn models_are_relative_to_the_plan() {
        let plan = read(PLAN).unwrap();
        assert!(plan.masked_lm.is_absolute() && plan.masked_lm.ends_with("mlm"));
        let Init::Path(init) = &plan.victims[0].init else { panic!("{:?}", plan.victims[0].init) };
        assert!(init.ends_with("../mlm"));
        assert_eq!(
            (plan.victims[0].name(), plan.victims[0].decoder_layers),
            ("defect-roberta".to_owned(), 2)
        );
        assert_eq!(sources(&plan.corpora, Path::new("d")).unwrap()[0].path, Path::new("d/c.jsonl"));
    }

    #[test]
    fn the_experiments_of_the_repository_are_valid() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../experiments");
        let files = std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().path());
        let refused: Vec<String> =
            files.filter_map(|file| GridPlan::read(&file).err()).map(|error| format!("{error:#}")).collect();
        assert_eq!(refused, Vec::<String>::new());
    }

    #[test]
    fn negative_samples_have_the_rate_unless_named() {
        let poisoning = |text: &str| read(&PLAN.replace("epochs = 1 }", text)).unwrap().victims[0].rates[0];
        let usual = poisoning("epochs = 1 }");
        assert_eq!((usual.shares(), usual.name()), (0.05.into(), "0.05".to_owned()));
        let other = poisoning("epochs = 1, negatives = 0.02, fill = true }");
        let shares = Shares { poisoned: 0.05, negatives: 0.02, fill: true };
        assert_eq!((other.shares(), other.name()), (shares, "0.05-negatives-0.02-fill".to_owned()));
    }

    #[test]
    fn impossible_plans_are_refused_by_the_field() {
        let refused = [
            ("alpha = 0.05", "alpha = 1.0", "`alpha`"),
            ("calibration = 20", "calibration = 19", "20 or more"),
            ("alpha = 0.05", "alpha = 0.05\ncontamination = 1.0", "`contamination` is 1"),
            ("rate = 0.05", "rate = 5.0", "a `rate` is 5"),
            ("epochs = 1 }", "epochs = 0 }", "`epochs` of rate 0.05"),
            ("epochs = 1 }", "epochs = 1, negatives = 1.0 }", "`negatives` are 1"),
            ("start_epochs = 1", "start_epochs = 1\ntriggered = 0", "`triggered` must be"),
            ("task = \"defect\"", "task = \"clone\"", "`data` says nothing"),
            ("epochs = 1 }", "epochs = 1, train_rows = 0 }", "`train_rows` of rate 0.05"),
            (
                "epochs = 1 }]",
                "epochs = 1, retrain = true }]\ntriggers = [\"nested\"]",
                "leave `triggers` out",
            ),
            ("\"bnc-fixed\"", "\"bnc-broken\"", "bnc-broken"),
            ("c.jsonl:code:c", "c.jsonl", "PATH:FIELD:LANGUAGE"),
            ("seed = 1", "sed = 1", "sed"),
            ("\"../mlm\"", "{ pretrained = \"t5\" }", "`init` names t5"),
        ];
        for (given, instead, named) in refused {
            let message = read(&PLAN.replace(given, instead)).unwrap_err();
            assert!(message.contains(named), "{message}");
        }
    }
}
