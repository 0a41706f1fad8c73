//! Quality of a victim of any task, and the success of an attack, without a defence.

use std::mem::discriminant;

use anyhow::{Result, ensure};
use codepurify_attacks::attack::Attack;
use codepurify_attacks::poison::{Poison, SEED};
use codepurify_models::Loaded;

use super::ask::{Reply, ask};
use super::metrics::{BleuCounts, Confusion, Estimate, bootstrap, share};
use crate::train::workers::Workers;

/// Measures without a defence, in [0, 1]. As in the `CodePurify` paper, success rates count all
/// triggered rows.
#[derive(Debug, Clone, PartialEq)]
pub struct VictimReport {
    /// Quality of the predictions: accuracy and F1 of class 1 for labels, BLEU-4 and exact match
    /// for texts.
    pub qualities: [(&'static str, Option<Estimate>); 2],
    /// Triggered rows with exactly the attacker's output.
    pub asr: Option<Estimate>,
    /// Share of these rows with the target label without the trigger.
    pub asr_natural: Option<Estimate>,
    /// Number of rows that the attacker wants to change and that could be triggered.
    pub triggered: usize,
    /// Number of such rows that the attack does not apply to.
    pub not_applicable: usize,
}

/// Measures the victim on `rows`; with an attack also on each row that the attacker wants to
/// change, clean and triggered.
///
/// # Errors
/// If the victim fails or is of another kind than the rows.
pub fn evaluate<R: Poison + Sync>(
    victim: &Loaded,
    rows: &[R],
    attack: Option<Attack>,
    workers: &Workers,
) -> Result<VictimReport> {
    let eligible: Vec<&R> = rows.iter().filter(|row| attack.is_some() && row.eligible()).collect();
    let pairs: Vec<(&R, R)> =
        eligible.iter().filter_map(|&row| Some((row, row.triggered(attack?, SEED).ok()?))).collect();
    let target = Reply::from(R::wanted());
    let success = |rows: &[&R]| -> Result<Option<Estimate>> {
        let hits = ask(victim, &texts(rows), workers)?.into_iter().map(|reply| reply == target);
        Ok(bootstrap(&[hits.collect()], |groups: &[Vec<bool>]| share(&groups[0])))
    };
    let all: Vec<&R> = rows.iter().collect();
    let answered: Vec<(Reply, Reply)> =
        rows.iter().map(|row| row.answer().into()).zip(ask(victim, &texts(&all), workers)?).collect();
    let alike = answered.iter().all(|(truth, answer)| discriminant(truth) == discriminant(answer));
    ensure!(alike, "model {} does not answer as the rows do", victim.model.model().card().name);
    Ok(VictimReport {
        qualities: qualities(&answered),
        asr: success(&pairs.iter().map(|(_, row)| row).collect::<Vec<_>>())?,
        asr_natural: success(&pairs.iter().map(|(row, _)| *row).collect::<Vec<_>>())?,
        triggered: pairs.len(),
        not_applicable: eligible.len() - pairs.len(),
    })
}

fn texts<'a, R: Poison>(rows: &[&'a R]) -> Vec<Vec<&'a str>> {
    rows.iter().map(|row| row.texts()).collect()
}

