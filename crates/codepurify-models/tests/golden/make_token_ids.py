"""Token ids of many functions by transformers' own Python tokenizer, for the example `tokens`.

    pip install transformers==4.46.3
    python make_token_ids.py TOKENIZER_DIR COUNT FIELD FILE.jsonl[.gz] ... > ids.jsonl

TOKENIZER_DIR holds vocab.json and merges.txt. The slow tokenizer of transformers 4 is the one that CodeBERT and CodeT5
checkpoints were trained with; it shares no code with the Rust crate behind the fast one. Takes the first COUNT texts of
the files in turn, each verbatim and with its white space collapsed.
"""

import gzip
import json
import sys
from itertools import chain, islice, zip_longest
from pathlib import Path

from transformers import RobertaTokenizer


def texts(path: str, field: str):
    opened = gzip.open(path, "rt") if path.endswith(".gz") else open(path)
    with opened as lines:
        yield from (json.loads(line)[field] for line in lines)


def main(folder: Path, count: int, field: str, files: list[str]):
    special = {}
    config = folder / "tokenizer_config.json"
    if config.exists():
        special["add_prefix_space"] = json.loads(config.read_text()).get("add_prefix_space", False)
    tokenizer = RobertaTokenizer(str(folder / "vocab.json"), str(folder / "merges.txt"), **special)
    turns = zip_longest(*(texts(file, field) for file in files))
    taken = islice((text for text in chain.from_iterable(turns) if text), count)
    for text in taken:
        for form in (text, " ".join(text.split())):
            ids = tokenizer.convert_tokens_to_ids(tokenizer.tokenize(form))
            print(json.dumps({"text": form, "ids": ids}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3], sys.argv[4:])
