//! Guards of the small victims in `codepurify::testing`.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};

use codepurify::testing::{ConstantMaskedLm, TriggerWordVictim};
use codepurify::verdict::{ModelInfo, ToolInfo};
use codepurify::{Defender, Language, Model, ModelError, PairDefender, Snippet};
use codepurify_server::{Guard, Info, Kind, Scores, Sides, classify, classify_pairs};

/// A guard of a victim whose trigger is the word `BNC`.
pub(crate) struct TestGuard {
    kind: Kind,
    victim: Arc<TriggerWordVictim>,
    pub(crate) language: Option<Language>,
    pub(crate) changed: Arc<AtomicBool>,
    /// Number of rows in each call.
    pub(crate) batches: Arc<Mutex<Vec<usize>>>,
    pub(crate) gate: Gate,
}

/// Holds judges up until it is opened.
#[derive(Clone, Default)]
pub(crate) struct Gate(Arc<GateState>);

#[derive(Default)]
struct GateState {
    closed: Mutex<bool>,
    opened: Condvar,
    /// Judges that wait.
    waiting: AtomicUsize,
}

impl Gate {
    pub(crate) fn close(&self) {
        *self.0.closed.lock().unwrap() = true;
    }

    pub(crate) fn open(&self) {
        *self.0.closed.lock().unwrap() = false;
        self.0.opened.notify_all();
    }

    /// Number of judges that it holds up.
    pub(crate) fn waiting(&self) -> usize {
        self.0.waiting.load(Ordering::SeqCst)
    }

    fn pass(&self) {
        self.0.waiting.fetch_add(1, Ordering::SeqCst);
        let closed = self.0.closed.lock().unwrap();
        drop(self.0.opened.wait_while(closed, |closed| *closed).unwrap());
        self.0.waiting.fetch_sub(1, Ordering::SeqCst);
    }
}

impl TestGuard {
    pub(crate) fn classifier() -> Self {
        Self::of(Kind::Classifier)
    }

    pub(crate) fn of(kind: Kind) -> Self {
        Self {
            kind,
            victim: Arc::new(TriggerWordVictim::new("BNC")),
            language: None,
            changed: Arc::default(),
            batches: Arc::default(),
            gate: Gate::default(),
        }
    }

    pub(crate) fn with_language(self, language: Language) -> Self {
        Self { language: Some(language), ..self }
    }
}

impl Guard for TestGuard {
    fn info(&self) -> Info {
        let card = self.victim.card();
        let changed = Arc::clone(&self.changed);
        Info {
            tool: ToolInfo { name: "codepurify".to_owned(), version: "0.0.0".to_owned() },
            model: ModelInfo { name: card.name.clone(), task: card.task, sha256: card.sha256.clone() },
            labels: card.labels.clone(),
            kind: self.kind,
            window: self.victim.window(),
            language: self.language,
            profile: "transplant".to_owned(),
            calibrated: false,
            changed: Arc::new(move || changed.load(Ordering::SeqCst)),
        }
    }

    fn tokens(&self, row: &[Snippet]) -> usize {
        row.iter().map(|snippet| snippet.text().split_whitespace().count()).sum()
    }

    fn judge(&self, rows: &[Vec<Snippet>], evidence: bool) -> Vec<Sides> {
        self.batches.lock().unwrap().push(rows.len());
        self.gate.pass();
        assert!(!rows.iter().flatten().any(|snippet| snippet.text().contains("PANIC")), "a panic on purpose");
        let masked_lm = ConstantMaskedLm::new(&["n", "5"]);
        let single = |defender: Defender<'_>| -> Vec<Sides> {
            let defender = defender.with_masked_lm(masked_lm).with_evidence(evidence);
            defender.screen(&rows.concat()).into_iter().map(|verdict| vec![verdict]).collect()
        };
        match self.kind {
            Kind::Classifier => single(Defender::new(Arc::clone(&self.victim))),
            Kind::Generator => single(Defender::for_generator(Arc::clone(&self.victim))),
            Kind::Pair => {
                let masked_lm = ConstantMaskedLm::new(&["n", "5"]);
                let defender = PairDefender::for_pairs(Arc::clone(&self.victim));
                let defender = defender.with_masked_lm(masked_lm).with_evidence(evidence);
                let pairs: Vec<_> = rows.iter().map(|row| (row[0].clone(), row[1].clone())).collect();
                defender.screen_pairs(&pairs).into_iter().map(Vec::from).collect()
            }
        }
    }

    fn scores(&self, rows: &[Vec<String>]) -> Option<Vec<Result<Scores, ModelError>>> {
        match self.kind {
            Kind::Classifier => Some(classify(&self.victim, rows)),
            Kind::Pair => Some(classify_pairs(&self.victim, rows)),
            Kind::Generator => None,
        }
    }
}
