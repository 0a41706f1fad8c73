"""Verdicts on the sides of each row → what the methods of a guard return."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ._data import Data
from ._errors import InputError
from ._transformers import model_error
from ._verdict import Verdict

#: The verdict on each side of a row, or why there is none.
Outcome = tuple[Verdict, ...] | Exception

_SIDES = {1: ("",), 2: ("_left", "_right")}


def outcome_of(sides: Any, revise: Callable[[str, str], str] | None = None) -> Outcome:
    """Return verdicts for JSON with its code, which ``revise`` may change, or the first exception."""
    if isinstance(sides, Exception):
        return sides
    for side in sides:
        if isinstance(side, Exception):
            return model_error(side)
    return tuple(Verdict._from_json(revise(json, code) if revise else json, code) for json, code in sides)


def suspect_of(verdicts: tuple[Verdict, ...]) -> Verdict:
    """Return the verdict on the more suspicious side of a pair."""
    return max(verdicts, key=lambda verdict: (verdict.is_poisoned, verdict.purified is not None))


def flat(outcome: Outcome) -> Any:
    return outcome[0] if isinstance(outcome, tuple) and len(outcome) == 1 else outcome


def shaped(data: Data, values: list[Any]) -> Any:
    return values[0] if data.is_single else values


def purified_text(outcome: Outcome, side: int, text: Any) -> Any:
    if isinstance(outcome, Exception) or outcome[side].purified is None:
        return text
    return outcome[side].purified


def purified_files(data: Data, outcomes: list[Outcome]) -> dict[str, str]:
    files, start = {}, 0
    for path, text, count in data.rows.files:
        code, units = text.encode(), outcomes[start : start + count]
        start += count
        # From the last unit to the first, so that places stay what they are.
        for outcome in reversed(units):
            if isinstance(outcome, tuple) and outcome[0].purified is not None:
                unit = outcome[0].unit
                code = code[: unit.start_byte] + outcome[0].purified.encode() + code[unit.end_byte :]
        if not any(isinstance(outcome, InputError) for outcome in units):
            files[path] = code.decode()
    return files


def columns_of(outcomes: list[Outcome], sides: int) -> dict[str, list[Any]]:
    columns: dict[str, list[Any]] = {}
    for side, suffix in enumerate(_SIDES[sides]):
        verdicts = [None if isinstance(outcome, Exception) else outcome[side] for outcome in outcomes]
        columns["verdict" + suffix] = [verdict and verdict.verdict for verdict in verdicts]
        columns["p_value" + suffix] = [verdict and verdict.p_value for verdict in verdicts]
        columns["score" + suffix] = [verdict and verdict.score for verdict in verdicts]
        columns["triggers" + suffix] = [_triggers(verdict) for verdict in verdicts]
        columns["purified" + suffix] = [verdict and verdict.purified for verdict in verdicts]
    columns["error"] = [str(outcome) if isinstance(outcome, Exception) else None for outcome in outcomes]
    return columns


def _triggers(verdict: Verdict | None) -> list[dict[str, str]]:
    fields = ("kind", "text", "action", "replacement")
    triggers = verdict.triggers if verdict is not None else ()
    return [{field: getattr(trigger, field) for field in fields} for trigger in triggers]
