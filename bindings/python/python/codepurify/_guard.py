"""The guard of one model."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Sequence
from typing import Any

from ._callable import Predict
from ._core import Core
from ._data import Data, read
from ._errors import InputError, RowsFailedWarning, SuspiciousRowsWarning, UsageError
from ._verdict import GuardedPrediction, Verdict

#: The verdict on each side of a row, or why there is none.
_Outcome = tuple[Verdict, ...] | Exception

_SIDES = {1: ("",), 2: ("_left", "_right")}
_ERRORS = ("keep", "raise")


class Guard:
    """Guards a model of code: finds backdoor triggers in its inputs and removes them.

    Make one with :meth:`from_pretrained` or :meth:`from_callable`.

    Methods that take code (``x``) accept a text, a path (``pathlib.Path``, a file or folder of source files, of which
    every function is judged), a list of texts or paths, a dict of columns, a pandas or polars ``DataFrame``, a
    ``datasets.Dataset``, a pyarrow ``Table``, and whatever has the Arrow PyCapsule interface. A pair model takes
    tuples of two texts instead. Their keyword arguments are:

    code : str or sequence of str, optional
        Column of a table that holds the code, two of them for a pair model. By default a known name such as
        ``func`` or ``code``.
    language : {"c", "cpp", "java", "python"}, optional
        Language of the code. By default that of the file name, and C for texts.
    errors : {"keep", "raise"}
        What happens with rows that cannot be judged. "keep" puts the exception in their place (in tables: None, with
        the message in the column ``error``) and warns once; if no row can be judged, the first exception is raised.

    A guard can be pickled: it is loaded or made again from its arguments, with its calibration. It can be used after a
    fork and from several threads.
    """

    def __init__(self, make: Callable[..., Core], arguments: dict[str, Any]) -> None:
        self._make = make
        self._arguments = arguments
        self._core = make(**arguments)

    @classmethod
    def from_pretrained(
        cls,
        path_or_hub_id: str | os.PathLike[str] | None = None,
        mlm: str | os.PathLike[str] | None = None,
        base: str | os.PathLike[str] | None = None,
        preset: str | None = None,
        profile: str = "transplant",
        alpha: float = 0.05,
        precision: str = "f32",
        threads: int | None = None,
    ) -> Guard:
        """Load a checkpoint that the command ``codepurify`` can load.

        Parameters
        ----------
        path_or_hub_id : str or path, optional
            Directory in the Hugging Face layout, file of weights, or hub id. By default the bundled detector, a
            demonstration model for C that is backdoored on purpose.
        mlm : str or path, optional
            Masked language model that fills purified places; by default the bundled one.
        base : str or path, optional
            Where configuration and tokenizer of a bare file of weights come from.
        preset : str, optional
            Training script that the model comes from (``codepurify models presets``).
        profile : {"transplant", "normalised", "paper"}
            How to decide.
        alpha : float
            Share of clean code that may be flagged, once the guard is calibrated.
        precision : {"f32", "int8"}
            How the models compute.
        threads : int, optional
            Threads that work side by side; by default one for each core.

        Raises
        ------
        ModelNotFoundError
            If there is no such model.
        LoadError
            If it cannot be loaded.
        """
        arguments = dict(
            model=_absolute(path_or_hub_id),
            mlm=_absolute(mlm),
            base=_absolute(base),
            preset=preset,
            profile=profile,
            alpha=alpha,
            precision=precision,
            threads=_threads(threads),
        )
        return cls(_core_of_pretrained, arguments)

    @classmethod
    def from_callable(
        cls,
        predict: Callable[[list[Any]], Any],
        labels: Sequence[str] = (),
        window: int | None = None,
        batch_size: int = 64,
        *,
        pairs: bool = False,
        output: str = "auto",
        name: str = "callable",
        mlm: str | os.PathLike[str] | None = None,
        profile: str = "transplant",
        alpha: float = 0.05,
        threads: int | None = None,
    ) -> Guard:
        """Guard any classifier that can be called with source code.

        Parameters
        ----------
        predict : callable
            Takes a list of texts (with ``pairs``, of tuples of two texts) and returns an array-like with a row of
            logits or probabilities for each. It must be deterministic. It is called on the calling thread.
        labels : sequence of str, optional
            Names of the labels by class index.
        window : int, optional
            Number of words and punctuation characters that the model reads; code behind them is not judged.
        batch_size : int
            Most texts of one call. When many rows are scanned, most calls are full.
        pairs : bool
            Whether the model compares two texts.
        output : {"auto", "logits", "probabilities"}
            What ``predict`` returns; "auto" decides by the first call.
        name : str
            What verdicts and messages call the model.
        mlm, profile, alpha, threads
            As for :meth:`from_pretrained`.
        """
        if batch_size < 1:
            raise UsageError(f"batch_size={batch_size}: at least 1 is needed")
        if isinstance(labels, str):
            raise UsageError("labels= is a list of names, not one text")
        arguments = dict(
            predict=predict,
            output=output,
            name=name,
            labels=list(labels),
            pairs=pairs,
            window=window,
            batch_size=batch_size,
            mlm=_absolute(mlm),
            profile=profile,
            alpha=alpha,
            threads=_threads(threads),
        )
        return cls(_core_of_callable, arguments)

    @property
    def name(self) -> str:
        """Name of the guarded model."""
        return self._core.name

    @property
    def labels(self) -> list[str]:
        """Names of its labels by class index; empty where it has none."""
        return self._core.labels

    @property
    def is_calibrated(self) -> bool:
        """Whether verdicts have p-values."""
        return self._core.calibration is not None

    def scan(
        self, x: Any, *, code: str | Sequence[str] | None = None, language: str | None = None, errors: str = "keep"
    ) -> Any:
        """Judge code.

        Returns
        -------
        Verdict, list of Verdict, or a table
            For a text its verdict, for a list or paths a list; for a table the same kind of table with the columns
            ``verdict``, ``p_value``, ``score``, ``triggers``, ``purified`` and ``error``. A pair has two verdicts.

        Raises
        ------
        CodepurifyError
            If nothing could be judged.
        """
        data = read(x, self._core.sides, code, language)
        outcomes = self._judge(data, evidence=False, errors=errors)
        if data.frame is None:
            return _shaped(data, [_flat(outcome) for outcome in outcomes])
        return data.frame.with_columns(_columns(outcomes, self._core.sides))

    def explain(
        self, x: Any, *, code: str | Sequence[str] | None = None, language: str | None = None, errors: str = "keep"
    ) -> Any:
        """Judge code and keep the evidence of every candidate.

        Returns
        -------
        Verdict or list of Verdict
            As :meth:`scan`, with ``evidence``; a list for tables, too. Notebooks show verdicts as heat maps.
        """
        data = read(x, self._core.sides, code, language)
        outcomes = self._judge(data, evidence=True, errors=errors)
        return _shaped(data, [_flat(outcome) for outcome in outcomes])

    def purify(
        self, x: Any, *, code: str | Sequence[str] | None = None, language: str | None = None, errors: str = "keep"
    ) -> Any:
        """Remove triggers from code.

        Returns
        -------
        str, list of str, dict, or a table
            The same with triggers removed; code without a trigger, and rows that cannot be judged, stay as they are.
            For paths the text of each file by its path: nothing is written.
        """
        data = read(x, self._core.sides, code, language)
        outcomes = self._judge(data, evidence=False, errors=errors)
        if data.rows.files:
            return _purified_files(data, outcomes)
        if data.frame is not None:
            columns = {}
            for side, field in enumerate(data.fields):
                old = data.frame.column(field)
                columns[field] = [_purified(outcome, side, text) for outcome, text in zip(outcomes, old)]
            return data.frame.with_columns(columns)
        items = [x] if data.is_single else list(x)
        return _shaped(data, [self._purified_item(outcome, item) for outcome, item in zip(outcomes, items)])

    def predict(
        self, x: Any, *, code: str | Sequence[str] | None = None, language: str | None = None, errors: str = "keep"
    ) -> Any:
        """Return the model's answers for purified code.

        Returns
        -------
        GuardedPrediction, list of GuardedPrediction, or a table
            For a table the same kind of table with the columns ``label`` and ``confidence`` and those of
            :meth:`scan`.
        """
        data = read(x, self._core.sides, code, language)
        outcomes = self._judge(data, evidence=False, errors=errors)
        answers = [outcome if isinstance(outcome, Exception) else self._answer(outcome) for outcome in outcomes]
        if data.frame is None:
            return _shaped(data, answers)
        good = [None if isinstance(answer, Exception) else answer for answer in answers]
        return data.frame.with_columns(
            {
                "label": [None if answer is None or answer.label is None else str(answer.label) for answer in good],
                "confidence": [answer and answer.confidence for answer in good],
                **_columns(outcomes, self._core.sides),
            }
        )

    def calibrate(
        self,
        data: Any,
        *,
        code: str | Sequence[str] | None = None,
        language: str | None = None,
        source: str = "calibrated in Python",
        partial: bool = False,
        keep_suspicious: bool = False,
    ) -> dict[str | int | None, int]:
        """Learn what clean code scores, so that at most a share ``alpha`` of clean code is flagged.

        Parameters
        ----------
        data : text, path, list or table
            Clean code like that which the model judges. Of pairs one in eight is used up.
        source : str
            Where the code comes from, for people.
        partial : bool
            Calibrate even if some rows fail or a label has fewer rows than ``alpha`` needs.
        keep_suspicious : bool
            Keep rows that seem to hold triggers. By default they are left out with a `SuspiciousRowsWarning`: rows in
            which one element, or elements of one shape, score higher than anything in other rows.

        Returns
        -------
        dict
            The number of rows by predicted label.

        Raises
        ------
        CalibrationError
            If there are too few rows.
        """
        rows = read(data, self._core.sides, code, language)
        if rows.refused and not partial:
            raise next(iter(rows.refused.values()))
        counts, left_out = self._core.calibrate(rows.rows, source, partial, keep_suspicious)
        for label, shape, count, share in left_out:
            message = (
                f"left out: {count} rows with the prediction {self._label(label)} ({share:.1%} of them), in which "
                f"{shape!r} scores highest; keep_suspicious=True keeps them"
            )
            warnings.warn(message, SuspiciousRowsWarning, stacklevel=2)
        return {self._label(label): count for label, count in counts}

    def save_calibration(self, path: str | os.PathLike[str]) -> None:
        """Write the calibration in use to a file that the command reads, too."""
        calibration = self._core.calibration
        if calibration is None:
            raise UsageError("the guard is not calibrated")
        with open(path, "w", encoding="utf-8") as file:
            file.write(calibration)

    def load_calibration(self, path: str | os.PathLike[str]) -> None:
        """Use a calibration of this model that was saved, here or by the command ``calibrate``.

        Raises
        ------
        CalibrationError
            If it is none, or was made for another model or with other settings.
        """
        with open(path, encoding="utf-8", errors="replace") as file:
            self._core.set_calibration(file.read())

    def __repr__(self) -> str:
        state = "calibrated" if self.is_calibrated else "not calibrated"
        return f"<Guard of {self.name!r}: {self._core.task}, {state}>"

    def __reduce__(self) -> tuple[Any, ...]:
        return _restored, (self._make, self._arguments, self._core.calibration)

    def _judge(self, data: Data, evidence: bool, errors: str) -> list[_Outcome]:
        if errors not in _ERRORS:
            raise UsageError(f"errors={errors!r}: known are {' and '.join(_ERRORS)}")
        judged = self._core.screen(data.rows, evidence)
        outcomes = [_outcome(sides) for sides in data.in_order(judged)]
        failures = [outcome for outcome in outcomes if isinstance(outcome, Exception)]
        if failures and (errors == "raise" or len(failures) == len(outcomes)):
            raise failures[0]
        if failures:
            message = f"{len(failures)} of {len(outcomes)} rows could not be judged; the first: {failures[0]}"
            warnings.warn(message, RowsFailedWarning, stacklevel=3)
        return outcomes

    def _label(self, label: int | None) -> str | int | None:
        return self.labels[label] if label is not None and label < len(self.labels) else label

    def _answer(self, verdicts: tuple[Verdict, ...]) -> GuardedPrediction:
        suspect = max(verdicts, key=lambda verdict: (verdict.is_poisoned, verdict.purified is not None))
        purified = any(verdict.purified is not None for verdict in verdicts)
        answer = (suspect.purified_prediction if purified else None) or suspect.prediction
        if answer is None:
            return GuardedPrediction(None, None, purified, suspect)
        label = answer.text if answer.text is not None else self._label(answer.label)
        return GuardedPrediction(label, answer.confidence, purified, suspect)

    def _purified_item(self, outcome: _Outcome, item: Any) -> Any:
        if self._core.sides == 1 or isinstance(outcome, Exception):
            return _purified(outcome, 0, item)
        return tuple(_purified(outcome, side, text) for side, text in enumerate(item))


def _core_of_pretrained(**arguments: Any) -> Core:
    return Core.from_pretrained(**arguments)


def _core_of_callable(*, predict: Callable[[list[Any]], Any], output: str, **arguments: Any) -> Core:
    checked = Predict(predict, len(arguments["labels"]) or None, output)
    return Core.from_callable(predict=checked, **arguments)


def _restored(make: Callable[..., Core], arguments: dict[str, Any], calibration: str | None) -> Guard:
    guard = Guard(make, arguments)
    if calibration is not None:
        guard._core.set_calibration(calibration)
    return guard


def _absolute(path: str | os.PathLike[str] | None) -> str | None:
    """Return a path that means the same in another process, or a hub id as it is."""
    if path is None:
        return None
    name = os.fspath(path)
    return os.path.abspath(name) if os.path.exists(name) else name


def _threads(threads: int | None) -> int | None:
    if threads is not None and threads < 1:
        raise UsageError(f"threads={threads}: at least 1 is needed")
    return threads


def _outcome(sides: Any) -> _Outcome:
    if isinstance(sides, Exception):
        return sides
    for side in sides:
        if isinstance(side, Exception):
            return side
    return tuple(Verdict._from_json(json, code) for json, code in sides)


def _flat(outcome: _Outcome) -> Any:
    return outcome[0] if isinstance(outcome, tuple) and len(outcome) == 1 else outcome


def _shaped(data: Data, values: list[Any]) -> Any:
    return values[0] if data.is_single else values


def _purified(outcome: _Outcome, side: int, text: Any) -> Any:
    if isinstance(outcome, Exception) or outcome[side].purified is None:
        return text
    return outcome[side].purified


def _purified_files(data: Data, outcomes: list[_Outcome]) -> dict[str, str]:
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


def _columns(outcomes: list[_Outcome], sides: int) -> dict[str, list[Any]]:
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
