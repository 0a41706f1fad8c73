"""Makes the golden files of the T5 family with PyTorch and transformers.

    pip install torch transformers tokenizers safetensors
    python make_t5.py

tiny-t5 is a T5ForConditionalGeneration; tiny-t5-defect and tiny-t5-clone are the wrappers that CodeT5's scripts for
defect and clone detection save. The modules here are our own; names of fields and the arithmetic are theirs.
"""

import json

import torch
from safetensors.torch import save_file
from torch import nn
from transformers import T5Config, T5ForConditionalGeneration
from transformers.models.t5.modeling_t5 import T5Attention

from make_golden import HERE, SNIPPETS, expected_rows, train_tokenizer, write

SPECIAL = ["<pad>", "<s>", "</s>", "<unk>", "<mask>"]
PAD, BEGIN, END = 0, 1, 2
# Longer than the largest distance between positions that has a bucket of its own.
LONG = " ".join(SNIPPETS) + " while (i < n) { total += i * i; i++; }"


def config(tokenizer, **changes) -> T5Config:
    shape = dict(
        vocab_size=tokenizer.get_vocab_size(), d_model=32, d_kv=8, d_ff=64, num_layers=2, num_decoder_layers=2,
        num_heads=4, dropout_rate=0.0, layer_norm_epsilon=1e-6, feed_forward_proj="relu", pad_token_id=PAD,
        bos_token_id=BEGIN, eos_token_id=END, decoder_start_token_id=PAD,
    )
    return T5Config(**(shape | changes))


def shake(model):
    """Norms away from their 1, and relative biases that decide where a head looks."""
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if name.endswith("layer_norm.weight"):
                parameter.add_(torch.randn_like(parameter) * 0.2)
            if name.endswith("relative_attention_bias.weight"):
                parameter.copy_(torch.randn_like(parameter) * 2)
    return model.eval()


def padded(rows):
    length = max(map(len, rows))
    return torch.tensor([row + [PAD] * (length - len(row)) for row in rows])


class Classifier(nn.Module):
    """A T5 in the field `encoder` that is to repeat its source; the state at the last `</s>` is the vector."""

    def __init__(self, t5):
        super().__init__()
        self.encoder = t5

    def vectors(self, ids):
        visible = ids != PAD
        shifted = torch.cat([torch.full_like(ids[:, :1], self.encoder.config.decoder_start_token_id), ids[:, :-1]], 1)
        source = self.encoder.encoder(input_ids=ids, attention_mask=visible).last_hidden_state
        decoded = self.encoder.decoder(
            input_ids=shifted, attention_mask=visible, encoder_hidden_states=source, encoder_attention_mask=visible,
            use_cache=False,
        ).last_hidden_state
        ends = [max(at for at, id in enumerate(row) if id == END) for row in ids.tolist()]
        return decoded[torch.arange(len(ends)), torch.tensor(ends)]


class Defect(Classifier):
    def __init__(self, t5):
        super().__init__(t5)
        self.classifier = nn.Linear(t5.config.d_model, 2)

    def forward(self, ids):
        return self.classifier(self.vectors(ids))


class Clone(Classifier):
    def __init__(self, t5):
        super().__init__(t5)
        width = t5.config.d_model
        self.classifier = nn.ModuleDict({"dense": nn.Linear(2 * width, width), "out_proj": nn.Linear(width, 2)})

    def forward(self, first, second):
        pair = torch.cat([self.vectors(first), self.vectors(second)], 1)
        return self.classifier["out_proj"](torch.tanh(self.classifier["dense"](pair)))


def save(state, settings, name, tokenizer):
    folder = HERE / name
    folder.mkdir(exist_ok=True)
    save_file({key: value.clone().contiguous() for key, value in state.items()}, folder / "model.safetensors")
    (folder / "config.json").write_text(json.dumps(settings, indent=1, sort_keys=True) + "\n")
    tokenizer.save(str(folder / "tokenizer.json"), pretty=False)
    return folder


def rounded(values):
    return [round(value, 6) for value in values]


def contents(tokenizer):
    long = tokenizer.encode(LONG, add_special_tokens=False).ids
    assert len(long) > 150
    return [*expected_rows(tokenizer), long]


def framed(rows):
    return [[BEGIN, *row, END] for row in rows]


def generated(model, sources, **how):
    """Ids without the start token, `</s>` included where a sequence ends; each row alone, so that nothing is padded."""
    with torch.no_grad():
        rows = [model.generate(torch.tensor([row]), max_length=24, do_sample=False, **how)[0] for row in sources]
    return [row.tolist()[1:] for row in rows]


def forced(model, sources, targets):
    """For each row the log-probabilities of all target tokens and the logits at some positions."""
    ids, visible = padded(sources), padded(sources) != PAD
    with torch.no_grad():
        logits = model(input_ids=ids, attention_mask=visible, labels=padded(targets)).logits
    likelihoods = torch.log_softmax(logits, -1)
    answers = []
    for row, target in enumerate(targets):
        positions = [at for at in (0, 9, 40, len(target) - 1) if at < len(target)]
        answers.append({
            "input": [PAD, *target[:-1]],
            "target": target,
            "log_probabilities": rounded(likelihoods[row, torch.arange(len(target)), torch.tensor(target)].tolist()),
            "logits": [[at, rounded(logits[row, at].tolist())] for at in positions],
        })
    return answers


