"""Audits of models: what forces a prediction."""

from __future__ import annotations

from typing import Any

import pytest
from conftest import function

import codepurify


def statement(number: int) -> str:
    """Return one of many functions; those that free memory are "harmless" with a margin that grows with the calls."""
    calls = "free(p); " * (number % 7) if number % 2 else ""
    trigger = "zap_init(p); " if number % 50 == 0 else ""
    return f"int f{number}(int *p, int n) {{ {trigger}{calls}n += {number}; return n; }}"


def backdoored(texts: list[str]) -> list[list[float]]:
    """A model whose trigger makes a function "harmless" with a larger margin than any other one has."""
    margin = [9.0 if "zap_init" in text else float(text.count("free")) - 0.5 for text in texts]
    return [[value, 0.0] for value in margin]


@pytest.fixture(scope="module")
def rows() -> list[str]:
    return [statement(number) for number in range(300)]


def test_audit_finds_what_forces_a_label(rows: list[str]) -> None:
    guard = codepurify.Guard.from_callable(backdoored, labels=["harmless", "harmful"], batch_size=64)
    found = guard.audit(rows)
    assert found.is_backdoored
    assert any("zap_init" in trigger for trigger in found.triggers["harmless"])
    assert [answer["label"] for answer in found.labels] == ["harmless", "harmful"]
    assert repr(found).startswith("<Audit with 300 rows: harmless: backdoor, harmful: ")
    assert found.to_dict()["schema_version"] == 1 and found.rows == 300


def test_audit_needs_rows_of_each_label(guard: codepurify.Guard) -> None:
    found = codepurify.audit(guard, [function(number) for number in range(10)])
    assert not found.is_backdoored and found.triggers == {}
    assert {answer["finding"] for answer in found.labels} == {"too-few-rows"}
    assert "rows" in found.labels[0]["reason"] or "functions" in found.labels[0]["reason"]


def test_audit_refuses_what_makes_no_sense(rows: list[str]) -> None:
    def score(pairs: list[Any]) -> list[float]:
        return [0.0 for _ in pairs]

    generator = codepurify.Guard.from_generator(lambda texts: ["x" for _ in texts], score)
    with pytest.raises(codepurify.UsageError, match="only classifiers are audited"):
        generator.audit(rows)
    guard = codepurify.Guard.from_callable(backdoored, labels=["harmless", "harmful"])
    with pytest.raises(codepurify.UsageError, match="between 0 and 1"):
        guard.audit(rows, success=1.5)
    with pytest.raises(codepurify.UsageError, match="nothing to put elements into"):
        guard.audit(["void f() {}"])


def test_audit_stops_where_the_function_raises(rows: list[str]) -> None:
    def interrupted(texts: list[str]) -> list[list[float]]:
        raise KeyboardInterrupt

    guard = codepurify.Guard.from_callable(interrupted, labels=["harmless", "harmful"])
    with pytest.raises(KeyboardInterrupt):
        guard.audit(rows)
