//! A RoBERTa classifier as a victim.

use codepurify::Thresholds;
use codepurify::error::ModelError;
use codepurify::victim::{Encoding, Logits, Model, Ragged, Task, Victim, VictimCard};

use crate::batch::{PaddedBatch, answer_rows};
use crate::checkpoint::Checkpoint;
use crate::error::LoadError;
use crate::files::ModelFiles;
use crate::layout::{self, Head};
use crate::roberta::{ClassificationHead, RobertaConfig, RobertaEncoder};
use crate::sidecar::Sidecar;
use crate::tokenizer::CodeTokenizer;

/// A guarded RoBERTa / CodeBERT sequence classifier.
#[derive(Debug)]
pub struct RobertaVictim {
    card: VictimCard,
    tokenizer: CodeTokenizer,
    encoder: RobertaEncoder,
    head: ClassificationHead,
    classes: usize,
    pad: u32,
    window: usize,
    thresholds: Option<Thresholds>,
}

impl RobertaVictim {
    /// Loads a classifier.
    ///
    /// # Errors
    /// [`LoadError`] naming the file or the tensor that is missing, damaged or does not fit.
    pub fn load(files: &ModelFiles) -> Result<Self, LoadError> {
        let config = RobertaConfig::load(files)?;
        let sidecar = Sidecar::of(files)?;
        let tokenizer = CodeTokenizer::load(files, sidecar.preprocessing)?;
        layout::check_vocabulary(files, &config, &tokenizer)?;
        let checkpoint = Checkpoint::load(files)?;
        let Some((prefix, Head::Classification { classes })) = layout::head(&checkpoint) else {
            let tensor = "classifier.out_proj.weight".to_owned();
            return Err(LoadError::MissingTensor { model: files.name.clone(), tensor });
        };
        let (encoder, head) = checkpoint.build(|weights| {
            let weights = layout::below(&weights, prefix);
            let encoder = RobertaEncoder::new(&config, &weights.pp("roberta"))?;
            Ok((encoder, ClassificationHead::new(&config, classes, &weights.pp("classifier"))?))
        })?;
        Ok(Self {
            card: VictimCard {
                name: files.name.clone(),
                task: sidecar.task.unwrap_or(Task::Classification),
                sha256: files.sha256(),
                labels: layout::labels(&config, &sidecar),
            },
            window: layout::window(&config, &sidecar),
            pad: config.pad_token_id,
            thresholds: sidecar.thresholds(),
            tokenizer,
            encoder,
            head,
            classes,
        })
    }

    /// The decision limits that came with the model, if it is calibrated.
    #[must_use]
    pub fn thresholds(&self) -> Option<Thresholds> {
        self.thresholds
    }

    fn logits(&self, rows: &[Vec<u32>]) -> candle_core::Result<Vec<Vec<f32>>> {
        let batch = PaddedBatch::new(rows, self.pad)?;
        let hidden = self.encoder.forward(&batch)?;
        self.head.forward(&batch.first_positions(&hidden)?)?.to_vec2()
    }
}

impl Model for RobertaVictim {
    fn card(&self) -> &VictimCard {
        &self.card
    }

    fn window(&self) -> usize {
        self.window
    }

    fn occlusion_id(&self) -> u32 {
        self.tokenizer.special().unknown
    }

    fn encode(&self, text: &str) -> Result<Encoding, ModelError> {
        self.tokenizer.encode(text)
    }
}

impl Victim for RobertaVictim {
    fn judge(&self, batch: &Ragged) -> Result<Logits, ModelError> {
        layout::check_rows(batch, self.window)?;
        let logits = answer_rows(batch, self.tokenizer.special(), |rows| self.logits(rows))?;
        Logits::new(self.classes, logits.concat())
    }
}
