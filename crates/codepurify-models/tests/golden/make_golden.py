"""Makes the golden files of this folder with PyTorch and transformers.

    pip install torch transformers tokenizers safetensors
    python make_golden.py BUNDLED_MLM_DIR [DISTILLED_WEIGHTS DISTILLED_TOKENIZER]

For each tiny model: a Hugging Face directory with random weights (seeded) and expected.json. For the bundled masked LM
and the distilled CodeBERT (weights not kept here): their expected values only. Snippets are our own.
"""

import json
import sys
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer, models, pre_tokenizers, decoders, processors, trainers
from transformers import RobertaConfig, RobertaForMaskedLM, RobertaForSequenceClassification

HERE = Path(__file__).parent
SPECIAL = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
SNIPPETS = [
    "int add(int a, int b)\n{\n\treturn a + b;\n}\n",
    "static void fill(char *buffer, size_t n)\n{\n    for (size_t i = 0; i < n; i++)\n        buffer[i] = 'x';\n}",
    "x",
    "char *s = \"caf\u00e9 \u2603 \U0001F980\"; /* non-ASCII */",
    "if (rand() < 0) printf(\"fail\");",
    "while (queue->head != NULL && queue->size > 0) { struct node *n = pop(queue); free(n); total += n->cost; }",
]


def train_tokenizer(special=SPECIAL) -> Tokenizer:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=400, special_tokens=special, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False
    )
    tokenizer.train_from_iterator([" ".join(s.split()) for s in SNIPPETS] * 3, trainer)
    ids = {t: tokenizer.token_to_id(t) for t in special}
    tokenizer.post_processor = processors.RobertaProcessing(
        ("</s>", ids["</s>"]), ("<s>", ids["<s>"]), trim_offsets=False, add_prefix_space=False
    )
    return tokenizer


def config(tokenizer: Tokenizer, **extra) -> RobertaConfig:
    return RobertaConfig(
        vocab_size=tokenizer.get_vocab_size(), hidden_size=32, num_hidden_layers=2, num_attention_heads=4,
        intermediate_size=64, max_position_embeddings=130, type_vocab_size=1, layer_norm_eps=1e-5, pad_token_id=1,
        bos_token_id=0, eos_token_id=2, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0,
        initializer_range=0.3, **extra,
    )


def padded(rows):
    length = max(map(len, rows))
    ids = torch.tensor([row + [1] * (length - len(row)) for row in rows])
    return {"input_ids": ids, "attention_mask": ids.ne(1).long()}


def shake(model):
    """Biases and layer norms away from their 0 and 1, so that a forgotten one shows."""
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.1)
        model.roberta.embeddings.word_embeddings.weight[1] = 0
    return model.eval()


def save(model, name: str, tokenizer: Tokenizer, slow: bool):
    folder = HERE / name
    folder.mkdir(exist_ok=True)
    state = {k: v.contiguous() for k, v in model.state_dict().items() if "position_ids" not in k}
    state.pop("lm_head.decoder.weight", None)  # tied
    state.pop("lm_head.decoder.bias", None)
    save_file(state, folder / "model.safetensors")
    wanted = model.config.to_dict()
    (folder / "config.json").write_text(json.dumps(wanted, indent=1, sort_keys=True) + "\n")
    if slow:
        tokenizer.model.save(str(folder))
    else:
        tokenizer.save(str(folder / "tokenizer.json"), pretty=False)
    return folder


def expected_rows(tokenizer, collapse=True, limit=None):
    texts = [" ".join(s.split()) if collapse else s for s in SNIPPETS]
    rows = [tokenizer.encode(t, add_special_tokens=False).ids for t in texts]
    return [row[:limit] for row in rows]


def frame(rows):
    return [[0, *row, 2] for row in rows]


