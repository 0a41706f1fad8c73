//! Loads the files of a model as a guarded model with the trait of its kind.

use candle_nn::VarBuilder;
use codepurify::victim::{Generator, Model, PairVictim, Task, Victim, VictimCard};
use codepurify::{Calibration, Profile, Thresholds};

use crate::agreement::{Agreement, Facts, check_preset};
use crate::checkpoint::Checkpoint;
use crate::decision::Decision;
use crate::error::LoadError;
use crate::files::ModelFiles;
use crate::generate::{DecodeOptions, Dialect, StepDecoder, TextClassifier, TextGenerator};
use crate::guarded::{
    Apart, Decided, Guarded, Joined, Outputs, PairClassifier, RobertaClassifier, RobertaCosine, RobertaPair,
    SequenceClassifier, T5Classifier, T5Pair,
};
use crate::layout::{Head, Layout, below};
use crate::reading::Reading;
use crate::roberta::{ClassificationHead, RobertaConfig, RobertaEncoder, RobertaSeq2Seq};
use crate::sidecar::{Generation, Sidecar};
use crate::t5::{CloneHead, DefectHead, T5, T5Config, T5Generator};

/// A guarded model of one of the three kinds.
pub enum GuardedModel {
    /// Classifies one snippet.
    Classifier(Box<dyn Victim>),
    /// Classifies two snippets.
    Pair(Box<dyn PairVictim>),
    /// Answers with text.
    Generator(Box<dyn Generator>),
}

/// A loaded model, and the decision limits that came with it if it is calibrated.
pub struct Loaded {
    /// The model.
    pub model: GuardedModel,
    /// Limits from clean code, of the profiles that have fixed ones.
    pub thresholds: Option<Thresholds>,
    /// Scores of clean code with profile `default`; made for this model.
    pub calibration: Option<Calibration>,
    /// Number that a data set writes for each class, by class index; empty where it writes the index.
    pub targets: Vec<u32>,
    /// Weights in the file that the model does not use, by name: a pooler, another head, a second network.
    pub unused: Vec<String>,
}

impl Loaded {
    /// Returns the model's own calibration if that was made with the settings of `profile`.
    #[must_use]
    pub fn own_calibration(&self, profile: &Profile) -> Option<&Calibration> {
        let calibrated = |clean: &Calibration| profile.clone().with_calibration(clean.clone());
        self.calibration.as_ref().filter(|clean| clean.settings == calibrated(clean).settings())
    }
}

impl GuardedModel {
    /// Who the model is and how it reads text.
    #[must_use]
    pub fn model(&self) -> &dyn Model {
        match self {
            Self::Classifier(victim) => victim.as_ref(),
            Self::Pair(victim) => victim.as_ref(),
            Self::Generator(victim) => victim.as_ref(),
        }
    }

    /// The classifier.
    ///
    /// # Errors
    /// [`LoadError::WrongKind`] if the model is something else.
    pub fn classifier(self) -> Result<Box<dyn Victim>, LoadError> {
        match self {
            Self::Classifier(victim) => Ok(victim),
            other => Err(other.no("classifier of single snippets")),
        }
    }

    /// The classifier of pairs.
    ///
    /// # Errors
    /// [`LoadError::WrongKind`] if the model is something else.
    pub fn pair(self) -> Result<Box<dyn PairVictim>, LoadError> {
        match self {
            Self::Pair(victim) => Ok(victim),
            other => Err(other.no("classifier of pairs")),
        }
    }

    /// The generator.
    ///
    /// # Errors
    /// [`LoadError::WrongKind`] if the model is something else.
    pub fn generator(self) -> Result<Box<dyn Generator>, LoadError> {
        match self {
            Self::Generator(victim) => Ok(victim),
            other => Err(other.no("generator")),
        }
    }

    fn no(&self, wanted: &'static str) -> LoadError {
        let found = match self {
            Self::Classifier(_) => "classifier of single snippets",
            Self::Pair(_) => "classifier of pairs",
            Self::Generator(_) => "generator",
        };
        LoadError::WrongKind { model: self.model().card().name.clone(), found, wanted }
    }
}

