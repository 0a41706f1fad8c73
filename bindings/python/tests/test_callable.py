"""Functions of users: how they are called, and what they may get wrong."""

from __future__ import annotations

import math
import os
import signal
import threading
import time
from typing import Any

import pytest
from conftest import classify, function

import codepurify

ROWS = [function(number, trigger=number % 10 == 0) for number in range(300)]


def test_most_calls_are_full() -> None:
    calls: list[int] = []

    def counting(texts: list[str]) -> list[list[float]]:
        calls.append(len(texts))
        return classify(texts)

    codepurify.Guard.from_callable(counting).scan([function(number) for number in range(1000)])
    assert max(calls) == 64
    in_full = sum(count for count in calls if count == 64)
    assert in_full >= 0.95 * sum(calls), calls


def test_batch_size_limits_calls() -> None:
    def small(texts: list[str]) -> list[list[float]]:
        assert len(texts) <= 8
        return classify(texts)

    guard = codepurify.Guard.from_callable(small, batch_size=8)
    assert guard.scan(ROWS[:20], errors="raise")[0].is_poisoned


def test_results_of_many_kinds_are_understood() -> None:
    expected = [verdict.verdict for verdict in codepurify.Guard.from_callable(classify).scan(ROWS[:12])]

    def probabilities(texts: list[str]) -> Any:
        return [[1 / (1 + math.exp(b - a)), 1 / (1 + math.exp(a - b))] for a, b in classify(texts)]

    def single(texts: list[str]) -> Any:
        return [b - a for a, b in classify(texts)]

    def tuples(texts: list[str]) -> Any:
        return tuple(map(tuple, classify(texts)))

    for predict in (probabilities, single, tuples):
        guard = codepurify.Guard.from_callable(predict)
        assert [verdict.verdict for verdict in guard.scan(ROWS[:12], errors="raise")] == expected, predict
    numpy = pytest.importorskip("numpy")
    guard = codepurify.Guard.from_callable(lambda texts: numpy.array(classify(texts), dtype="float32"))
    assert [verdict.verdict for verdict in guard.scan(ROWS[:12], errors="raise")] == expected


@pytest.mark.parametrize(
    ("result", "message"),
    [
        (lambda texts: [[math.nan, 0.0]] * len(texts), "holds nan"),
        (lambda texts: [[math.inf, 0.0]] * len(texts), "holds inf"),
        (lambda texts: [[1.0, 0.0]] * (len(texts) + 1), "rows for"),
        (lambda texts: [[1.0, 0.0, 0.0]] * len(texts), "3 numbers a row for 2 labels"),
        (lambda texts: [[1.0, 0.0]] * (len(texts) - 1) + [[1.0]], "numbers, not"),
        (lambda texts: None, "returns NoneType"),
        (lambda texts: "yes", "returns str"),
        (lambda texts: [["a", "b"]] * len(texts), "no row of numbers"),
        (lambda texts: [[]] * len(texts), "numbers"),
    ],
)
def test_unusable_results_raise(result: Any, message: str) -> None:
    guard = codepurify.Guard.from_callable(result, labels=["no", "yes"])
    with pytest.raises(codepurify.OutputError, match=message):
        guard.scan(ROWS[:3])
    with pytest.raises(ValueError):
        guard.scan(ROWS[0])


def test_exception_is_the_cause() -> None:
    def broken(texts: list[str]) -> Any:
        raise LookupError("no connection")

    guard = codepurify.Guard.from_callable(broken)
    with pytest.raises(codepurify.ModelRuntimeError, match="no connection") as raised:
        guard.scan(ROWS[:5])
    assert isinstance(raised.value.__cause__, LookupError)
    assert raised.value.__cause__.__traceback__ is not None


