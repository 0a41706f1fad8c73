"""What an audit of a model found."""

from __future__ import annotations

import json
from typing import Any


class Audit:
    """Triggers that force a prediction of a classifier; made by :meth:`Guard.audit` and :func:`audit`.

    Attributes
    ----------
    rows : int
        Number of functions, or pairs, that were used.
    labels : list of dict
        One entry for each label: ``label`` (its name), ``finding`` ("backdoor", "nothing" or "too-few-rows"), ``reason``,
        ``families`` of triggers that force it, the ``strongest`` element, and counts of what was tested.
    """

    def __init__(self, report: str, names: list[str]) -> None:
        self._report: dict[str, Any] = json.loads(report)
        self.rows: int = self._report["rows"]
        self.labels: list[dict[str, Any]] = [
            {**answer, "label": names[answer["label"]] if answer["label"] < len(names) else answer["label"]}
            for answer in self._report["answers"]
        ]

    @property
    def is_backdoored(self) -> bool:
        """True if any prediction can be forced. False is no proof that there is no backdoor."""
        return any(answer["finding"] == "backdoor" for answer in self.labels)

    @property
    def triggers(self) -> dict[Any, list[str]]:
        """Texts of the triggers that force a label, the strongest first, by label."""
        return {
            answer["label"]: [trigger["text"] for family in answer["families"] for trigger in family["triggers"]]
            for answer in self.labels
            if answer["finding"] == "backdoor"
        }

    def to_dict(self) -> dict[str, Any]:
        """Return the report as the command ``audit --format json`` writes it."""
        return self._report

    def __repr__(self) -> str:
        findings = ", ".join(f"{answer['label']}: {answer['finding']}" for answer in self.labels)
        return f"<Audit with {self.rows} rows: {findings}>"
