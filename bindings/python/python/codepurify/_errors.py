"""Exceptions, one for each kind of error of the Rust library. ``__cause__`` is the error behind it."""


class CodepurifyError(Exception):
    """Base of all exceptions of this package."""


class UsageError(CodepurifyError, ValueError):
    """The arguments make no sense."""


class InputError(CodepurifyError, ValueError):
    """A file, row or column cannot be read."""


class SnippetError(InputError):
    """A text cannot be judged: empty, binary, too large, or in an unsupported language."""


class HubError(CodepurifyError, OSError):
    """A model cannot be fetched."""


class ModelNotFoundError(HubError, FileNotFoundError):
    """There is no such model on this machine or on the hub."""


class LoadError(CodepurifyError):
    """A model was found and cannot be loaded."""


class CalibrationError(CodepurifyError, ValueError):
    """A calibration cannot be made or used."""


class ModelError(CodepurifyError):
    """The model failed at this input."""


class TokeniseError(ModelError):
    """The text cannot be turned into tokens."""


class ModelRuntimeError(ModelError, RuntimeError):
    """The model's runtime failed, or the guarded function raised: ``__cause__`` is its exception."""


class TooLongError(ModelError):
    """An input is longer than the model's window."""


class OutputError(ModelError, ValueError):
    """The model's output is unusable: NaN, wrong length or another width."""


class OtherSideError(ModelError):
    """The other side of the pair failed."""


class InternalError(ModelError):
    """An assumption of this package does not hold. Please report it."""


class RowsFailedWarning(UserWarning):
    """Some rows could not be judged."""


class SuspiciousRowsWarning(UserWarning):
    """Some rows were left out of a calibration, since they seem to hold triggers."""
