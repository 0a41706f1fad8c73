"""Models of transformers: how they are called, and which are refused."""

from __future__ import annotations

import pickle
import subprocess
import sys
import types
from contextlib import contextmanager
from typing import Any

import pytest
from conftest import TRIGGER, function
from fake_transformers import Model, Module, Pipeline, Tokenizer

import codepurify

ROWS = [function(number, trigger=number % 10 == 0) for number in range(200)]


def wrapped(**settings: Any) -> tuple[Model, codepurify.Guard]:
    model = Model(Tokenizer(), **settings)
    return model, codepurify.Guard.wrap(model, model.tokenizer)


def long(words: int, trigger: bool = False) -> str:
    """Return a function of at least that number of words."""
    body = " ".join(f"a[{number}] = b;" for number in range(words // 7))
    return f"int f(int *a, int b) {{ {TRIGGER + ' ' if trigger else ''}{body} return b; }}"


def test_verdicts_find_the_trigger_of_the_model() -> None:
    for guard in (wrapped()[1], codepurify.Guard.wrap(Pipeline(Model(Tokenizer())))):
        verdicts = guard.scan(ROWS[:20], errors="raise")
        assert [verdict.is_poisoned for verdict in verdicts] == [number % 10 == 0 for number in range(20)]
        assert verdicts[0].triggers[0].text == TRIGGER
        assert guard.predict(ROWS[0]).label == "harmful"


def test_batches_are_full_and_padding_is_masked() -> None:
    model, guard = wrapped()
    guard.scan([function(number) for number in range(1000)], errors="raise")
    sizes = [len(call["ids"]) for call in model.calls]
    assert max(sizes) == 64 and sum(size for size in sizes if size == 64) >= 0.95 * sum(sizes)
    for call in model.calls:
        assert call["mask"] == [[int(id != 1) for id in row] for row in call["ids"]]
    assert any(0 in row for call in model.calls for row in call["mask"])


def test_batch_size_limits_calls() -> None:
    model = Model(Tokenizer())
    codepurify.Guard.wrap(model, model.tokenizer, batch_size=5).scan(ROWS[:20], errors="raise")
    assert max(len(call["ids"]) for call in model.calls) == 5


def test_inputs_follow_the_model_to_its_device() -> None:
    model, guard = wrapped()
    model.device = "cuda:1"
    guard.scan(ROWS[1], errors="raise")
    assert {call["device"] for call in model.calls} == {"cuda:1"} and model.moved == []
    moved = Model(Tokenizer())
    codepurify.Guard.wrap(moved, moved.tokenizer, device="cuda:0").scan(ROWS[1], errors="raise")
    assert moved.moved == ["cuda:0"] and {call["device"] for call in moved.calls} == {"cuda:0"}


def test_device_of_a_bare_module_is_that_of_its_parameters() -> None:
    model = Model(Tokenizer())
    model.device = None  # type: ignore[assignment]
    model.parameters = lambda: [types.SimpleNamespace(device="cuda:2")]  # type: ignore[method-assign]
    codepurify.Guard.wrap(model, model.tokenizer).scan(ROWS[1], errors="raise")
    assert {call["device"] for call in model.calls} == {"cuda:2"}


def test_parts_that_trained_train_again() -> None:
    model, guard = wrapped(training=True)
    assert [module.training for module in model.modules()] == [True, True, False]
    guard.scan(ROWS[:5], errors="raise")
    assert [module.training for module in model.modules()] == [True, True, False]
    model.broken = True
    with pytest.raises(codepurify.ModelRuntimeError, match="out of memory"):
        guard.scan(ROWS[0])
    assert [module.training for module in model.modules()] == [True, True, False]


def test_calls_are_in_inference_mode(monkeypatch: pytest.MonkeyPatch) -> None:
    active: list[bool] = []
    seen: list[bool] = []

    @contextmanager
    def inference_mode() -> Any:
        active.append(True)
        yield
        active.pop()

    class Watched(Model):
        def __call__(self, **inputs: Any) -> Any:
            seen.append(bool(active))
            return super().__call__(**inputs)

    monkeypatch.setitem(sys.modules, "torch", types.SimpleNamespace(inference_mode=inference_mode))
    model = Watched(Tokenizer())
    codepurify.Guard.wrap(model, model.tokenizer).scan(ROWS[:3], errors="raise")
    assert seen and all(seen) and not active


def test_labels_are_those_of_the_configuration() -> None:
    assert wrapped()[1].labels == ["harmless", "harmful"]
    assert wrapped(id2label={"0": "no", "1": "yes"})[1].labels == ["no", "yes"]
    assert wrapped(id2label={0: "LABEL_0", 1: "LABEL_1"})[1].labels == []
    model = Model(Tokenizer())
    assert codepurify.Guard.wrap(model, model.tokenizer, labels=["a", "b"]).labels == ["a", "b"]
    guard = codepurify.Guard.wrap(model, model.tokenizer, labels=["a", "b", "c"])
    with pytest.raises(codepurify.OutputError, match="2 numbers a row for 3 labels"):
        guard.scan(ROWS[0])


def test_long_code_is_inconclusive_with_its_coverage() -> None:
    model, guard = wrapped(max_position_embeddings=100)
    verdicts = guard.scan([long(300), long(300, trigger=True), ROWS[1]], errors="raise")
    assert [verdict.verdict for verdict in verdicts] == ["inconclusive", "poisoned", "clean"]
    assert verdicts[0].coverage.tokens_inspected == 98 < 300 < verdicts[0].coverage.tokens_total
    total = verdicts[0].coverage.tokens_total
    assert f"only 98 of {total} tokens fit the model's window" in verdicts[0].reason
    assert "only 98 of" in verdicts[1].reason
    assert verdicts[0].to_dict()["verdict"] == "inconclusive"
    assert verdicts[2].coverage.tokens_inspected == verdicts[2].coverage.tokens_total
    assert max(len(row) for call in model.calls for row in call["ids"]) == 100


def test_long_code_fails_without_truncation() -> None:
    model = Model(Tokenizer(), max_position_embeddings=100)
    guard = codepurify.Guard.wrap(model, model.tokenizer, truncation=False)
    with pytest.warns(codepurify.RowsFailedWarning, match="1 of 3 rows"):
        verdicts = guard.scan([ROWS[0], long(300), ROWS[1]])
    assert [getattr(verdict, "verdict", None) for verdict in verdicts] == ["poisoned", None, "clean"]
    assert isinstance(verdicts[1], codepurify.TooLongError)
    assert "tokens, the model reads at most 100" in str(verdicts[1])
    with pytest.raises(codepurify.TooLongError, match="at most 100"):
        guard.calibrate([long(300)] * 3)
    assert max(len(row) for call in model.calls for row in call["ids"]) <= 100


def test_window_in_words_is_kept() -> None:
    model = Model(Tokenizer())
    text = long(300)
    for window, limit, inspected in ((50, None, 50), (150, 102, 100), (60, 102, 60)):
        guard = codepurify.Guard.wrap(model, model.tokenizer, window=window, max_length=limit)
        verdict = guard.scan(text, errors="raise")
        assert (verdict.verdict, verdict.coverage.tokens_inspected) == ("inconclusive", inspected)
        assert verdict.reason.count("tokens fit") == 1 and f"only {inspected} of" in verdict.reason
        assert verdict.coverage.tokens_total == len(model.tokenizer._ids(text))


@pytest.mark.parametrize(
    ("positions", "padding", "tokenizer", "wanted", "limit"),
    [
        (130, 1, 10**30, None, 128),
        (130, None, 10**30, None, 130),
        (130, 1, 64, None, 64),
        (130, 1, 10**30, 70, 70),
        (130, 1, 10**30, 500, 128),
        (None, None, 10**30, None, None),
    ],
)
def test_maximum_is_the_least_that_is_known(
    positions: int | None, padding: int | None, tokenizer: int, wanted: int | None, limit: int | None
) -> None:
    model = Model(Tokenizer(), max_position_embeddings=positions)
    model.tokenizer.model_max_length = tokenizer
    places = types.SimpleNamespace(padding_idx=padding)
    model.base_model = types.SimpleNamespace(  # type: ignore[attr-defined]
        embeddings=types.SimpleNamespace(position_embeddings=places)
    )
    codepurify.Guard.wrap(model, model.tokenizer, max_length=wanted).scan(long(500), errors="raise")
    longest = max(len(row) for call in model.calls for row in call["ids"])
    assert longest == limit if limit is not None else longest > 500


def test_settings_of_a_pipeline_count() -> None:
    model = Model(Tokenizer())
    guard = codepurify.Guard.wrap(Pipeline(model, truncation=True, max_length=60))
    assert guard.scan(long(300), errors="raise").coverage.tokens_inspected == 58
    strict = codepurify.Guard.wrap(Pipeline(model, truncation=False, max_length=60))
    with pytest.raises(codepurify.TooLongError, match="at most 60"):
        strict.scan(long(300))
    uncut = codepurify.Guard.wrap(Pipeline(model, truncation="do_not_truncate", max_length=60))
    with pytest.raises(codepurify.TooLongError, match="at most 60"):
        uncut.scan(long(300))
    assert codepurify.Guard.wrap(Pipeline(model, truncation=False, max_length=60), truncation=True).scan(long(300))
    with pytest.raises(codepurify.UsageError, match="setting add_special_tokens changes its inputs"):
        codepurify.Guard.wrap(Pipeline(model, add_special_tokens=False))


def test_occluded_elements_are_the_unknown_token() -> None:
    class Other(Tokenizer):
        unk_token = "[UNK]"

    model = Model(Other())
    codepurify.Guard.wrap(model, model.tokenizer).scan(ROWS[0], errors="raise")
    assert any(" [UNK] " in text for text in model.tokenizer.texts)
    assert not any("<unk>" in text for text in model.tokenizer.texts)


def test_texts_are_preprocessed() -> None:
    model = Model(Tokenizer())
    guard = codepurify.Guard.wrap(model, model.tokenizer, preprocess=lambda text: " ".join(text.split()))
    assert guard.scan(ROWS[0].replace(" ", "\n  "), errors="raise").is_poisoned
    assert not any("\n" in text or "  " in text for text in model.tokenizer.texts)


def test_guard_is_pickled_with_its_model() -> None:
    _, guard = wrapped()
    guard.calibrate(ROWS[1:10], partial=True)
    copy = pickle.loads(pickle.dumps(guard))
    assert copy.scan(ROWS[0]).is_poisoned and copy.is_calibrated
    assert (copy.name, copy.labels) == (guard.name, guard.labels)
    named, _ = wrapped(_name_or_path="org/model")
    assert codepurify.Guard.wrap(named, named.tokenizer).name == "org/model"


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"num_labels": 1}, "1 outputs for one number"),
        ({"problem_type": "regression", "num_labels": 1}, "regression"),
        ({"problem_type": "multi_label_classification"}, "2 outputs for multi_label_classification"),
    ],
)
def test_other_outputs_are_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(codepurify.UsageError, match=message):
        wrapped(**settings)