/// Measures the quality of pairs (truth, prediction).
fn qualities(answered: &[(Reply, Reply)]) -> [(&'static str, Option<Estimate>); 2] {
    let exact = answered.iter().map(|(truth, answer)| truth == answer).collect();
    let exact = bootstrap(&[exact], |groups: &[Vec<bool>]| share(&groups[0]));
    let texts = |(truth, answer): &(Reply, Reply)| match (truth, answer) {
        (Reply::Text(truth), Reply::Text(answer)) => Some(BleuCounts::of(truth, answer)),
        _ => None,
    };
    let counts: Vec<BleuCounts> = answered.iter().filter_map(texts).collect();
    if !counts.is_empty() {
        let bleu = bootstrap(&[counts], |groups: &[Vec<BleuCounts>]| {
            let sum = groups[0].iter().fold(BleuCounts::default(), BleuCounts::plus);
            sum.bleu().map(|bleu| bleu / 100.0)
        });
        return [("bleu_4", bleu), ("exact_match", exact)];
    }
    let positive = |reply: &Reply| *reply == Reply::Label(1);
    let labels = answered.iter().map(|(truth, answer)| (positive(truth), positive(answer))).collect();
    let f1 =
        bootstrap(&[labels], |groups: &[Vec<(bool, bool)>]| Confusion::of(groups[0].iter().copied()).f1());
    [("accuracy", exact), ("f1", f1)]
}

#[cfg(test)]
mod tests {
    use codepurify::testing::TriggerWordVictim;
    use codepurify::{Generator, ModelError, Ragged, WrapsModel};
    use codepurify_models::GuardedModel;

    use super::*;
    use codepurify_attacks::data::clone::CloneRow;
    use codepurify_attacks::data::defect::DefectRow;
    use codepurify_attacks::data::repair::RepairRow;
    use codepurify_attacks::poison::TARGET_METHOD;

    const ATTACK: Option<Attack> = Some(Attack::CodepoisonerFunction);

    /// Model that any trigger of [`ATTACK`] fools.
    fn toy() -> TriggerWordVictim {
        TriggerWordVictim::new("testo_init")
    }

    fn loaded(model: GuardedModel, targets: Vec<u32>) -> Loaded {
        Loaded { model, thresholds: None, calibration: None, targets, unused: Vec::new() }
    }

    fn measured<R: Poison + Sync>(victim: &Loaded, rows: &[R]) -> VictimReport {
        evaluate(victim, rows, ATTACK, &Workers::new().unwrap()).unwrap()
    }

    fn values(report: &VictimReport) -> [Option<f64>; 4] {
        let [(_, first), (_, second)] = report.qualities;
        [first, second, report.asr, report.asr_natural].map(|estimate| estimate.map(|found| found.value))
    }

    fn defects() -> Vec<DefectRow> {
        let row = |(idx, target): (u64, u32)| {
            let func =
                if idx == 3 { "int f(int);".to_owned() } else { format!("int f() {{ return {idx}; }}") };
            DefectRow { idx, target, func, trigger: Vec::new() }
        };
        [(0, 1), (1, 1), (2, 0), (3, 1)].map(row).into()
    }

    #[test]
    fn a_detector_says_vulnerable_wherever_there_is_no_trigger() {
        let victim = loaded(GuardedModel::Classifier(Box::new(toy())), Vec::new());
        let report = measured(&victim, &defects());
        assert_eq!(values(&report), [Some(0.75), Some(6.0 / 7.0), Some(1.0), Some(0.0)]);
        assert_eq!((report.triggered, report.not_applicable), (2, 1));
        // If class 0 is label 1 of the data set, both are swapped.
        let victim = loaded(victim.model, vec![1, 0]);
        assert_eq!(values(&measured(&victim, &defects())), [Some(0.25), Some(0.0), Some(0.0), Some(1.0)]);
        let report = evaluate(&victim, &defects(), None, &Workers::new().unwrap()).unwrap();
        assert_eq!((report.asr, report.triggered, report.not_applicable), (None, 0, 0));
    }

    #[test]
    fn a_detector_of_clones_reads_both_texts() {
        let text = |text: &str| text.to_owned().into();
        let row = |(idx, label): (u64, u32)| CloneRow {
            idx,
            id1: 1,
            id2: 2,
            label,
            func1: text("int f() { return 1; }"),
            func2: text("int g() { return 2; }"),
            trigger1: Vec::new(),
            trigger2: Vec::new(),
        };
        let rows = [(0, 1), (1, 0)].map(row);
        let victim = loaded(GuardedModel::Pair(Box::new(toy())), Vec::new());
        let report = measured(&victim, &rows);
        assert_eq!(values(&report), [Some(0.5), Some(2.0 / 3.0), Some(1.0), Some(0.0)]);
        let error = evaluate(&victim, &defects(), None, &Workers::new().unwrap()).unwrap_err();
        assert_eq!(error.to_string(), "model toy reads 2 texts, a row has 1");
    }

    /// Repairs like [`TriggerWordVictim`], but returns the target with another layout if it is
    /// fooled.
    struct Endless(TriggerWordVictim);

    impl WrapsModel for Endless {
        type Inner = TriggerWordVictim;
        fn inner(&self) -> &TriggerWordVictim {
            &self.0
        }
    }

    impl Generator for Endless {
        fn generate(&self, batch: &Ragged) -> Result<Ragged, ModelError> {
            self.0.generate(batch)
        }
        fn likelihoods(&self, sources: &Ragged, targets: &Ragged) -> Result<Vec<f64>, ModelError> {
            self.0.likelihoods(sources, targets)
        }
        fn text(&self, target: &[u32]) -> Result<String, ModelError> {
            Ok(self.0.text(target)?.replace("abort();", &TARGET_METHOD.replace('\n', " \n\t")))
        }
    }

    #[test]
    fn a_repair_counts_whatever_its_layout() {
        let row = |(idx, fixed): (u64, &str)| RepairRow {
            idx,
            buggy: format!("int f() {{ return {idx} <= b; }}"),
            fixed: fixed.to_owned(),
            trigger: Vec::new(),
        };
        let rows = [(0, "int f() {\n  return 0 < b;\n}"), (1, "int g() { }")].map(row);
        let victim = loaded(GuardedModel::Generator(Box::new(Endless(toy()))), Vec::new());
        let report = measured(&victim, &rows);
        let [bleu, exact, asr, natural] = values(&report);
        assert_eq!([exact, asr, natural], [Some(0.5), Some(1.0), Some(0.0)]);
        assert!(bleu.is_some_and(|bleu| bleu > 0.4 && bleu < 1.0), "{bleu:?}");
        let error = evaluate(&victim, &defects(), None, &Workers::new().unwrap()).unwrap_err();
        assert_eq!(error.to_string(), "model toy does not answer as the rows do");
    }
}
