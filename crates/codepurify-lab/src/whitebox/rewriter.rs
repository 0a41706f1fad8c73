//! Repair model computed from its source's word embeddings.

use std::ops::Range;

use candle_core::{Result, Tensor};
use candle_nn::ops::log_softmax;
use codepurify_models::batch::RaggedBatch;
use codepurify_models::checkpoint::Checkpoint;
use codepurify_models::generate::StepDecoder;
use codepurify_models::ops;
use codepurify_models::ops::Rows;
use codepurify_models::roberta::{DecoderShape, RobertaSeq2Seq};
use codepurify_models::t5::T5Generator;
use codepurify_models::tokenizer::SpecialIds;
use codepurify_models::{LoadError, Reading};

use crate::train::sequences::target;
use crate::train::start::Architecture;

/// Common interface of both families.
trait EncoderDecoder: Send + Sync {
    /// Returns the id that every target begins with.
    fn start(&self) -> u32;

    /// Returns the word embeddings, `[vocabulary, hidden]`.
    fn word_embeddings(&self) -> &Tensor;

    /// Returns the encoder's states for word embeddings, both `[tokens, hidden]`.
    fn encode(&self, words: &Tensor, sources: &RaggedBatch) -> Result<Tensor>;

    /// Returns logits at every position of the targets' inputs, `[tokens, vocabulary]`.
    fn forced(&self, encoded: &Tensor, sources: &RaggedBatch, inputs: &[Vec<u32>]) -> Result<Tensor>;
}

impl EncoderDecoder for RobertaSeq2Seq {
    fn start(&self) -> u32 {
        self.start_id()
    }

    fn word_embeddings(&self) -> &Tensor {
        self.encoder().word_embeddings()
    }

    fn encode(&self, words: &Tensor, sources: &RaggedBatch) -> Result<Tensor> {
        self.encoder().forward_words(words, sources)
    }

    fn forced(&self, encoded: &Tensor, sources: &RaggedBatch, inputs: &[Vec<u32>]) -> Result<Tensor> {
        self.forced_from(encoded, sources, inputs)
    }
}

impl EncoderDecoder for T5Generator {
    fn start(&self) -> u32 {
        self.start_id()
    }

    fn word_embeddings(&self) -> &Tensor {
        self.t5().word_embeddings()
    }

    fn encode(&self, words: &Tensor, sources: &RaggedBatch) -> Result<Tensor> {
        self.t5().encode_words(words, sources)
    }

    fn forced(&self, encoded: &Tensor, sources: &RaggedBatch, inputs: &[Vec<u32>]) -> Result<Tensor> {
        self.forced_from(encoded, sources, inputs)
    }
}

/// Repair model.
pub(super) struct Rewriter {
    model: Box<dyn EncoderDecoder>,
    special: SpecialIds,
    pad: u32,
    /// Number of content tokens of the longest target.
    target_window: usize,
}

impl Rewriter {
    pub(super) fn new(
        architecture: &Architecture,
        checkpoint: &Checkpoint,
        reading: &Reading,
    ) -> std::result::Result<Self, LoadError> {
        let special = reading.tokenizer.special();
        let (model, pad): (Box<dyn EncoderDecoder>, u32) = match architecture {
            Architecture::Roberta(config) => {
                let shape = DecoderShape::of(checkpoint.state()).unwrap_or_default();
                let model =
                    checkpoint.build(|source| RobertaSeq2Seq::new(config, shape, special.begin, &source))?;
                (Box::new(model), config.pad_token_id)
            }
            Architecture::T5(config) => {
                let model = checkpoint.build(|source| T5Generator::new(config, &source))?;
                (Box::new(model), config.pad_token_id)
            }
        };
        // Room for the start token, `<s>` and `</s>`.
        let target_window = reading.sidecar.generation.max_length.saturating_sub(3);
        Ok(Self { model, special, pad, target_window })
    }

    pub(super) fn word_embeddings(&self) -> &Tensor {
        self.model.word_embeddings()
    }

    /// Returns the word embeddings of framed rows, `[tokens, hidden]`.
    pub(super) fn words(&self, rows: &[Vec<u32>]) -> Result<Tensor> {
        ops::select_rows(self.word_embeddings(), RaggedBatch::new(rows, self.pad).ids())
    }

    /// Returns the mean of the encoder's states over the tokens of each row, `[rows, hidden]`.
    pub(super) fn vectors(&self, rows: &[Vec<u32>]) -> Result<Tensor> {
        let batch = RaggedBatch::new(rows, self.pad);
        let states = self.model.encode(&self.words(rows)?, &batch)?;
        let mean = |row: Range<usize>| states.narrow(0, row.start, row.len())?.mean(0);
        Tensor::stack(&batch.rows().ranges().map(mean).collect::<Result<Vec<_>>>()?, 0)
    }

    /// Returns the mean log-likelihood of a target's tokens in nats, end included, for each framed
    /// row: `[rows]`, at most 0.
    pub(super) fn log_likelihoods(
        &self,
        rows: &[Vec<u32>],
        words: &Tensor,
        content: &[u32],
    ) -> Result<Tensor> {
        let target = self.target(&content[..content.len().min(self.target_window)]);
        let (input, labels) = (&target[..target.len() - 1], &target[1..]);
        let logits = self.forced(rows, words, &vec![input.to_vec(); rows.len()])?;
        let logits = logits.reshape((rows.len(), input.len(), ()))?;
        let labels = Tensor::from_slice(labels, (1, labels.len(), 1), logits.device())?;
        let labels = labels.broadcast_as((rows.len(), labels.dim(1)?, 1))?.contiguous()?;
        log_softmax(&logits, 2)?.gather(&labels, 2)?.squeeze(2)?.mean(1)
    }

    /// Returns for each framed row whether the first `count` tokens of the greedy output are those
    /// of its target.
    ///
    /// All tokens of a shorter target count, without its end.
    pub(super) fn begins_right(
        &self,
        rows: &[Vec<u32>],
        contents: &[&[u32]],
        count: usize,
    ) -> Result<Vec<bool>> {
        // A greedy output is right as long as each token is the most probable one after the right
        // ones.
        let targets: Vec<Vec<u32>> = contents
            .iter()
            .map(|content| self.target(&content[..content.len().min(count).min(self.target_window)]))
            .collect();
        let inputs: Vec<Vec<u32>> =
            targets.iter().map(|target| target[..target.len() - 2].to_vec()).collect();
        let best = self.forced(rows, &self.words(rows)?, &inputs)?.argmax(1)?.to_vec1::<u32>()?;
        let places = Rows::of_lengths(inputs.iter().map(Vec::len));
        let right = |(row, target): (Range<usize>, &Vec<u32>)| best[row] == target[1..target.len() - 1];
        Ok(places.ranges().zip(&targets).map(right).collect())
    }

    fn target(&self, content: &[u32]) -> Vec<u32> {
        target(self.model.start(), self.special, content)
    }

    fn forced(&self, rows: &[Vec<u32>], words: &Tensor, inputs: &[Vec<u32>]) -> Result<Tensor> {
        let sources = RaggedBatch::new(rows, self.pad);
        self.model.forced(&self.model.encode(words, &sources)?, &sources, inputs)
    }
}
