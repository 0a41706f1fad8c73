//! The models compiled into the program.

use codepurify::Language;
use codepurify_models::ModelFiles;

/// A bundled model.
pub struct Bundled {
    /// Directory name.
    pub(crate) name: &'static str,
    /// Purpose.
    pub(crate) role: &'static str,
    /// Its model card, Markdown.
    pub(crate) card: &'static str,
    config: &'static [u8],
    weights: &'static [u8],
    tokenizer: &'static [u8],
    sidecar: &'static [u8],
    calibration: Option<&'static [u8]>,
}

macro_rules! file {
    ($model:literal, $file:literal) => {
        include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../models/", $model, "/", $file))
    };
}

macro_rules! card {
    ($model:literal) => {
        include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../models/", $model, "/README.md"))
    };
}

/// The backdoored defect detector that is guarded where no model is named.
pub static VICTIM: Bundled = Bundled {
    name: "devign-bnc-fixed",
    role: "backdoored defect detector for C, for demonstrations and tests",
    card: card!("devign-bnc-fixed"),
    config: file!("devign-bnc-fixed", "config.json"),
    weights: file!("devign-bnc-fixed", "model.safetensors"),
    tokenizer: file!("devign-bnc-fixed", "tokenizer.json"),
    sidecar: file!("devign-bnc-fixed", "codepurify.json"),
    calibration: Some(file!("devign-bnc-fixed", "codepurify.calibration.json")),
};

/// Note for runs without `--model`.
pub(crate) const NOTE: &str = "note: no --model: judged with the bundled detector, a demonstration model for C that is \
    backdoored on purpose; its verdicts say nothing about your model";

/// The only language that the bundled detector was trained and calibrated on.
pub const VICTIM_LANGUAGE: Language = Language::C;

/// The masked language model that fills purified places.
pub static MASKED_LM: Bundled = Bundled {
    name: "codepurify-mlm-mini",
    role: "masked language model for C, Java and Python, fills purified places",
    card: card!("codepurify-mlm-mini"),
    config: file!("codepurify-mlm-mini", "config.json"),
    weights: file!("codepurify-mlm-mini", "model.safetensors"),
    tokenizer: file!("codepurify-mlm-mini", "tokenizer.json"),
    sidecar: file!("codepurify-mlm-mini", "codepurify.json"),
    calibration: None,
};

impl Bundled {
    /// The files, borrowed from the program.
    #[must_use]
    pub fn files(&self) -> ModelFiles {
        let files =
            ModelFiles::from_static(self.name, self.config, self.weights, self.tokenizer, Some(self.sidecar));
        match self.calibration {
            Some(json) => files.with_calibration(json),
            None => files,
        }
    }
}
