"""Models of PyTorch and transformers: a wrapped model agrees with the same checkpoint loaded by the library.

``scripts/test-transformers.sh`` runs these tests with both libraries.
"""

from __future__ import annotations

import pickle
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from conftest import TRIGGER, function

import codepurify

torch = pytest.importorskip("torch", reason="PyTorch is missing: scripts/test-transformers.sh installs it")
transformers = pytest.importorskip("transformers", reason="transformers is missing: scripts/test-transformers.sh")

ROOT = Path(__file__).parents[3]
DETECTOR = ROOT / "models" / "devign-bnc-fixed"
TINY = ROOT / "crates" / "codepurify-models" / "tests" / "golden" / "tiny-classifier"
#: How far confidences of the two implementations may be apart.
ROUNDING = 1e-4

torch.set_num_threads(1)
transformers.logging.disable_progress_bar()


def collapsed(text: str) -> str:
    """Return the text as both models read it, by their sidecars."""
    return " ".join(text.split())


def load(path: Path) -> tuple[Any, Any]:
    model = transformers.AutoModelForSequenceClassification.from_pretrained(path).float()
    return model, transformers.AutoTokenizer.from_pretrained(path)


@pytest.fixture(scope="module")
def detector(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the bundled detector without its calibration, which is not made for a wrapped model."""
    folder = tmp_path_factory.mktemp("detector")
    for name in ("config.json", "tokenizer.json", "model.safetensors", "codepurify.json"):
        shutil.copy(DETECTOR / name, folder / name)
    return folder


@pytest.fixture(scope="module")
def loaded(detector: Path) -> codepurify.Guard:
    return codepurify.Guard.from_pretrained(detector, threads=1)


@pytest.fixture(scope="module")
def wrapped(detector: Path) -> codepurify.Guard:
    model, tokenizer = load(detector)
    return codepurify.Guard.wrap(
        model, tokenizer, labels=["clean", "vulnerable"], max_length=400, preprocess=collapsed, threads=1
    )


def rows(count: int) -> list[str]:
    """Return functions in several layouts, every second one with the trigger."""
    texts = [function(number, trigger=number % 2 == 0) for number in range(count)]
    return [text.replace("; ", ";\n    ") if number % 3 else text for number, text in enumerate(texts)]


def same_answer(one: codepurify.Verdict, other: codepurify.Verdict) -> None:
    assert one.prediction is not None and other.prediction is not None
    assert one.prediction.label == other.prediction.label
    assert one.prediction.confidence == pytest.approx(other.prediction.confidence, abs=ROUNDING)
    assert one.coverage == other.coverage


def test_same_checkpoint_gets_the_same_verdicts(loaded: codepurify.Guard, wrapped: codepurify.Guard) -> None:
    texts = rows(40)
    one, other = loaded.scan(texts, errors="raise"), wrapped.scan(texts, errors="raise")
    assert [verdict.is_poisoned for verdict in one] == [number % 2 == 0 for number in range(40)]
    for left, right in zip(one, other):
        same_answer(left, right)
        assert (left.verdict, left.reason) == (right.verdict, right.reason)
        assert [trigger.text for trigger in left.triggers] == [trigger.text for trigger in right.triggers]
        assert left.purified == right.purified
    assert all(verdict.triggers[0].text == TRIGGER for verdict in other[::2])
    answers = zip(loaded.predict(texts), wrapped.predict(texts))
    for left, right in answers:
        assert (left.label, left.purified) == (right.label, right.purified)
        assert left.confidence == pytest.approx(right.confidence, abs=ROUNDING)


def test_calibrated_guards_flag_the_same_rows(detector: Path) -> None:
    model, tokenizer = load(detector)
    guards = [
        codepurify.Guard.from_pretrained(detector, alpha=0.2, threads=1),
        codepurify.Guard.wrap(model, tokenizer, max_length=400, preprocess=collapsed, alpha=0.2, threads=1),
    ]
    clean = [function(number) for number in range(1000, 1060)]
    flagged = []
    for guard in guards:
        assert sum(guard.calibrate(clean, partial=True).values()) == 60
        flagged.append([verdict.is_poisoned for verdict in guard.scan(rows(20), errors="raise")[::2]])
    assert flagged == [[True] * 10] * 2


def test_long_code_has_the_same_coverage(loaded: codepurify.Guard, wrapped: codepurify.Guard) -> None:
    body = " ".join(f"values[{number}] = n + {number};" for number in range(100))
    texts = [f"int f(int *values, int n) {{ {start}{body} return n; }}" for start in ("", TRIGGER + " ")]
    one, other = loaded.scan(texts, errors="raise"), wrapped.scan(texts, errors="raise")
    assert [verdict.verdict for verdict in one] == ["inconclusive", "poisoned"]
    for left, right in zip(one, other):
        assert left.coverage.tokens_inspected == 398 < left.coverage.tokens_total
        same_answer(left, right)
        assert left.verdict == right.verdict and right.reason.startswith(left.reason)
        assert [trigger.text for trigger in left.triggers] == [trigger.text for trigger in right.triggers]
    strict = codepurify.Guard.wrap(*load(DETECTOR), truncation=False, threads=1)
    with pytest.raises(codepurify.TooLongError, match=r"an input has \d+ tokens, the model reads at most 512"):
        strict.scan(texts[0])


def test_random_weights_give_the_same_answers() -> None:
    model, tokenizer = load(TINY)
    one = codepurify.Guard.from_pretrained(TINY, threads=1)
    other = codepurify.Guard.wrap(model, tokenizer, preprocess=collapsed, threads=1)
    assert other.labels == []
    texts = [*rows(20), "int f(int n) { " + "n += n * 7; " * 40 + "return n; }"]
    verdicts = other.scan(texts, errors="raise")
    for left, right in zip(one.scan(texts, errors="raise"), verdicts):
        same_answer(left, right)
    assert verdicts[-1].coverage.tokens_inspected == 126 < verdicts[-1].coverage.tokens_total


def test_pipeline_is_guarded_and_pickled(detector: Path) -> None:
    model, tokenizer = load(detector)
    model.config.id2label = {0: "clean", 1: "vulnerable"}
    pipeline = transformers.pipeline(
        "text-classification", model=model, tokenizer=tokenizer, truncation=True, max_length=400
    )
    guard = codepurify.Guard.wrap(pipeline, threads=1)
    text = function(1, trigger=True)
    [answer] = pipeline([text])
    verdict = guard.scan(text)
    assert verdict.is_poisoned and guard.labels[verdict.prediction.label] == answer["label"] == "clean"
    assert verdict.prediction.confidence == pytest.approx(answer["score"], abs=ROUNDING)
    [purified] = pipeline([verdict.purified])
    assert guard.predict(text).label == purified["label"]
    copy = pickle.loads(pickle.dumps(guard))
    assert copy.scan(text).purified == verdict.purified


def test_model_keeps_its_mode_and_has_no_gradients(detector: Path) -> None:
    model, tokenizer = load(detector)
    model.train()
    model.roberta.embeddings.eval()
    before = [module.training for module in model.modules()]
    guard = codepurify.Guard.wrap(model, tokenizer, threads=1)
    confidences = {guard.scan(function(1)).prediction.confidence for _ in range(3)}
    assert len(confidences) == 1, "dropout was active"
    assert [module.training for module in model.modules()] == before
    assert all(parameter.grad is None and parameter.requires_grad for parameter in model.parameters())


def test_generators_and_regression_are_refused() -> None:
    config = transformers.T5Config(vocab_size=50, d_model=8, d_kv=4, d_ff=8, num_layers=1, num_heads=2)
    tokenizer = transformers.AutoTokenizer.from_pretrained(TINY)
    with pytest.raises(codepurify.UsageError, match="generates text"):
        codepurify.Guard.wrap(transformers.T5ForConditionalGeneration(config), tokenizer)
    single = transformers.AutoModelForSequenceClassification.from_pretrained(
        TINY, num_labels=1, ignore_mismatched_sizes=True
    )
    with pytest.raises(codepurify.UsageError, match="1 outputs"):
        codepurify.Guard.wrap(single, tokenizer)


def test_other_architectures_and_precisions_are_guarded() -> None:
    tokenizer = transformers.AutoTokenizer.from_pretrained(TINY)
    sizes = dict(vocab_size=len(tokenizer), hidden_size=16, num_hidden_layers=1, num_attention_heads=2)
    bert = transformers.BertConfig(**sizes, intermediate_size=16, max_position_embeddings=60, pad_token_id=1)
    gpt = transformers.GPT2Config(
        vocab_size=len(tokenizer),
        n_embd=16,
        n_layer=1,
        n_head=2,
        n_positions=60,
        bos_token_id=0,
        eos_token_id=2,
        pad_token_id=1,
    )
    for model in (
        transformers.BertForSequenceClassification(bert),
        transformers.GPT2ForSequenceClassification(gpt).to(torch.bfloat16),
    ):
        guard = codepurify.Guard.wrap(model, tokenizer, threads=1)
        verdict = guard.scan(function(3), errors="raise")
        assert verdict.coverage.tokens_inspected == 58 < verdict.coverage.tokens_total
        with torch.inference_mode():
            inputs = tokenizer([function(3)], truncation=True, max_length=60, return_tensors="pt")
            probabilities = model.eval()(**inputs).logits.float().softmax(-1)[0]
        assert verdict.prediction.confidence == pytest.approx(float(probabilities.max()), abs=ROUNDING)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU")
def test_model_is_called_on_its_gpu(detector: Path, wrapped: codepurify.Guard) -> None:
    model, tokenizer = load(detector)
    guard = codepurify.Guard.wrap(model, tokenizer, max_length=400, preprocess=collapsed, device="cuda", threads=1)
    for one, other in zip(guard.scan(rows(20), errors="raise"), wrapped.scan(rows(20), errors="raise")):
        assert one.verdict == other.verdict
        same_answer(one, other)


def test_example_guards_a_pipeline() -> None:
    example = ROOT / "bindings" / "python" / "examples" / "guard_a_pipeline.py"
    done = subprocess.run([sys.executable, str(example)], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert "pipeline alone: clean - guarded: vulnerable" in done.stdout, done.stdout
    assert re.search(r"verdict: poisoned\ntrigger: .*rand\(\) < 0", done.stdout), done.stdout