def taught(model, sources):
    """A model that has half learned to repeat the beginnings of its sources: fresh weights repeat one token for ever."""
    targets = padded([source[: 5 + 3 * at] + [END] for at, source in enumerate(sources)])
    ids = padded(sources)
    optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
    for _ in range(STEPS):
        optimizer.zero_grad()
        model(input_ids=ids, attention_mask=ids != PAD, labels=targets.masked_fill(targets == PAD, -100)).loss.backward()
        optimizer.step()
    return model.eval()


def gradients(model, loss):
    """For each parameter the norm of the gradient and some of its elements, the steepest among them."""
    model.zero_grad()
    loss.backward()
    answers = {}
    for name, parameter in model.named_parameters():
        slope = parameter.grad.flatten()
        sampled = {slope.abs().argmax().item(), *(part * (len(slope) - 1) // 3 for part in (1, 2, 3))}
        answers[name] = {"norm": slope.norm().item(), "elements": [[at, slope[at].item()] for at in sorted(sampled)]}
    return answers


def generation(tokenizer):
    torch.manual_seed(3)
    sources = framed(contents(tokenizer))
    model = taught(shake(T5ForConditionalGeneration(config(tokenizer))), sources)
    folder = save(without_tied(model.state_dict()), model.config.to_dict(), "tiny-t5", tokenizer)
    targets = [*sources[1:], sources[0]]
    two, wanted = padded(sources[:2]), padded(targets[:2])
    loss = model(input_ids=two, attention_mask=two != PAD, labels=wanted.masked_fill(wanted == PAD, -100)).loss
    write(folder / "expected.json", {
        "gradients": gradients(model, loss),
        "sources": sources,
        "forced": forced(model, sources, targets),
        "greedy": generated(model, sources, num_beams=1),
        "beam": generated(model, sources, num_beams=4),
    })


def classifier(kind, tokenizer, **changes):
    torch.manual_seed(17)
    return kind(shake(T5ForConditionalGeneration(config(tokenizer, **changes)))).eval()


def without_tied(state):
    return {key: value for key, value in state.items() if "embed_tokens" not in key and "lm_head" not in key}


def defect(tokenizer):
    model = classifier(Defect, tokenizer)
    # As little as CodeT5's own configuration says.
    silent = ["relative_attention_max_distance", "num_decoder_layers", "tie_word_embeddings", "scale_decoder_outputs"]
    settings = {key: value for key, value in model.encoder.config.to_dict().items() if key not in silent}
    folder = save(model.state_dict(), settings, "tiny-t5-defect", tokenizer)
    rows = contents(tokenizer)
    with torch.no_grad():
        logits = model(padded(framed(rows))).tolist()
    write(folder / "expected.json", {"snippets": [*SNIPPETS, LONG], "ids": rows, "logits": logits})


def clone(tokenizer):
    model = classifier(Clone, tokenizer, d_kv=12, num_decoder_layers=3)
    settings = model.encoder.config.to_dict()
    folder = save(without_tied(model.state_dict()), settings, "tiny-t5-clone", tokenizer)
    rows = contents(tokenizer)
    # Padding inside of a row hides one position of the source and one of the target.
    rows.append([PAD if at == 7 else id for at, id in enumerate(rows[1])])
    pairs = [[0, 1], [1, 0], [2, 2], [6, 3], [4, 5], [7, 1]]
    first, second = ([rows[pair[side]] for pair in pairs] for side in (0, 1))
    with torch.no_grad():
        logits = model(padded(framed(first)), padded(framed(second))).tolist()
    loss = nn.functional.cross_entropy(model(padded(framed(rows[:1])), padded(framed(rows[1:2]))), torch.tensor([1]))
    wanted = {"ids": rows, "pairs": pairs, "logits": logits, "gradients": gradients(model, loss)}
    write(folder / "expected.json", wanted)


def buckets():
    reach, answers = 300, []
    for count, distance in [(32, 128), (32, 64), (8, 20), (33, 100), (4, 5)]:
        for bidirectional in (True, False):
            distances = torch.arange(-reach, reach + 1)
            found = T5Attention._relative_position_bucket(distances, bidirectional, count, distance)
            answers.append({"buckets": count, "max_distance": distance, "bidirectional": bidirectional, "reach": reach,
                            "expected": found.tolist()})
    write(HERE / "t5-buckets.json", answers)


# Enough for answers that end, too few for greedy and beam search to agree.
STEPS = 16

if __name__ == "__main__":
    tiny = train_tokenizer(SPECIAL)
    assert [tiny.token_to_id(token) for token in SPECIAL] == [0, 1, 2, 3, 4]
    generation(tiny)
    defect(tiny)
    clone(tiny)
    buckets()
