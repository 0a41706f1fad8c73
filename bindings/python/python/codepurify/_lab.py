"""Cleaning of a data set: scan all rows, look at what was found, keep the rest."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any

from ._data import LANGUAGE, read
from ._errors import InputError, UsageError
from ._families import Family, beyond_chance, grouped
from ._frames import Frame, frame
from ._guard import Guard
from ._heatmap import visible
from ._outcomes import Outcome, suspect_of

#: Shapes, and rows that failed, that a report lists.
_LISTED = 10
#: Characters of a trigger or message that a report shows.
_WIDTH = 100


@dataclass(frozen=True, slots=True)
class _Row:
    """What is kept of a row that was scanned."""

    verdict: str | None
    score: float | None
    p_value: float | None
    predicted: Any
    triggers: tuple[str, ...]
    error: str | None


class Lab:
    """Finds the rows of a data set that hold triggers, as cleanlab's ``Datalab`` finds wrong labels.

    Parameters
    ----------
    data : dict of columns, DataFrame, Dataset or Table
        A table that :meth:`Guard.scan` takes.
    code : str or sequence of str, optional
        Column that holds the code, two of them for a pair model. By default a known name.
    label : str, optional
        Column with the given labels. Without it, families are about the predicted labels.
    guard : Guard
        Guard of the model that judges the rows. Calibrate it first: without a calibration only what is certain is
        flagged, and the report says so.
    language : str, optional
        Language of the code, by default C.

    Examples
    --------
    >>> lab = codepurify.Lab(data, code="func", label="target", guard=guard)  # doctest: +SKIP
    >>> lab.find_issues()  # doctest: +SKIP
    >>> lab.report()  # doctest: +SKIP
    >>> clean = lab.clean()  # doctest: +SKIP
    """

    def __init__(
        self,
        data: Any,
        code: str | Sequence[str] | None = None,
        label: str | None = None,
        *,
        guard: Guard,
        language: str | None = None,
    ) -> None:
        table = frame(data)
        if table is None:
            raise UsageError(f"a table is needed, such as a DataFrame or a dict of columns, not {type(data).__name__}")
        self._data = data
        self._frame: Frame = table
        self._code = code
        self._language = language
        self._guard = guard
        self._labels = None if label is None else _labels(table, label)
        self._found: list[_Row] | None = None
        self._was_calibrated = False
        self._shapes: list[Family] = []

    def find_issues(self, progress: bool | None = None) -> None:
        """Scan all rows.

        Parameters
        ----------
        progress : bool, optional
            As for :meth:`Guard.scan`.

        Raises
        ------
        CodepurifyError
            If no row could be judged. Rows that could not be judged while others could are counted in one
            ``RowsFailedWarning``, in the report, and in the column ``error`` of :meth:`get_issues`.
        """
        data = read(self._data, self._guard._core.sides, self._code, self._language)
        outcomes = self._guard._judge(data, evidence=False, errors="keep", progress=progress)
        if self._labels is not None and len(self._labels) != len(outcomes):
            raise InputError(f"there are {len(self._labels)} labels for {len(outcomes)} rows")
        self._found = [self._row(outcome) for outcome in outcomes]
        self._was_calibrated = self._guard.is_calibrated
        triggers = [row.triggers for row in self._found]
        self._shapes = grouped(triggers, self._known_labels(), self._language or LANGUAGE)

    @property
    def families(self) -> list[Family]:
        """Trigger shapes that occur in at least three rows, in those of one label more often than by chance."""
        self._rows()
        return beyond_chance(self._shapes)

    def get_issues(self) -> Any:
        """Return what was found in each row.

        Returns
        -------
        pandas.DataFrame
            With the index of the data: ``is_trigger_issue``; ``trigger_score``, the larger, the more suspicious (in
            cleanlab low scores are bad); ``p_value``; ``verdict``; ``given_label``, if there are labels;
            ``predicted_label``, that of the code as it is; ``triggers``, a list of their texts; ``error``, why a row
            could not be judged.
        """
        rows = self._rows()
        try:
            import pandas
        except ImportError as error:
            raise InputError("pandas is needed for a DataFrame of issues: pip install pandas") from error
        columns: dict[str, tuple[list[Any], str | None]] = {
            "is_trigger_issue": ([row.verdict == "poisoned" for row in rows], "bool"),
            "trigger_score": ([row.score for row in rows], "float64"),
            "p_value": ([row.p_value for row in rows], "float64"),
            "verdict": ([row.verdict for row in rows], "object"),
            "predicted_label": ([row.predicted for row in rows], "object"),
            "triggers": ([list(row.triggers) for row in rows], "object"),
            "error": ([row.error for row in rows], "object"),
        }
        index = self._frame.index()
        issues = pandas.DataFrame(
            {name: pandas.Series(values, index=index, dtype=kind) for name, (values, kind) in columns.items()}
        )
        if self._labels is not None:
            issues.insert(4, "given_label", pandas.Series(self._labels, index=index))
        return issues

    def clean(self, keep_unjudged: bool = True) -> Any:
        """Return the data without the rows that hold a trigger.

        Parameters
        ----------
        keep_unjudged : bool
            Whether rows stay that could not be judged.

        Returns
        -------
        table
            Of the kind that was handed in.
        """
        kept = [
            number
            for number, row in enumerate(self._rows())
            if row.verdict != "poisoned" and (keep_unjudged or row.error is None)
        ]
        return self._frame.take(kept)

    def report(self) -> None:
        """Print how many rows hold a trigger, which families and shapes there are, and which rows failed."""
        rows = self._rows()
        decided = Counter(row.verdict for row in rows)
        failed = decided.pop(None, 0)
        flagged = decided["poisoned"]
        others = f"{decided['clean']} clean, {decided['inconclusive']} inconclusive, {failed} not judged"
        lines = [f"{_rows(len(rows))}: {flagged} flagged ({_percent(flagged / max(len(rows), 1))}), {others}"]
        if not self._was_calibrated:
            lines.append("The guard is not calibrated: it flags only what is certain, and gives no p-values.")
        families = self.families
        kind = "predicted" if self._labels is None else "given"
        lines += _listed(f"Families: trigger shapes that go with one {kind} label", families)
        lines += _listed("Other trigger shapes", [group for group in self._shapes if group not in families])
        if failed:
            lines += ["", "Rows that could not be judged:"]
            errors = [f"  {number}: {_short(row.error)}" for number, row in enumerate(rows) if row.error is not None]
            lines += _cut(errors)
        print("\n".join(lines))

    def __repr__(self) -> str:
        if self._found is None:
            return f"<Lab of {self._guard!r}: not scanned>"
        flagged = sum(row.verdict == "poisoned" for row in self._found)
        return f"<Lab of {self._guard!r}: {flagged} of {len(self._found)} rows flagged>"

    def _rows(self) -> list[_Row]:
        if self._found is None:
            raise UsageError("nothing is scanned yet: call find_issues() first")
        return self._found

    def _row(self, outcome: Outcome) -> _Row:
        if isinstance(outcome, Exception):
            return _Row(None, None, None, None, (), str(outcome))
        suspect = suspect_of(outcome)
        answer = suspect.prediction
        predicted = None
        if answer is not None:
            predicted = self._guard._label(answer.label) if answer.text is None else answer.text
        triggers = tuple(trigger.text for verdict in outcome for trigger in verdict.triggers)
        return _Row(suspect.verdict, suspect.score, suspect.p_value, predicted, triggers, None)

    def _known_labels(self) -> list[Any]:
        if self._labels is None:
            return [row.predicted for row in self._rows()]
        # NaN, a missing label of pandas, does not equal itself.
        return [label if label == label else None for label in self._labels]


def _labels(table: Frame, label: str) -> list[Any]:
    if label not in table.names():
        raise InputError(f"there is no column {label!r}; there are: {', '.join(map(str, table.names()))}")
    labels = table.column(label)
    for row, value in enumerate(labels):
        if not isinstance(value, Hashable):
            raise InputError(f"row {row}: a label cannot be a {type(value).__name__}")
    return labels


def _listed(title: str, groups: list[Family]) -> list[str]:
    return ["", f"{title}:", *_cut(list(map(_described, groups)))] if groups else []


def _described(group: Family) -> str:
    return (
        f"  {_rows(len(group.rows))}  {_short(group.shape)}\n"
        f"      {_percent(group.share)} have label {group.label!r}, {_percent(group.base_share)} of all rows\n"
        f"      row {group.rows[0]}: {_short(group.texts[0])}"
    )


def _cut(lines: list[str]) -> list[str]:
    more = len(lines) - _LISTED
    return lines if more <= 0 else [*lines[:_LISTED], f"  and {more} more"]


def _rows(count: int) -> str:
    return "1 row" if count == 1 else f"{count} rows"


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def _short(text: str | None) -> str:
    line = visible(" ".join((text or "").split()))
    return line if len(line) <= _WIDTH else line[: _WIDTH - 1] + "…"
