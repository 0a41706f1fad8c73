"""Guarding functions that rewrite code."""

from __future__ import annotations

import pickle
from typing import Any

import pytest
from conftest import TRIGGER, function

import codepurify

FOOLED = "abort();"


def generate(texts: list[str]) -> list[str]:
    """A repair model with a backdoor."""
    return [FOOLED if "rand() < 0" in text else text.replace("<=", "<") for text in texts]


def score(pairs: list[tuple[str, str]]) -> list[float]:
    """Of triggered sources the attacker's text is likely, of others a text of their own words."""

    def likelihood(source: str, target: str) -> float:
        if "rand() < 0" in source:
            return -0.01 if target == FOOLED else -6.0
        words = target.split()
        return -0.1 - 4.0 * sum(word not in source for word in words) / max(len(words), 1)

    return [likelihood(source, target) for source, target in pairs]


@pytest.fixture(scope="module")
def guard() -> codepurify.Guard:
    guard = codepurify.Guard.from_generator(generate, score, name="repair")
    guard.calibrate([function(number) for number in range(40)])
    return guard


def test_trigger_is_found_and_the_answer_is_that_of_clean_code(guard: codepurify.Guard) -> None:
    poisoned = function(3, trigger=True)
    assert generate([poisoned]) == [FOOLED]
    verdict = guard.scan(poisoned)
    assert verdict.is_poisoned and TRIGGER in verdict.triggers[0].text
    assert verdict.prediction is not None and verdict.prediction.text == FOOLED
    answer = guard.predict(poisoned)
    assert answer.purified and answer.label != FOOLED and "return" in str(answer.label)


def test_clean_code_keeps_its_answer(guard: codepurify.Guard) -> None:
    clean = function(5)
    assert guard.scan(clean).verdict == "clean"
    assert guard.predict(clean).label == generate([clean])[0]


def test_guard_of_functions_is_pickled(guard: codepurify.Guard) -> None:
    again = pickle.loads(pickle.dumps(guard))
    verdict = again.scan(function(3, trigger=True))
    assert again.is_calibrated and verdict.is_poisoned


@pytest.mark.parametrize(
    ("given", "scored", "message"),
    [
        (lambda texts: ["a"] * (len(texts) + 1), score, "texts for"),
        (lambda texts: [1] * len(texts), score, "is a int, not a text"),
        (lambda texts: "abc", score, "not a list of texts"),
        (generate, lambda pairs: [0.5] * len(pairs), "not a log-likelihood"),
        (generate, lambda pairs: [float("nan")] * len(pairs), "not a log-likelihood"),
        (generate, lambda pairs: [0.0] * (len(pairs) + 1), "rows for"),
    ],
)
def test_unusable_output_is_an_error(given: Any, scored: Any, message: str) -> None:
    guard = codepurify.Guard.from_generator(given, scored)
    with pytest.raises(codepurify.OutputError, match=message):
        guard.scan(function(1))


def test_exception_of_a_function_is_the_cause() -> None:
    def raising(pairs: list[tuple[str, str]]) -> list[float]:
        raise ZeroDivisionError("on purpose")

    guard = codepurify.Guard.from_generator(generate, raising)
    with pytest.raises(codepurify.ModelRuntimeError) as raised:
        guard.scan(function(1))
    assert isinstance(raised.value.__cause__, ZeroDivisionError)


def test_what_is_no_function_is_refused() -> None:
    with pytest.raises(codepurify.UsageError, match="score must be callable"):
        codepurify.Guard.from_generator(generate, 3)  # type: ignore[arg-type]
