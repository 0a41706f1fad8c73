//! Task, labels, answers, decision and preset of a model, checked against each other and against its tensors.

use std::collections::BTreeSet;

use codepurify::victim::Task;

use crate::decision::{Decision, Pooling};
use crate::error::LoadError;
use crate::guarded::{Outputs, logit};
use crate::layout::{Head, HeadKind, Layout};
use crate::presets::{self, Preset};
use crate::sidecar::Sidecar;

/// Task, labels and outputs of a model; sidecar, configuration and tensors agree on them.
#[derive(Debug)]
pub(crate) struct Agreement {
    pub(crate) task: Task,
    /// Label names by class index; empty where nobody names any.
    pub(crate) labels: Vec<String>,
    pub(crate) outputs: Outputs,
    pub(crate) pooling: Pooling,
}

/// Statements of sidecar, configuration and tensors about a model.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Facts<'f> {
    pub(crate) model: &'f str,
    pub(crate) layout: Layout,
    pub(crate) sidecar: &'f Sidecar,
    /// Label names of `config.json`.
    pub(crate) labels: &'f [String],
    /// How transformers trained the head, if `config.json` says it.
    pub(crate) problem: Option<&'f str>,
    /// True if vocabulary or embeddings are those of `UniXcoder`.
    pub(crate) is_unixcoder: bool,
}

impl Agreement {
    /// Decides what the model does.
    ///
    /// # Errors
    /// [`LoadError::Disagreement`] if a statement does not fit, [`LoadError::Ambiguous`] if a necessary one
    /// is missing.
    pub(crate) fn of(facts: &Facts<'_>) -> Result<Self, LoadError> {
        facts.check_preset()?;
        facts.check_answers()?;
        let task = facts.task()?;
        facts.check_stated()?;
        let (outputs, pooling) = (facts.outputs()?, facts.pooling()?);
        let labels = facts.labels()?;
        facts.check_targets()?;
        Ok(Self { task, labels, outputs, pooling })
    }
}

/// Refuses a preset that is for other heads.
///
/// # Errors
/// [`LoadError::Disagreement`] with the names of presets that fit, [`LoadError::UnknownPreset`] if there is none of this name.
pub(crate) fn check_preset(model: &str, head: Head, name: &str) -> Result<(), LoadError> {
    if Preset::named(name)?.heads.contains(&head.kind()) {
        return Ok(());
    }
    let (model, said) = (model.to_owned(), format!("preset `{name}` is asked for"));
    Err(LoadError::Disagreement { model, said, head: head.to_string(), fits: fitting_presets(head) })
}

fn fitting_presets(head: Head) -> String {
    match presets::fitting(head.kind()) {
        names if names.is_empty() => "no preset fits".to_owned(),
        names => format!("presets that fit: {names}"),
    }
}

