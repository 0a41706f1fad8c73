"""Text classifiers of ``transformers`` as functions over source code.

Nothing is imported: whoever has such a model has imported PyTorch.
"""

from __future__ import annotations

import json
import re
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

from ._errors import ModelError, ModelRuntimeError, TooLongError, UsageError

#: Text of an occluded element, as the compiled part writes it.
_OCCLUDED = " <unk> "
#: A word or another character with the white space in front of it, as the compiled part counts them.
_WORD = re.compile(r"\s*(?:\w+|\S)")
#: Tokenizers without a maximum say that it is a huge number.
_NO_MAXIMUM = 10**9
#: Settings of a pipeline for its inputs that are kept, or change no result.
_SETTINGS = {"truncation", "max_length", "padding", "return_tensors"}


class Classifier:
    """Calls a model with its tokenizer and returns the logits.

    Parameters
    ----------
    model, tokenizer
        ``AutoModelForSequenceClassification`` and ``AutoTokenizer``, or objects with the same methods.
    device : optional
        Device that the model is moved to; by default it stays.
    truncation : bool
        Whether the rest of an input behind ``max_length`` tokens is left out. Otherwise such an input is an error.
    max_length : int, optional
        Most tokens of an input, special tokens included; by default as many as the model has positions for.
    preprocess : callable, optional
        Changes each text before it is tokenised, as was done for training.
    """

    def __init__(
        self,
        model: Any,
        tokenizer: Any,
        *,
        device: Any = None,
        truncation: bool = True,
        max_length: int | None = None,
        preprocess: Callable[[str], str] | None = None,
    ) -> None:
        self.model = model.to(device) if device is not None else model
        self.tokenizer = tokenizer
        self.truncation = truncation
        self.max_length = _max_length(model, tokenizer, max_length)
        self.preprocess = preprocess
        self._unknown = _unknown(tokenizer)
        self._lock = threading.Lock()

    def __call__(self, texts: list[str]) -> list[list[float]]:
        # Fast tokenizers keep their truncation as state, and models whether they train.
        with self._lock, _evaluating(self.model), _inference_mode():
            encoded = self._encode([self._prepared(text) for text in texts])
            logits = self.model(**encoded.to(_device(self.model))).logits
            rows: list[list[float]] = logits.float().cpu().tolist()
            return rows

    def with_coverage(self, verdict: str, code: str) -> str:
        """Return the JSON of a verdict with the coverage in tokens of the model.

        A clean verdict on code that the model does not read as a whole becomes inconclusive, as that of a loaded
        checkpoint.
        """
        data: dict[str, Any] = json.loads(verdict)
        # The compiled part counts words, and has cut the code if there is a window in words.
        words, all_words = data["coverage"]["tokens_inspected"], data["coverage"]["tokens_total"]
        total = self._tokens(code)
        inspected = total if words == all_words else self._tokens("".join(_WORD.findall(code)[:words]))
        if self.max_length is not None:
            inspected = min(inspected, self.max_length - self.tokenizer.num_special_tokens_to_add())
        data["coverage"] = {"tokens_inspected": inspected, "tokens_total": total}
        if inspected < total:
            others = (data.get("reason") or "").replace(_cut(words, all_words), "").strip("; ")
            data["reason"] = "; ".join(filter(None, [_cut(inspected, total), others]))
            data["verdict"] = "inconclusive" if data["verdict"] == "clean" else data["verdict"]
        return json.dumps(data, ensure_ascii=False)

    def _tokens(self, code: str) -> int:
        with self._lock:
            encoded = self.tokenizer(self._prepared(code), truncation=False, add_special_tokens=False)
            return len(encoded["input_ids"])

    def _prepared(self, text: str) -> str:
        text = text.replace(_OCCLUDED, self._unknown)
        return text if self.preprocess is None else self.preprocess(text)

    def _encode(self, texts: list[str]) -> Any:
        cut = self.truncation and self.max_length is not None
        encoded = self.tokenizer(
            texts,
            padding=True,
            truncation=cut,
            max_length=self.max_length if cut else None,
            return_attention_mask=True,
            return_tensors="pt",
        )
        tokens = encoded["input_ids"].shape[-1]
        if self.max_length is not None and tokens > self.max_length:
            raise TooLongError(f"an input has {tokens} tokens, the model reads at most {self.max_length}")
        return encoded

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name != "_lock"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state, _lock=threading.Lock())


