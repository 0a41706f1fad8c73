"""The guard of one model."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Sequence
from typing import Any

from ._audit import Audit
from ._core import Core, audit
from ._data import Data, read
from ._errors import ModelRuntimeError, RowsFailedWarning, SuspiciousRowsWarning, UsageError
from ._making import (
    absolute,
    checked_batch,
    checked_threads,
    core_of_callable,
    core_of_generator,
    core_of_pretrained,
)
from ._outcomes import Outcome, columns_of, flat, outcome_of, purified_files, purified_text, shaped, suspect_of
from ._progress import bar
from ._transformers import Classifier, classifier, labels_of, model_error
from ._verdict import GuardedPrediction, Verdict

_ERRORS = ("keep", "raise")


class Guard:
    """Guards a model of code: finds backdoor triggers in its inputs and removes them.

    Make one with :meth:`from_pretrained`, :meth:`wrap`, :meth:`from_callable` or :meth:`from_generator`.

    Methods that take code (``x``) accept a text, a path (``pathlib.Path``, a file or folder of source files, of which
    every function is judged), a list of texts or paths, a dict of columns, a pandas or polars ``DataFrame``, a
    ``datasets.Dataset``, a pyarrow ``Table``, and whatever has the Arrow PyCapsule interface. A pair model takes
    tuples of two texts instead. Their keyword arguments are:

    code : str or sequence of str, optional
        Column of a table that holds the code, two of them for a pair model. By default a known name such as
        ``func`` or ``code``.
    language : {"c", "cpp", "java", "python"}, optional
        Language of the code. By default that of the file name, and C for texts.
    progress : bool, optional
        Whether a bar of tqdm is shown. By default for many rows, if tqdm is installed, on terminals and in notebooks.
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
            model=absolute(path_or_hub_id),
            mlm=absolute(mlm),
            base=absolute(base),
            preset=preset,
            profile=profile,
            alpha=alpha,
            precision=precision,
            threads=checked_threads(threads),
        )
        return cls(core_of_pretrained, arguments)

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
        timeout: float | None = None,
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
            logits or probabilities for each. It must be deterministic. It is called on the calling thread, unless
            there is a ``timeout``.
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
        timeout : float, optional
            Seconds that a call may take. It then runs on a thread of its own. Rows of a call that takes longer fail
            with a ``ModelRuntimeError`` whose cause is a ``TimeoutError``. Python cannot end that thread: the call
            goes on, while others may start. If four such calls still run, further ones fail at once.
        name : str
            What verdicts and messages call the model.
        mlm, profile, alpha, threads
            As for :meth:`from_pretrained`.
        """
        if isinstance(labels, str):
            raise UsageError("labels= is a list of names, not one text")
        arguments = dict(
            predict=predict,
            output=output,
            timeout=timeout,
            name=name,
            labels=list(labels),
            pairs=pairs,
            window=window,
            batch_size=checked_batch(batch_size),
            mlm=absolute(mlm),
            profile=profile,
            alpha=alpha,
            threads=checked_threads(threads),
        )
        return cls(core_of_callable, arguments)

    @classmethod
    def from_generator(
        cls,
        generate: Callable[[list[str]], Any],
        score: Callable[[list[tuple[str, str]]], Any],
        window: int | None = None,
        batch_size: int = 64,
        *,
        timeout: float | None = None,
        name: str = "callable",
        mlm: str | os.PathLike[str] | None = None,
        profile: str = "transplant",
        alpha: float = 0.05,
        threads: int | None = None,
    ) -> Guard:
        """Guard any model that rewrites code, such as program repair.

        Parameters
        ----------
        generate : callable
            Takes a list of texts and returns a list with the text that the model generates for each. It must be
            deterministic (greedy or beam search).
        score : callable
            Takes a list of tuples (source, target) and returns, for each, the mean log-likelihood of the target's
            tokens given the source, in nats, at most 0.
        window, batch_size, timeout, name
            As for :meth:`from_callable`.
        mlm, profile, alpha, threads
            As for :meth:`from_pretrained`.
        """
        arguments = dict(
            generate=generate,
            score=score,
            timeout=timeout,
            name=name,
            window=window,
            batch_size=checked_batch(batch_size),
            mlm=absolute(mlm),
            profile=profile,
            alpha=alpha,
            threads=checked_threads(threads),
        )
        return cls(core_of_generator, arguments)

    @classmethod
    def wrap(
        cls,
        model: Any,
        tokenizer: Any = None,
        labels: Sequence[str] | None = None,
        window: int | None = None,
        batch_size: int = 64,
        device: Any = None,
        *,
        truncation: bool | None = None,
        max_length: int | None = None,
        preprocess: Callable[[str], str] | None = None,
        name: str | None = None,
        mlm: str | os.PathLike[str] | None = None,
        profile: str = "transplant",
        alpha: float = 0.05,
        threads: int | None = None,
    ) -> Guard:
        """Guard a text classifier of ``transformers``.

        The model is called where it is, in batches, in evaluation mode and without gradients. Afterwards it trains
        again if it did.

        Parameters
        ----------
        model : Pipeline or PreTrainedModel
            Pipeline for text classification, or a PyTorch ``AutoModelForSequenceClassification``.
        tokenizer : PreTrainedTokenizerBase, optional
            Tokenizer of a model that is no pipeline.
        labels : sequence of str, optional
            Names of the labels by class index; by default those of the model's configuration.
        window, batch_size
            As for :meth:`from_callable`. By default texts are not cut by words.
        device : optional
            Where a model is moved to, and stays; by default it is not moved.
        truncation : bool, optional
            Whether the model reads only the first ``max_length`` tokens of longer code. Its ``coverage`` says how many,
            and it is ``"inconclusive"`` instead of ``"clean"``. If false, longer code fails with a
            :class:`TooLongError`. By default what the pipeline was made with, and true without such a setting.
        max_length : int, optional
            Most tokens of an input, special tokens included. By default what the pipeline was made with, at most what
            the tokenizer and the positions of the model allow.
        preprocess : callable, optional
            Changes each text before it is tokenised, as was done for training.
        name : str, optional
            What verdicts and messages call the model; by default the name that it was loaded by.
        mlm, profile, alpha, threads
            As for :meth:`from_pretrained`.

        Raises
        ------
        UsageError
            If the model generates text, or gives anything but one of several labels.
        """
        options = dict(device=device, truncation=truncation, max_length=max_length, preprocess=preprocess)
        wrapped = classifier(model, tokenizer, **options)
        config = wrapped.model.config
        return cls.from_callable(
            wrapped,
            labels_of(config) if labels is None else labels,
            window,
            batch_size,
            output="logits",
            name=name or getattr(config, "_name_or_path", "") or type(wrapped.model).__name__,
            mlm=mlm,
            profile=profile,
            alpha=alpha,
            threads=threads,
        )

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
        self,
        x: Any,
        *,
        code: str | Sequence[str] | None = None,
        language: str | None = None,
        errors: str = "keep",
        progress: bool | None = None,
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
        outcomes = self._judge(data, evidence=False, errors=errors, progress=progress)
        if data.frame is None:
            return shaped(data, [flat(outcome) for outcome in outcomes])
        return data.frame.with_columns(columns_of(outcomes, self._core.sides))

    def explain(
        self,
        x: Any,
        *,
        code: str | Sequence[str] | None = None,
        language: str | None = None,
        errors: str = "keep",
        progress: bool | None = None,
    ) -> Any:
        """Judge code and keep the evidence of every candidate.

        Returns
        -------
        Verdict or list of Verdict
            As :meth:`scan`, with ``evidence``; a list for tables, too. Notebooks show verdicts as heat maps.
        """
        data = read(x, self._core.sides, code, language)
        outcomes = self._judge(data, evidence=True, errors=errors, progress=progress)
        return shaped(data, [flat(outcome) for outcome in outcomes])

    def purify(
        self,
        x: Any,
        *,
        code: str | Sequence[str] | None = None,
        language: str | None = None,
        errors: str = "keep",
        progress: bool | None = None,
    ) -> Any:
        """Remove triggers from code.

        Returns
        -------
        str, list of str, dict, or a table
            The same with triggers removed; code without a trigger, and rows that cannot be judged, stay as they are.
            For paths the text of each file by its path: nothing is written.
        """
        data = read(x, self._core.sides, code, language)
        outcomes = self._judge(data, evidence=False, errors=errors, progress=progress)
        if data.rows.files:
            return purified_files(data, outcomes)
        if data.frame is not None:
            columns = {}
            for side, field in enumerate(data.fields):
                old = data.frame.column(field)
                columns[field] = [purified_text(outcome, side, text) for outcome, text in zip(outcomes, old)]
            return data.frame.with_columns(columns)
        items = [x] if data.is_single else list(x)
        return shaped(data, [self._purified_item(outcome, item) for outcome, item in zip(outcomes, items)])

    def predict(
        self,
        x: Any,
        *,
        code: str | Sequence[str] | None = None,
        language: str | None = None,
        errors: str = "keep",
        progress: bool | None = None,
    ) -> Any:
        """Return the model's answers for purified code.

        Returns
        -------
        GuardedPrediction, list of GuardedPrediction, or a table
            For a table the same kind of table with the columns ``label`` and ``confidence`` and those of
            :meth:`scan`.
        """
        data = read(x, self._core.sides, code, language)
        outcomes = self._judge(data, evidence=False, errors=errors, progress=progress)
        answers = [outcome if isinstance(outcome, Exception) else self._answer(outcome) for outcome in outcomes]
        if data.frame is None:
            return shaped(data, answers)
        good = [None if isinstance(answer, Exception) else answer for answer in answers]
        return data.frame.with_columns(
            {
                "label": [None if answer is None or answer.label is None else str(answer.label) for answer in good],
                "confidence": [answer and answer.confidence for answer in good],
                **columns_of(outcomes, self._core.sides),
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
        progress: bool | None = None,
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
        try:
            with bar(len(rows.rows), progress) as tell:
                counts, left_out = self._core.calibrate(rows.rows, source, partial, keep_suspicious, tell)
        except ModelRuntimeError as error:
            if model_error(error) is error:
                raise
            raise model_error(error) from None
        for label, shape, count, share in left_out:
            message = (
                f"left out: {count} rows with the prediction {self._label(label)} ({share:.1%} of them), in which "
                f"{shape!r} scores highest; keep_suspicious=True keeps them"
            )
            warnings.warn(message, SuspiciousRowsWarning, stacklevel=2)
        return {self._label(label): count for label, count in counts}

    def audit(
        self,
        data: Any,
        *,
        code: str | Sequence[str] | None = None,
        language: str | None = None,
        success: float = 0.9,
        benign_as_confident: float = 0.1,
        progress: bool | None = None,
    ) -> Audit:
        """Search for code that forces a prediction of the guarded classifier.

        Parameters
        ----------
        data : text, path, list or table
            Functions like those that the model judges, at least 20 of each prediction. They need not be clean.
        success : float
            Smallest share of functions with other predictions that a backdoor flips.
        benign_as_confident : float
            Largest share of functions with the prediction that may have as high a margin as flipped ones.

        Returns
        -------
        Audit
            What was found for each label.

        Raises
        ------
        UsageError
            If the model generates text, or no row is a function that code can be inserted into.
        """
        rows = read(data, self._core.sides, code, language)
        try:
            # The number of questions is not known before.
            with bar(0, progress or False) as tell:
                report = audit(self._core, rows.rows, success, benign_as_confident, tell)
        except ModelRuntimeError as error:
            if model_error(error) is error:
                raise
            raise model_error(error) from None
        return Audit(report, self._core.labels)

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

    def _outcomes(self, data: Data, evidence: bool, progress: bool | None) -> list[Outcome]:
        with bar(len(data.rows), progress) as tell:
            judged = self._core.screen(data.rows, evidence, tell)
        predict = self._arguments.get("predict")
        revise = predict.with_coverage if isinstance(predict, Classifier) else None
        return [outcome_of(sides, revise) for sides in data.in_order(judged)]

    def _judge(self, data: Data, evidence: bool, errors: str, progress: bool | None) -> list[Outcome]:
        if errors not in _ERRORS:
            raise UsageError(f"errors={errors!r}: known are {' and '.join(_ERRORS)}")
        outcomes = self._outcomes(data, evidence, progress)
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
        suspect = suspect_of(verdicts)
        purified = any(verdict.purified is not None for verdict in verdicts)
        answer = (suspect.purified_prediction if purified else None) or suspect.prediction
        if answer is None:
            return GuardedPrediction(None, None, purified, suspect)
        label = answer.text if answer.text is not None else self._label(answer.label)
        return GuardedPrediction(label, answer.confidence, purified, suspect)

    def _purified_item(self, outcome: Outcome, item: Any) -> Any:
        if self._core.sides == 1 or isinstance(outcome, Exception):
            return purified_text(outcome, 0, item)
        return tuple(purified_text(outcome, side, text) for side, text in enumerate(item))


def _restored(make: Callable[..., Core], arguments: dict[str, Any], calibration: str | None) -> Guard:
    guard = Guard(make, arguments)
    if calibration is not None:
        guard._core.set_calibration(calibration)
    return guard


def audit_model(model: Guard | str | os.PathLike[str], data: Any, **arguments: Any) -> Audit:
    """Search for code that forces a prediction of a classifier: :meth:`Guard.audit`.

    Parameters
    ----------
    model : Guard, path or hub id
        A guard, or what :meth:`Guard.from_pretrained` loads.
    data : text, path, list or table
        Functions like those that the model judges.
    **arguments
        Those of :meth:`Guard.audit`.
    """
    guard = model if isinstance(model, Guard) else Guard.from_pretrained(model)
    return guard.audit(data, **arguments)
