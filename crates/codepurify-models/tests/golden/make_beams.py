"""Makes beams.json: answers of transformers' beam search and of the CodeXGLUE dialect (`make_seq2seq.py`) over tables.

    pip install torch transformers tokenizers safetensors
    python make_beams.py

A table [last token][next token] of logits takes the place of a model and a source; the logit of the end grows with
every step.
"""

import torch
from make_golden import HERE, write
from make_seq2seq import BEGIN, END, MAX_LENGTH, PAD, search
from transformers import GenerationConfig, GenerationMixin, PretrainedConfig, PreTrainedModel
from transformers.modeling_outputs import CausalLMOutput

TABLES, VOCABULARY, SIZES = 24, 12, (1, 2, 3, 5)


class Table(PreTrainedModel, GenerationMixin):
    """A language model whose next token depends on the last one and on the length."""

    config_class = PretrainedConfig

    def __init__(self, table, growth):
        super().__init__(PretrainedConfig(vocab_size=VOCABULARY, is_encoder_decoder=False))
        self.table = torch.nn.Parameter(table)
        self.growth = growth

    def logits(self, ids):
        logits = self.table[ids].clone()
        logits[..., END] += self.growth * torch.arange(ids.shape[1])
        return logits

    def forward(self, input_ids, **_):
        return CausalLMOutput(logits=self.logits(input_ids))

    def prepare_inputs_for_generation(self, input_ids, **_):
        return {"input_ids": input_ids}

    # The two that `search` asks for.
    def encode(self, sources):
        return torch.zeros(len(sources), 1, 1), torch.zeros(len(sources), 1)

    def decode(self, _memory, _hidden_keys, inputs):
        return self.logits(inputs)


def transformers_answer(model, start, size):
    settings = GenerationConfig(
        num_beams=size, do_sample=False, length_penalty=1.0, early_stopping=False, max_length=MAX_LENGTH,
        eos_token_id=END, pad_token_id=PAD, use_cache=False,
    )
    tokens = model.generate(torch.tensor([[start]]), generation_config=settings)[0].tolist()[1:]
    tokens = tokens[: tokens.index(END)] if END in tokens else tokens
    return [token for token in tokens if token not in (BEGIN, start)]


if __name__ == "__main__":
    torch.manual_seed(3)
    models = []
    for number in range(TABLES):
        # From nearly flat to peaked, from ends that never come to ends at once.
        table = torch.randn(VOCABULARY, VOCABULARY) * (0.5 + number % 4)
        table[:, END] += number % 6 - 3
        models.append(Table((table * 1000).round() / 1000, 0.125 * (number % 3)).eval())
    with torch.no_grad():
        write(HERE / "beams.json", {
            "tables": [[[round(v, 3) for v in row] for row in m.table.tolist()] for m in models],
            "growth": [m.growth for m in models], "max_length": MAX_LENGTH, "sizes": SIZES,
            "transformers": [[transformers_answer(m, PAD, size) for m in models] for size in SIZES],
            "codexglue": [[search(m, [0], size) for m in models] for size in SIZES],
        })