def classifier(
    model: Any,
    tokenizer: Any = None,
    *,
    device: Any = None,
    truncation: bool | str | None = None,
    max_length: int | None = None,
    preprocess: Callable[[str], str] | None = None,
) -> Classifier:
    """Return a pipeline, or a model with its tokenizer, as a :class:`Classifier`.

    Raises
    ------
    UsageError
        If it is no classifier with one label for each input.
    """
    if hasattr(model, "task") and hasattr(model, "tokenizer") and hasattr(model, "model"):
        if tokenizer is not None or device is not None:
            raise UsageError("a pipeline has its own tokenizer and device: leave out tokenizer= and device=")
        if model.task not in ("text-classification", "sentiment-analysis"):
            raise UsageError(f"a pipeline for {model.task!r} cannot be wrapped, only one for 'text-classification'")
        settings = getattr(model, "_preprocess_params", {})
        unknown = sorted(set(settings) - _SETTINGS)
        if unknown:
            raise UsageError(f"the pipeline's setting {unknown[0]} changes its inputs and cannot be wrapped")
        truncation = settings.get("truncation") if truncation is None else truncation
        max_length = settings.get("max_length") if max_length is None else max_length
        model, tokenizer = model.model, model.tokenizer
    _check(model, tokenizer)
    return Classifier(
        model,
        tokenizer,
        device=device,
        truncation=truncation not in (False, "do_not_truncate"),
        max_length=max_length,
        preprocess=preprocess,
    )


def labels_of(config: Any) -> list[str]:
    """Return the names of the labels by class index; none if they are only numbered."""
    names = getattr(config, "id2label", None) or {}
    labels = [str(names.get(index, names.get(str(index), index))) for index in range(len(names))]
    return labels if any(label != f"LABEL_{index}" for index, label in enumerate(labels)) else []


def model_error(error: Exception) -> Exception:
    """Return the error of this package that a wrapped model raised, in place of the one that it is the cause of."""
    is_own = isinstance(error, ModelRuntimeError) and isinstance(error.__cause__, ModelError)
    return error.__cause__ if is_own and isinstance(error.__cause__, Exception) else error


def _cut(inspected: int, total: int) -> str:
    return f"only {inspected} of {total} tokens fit the model's window"


def _check(model: Any, tokenizer: Any) -> None:
    for part in ("config", "modules", "parameters", "eval"):
        if not hasattr(model, part):
            raise UsageError(
                f"cannot wrap a {type(model).__name__}: pass a text-classification pipeline, or a PyTorch model for "
                "sequence classification and its tokenizer"
            )
    if tokenizer is None:
        raise UsageError("a model needs tokenizer=")
    if not callable(tokenizer):
        raise UsageError(f"tokenizer= must be a tokenizer, not {type(tokenizer).__name__}")
    if getattr(model, "can_generate", lambda: False)():
        raise UsageError(f"{type(model).__name__} generates text: only models for sequence classification are wrapped")
    config = model.config
    kind = getattr(config, "problem_type", None)
    if kind in ("regression", "multi_label_classification") or getattr(config, "num_labels", 2) == 1:
        raise UsageError(
            f"the model has {getattr(config, 'num_labels', 'several')} outputs for {kind or 'one number'}, not one of "
            "several labels: guard a function that returns its probabilities, with Guard.from_callable"
        )
    if getattr(tokenizer, "pad_token", None) is None:
        raise UsageError("the tokenizer has no padding token: set tokenizer.pad_token and model.config.pad_token_id")


def _max_length(model: Any, tokenizer: Any, wanted: int | None) -> int | None:
    special = tokenizer.num_special_tokens_to_add()
    if wanted is not None and wanted <= special:
        raise UsageError(f"max_length={wanted}: more than the {special} special tokens are needed")
    limits = [wanted, getattr(tokenizer, "model_max_length", None), _positions(model)]
    known = [limit for limit in limits if limit is not None and limit < _NO_MAXIMUM]
    return min(known, default=None)


def _positions(model: Any) -> int | None:
    """Return the number of tokens that have a position."""
    embeddings = getattr(getattr(model, "base_model", None), "embeddings", None)
    padding = getattr(getattr(embeddings, "position_embeddings", None), "padding_idx", None)
    count: int | None = getattr(model.config, "max_position_embeddings", None)
    # RoBERTa and its kin count positions from behind that of padding.
    return count if count is None or padding is None else count - padding - 1


def _unknown(tokenizer: Any) -> str:
    """Return the text of an occluded element for a tokenizer that has an unknown token of another name."""
    unknown = getattr(tokenizer, "unk_token", None)
    # GPT-2 has one special token for everything.
    is_shared = unknown in (getattr(tokenizer, "eos_token", None), getattr(tokenizer, "bos_token", None))
    return _OCCLUDED if unknown is None or is_shared else f" {unknown} "


def _device(model: Any) -> Any:
    device = getattr(model, "device", None)
    return next(iter(model.parameters())).device if device is None else device


def _inference_mode() -> AbstractContextManager[Any]:
    torch = sys.modules.get("torch")
    mode: AbstractContextManager[Any] = nullcontext() if torch is None else torch.inference_mode()
    return mode


@contextmanager
def _evaluating(model: Any) -> Iterator[None]:
    """Let the model evaluate; afterwards, each of its parts trains again that did."""
    training = [module for module in model.modules() if module.training]
    if training:
        model.eval()
    try:
        yield
    finally:
        for module in training:
            module.training = True
