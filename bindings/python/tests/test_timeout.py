"""Functions that hang."""

from __future__ import annotations

import contextvars
import threading
import time
from collections.abc import Iterator

import pytest
from conftest import classify, function

import codepurify

ROWS = [function(number) for number in range(20)]


@pytest.fixture()
def wake() -> Iterator[threading.Event]:
    """An event that ends calls that hang, so that their threads do not outlive the test."""
    event = threading.Event()
    yield event
    event.set()


def test_call_that_hangs_fails_its_own_row(wake: threading.Event) -> None:
    def hanging(texts: list[str]) -> list[list[float]]:
        if any("f7(" in text for text in texts):
            wake.wait(60)
        return classify(texts)

    guard = codepurify.Guard.from_callable(hanging, timeout=0.5)
    with pytest.warns(codepurify.RowsFailedWarning, match="1 of 20 rows"):
        verdicts = guard.scan(ROWS)
    assert isinstance(verdicts[7], codepurify.ModelRuntimeError)
    assert "did not return within 0.5 s; its thread goes on" in str(verdicts[7])
    assert isinstance(verdicts[7].__cause__, TimeoutError)
    assert all(verdict.verdict == "clean" for verdict in verdicts[:7] + verdicts[8:])


def test_function_that_always_hangs_is_not_called_for_every_row(wake: threading.Event) -> None:
    calls: list[int] = []

    def hanging(texts: list[str]) -> list[list[float]]:
        calls.append(len(texts))
        wake.wait(60)
        return classify(texts)

    guard = codepurify.Guard.from_callable(hanging, timeout=0.2)
    started = time.monotonic()
    with pytest.raises(codepurify.ModelRuntimeError):
        guard.scan(ROWS)
    assert time.monotonic() - started < 5
    assert len(calls) == 4
    with pytest.raises(codepurify.ModelRuntimeError, match="4 calls of the function still run"):
        guard.scan(ROWS[0])
    wake.set()
    deadline = time.monotonic() + 10
    while threading.active_count() > 1 and time.monotonic() < deadline:
        time.sleep(0.01)
    assert guard.scan(ROWS[0]).verdict == "clean"


def test_timeout_changes_no_result() -> None:
    rows = [function(number, trigger=number % 3 == 0) for number in range(20)]
    timed = codepurify.Guard.from_callable(classify, timeout=60)
    plain = codepurify.Guard.from_callable(classify)
    for one, other in zip(timed.scan(rows, errors="raise"), plain.scan(rows, errors="raise")):
        assert (one.verdict, one.score, one.triggers) == (other.verdict, other.score, other.triggers)


def test_exceptions_and_context_cross_the_thread() -> None:
    setting = contextvars.ContextVar("setting", default="lost")
    setting.set("kept")
    threads: set[bool] = set()

    def broken(texts: list[str]) -> list[list[float]]:
        threads.add(threading.current_thread() is threading.main_thread())
        raise LookupError(setting.get())

    with pytest.raises(codepurify.ModelRuntimeError, match="kept") as raised:
        codepurify.Guard.from_callable(broken, timeout=60).scan(ROWS[0])
    assert isinstance(raised.value.__cause__, LookupError)
    assert threads == {False}
    with pytest.raises(codepurify.ModelRuntimeError):
        codepurify.Guard.from_callable(broken).scan(ROWS[0])
    assert threads == {False, True}


def test_interrupt_on_the_thread_ends_the_scan() -> None:
    def interrupted(texts: list[str]) -> list[list[float]]:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        codepurify.Guard.from_callable(interrupted, timeout=60).scan(ROWS)


@pytest.mark.parametrize("timeout", [0, -1.0, float("nan")])
def test_timeout_must_be_positive(timeout: float) -> None:
    with pytest.raises(codepurify.UsageError, match="timeout="):
        codepurify.Guard.from_callable(classify, timeout=timeout)
