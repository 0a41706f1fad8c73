"""What the tests of Ray and Spark share: Parquet files with some bad rows, and how one process judges them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from conftest import TRIGGER, function

import codepurify

ADDED = ["verdict", "p_value", "score", "triggers", "purified", "error"]
BAD = {17: None, 40: "   ", 63: "int f(void) { return 0\0; }"}
#: Rows of one file; the last file has only nulls.
FILE = 20
TEXTS = [BAD.get(number, function(number, trigger=number % 7 == 0)) for number in range(120)] + [None] * FILE


def write_files(folder: Path) -> Path:
    """Write the texts to Parquet files."""
    import pyarrow
    import pyarrow.parquet

    for start in range(0, len(TEXTS), FILE):
        texts = pyarrow.array(TEXTS[start : start + FILE], pyarrow.string())
        table = pyarrow.table({"id": range(start, start + FILE), "source": texts})
        pyarrow.parquet.write_table(table, folder / f"{start:04}.parquet")
    return folder


def near(value: Any) -> Any:
    """Replace all numbers that are not whole, so that they equal others that are close."""
    if isinstance(value, float):
        return pytest.approx(value, rel=1e-4)
    if isinstance(value, list):
        return [near(item) for item in value]
    if isinstance(value, dict):
        return {name: near(item) for name, item in value.items()}
    return value


def assert_judged_as_by(guard: codepurify.Guard, rows: list[dict[str, Any]]) -> None:
    """Compare rows with those of one process, which have row numbers in their messages.

    Models round by batches, so numbers may differ in their last digits.
    """
    reference = guard.scan({"id": list(range(len(TEXTS))), "source": TEXTS}, code="source")
    for number, row in enumerate(rows):
        expected = {name: column[number] for name, column in reference.items()}
        expected["error"] = expected["error"] and expected["error"].removeprefix(f"row {number}: ")
        assert row == near(expected)
    assert len(rows) == len(TEXTS)


def assert_found(rows: list[dict[str, Any]]) -> None:
    """Check the bad rows and those with a trigger, whoever judged them."""
    assert [row["id"] for row in rows if row["error"]] == [*BAD, *range(len(TEXTS) - FILE, len(TEXTS))]
    poisoned = [row for row in rows if row["verdict"] == "poisoned"]
    assert {row["id"] for row in poisoned} >= {*range(0, 120, 7)} - {*BAD}
    assert sum(TRIGGER in row["triggers"][0]["text"] for row in poisoned) >= 15