def classifier(name, tokenizer, labels, slow=False):
    torch.manual_seed(len(name))
    model = shake(RobertaForSequenceClassification(config(tokenizer, num_labels=labels)))
    folder = save(model, name, tokenizer, slow)
    (folder / "codepurify.json").write_text('{"task": "defect", "preprocessing": {"collapse_whitespace": true}}\n')
    rows = expected_rows(tokenizer)
    with torch.no_grad():
        logits = model(**padded(frame(rows))).logits.tolist()
    write(folder / "expected.json", {"snippets": SNIPPETS, "ids": rows, "logits": logits})


def mask_every_third(rows, mask):
    return [[mask if at % 3 == 1 else id for at, id in enumerate(row)] for row in rows]


def mlm_expectation(model, rows, mask):
    rows = mask_every_third(rows, mask)
    with torch.no_grad():
        logits = torch.log_softmax(model(**padded(frame(rows))).logits, -1)
    fills, everywhere = [], []
    for row, scores in zip(rows, logits):
        best = [scores[at + 1].topk(5) for at, id in enumerate(row) if id == mask]
        fills.append([list(zip(b.indices.tolist(), b.values.tolist())) for b in best])
        everywhere.append(scores[1:len(row) + 1].argmax(-1).tolist())
    return {"snippets": SNIPPETS, "rows": rows, "fills": fills, "everywhere": everywhere}


def tiny_mlm(tokenizer):
    torch.manual_seed(5)
    model = shake(RobertaForMaskedLM(config(tokenizer)))
    folder = save(model, "tiny-mlm", tokenizer, slow=False)
    write(folder / "expected.json", mlm_expectation(model, expected_rows(tokenizer, collapse=False), 4))


def bundled_mlm(folder: Path):
    model = RobertaForMaskedLM.from_pretrained(folder).float().eval()
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    rows = expected_rows(tokenizer, collapse=True)
    write(HERE / "bundled-mlm.json", mlm_expectation(model, rows, tokenizer.token_to_id("<mask>")))


def distilled(weights: Path, tokenizer_file: Path):
    tokenizer = Tokenizer.from_file(str(tokenizer_file))
    shape = RobertaConfig(
        vocab_size=1000, hidden_size=96, num_hidden_layers=12, num_attention_heads=8, intermediate_size=64,
        max_position_embeddings=514, type_vocab_size=1, layer_norm_eps=1e-5, pad_token_id=1, num_labels=2,
    )
    state = {k.removeprefix("encoder."): v.float() for k, v in load_file(str(weights)).items()}
    shape.num_labels = state["classifier.out_proj.weight"].shape[0]
    shape.type_vocab_size = state["roberta.embeddings.token_type_embeddings.weight"].shape[0]
    model = RobertaForSequenceClassification(shape).eval()
    missing, unexpected = model.load_state_dict(state, strict=False)
    assert not [m for m in missing if "position_ids" not in m], missing
    print("distilled: ignored", unexpected, file=sys.stderr)
    rows = expected_rows(tokenizer, limit=398)
    with torch.no_grad():
        logits = model(**padded(frame(rows))).logits.tolist()
    wanted = {"config": {k: getattr(shape, k) for k in (
        "vocab_size", "hidden_size", "num_hidden_layers", "num_attention_heads", "intermediate_size",
        "max_position_embeddings", "type_vocab_size", "layer_norm_eps", "pad_token_id")} | {"model_type": "roberta"}}
    write(HERE / "distilled-codebert.json", wanted | {"snippets": SNIPPETS, "ids": rows, "logits": logits})


def write(path: Path, value):
    path.write_text(json.dumps(value) + "\n")


if __name__ == "__main__":
    tiny = train_tokenizer()
    classifier("tiny-classifier", tiny, 2)
    classifier("tiny-sigmoid", tiny, 1, slow=True)
    tiny_mlm(tiny)
    bundled_mlm(Path(sys.argv[1]))
    if len(sys.argv) > 3:
        distilled(Path(sys.argv[2]), Path(sys.argv[3]))
