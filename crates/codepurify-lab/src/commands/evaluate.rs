//! `codepurify-lab evaluate`.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::{Args, Subcommand, ValueEnum};
use codepurify::{Defender, Profile, Thresholds};
use codepurify_attacks::attack::Attack;
use codepurify_attacks::data::{self, DataError, Rows};
use codepurify_attacks::poison::{Poison, SEED};
use codepurify_lab::evaluate::defence::{SampleRow, screen};
use codepurify_lab::evaluate::split::Split;
use codepurify_lab::evaluate::summary;
use codepurify_lab::evaluate::victim::evaluate;
use codepurify_lab::train::workers::Workers;
use codepurify_models::{GuardedModel, Loaded, ModelFiles, RobertaMaskedLm, load};

use super::{VictimFiles, progress, usable};

#[derive(Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    what: EvaluateCommand,
}

#[derive(Subcommand)]
enum EvaluateCommand {
    /// Measure a victim of any task, and the success rate of an attack without a defence
    Victim(VictimArguments),
    /// Measure the defence of a defect detector on clean and triggered validation rows: one row per
    /// sample, and a summary
    Defence(DefenceArguments),
    /// Summarise the rows that `defence` wrote
    Summary {
        /// File of rows, `.jsonl` or `.jsonl.gz`
        rows: PathBuf,
    },
}

#[derive(Args)]
struct VictimArguments {
    #[command(flatten)]
    files: VictimFiles,
    /// Clean rows of the victim's task
    #[arg(long)]
    data: PathBuf,
    /// Clone detection: file with the functions that lines of `idx1 TAB idx2 TAB label` refer to
    #[arg(long)]
    functions: Option<PathBuf>,
    /// Attack that the victim was trained with
    #[arg(long, value_enum)]
    attack: Option<Attack>,
}

impl VictimArguments {
    fn load(&self) -> Result<Loaded> {
        Ok(load(&self.files.read()?)?)
    }
}

#[derive(Args)]
struct DefenceArguments {
    #[command(flatten)]
    victim: VictimArguments,
    /// Masked language model to purify with
    #[arg(long)]
    mlm: PathBuf,
    /// Statistic that decides
    #[arg(long, value_enum, default_value = "transplant")]
    profile: ProfileChoice,
    /// Number of clean rows, and of triggered ones
    #[arg(long, default_value_t = 300)]
    each: usize,
    /// Seed of the draw; the same seed keeps these rows apart from those of `calibrate`
    #[arg(long, default_value_t = 12345)]
    seed: u64,
    /// Output file of rows, `.jsonl` or `.jsonl.gz`
    #[arg(short, long)]
    output: PathBuf,
}

/// Profiles of the defence.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum ProfileChoice {
    /// Sufficiency in references
    #[value(alias = "default")]
    Transplant,
    /// 1 − H/ln n
    Normalised,
    /// H
    Paper,
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    match &arguments.what {
        EvaluateCommand::Victim(arguments) => victim(arguments),
        EvaluateCommand::Defence(arguments) => defence(arguments),
        EvaluateCommand::Summary { rows } => summary(rows),
    }
}

fn victim(arguments: &VictimArguments) -> Result<()> {
    let victim = arguments.load()?;
    match &victim.model {
        GuardedModel::Classifier(_) => arguments.measure(&victim, data::defect::load),
        GuardedModel::Pair(_) => {
            arguments.measure(&victim, |path| data::clone::load_with(path, arguments.functions.as_deref()))
        }
        GuardedModel::Generator(_) => arguments.measure(&victim, data::repair::load),
    }
}

impl VictimArguments {
    /// Prints a line per measure: its name, its value, and the number of samples.
    fn measure<R: Poison + Sync>(
        &self,
        victim: &Loaded,
        load: impl Fn(&Path) -> Result<Rows<R>, DataError>,
    ) -> Result<()> {
        let rows = usable(&self.data, load)?;
        let report = evaluate(victim, &rows, self.attack, &Workers::new()?)?;
        let success =
            [("asr", report.asr), ("asr_natural", report.asr_natural)].map(|line| (line, report.triggered));
        let lines = report.qualities.into_iter().map(|line| (line, rows.len())).chain(success);
        for ((name, estimate), samples) in lines {
            println!(
                "{name}\t{}\t{samples}",
                estimate.map_or("-".to_owned(), |estimate| estimate.to_string())
            );
        }
        let eligible = report.triggered + report.not_applicable;
        println!("not_applicable\t{}\t{eligible}", report.not_applicable);
        Ok(())
    }
}

fn defence(arguments: &DefenceArguments) -> Result<()> {
    let rows = usable(&arguments.victim.data, data::defect::load)?;
    let Loaded { model, thresholds, calibration, .. } = arguments.victim.load()?;
    let victim = model.classifier()?;
    let attack = arguments.victim.attack.context("name the attack with --attack")?;
    let mlm = RobertaMaskedLm::load(&ModelFiles::read(&arguments.mlm)?)?;
    let thresholds = thresholds.unwrap_or_else(Thresholds::builtin);
    let profile = match arguments.profile {
        ProfileChoice::Transplant => match calibration {
            Some(calibration) => Profile::transplant().with_calibration(calibration),
            None => Profile::transplant(),
        },
        ProfileChoice::Normalised => Profile::normalised(thresholds),
        ProfileChoice::Paper => Profile::paper(thresholds),
    };
    let defender =
        Defender::new(victim.as_ref()).with_masked_lm(&mlm).with_profile(profile).with_evidence(true);
    let split = Split::new(&rows, arguments.each, arguments.seed);
    let triggered = split.to_trigger.iter().filter_map(|row| row.triggered(attack, SEED).ok());
    let samples: Vec<_> = split.clean.iter().cloned().chain(triggered).collect();
    let bar = progress(samples.len());
    let screened = screen(&defender, &samples, &Workers::new()?, &|count| bar.inc(count as u64))?;
    bar.finish_and_clear();
    data::write(&arguments.output, &screened)?;
    print(&screened);
    Ok(())
}

fn summary(path: &Path) -> Result<()> {
    let rows = data::read(path, |_: &SampleRow| Ok(()))?;
    rows.report(path);
    print(&rows.rows);
    Ok(())
}

fn print(rows: &[SampleRow]) {
    println!("| measure | value [95 % interval] | samples |\n|---|---|---|");
    for line in summary::lines(rows) {
        let value = line.value.map_or("–".to_owned(), |value| value.to_string());
        println!("| {} | {value} | {} |", line.name, line.samples);
    }
}