impl Facts<'_> {
    fn head(&self) -> Head {
        self.layout.kind
    }

    fn disagree(&self, said: String, fits: impl Into<String>) -> LoadError {
        let (model, head) = (self.model.to_owned(), self.head().to_string());
        LoadError::Disagreement { model, said, head, fits: fits.into() }
    }

    fn ambiguous(&self, found: impl Into<String>, needed: impl Into<String>) -> LoadError {
        let model = self.model.to_owned();
        LoadError::Ambiguous { model, found: found.into(), needed: needed.into() }
    }

    fn presets(&self) -> String {
        fitting_presets(self.head())
    }

    fn check_preset(&self) -> Result<(), LoadError> {
        self.sidecar.preset.as_ref().map_or(Ok(()), |name| check_preset(self.model, self.head(), name))
    }

    fn check_answers(&self) -> Result<(), LoadError> {
        let answers = &self.sidecar.answers;
        if answers.is_empty() || self.head().generates() {
            return Ok(());
        }
        let message = format!("`answers` are for a model that generates text, this one is: {}", self.head());
        Err(LoadError::Json { model: self.model.to_owned(), file: "codepurify.json", message })
    }

    /// Returns the task: the one that the sidecar names, or the usual one of such models.
    fn task(&self) -> Result<Task, LoadError> {
        let fitting: &[Task] = match self.head().kind() {
            HeadKind::Classification | HeadKind::Linear => &[Task::Classification, Task::Defect, Task::Clone],
            HeadKind::Pair | HeadKind::T5Pair => &[Task::Clone, Task::Classification],
            HeadKind::Seq2Seq | HeadKind::T5Generation if self.sidecar.answers.is_empty() => &[Task::Repair],
            HeadKind::T5Classification | HeadKind::Seq2Seq | HeadKind::T5Generation => {
                &[Task::Classification, Task::Defect]
            }
            HeadKind::MaskedLm => &[],
        };
        let Some(usual) = fitting.first().copied() else {
            return Err(LoadError::WrongKind {
                model: self.model.to_owned(),
                found: "masked language model",
                wanted: "model to guard",
            });
        };
        let task = self.sidecar.task.unwrap_or(usual);
        if fitting.contains(&task) {
            return Ok(task);
        }
        let names: Vec<String> = fitting.iter().map(|&task| name(task)).collect();
        let answers = if self.head().generates() && self.sidecar.answers.is_empty() {
            " (with `answers`, a text for each class, it classifies)"
        } else {
            ""
        };
        let fits = format!("tasks that fit: {}{answers}; {}", names.join(", "), self.presets());
        Err(self.disagree(format!("the task is `{}`", name(task)), fits))
    }

    /// Refuses tensors that several training scripts write and use in different ways, unless it is said which this is.
    fn check_stated(&self) -> Result<(), LoadError> {
        let Sidecar { task, decision, pooling, labels, .. } = self.sidecar;
        let decides = decision.is_some();
        match self.head() {
            Head::Pair { .. } if self.layout.inner_head && pooling.is_none() => Err(self.ambiguous(
                "these are the tensors of GraphCodeBERT's clone model, which reads the data flow of the code as well: further \
                 tokens, their positions, and which token may look at which; none of that is computed here",
                "it cannot be guarded. A model with these tensors that reads nothing but the code needs \
                 `\"pooling\": \"first\"` in codepurify.json",
            )),
            Head::Pair { .. } if self.is_unixcoder && !decides && pooling.is_none() => Err(self.ambiguous(
                "vocabulary or embeddings are those of UniXcoder, whose script for clones never trains the head over two \
                 vectors and compares their cosine",
                "say which it is: --preset unixcoder-clone for the cosine, --preset codexglue-clone for the head over two <s> \
                 vectors",
            )),
            Head::Pair { .. } if task.is_none() && !decides && pooling.is_none() => Err(self.ambiguous(
                "several training scripts write a head over two vectors, and not all of them use it",
                "say which it is: --preset codexglue-clone for the head over two <s> vectors, --preset unixcoder-clone for \
                 the cosine of mean vectors, or `\"task\": \"clone\"` in codepurify.json for the head",
            )),
            Head::Linear { .. } if self.layout.body == "roberta" && pooling.is_none() => Err(self.ambiguous(
                "a linear `classifier` on `roberta` is that of a classifier of tokens or of multiple choices",
                "if it reads <s>, say so: `\"pooling\": \"first\"` in codepurify.json",
            )),
            head if decides || head.generates() => Ok(()),
            _ => self.check_problem(task.is_some() || !labels.is_empty() || self.sidecar.preset.is_some()),
        }
    }

    /// Refuses a head that was trained for something else than one class of several, where no decision is said.
    fn check_problem(&self, stated: bool) -> Result<(), LoadError> {
        let regression = "`\"decision\": {\"kind\": \"regression\", \"threshold\": T}`";
        match (self.problem, self.head()) {
            (Some("multi_label_classification"), _) => Err(self.ambiguous(
                "config.json says that each logit decides about a label of its own",
                "a verdict is about one question: name the labels that are watched in codepurify.json, \
                 `\"decision\": {\"kind\": \"multi_label\", \"watch\": [LABEL, …]}`",
            )),
            (Some("regression"), _) => Err(self.ambiguous(
                "config.json says that the head estimates a number",
                format!("say in codepurify.json above which number the answer is another: {regression}"),
            )),
            (_, Head::Classification { classes: 1 }) if self.layout.body == "roberta" && !stated => {
                Err(self.ambiguous(
                    "one logit is a number that was estimated, if transformers trained it, or a sigmoid's",
                    format!(
                        "say in codepurify.json which: {regression} or `\"decision\": {{\"kind\": \"sigmoid\"}}`"
                    ),
                ))
            }
            _ => Ok(()),
        }
    }

    /// How logits follow from what the head gives.
    fn outputs(&self) -> Result<Outputs, LoadError> {
        let Some(decision) = &self.sidecar.decision else { return Ok(Outputs::Logits) };
        let one = matches!(self.head().classes(), Some(1));
        let fits = |fits: &str| Err(self.disagree(format!("the decision is `{}`", decision.kind()), fits));
        match decision {
            _ if self.head().generates() => fits("a model that answers with text has no `decision`"),
            Decision::Classes {} => Ok(Outputs::Logits),
            Decision::Cosine { threshold } if self.head().kind() == HeadKind::Pair => {
                Ok(Outputs::Similarity { cut: logit(*threshold) })
            }
            Decision::Sigmoid { threshold } if one => {
                Ok(Outputs::AnyOf { columns: vec![0], cut: logit(*threshold) })
            }
            Decision::Regression { threshold, scale } if one => {
                Ok(Outputs::Above { threshold: *threshold, scale: *scale })
            }
            Decision::MultiLabel { watch, threshold } if !one => {
                Ok(Outputs::AnyOf { columns: self.columns(watch)?, cut: logit(*threshold) })
            }
            Decision::Cosine { .. } => fits("cosines are of a RoBERTa with two vectors"),
            Decision::Sigmoid { .. } | Decision::Regression { .. } => {
                fits("`sigmoid` and `regression` are for 1 logit, `classes` and `multi_label` for several")
            }
            Decision::MultiLabel { .. } => {
                fits("`multi_label` is for several logits, `sigmoid` and `regression` for 1")
            }
        }
    }

    /// Returns the indices of the watched labels among the logits.
    fn columns(&self, watch: &[String]) -> Result<Vec<u32>, LoadError> {
        let names = self.logit_names()?;
        let column = |label: &String| {
            let place = names.iter().position(|name| name == label);
            place.map(|place| place as u32).ok_or_else(|| {
                let said = format!("label `{label}` is to be watched");
                self.disagree(said, format!("labels that there are: {}", names.join(", ")))
            })
        };
        watch.iter().map(column).collect()
    }

    /// Names of the logits of several labels: those that are said, else their numbers.
    fn logit_names(&self) -> Result<Vec<String>, LoadError> {
        let logits = self.head().classes().unwrap_or_default();
        let named = self.named(logits)?;
        Ok(if named.is_empty() { (0..logits).map(|label| label.to_string()).collect() } else { named })
    }

    fn pooling(&self) -> Result<Pooling, LoadError> {
        match (self.sidecar.pooling, self.head().kind()) {
            (Some(pooling), HeadKind::Classification | HeadKind::Linear | HeadKind::Pair) => Ok(pooling),
            (Some(_), _) => Err(self.disagree(
                "`pooling` is said".to_owned(),
                "only a RoBERTa with a classifier head has a choice of vectors",
            )),
            (None, _) => match self.sidecar.decision {
                Some(Decision::Cosine { .. }) => Ok(Pooling::Mean),
                _ => Ok(Pooling::First),
            },
        }
    }

    /// Names of the classes between which the model decides.
    fn labels(&self) -> Result<Vec<String>, LoadError> {
        match &self.sidecar.decision {
            Some(Decision::MultiLabel { watch, .. }) => {
                let watched = watch.join(" or ");
                Ok(vec![format!("no {watched}"), watched])
            }
            Some(Decision::Regression { threshold, .. }) if self.sidecar.labels.is_empty() => {
                Ok(vec![format!("at most {threshold}"), format!("above {threshold}")])
            }
            _ => self.named(self.classes()),
        }
    }

    /// Classes between which the model decides; 0 if it does not.
    fn classes(&self) -> usize {
        match (&self.sidecar.decision, self.head().classes()) {
            (None | Some(Decision::Classes {}), Some(classes)) => classes.max(2),
            (Some(_), Some(_)) => 2,
            (_, None) => self.sidecar.answers.len(),
        }
    }

    /// Returns the names of `count` labels: those of the sidecar, else those of the configuration.
    fn named(&self, count: usize) -> Result<Vec<String>, LoadError> {
        let own = &self.sidecar.labels;
        self.check_distinct(if own.is_empty() { self.labels } else { own })?;
        let fits = |count: usize| match count {
            0 => "a model that answers with text has no labels".to_owned(),
            _ => format!("it needs {count} labels, in the order of the classes"),
        };
        if !own.is_empty() {
            self.check_order(own)?;
            let said = || format!("{} labels are named ({})", own.len(), own.join(", "));
            return if own.len() == count {
                Ok(own.clone())
            } else {
                Err(self.disagree(said(), fits(count)))
            };
        }
        match self.labels {
            _ if self.head().generates() => Ok(Vec::new()),
            names if names.len() == count => Ok(names.to_vec()),
            // Scripts put a head of their own on a model that was never told how many labels there are: 1 or 2 by default.
            names if names.len() <= 2 && names.iter().all(|name| name.starts_with("LABEL_")) => {
                Ok(Vec::new())
            }
            names => {
                let said = format!("config.json names {} labels ({})", names.len(), names.join(", "));
                Err(self
                    .disagree(said, format!("{}: `labels` in codepurify.json overrule them", fits(count))))
            }
        }
    }

    /// Refuses the names of the configuration in another order: one of the two files is wrong, and nothing tells which.
    fn check_order(&self, own: &[String]) -> Result<(), LoadError> {
        let sorted = |labels: &[String]| labels.iter().cloned().collect::<BTreeSet<_>>();
        if own == self.labels || sorted(own) != sorted(self.labels) {
            return Ok(());
        }
        let said = format!("codepurify.json names the labels {}", own.join(", "));
        Err(self.disagree(said, format!("config.json has another order: {}", self.labels.join(", "))))
    }

    /// Refuses a name that two labels have: a verdict could not say which it means.
    fn check_distinct(&self, labels: &[String]) -> Result<(), LoadError> {
        let is_before =
            |index: usize, label: &str| labels[..index].iter().any(|other| other.trim() == label.trim());
        let twice = labels.iter().enumerate().find(|&(index, label)| is_before(index, label));
        twice.map_or(Ok(()), |(_, label)| {
            Err(self
                .disagree(format!("two labels are named `{label}`"), "each label needs a name of its own"))
        })
    }

    fn check_targets(&self) -> Result<(), LoadError> {
        let (targets, classes) = (self.sidecar.targets.len(), self.classes());
        let distinct: BTreeSet<_> = self.sidecar.targets.iter().collect();
        if distinct.len() < targets {
            return Err(self.disagree(
                "two classes have the same number in `targets`".to_owned(),
                "each class needs a number of its own",
            ));
        }
        if targets == 0 || targets == classes {
            return Ok(());
        }
        Err(self.disagree(
            format!("{targets} `targets` are named"),
            format!("it decides between {classes} classes"),
        ))
    }
}

/// The name of a task in `codepurify.json`.
fn name(task: Task) -> String {
    format!("{task:?}").to_lowercase()
}
