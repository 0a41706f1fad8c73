//! `codepurify-lab evaluate`.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::{Args, Subcommand, ValueEnum};
use codepurify::{Defender, Profile, Thresholds};
use codepurify_lab::attack::Attack;
use codepurify_lab::data;
use codepurify_lab::evaluate::defence::{SampleRow, screen};
use codepurify_lab::evaluate::detector::Detector;
use codepurify_lab::evaluate::split::Split;
use codepurify_lab::evaluate::summary;
use codepurify_lab::poison::{Poison, SEED};
use codepurify_lab::train::workers::Workers;
use codepurify_models::{Loaded, ModelFiles, RobertaMaskedLm, load};

use super::{progress, usable};

#[derive(Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// Accuracy of a victim and success rate of an attack, undefended.
    Victim(Victim),
    /// The defence on clean and on triggered validation rows: one row a sample, and their summary.
    Defence(Defence),
    /// The summary of rows that `defence` wrote.
    Summary {
        /// `.jsonl` or `.jsonl.gz`.
        rows: PathBuf,
    },
}

#[derive(Args)]
struct Victim {
    /// The victim's directory.
    #[arg(long)]
    model: PathBuf,
    /// Clean rows.
    #[arg(long)]
    data: PathBuf,
    /// The attack that the victim was trained with.
    #[arg(long, value_enum)]
    attack: Option<Attack>,
    /// Directory of configuration and tokenizer, where the victim is a bare state dict.
    #[arg(long)]
    base: Option<PathBuf>,
    /// Preprocessing of a known training script, where the victim has no `codepurify.json`.
    #[arg(long)]
    preset: Option<String>,
}

impl Victim {
    fn load(&self) -> Result<Loaded> {
        let files = ModelFiles::read_with_base(&self.model, self.base.as_deref())?;
        let files = self.preset.iter().try_fold(files, |files, preset| files.with_preset(preset))?;
        Ok(load(&files)?)
    }
}

#[derive(Args)]
struct Defence {
    #[command(flatten)]
    victim: Victim,
    /// Masked language model to purify with.
    #[arg(long)]
    mlm: PathBuf,
    /// Which statistic decides.
    #[arg(long, value_enum, default_value = "default")]
    profile: Which,
    /// Clean rows, and as many triggered ones.
    #[arg(long, default_value_t = 300)]
    each: usize,
    /// Draws the rows; the same seed keeps them apart from those of `calibrate`.
    #[arg(long, default_value_t = 12345)]
    seed: u64,
    /// Where the rows go, `.jsonl` or `.jsonl.gz`.
    #[arg(short, long)]
    output: PathBuf,
}

/// The defence's profiles.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Which {
    /// 1 − H/ln n.
    Default,
    /// H.
    Paper,
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    match &arguments.what {
        What::Victim(arguments) => victim(arguments),
        What::Defence(arguments) => defence(arguments),
        What::Summary { rows } => summary(rows),
    }
}

fn victim(arguments: &Victim) -> Result<()> {
    let rows = usable(&arguments.data, data::defect::load)?;
    let Loaded { model, targets, .. } = arguments.load()?;
    let victim = model.classifier()?;
    let detector = Detector { victim: victim.as_ref(), targets: &targets };
    let report = detector.evaluate(&rows, arguments.attack, &Workers::new()?)?;
    let lines = [
        ("accuracy", rows.len(), report.accuracy),
        ("asr", report.triggered, report.asr),
        ("asr_natural", report.triggered, report.asr_natural),
    ];
    for (name, samples, estimate) in lines {
        println!("{name}\t{}\t{samples}", estimate.map_or("-".to_owned(), |estimate| estimate.to_string()));
    }
    Ok(())
}

fn defence(arguments: &Defence) -> Result<()> {
    let rows = usable(&arguments.victim.data, data::defect::load)?;
    let Loaded { model, thresholds, .. } = arguments.victim.load()?;
    let victim = model.classifier()?;
    let attack = arguments.victim.attack.context("say with --attack what triggers the rows")?;
    let mlm = RobertaMaskedLm::load(&ModelFiles::read(&arguments.mlm)?)?;
    let thresholds = thresholds.unwrap_or_else(Thresholds::builtin);
    let profile = match arguments.profile {
        Which::Default => Profile::standard(thresholds),
        Which::Paper => Profile::paper(thresholds),
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