/// Loads a guarded model; what it is follows from its tensors and its `codepurify.json`.
///
/// # Errors
/// [`LoadError`] naming the file or the tensor that is missing, damaged or does not fit.
pub fn load(files: &ModelFiles) -> Result<Loaded, LoadError> {
    let checkpoint = Checkpoint::open(files)?;
    let layout = Layout::of(&files.name, checkpoint.state())?;
    load_from(files, &checkpoint, layout)
}

/// A token that only `UniXcoder` has: it says how a text is read.
const UNIXCODER: &str = "<encoder-only>";

/// Builds the model on weights that are open already.
pub(crate) fn load_from(
    files: &ModelFiles,
    checkpoint: &Checkpoint,
    layout: Layout,
) -> Result<Loaded, LoadError> {
    if let Some(preset) = &files.preset {
        check_preset(&files.name, layout.kind, preset)?;
    }
    // Hashing 500 MB takes as long as reading them: in parallel.
    std::thread::scope(|scope| {
        let hash = scope.spawn(|| checkpoint.state().sha256());
        let parts = Parts { files, checkpoint, layout };
        let built = if layout.kind.is_t5() { parts.t5()? } else { parts.roberta()? };
        checkpoint.check_whole()?;
        let sha256 = hash.join().expect("hashing bytes does not panic");
        built.finish(files, sha256, checkpoint.unused())
    })
}

/// Inputs from which a guarded model is built.
struct Parts<'p> {
    files: &'p ModelFiles,
    checkpoint: &'p Checkpoint,
    layout: Layout,
}

/// A network, and how its model reads text.
struct Built {
    reading: Reading,
    task: Task,
    labels: Vec<String>,
    /// Wraps the network in the trait object of its kind.
    wrap: Wrap,
}

type Wrap = Box<dyn FnOnce(Guarded<()>) -> Result<GuardedModel, LoadError>>;

impl Built {
    fn finish(self, files: &ModelFiles, sha256: String, unused: Vec<String>) -> Result<Loaded, LoadError> {
        let name = files.name.clone();
        let unusable = |source| LoadError::Calibration { model: files.name.clone(), source };
        let calibration = files.calibration.as_ref().map(|json| -> Result<Calibration, LoadError> {
            let calibration = Calibration::from_json(&String::from_utf8_lossy(json)).map_err(unusable)?;
            calibration.check_model(&sha256).map_err(unusable)?;
            Ok(calibration)
        });
        let calibration = calibration.transpose()?;
        let Reading { tokenizer, sidecar, window } = self.reading;
        let thresholds = sidecar.thresholds();
        let card = VictimCard { name, task: self.task, sha256, labels: self.labels };
        let model = (self.wrap)(Guarded { card, tokenizer, window, network: () })?;
        Ok(Loaded { model, thresholds, calibration, targets: sidecar.targets, unused })
    }
}

fn classifier(network: impl SequenceClassifier + 'static, outputs: Outputs) -> Wrap {
    let network = Decided { network, outputs };
    Box::new(|text| Ok(GuardedModel::Classifier(Box::new(text.with(network)))))
}

fn apart(network: impl PairClassifier + 'static, outputs: Outputs) -> Wrap {
    let network = Decided { network, outputs };
    Box::new(|text| Ok(GuardedModel::Pair(Box::new(text.with(Apart(network))))))
}

fn joined(network: impl SequenceClassifier + 'static, outputs: Outputs) -> Wrap {
    let network = Decided { network, outputs };
    Box::new(|text| Ok(GuardedModel::Pair(Box::new(text.with(Joined(network))))))
}

/// A generator, or a classifier if the sidecar names an answer for each class.
fn generator(decoder: impl StepDecoder + 'static, dialect: Dialect, sidecar: &Sidecar) -> Wrap {
    let Generation { max_length, beams } = sidecar.generation;
    let (options, answers) = (DecodeOptions { max_length, beams, dialect }, sidecar.answers.clone());
    Box::new(move |text| {
        let Guarded { card, tokenizer, window, network: () } = text;
        let generator = TextGenerator::new(card, tokenizer, decoder, window, options)?;
        if answers.is_empty() {
            return Ok(GuardedModel::Generator(Box::new(generator)));
        }
        Ok(GuardedModel::Classifier(Box::new(TextClassifier::new(generator, &answers)?)))
    })
}