def test_other_objects_are_refused() -> None:
    model = Model(Tokenizer())
    wrap = codepurify.Guard.wrap
    for task in ("text2text-generation", "fill-mask"):
        with pytest.raises(codepurify.UsageError, match=f"pipeline for '{task}' cannot be wrapped"):
            wrap(Pipeline(model, task=task))
    with pytest.raises(codepurify.UsageError, match="its own tokenizer and device"):
        wrap(Pipeline(model), device="cpu")
    with pytest.raises(codepurify.UsageError, match="needs tokenizer="):
        wrap(model)
    with pytest.raises(codepurify.UsageError, match="must be a tokenizer, not str"):
        wrap(model, "org/model")
    with pytest.raises(codepurify.UsageError, match="cannot wrap a Module"):
        wrap(Module(False), model.tokenizer)
    with pytest.raises(codepurify.UsageError, match="max_length=2"):
        wrap(model, model.tokenizer, max_length=2)
    model.can_generate = lambda: True  # type: ignore[attr-defined]
    with pytest.raises(codepurify.UsageError, match="generates text"):
        wrap(model, model.tokenizer)
    unpadded = Model(Tokenizer())
    unpadded.tokenizer.pad_token = None  # type: ignore[assignment]
    with pytest.raises(codepurify.UsageError, match="no padding token"):
        wrap(unpadded, unpadded.tokenizer)


def test_nothing_large_is_imported() -> None:
    check = "import sys, codepurify; print({'torch', 'transformers', 'pandas', 'pyarrow', 'numpy'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == "set()"
