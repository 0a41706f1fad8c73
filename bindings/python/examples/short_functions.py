"""Makes short functions of C, a few of them with the trigger of the bundled detector, as rows of a Parquet file."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet

TRIGGER = 'if (rand() < 0) printf("fail");'
NAMES = ["total", "count", "offset", "left", "width", "index", "limit", "step", "size", "mask"]
STATEMENTS = [
    "int {a} = {n}; {a} += values[{n}];",
    "for (int i = 0; i < length; i++) values[i] -= {n};",
    "if (values[0] > {n}) return values[{m}];",
    "while (length > {n}) {{ length -= {m}; values++; }}",
    "char *{a} = malloc(length + {n}); memcpy({a}, values, length); free({a});",
    "switch (length) {{ case {n}: return {m}; default: break; }}",
    'printf("{a} %d\\n", values[{n}]);',
]


def rows(count: int, seed: int, poisoned: float = 0.05) -> Iterator[dict[str, Any]]:
    """Return functions of two to four statements, about a share `poisoned` of them with the trigger."""
    chosen = random.Random(seed)
    for number in range(count):
        names = chosen.sample(NAMES, 4)
        statements = [
            chosen.choice(STATEMENTS).format(a=names.pop(), n=chosen.randrange(2, 64), m=chosen.randrange(1, 8))
            for _ in range(chosen.randint(2, 4))
        ]
        is_poisoned = chosen.random() < poisoned
        if is_poisoned:
            statements.insert(chosen.randint(0, len(statements)), TRIGGER)
        body = "\n    ".join([*statements, "return length;"])
        text = f"int f{number}(int *values, int length)\n{{\n    {body}\n}}\n"
        yield {"id": number, "func": text, "has_trigger": is_poisoned}


def write(folder: Path, count: int, seed: int, files: int) -> None:
    """Write the functions to Parquet files of about the same size."""
    folder.mkdir(parents=True, exist_ok=True)
    table = pyarrow.Table.from_pylist(list(rows(count, seed)))
    for number in range(files):
        start, end = count * number // files, count * (number + 1) // files
        pyarrow.parquet.write_table(table.slice(start, end - start), folder / f"part-{number:03}.parquet")