def test_failure_costs_only_its_own_row() -> None:
    def picky(texts: list[str]) -> Any:
        if any("f7(" in text for text in texts):
            raise LookupError("f7 is too much")
        return classify(texts)

    guard = codepurify.Guard.from_callable(picky)
    with pytest.warns(codepurify.RowsFailedWarning, match="1 of 20 rows"):
        verdicts = guard.scan(ROWS[:20])
    assert isinstance(verdicts[7], codepurify.ModelRuntimeError)
    good = verdicts[:7] + verdicts[8:]
    expected = codepurify.Guard.from_callable(classify).scan(ROWS[:7] + ROWS[8:20])
    assert [verdict.score for verdict in good] == [verdict.score for verdict in expected]
    with pytest.warns(codepurify.RowsFailedWarning):
        table = guard.scan({"func": ROWS[:20]})
    assert table["verdict"][7] is None and "f7 is too much" in table["error"][7]
    with pytest.warns(codepurify.RowsFailedWarning):
        assert guard.purify(ROWS[:20])[7] == ROWS[7]
    with pytest.raises(codepurify.ModelRuntimeError, match="f7"):
        guard.scan(ROWS[:20], errors="raise")


def test_changing_widths_are_an_error_of_the_rows() -> None:
    def changing(texts: list[str]) -> Any:
        width = 3 if any("f7(" in text for text in texts) else 2
        return [(row + [0.0])[:width] for row in classify(texts)]

    guard = codepurify.Guard.from_callable(changing)
    with pytest.warns(codepurify.RowsFailedWarning):
        verdicts = guard.scan(ROWS[:20])
    assert isinstance(verdicts[7], codepurify.OutputError)


def test_interrupt_in_the_function_ends_the_scan() -> None:
    calls = 0

    def interrupted(texts: list[str]) -> Any:
        nonlocal calls
        calls += 1
        if calls == 4:
            raise KeyboardInterrupt
        return classify(texts)

    guard = codepurify.Guard.from_callable(interrupted, batch_size=8)
    with pytest.raises(KeyboardInterrupt):
        guard.scan(ROWS)
    assert calls == 4
    assert guard.scan(ROWS[0]).is_poisoned


def test_interrupt_ends_the_scan_of_a_loaded_model(guard: codepurify.Guard) -> None:
    # Rows that were judged before take little time.
    timer = threading.Timer(0.05, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    started = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        guard.scan(ROWS * 20)
    assert time.monotonic() - started < 10
    assert guard.scan(ROWS[0]).is_poisoned


def test_other_threads_run_meanwhile(guard: codepurify.Guard) -> None:
    stamps: list[float] = []
    stop = threading.Event()

    def tick() -> None:
        while not stop.wait(0.005):
            stamps.append(time.monotonic())

    thread = threading.Thread(target=tick)
    thread.start()
    started = time.monotonic()
    guard.scan(ROWS[:100])
    ended = time.monotonic()
    stop.set()
    thread.join()
    assert sum(started < stamp < ended for stamp in stamps) > 3


def test_arguments_are_checked() -> None:
    with pytest.raises(codepurify.UsageError, match="callable"):
        codepurify.Guard.from_callable("model")  # type: ignore[arg-type]
    with pytest.raises(codepurify.UsageError, match="batch_size"):
        codepurify.Guard.from_callable(classify, batch_size=0)
    with pytest.raises(codepurify.UsageError, match="output"):
        codepurify.Guard.from_callable(classify, output="scores")
    with pytest.raises(codepurify.UsageError, match="list of names"):
        codepurify.Guard.from_callable(classify, labels="no")
    with pytest.raises(codepurify.UsageError, match="threads"):
        codepurify.Guard.from_callable(classify, threads=0)


def _child(guard: codepurify.Guard, text: str) -> int:
    process = os.fork()
    if process == 0:
        os._exit(0 if guard.scan([text] * 40)[0].is_poisoned else 1)
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        done, status = os.waitpid(process, os.WNOHANG)
        if done:
            return status
        time.sleep(0.05)
    os.kill(process, signal.SIGKILL)
    os.waitpid(process, 0)
    return -1


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_guards_work_after_a_fork(guard: codepurify.Guard, own: codepurify.Guard) -> None:
    for each in (guard, own):
        assert each.scan(ROWS[0]).is_poisoned
        assert _child(each, ROWS[0]) == 0
        assert each.scan(ROWS[0]).is_poisoned
