"""Defends neural models of code against backdoor triggers at inference time.

>>> import codepurify
>>> guard = codepurify.Guard.from_pretrained()
>>> verdict = guard.scan("int twice(int n) { return n + n; }")
>>> verdict.verdict
'clean'
"""

from ._audit import Audit
from ._errors import (
    CalibrationError,
    CodepurifyError,
    HubError,
    InputError,
    InternalError,
    LoadError,
    ModelError,
    ModelNotFoundError,
    ModelRuntimeError,
    OtherSideError,
    OutputError,
    RowsFailedWarning,
    SnippetError,
    SuspiciousRowsWarning,
    TokeniseError,
    TooLongError,
    UsageError,
)
from ._families import Family
from ._guard import Guard, audit_model as audit
from ._lab import Lab
from ._verdict import (
    Change,
    Cost,
    Coverage,
    Evidence,
    GuardedPrediction,
    Location,
    PairMember,
    Prediction,
    Trigger,
    Unit,
    Verdict,
)

__all__ = [
    "Audit",
    "CalibrationError",
    "Change",
    "CodepurifyError",
    "Cost",
    "Coverage",
    "Evidence",
    "Family",
    "Guard",
    "GuardedPrediction",
    "HubError",
    "InputError",
    "InternalError",
    "Lab",
    "LoadError",
    "Location",
    "ModelError",
    "ModelNotFoundError",
    "ModelRuntimeError",
    "OtherSideError",
    "OutputError",
    "PairMember",
    "Prediction",
    "RowsFailedWarning",
    "SnippetError",
    "SuspiciousRowsWarning",
    "TokeniseError",
    "TooLongError",
    "Trigger",
    "Unit",
    "UsageError",
    "Verdict",
    "audit",
]