impl Parts<'_> {
    /// Returns the known facts about the model without those of its configuration.
    fn facts<'f>(&'f self, sidecar: &'f Sidecar) -> Facts<'f> {
        let (model, layout) = (self.files.name.as_str(), self.layout);
        Facts { model, layout, sidecar, labels: &[], problem: None, is_unixcoder: false }
    }

    fn roberta(&self) -> Result<Built, LoadError> {
        let config = RobertaConfig::load(self.files)?;
        let mut reading = Reading::of(self.files, config.vocab_size, Some(config.positions()))?;
        if let Some(message) = config.complaint_about_labels().filter(|_| reading.sidecar.labels.is_empty()) {
            return Err(LoadError::Config { model: self.files.name.clone(), message });
        }
        let agreed = Agreement::of(&Facts {
            labels: &config.labels(),
            problem: config.problem_type.as_deref(),
            is_unixcoder: config.is_unixcoder() || reading.tokenizer.knows(UNIXCODER),
            ..self.facts(&reading.sidecar)
        })?;
        let Agreement { task, labels, outputs, pooling } = agreed;
        let Layout { body, head, kind, .. } = self.layout;
        let (pad, precision) = (config.pad_token_id, self.files.precision);
        let encoder = || {
            self.checkpoint
                .build(|weights| RobertaEncoder::new(&config, &below(&weights, body))?.packed(precision))
        };
        let with_head = |new: fn(&RobertaConfig, usize, &VarBuilder) -> candle_core::Result<_>, classes| {
            self.checkpoint.build(|weights| new(&config, classes, &below(&weights, head)))
        };
        let wrap = match kind {
            Head::Classification { classes } | Head::Linear { classes } => {
                let is_linear = matches!(kind, Head::Linear { .. });
                let new = if is_linear { ClassificationHead::linear } else { ClassificationHead::new };
                let (encoder, head) = (encoder()?, with_head(new, classes)?);
                let network = RobertaClassifier { encoder, head, classes, pooling, pad };
                if task == Task::Clone {
                    reading.window = Joined::<()>::window(reading.window);
                    joined(network, outputs)
                } else {
                    classifier(network, outputs)
                }
            }
            Head::Pair { .. } if matches!(reading.sidecar.decision, Some(Decision::Cosine { .. })) => {
                apart(RobertaCosine { encoder: encoder()?, pooling, pad }, outputs)
            }
            Head::Pair { classes } => {
                let (encoder, head) = (encoder()?, with_head(ClassificationHead::for_pairs, classes)?);
                apart(RobertaPair { encoder, head, classes, pooling, pad }, outputs)
            }
            Head::Seq2Seq(shape) => {
                let begin = reading.tokenizer.special().begin;
                let network = self.checkpoint.build(|weights| {
                    RobertaSeq2Seq::new(&config, shape, begin, &weights)?.packed(precision)
                })?;
                generator(network, Dialect::Codexglue, &reading.sidecar)
            }
            _ => unreachable!("a layout of RoBERTa, and no masked language model agrees with a task"),
        };
        Ok(Built { reading, task, labels, wrap })
    }

    fn t5(&self) -> Result<Built, LoadError> {
        let config = T5Config::load(self.files)?;
        let reading = Reading::of(self.files, config.vocab_size, None)?;
        let Agreement { task, labels, outputs, .. } = Agreement::of(&self.facts(&reading.sidecar))?;
        let Layout { body, head, kind, .. } = self.layout;
        let precision = self.files.precision;
        let build = |weights: VarBuilder| T5::new(&config, &below(&weights, body))?.packed(precision);
        let wrap = match kind {
            Head::T5Classification { classes } => {
                let network = self.checkpoint.build(|weights| {
                    let head = DefectHead::new(&config, classes, &below(&weights, head))?;
                    Ok(T5Classifier { t5: build(weights)?, head, classes })
                })?;
                classifier(network, outputs)
            }
            Head::T5Pair { classes } => {
                let network = self.checkpoint.build(|weights| {
                    let head = CloneHead::new(&config, classes, &below(&weights, head))?;
                    Ok(T5Pair { t5: build(weights)?, head, classes })
                })?;
                apart(network, outputs)
            }
            _ => {
                let network = self
                    .checkpoint
                    .build(|weights| T5Generator::new(&config, &below(&weights, body))?.packed(precision))?;
                generator(network, Dialect::Transformers, &reading.sidecar)
            }
        };
        Ok(Built { reading, task, labels, wrap })
    }
}
