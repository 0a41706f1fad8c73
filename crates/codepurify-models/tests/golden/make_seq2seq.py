"""Makes the golden files of the encoder-decoder with a PyTorch decoder on RoBERTa (CodeXGLUE's CodeBERT for repair).

    pip install torch transformers tokenizers safetensors
    python make_seq2seq.py

`tiny-seq2seq`: a model directory with random weights (seeded) and expected.json. Targets are our own.
"""

import json

import torch
from make_golden import HERE, SNIPPETS, config, expected_rows, frame, padded, train_tokenizer, write
from safetensors.torch import save_file
from torch import nn
from transformers import RobertaModel

BEGIN, PAD, END = 0, 1, 2
MAX_LENGTH = 24
TARGETS = [
    "int add(int a, int b)",
    "free(n);",
    "",
    "x",
    "while (queue->size > 0)",
    "return total + buffer[i];",
]
# Rows whose logits are kept; the likelihoods cover the others.
LOGIT_ROWS = 4


class Seq2Seq(nn.Module):
    """A RoBERTa encoder, whose embeddings the decoder shares, and post-norm decoder layers under a tied output layer."""

    def __init__(self, shape, layers, wide):
        super().__init__()
        self.encoder = RobertaModel(shape, add_pooling_layer=True)
        layer = nn.TransformerDecoderLayer(shape.hidden_size, shape.num_attention_heads, wide, dropout=0.0)
        self.decoder = nn.TransformerDecoder(layer, layers)
        self.register_buffer("bias", torch.tril(torch.ones(16, 16)))
        self.dense = nn.Linear(shape.hidden_size, shape.hidden_size)
        self.lm_head = nn.Linear(shape.hidden_size, shape.vocab_size, bias=False)
        self.lm_head.weight = self.encoder.embeddings.word_embeddings.weight

    def encode(self, sources):
        batch = padded(sources)
        memory = self.encoder(**batch).last_hidden_state
        return memory, batch["attention_mask"].eq(0)

    def decode(self, memory, hidden_keys, inputs):
        """Logits at each position of `inputs` [rows, length]."""
        length = inputs.shape[1]
        causal = torch.full((length, length), -1e4).triu(1)
        hidden_keys = torch.zeros(hidden_keys.shape).masked_fill(hidden_keys, float("-inf"))
        states = self.decoder(
            self.encoder.embeddings(inputs).transpose(0, 1), memory.transpose(0, 1), tgt_mask=causal,
            memory_key_padding_mask=hidden_keys,
        )
        return self.lm_head(torch.tanh(self.dense(states.transpose(0, 1))))


def likelihoods(model, sources, targets):
    """Mean log-likelihood of each target's tokens and the end, and the logits [rows][positions][vocabulary]."""
    memory, hidden_keys = model.encode(sources)
    inputs = padded([[BEGIN, *target] for target in targets])["input_ids"]
    logits = model.decode(memory, hidden_keys, inputs)
    scores = torch.log_softmax(logits, -1)
    means = [
        sum(scores[row, at, token].item() for at, token in enumerate([*target, END])) / (len(target) + 1)
        for row, target in enumerate(targets)
    ]
    kept = [logits[row, : len(target) + 1].tolist() for row, target in enumerate(targets)]
    return means, kept


def search(model, source, size):
    """Beam search as the CodeXGLUE scripts do it: sums of log-probabilities, no length penalty, ends when the best
    hypothesis of some step has ended and `size` have ended in all."""
    memory, hidden_keys = model.encode([source])
    live, finished, top_ended = [([], 0.0)], [], False
    for _ in range(MAX_LENGTH):
        if top_ended and len(finished) >= size:
            break
        inputs = torch.tensor([[BEGIN, *tokens] for tokens, _ in live])
        logits = model.decode(memory.repeat(len(live), 1, 1), hidden_keys.repeat(len(live), 1), inputs)[:, -1]
        scores = torch.log_softmax(logits, -1) + torch.tensor([score for _, score in live])[:, None]
        best = scores.flatten().topk(size)
        grown = [
            ([*live[at // scores.shape[1]][0], at % scores.shape[1]], score)
            for at, score in zip(best.indices.tolist(), best.values.tolist())
        ]
        top_ended = top_ended or grown[0][0][-1] == END
        finished += [beam for beam in grown if beam[0][-1] == END]
        live = [beam for beam in grown if beam[0][-1] != END]
    tokens, _ = max(finished, key=lambda beam: beam[1]) if finished else live[0]
    stops = [at for at, token in enumerate(tokens) if token in (BEGIN, END)]
    return tokens[: stops[0]] if stops else tokens


def tiny(tokenizer):
    torch.manual_seed(SEED)
    shape = config(tokenizer)
    model = Seq2Seq(shape, 2, 48).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.1)
        words = model.encoder.embeddings.word_embeddings.weight
        words[PAD] = 0
        # Louder, so that some answers end soon; others never do.
        words[END] *= END_SCALE
    return model, shape


SEED, END_SCALE = 7, 3.0

if __name__ == "__main__":
    tokenizer = train_tokenizer()
    model, shape = tiny(tokenizer)
    folder = HERE / "tiny-seq2seq"
    folder.mkdir(exist_ok=True)
    state = {k: v.clone().contiguous() for k, v in model.state_dict().items() if "position_ids" not in k}
    save_file(state, folder / "model.safetensors")
    (folder / "config.json").write_text(json.dumps(shape.to_dict(), indent=1, sort_keys=True) + "\n")
    (folder / "codepurify.json").write_text('{"task": "repair", "preprocessing": {"collapse_whitespace": true}}\n')
    tokenizer.save(str(folder / "tokenizer.json"), pretty=False)
    sources = expected_rows(tokenizer)
    targets = [tokenizer.encode(target, add_special_tokens=False).ids for target in TARGETS]
    with torch.no_grad():
        means, logits = likelihoods(model, frame(sources), targets)
        answers = {size: [search(model, source, size) for source in frame(sources)] for size in (1, 3, 5)}
    write(folder / "expected.json", {
        "snippets": SNIPPETS, "sources": sources, "targets": targets, "likelihoods": means,
        "logits": logits[:LOGIT_ROWS], "max_length": MAX_LENGTH,
        "greedy": answers[1], "beams_3": answers[3], "beams_5": answers[5],
    })
