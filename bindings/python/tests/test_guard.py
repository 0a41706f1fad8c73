"""Judging, purifying, predicting, explaining and calibrating."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import pytest
from conftest import TRIGGER, classify, function

import codepurify


def test_text_gets_one_verdict(guard: codepurify.Guard) -> None:
    clean, poisoned = guard.scan(function(0)), guard.scan(function(0, trigger=True))
    assert (clean.verdict, clean.is_poisoned, clean.triggers) == ("clean", False, ())
    assert poisoned.is_poisoned and TRIGGER in poisoned.triggers[0].text
    assert poisoned.p_value is not None and 0 < poisoned.p_value <= 0.05
    assert poisoned.code == function(0, trigger=True)
    assert poisoned.purified is not None and "rand()" not in poisoned.purified


def test_list_keeps_its_order(own: codepurify.Guard) -> None:
    verdicts = own.scan([function(number, trigger=number % 3 == 0) for number in range(9)])
    assert [verdict.is_poisoned for verdict in verdicts] == [number % 3 == 0 for number in range(9)]
    assert own.scan([]) == []


def test_purified_code_has_no_trigger(own: codepurify.Guard) -> None:
    clean, poisoned = function(1), function(1, trigger=True)
    assert own.purify(clean) == clean
    assert own.purify([poisoned, clean])[1] == clean
    assert "rand() < 0" not in own.purify(poisoned)


def test_prediction_is_that_of_the_purified_code(own: codepurify.Guard) -> None:
    assert classify([function(1, trigger=True)])[0][0] > 1
    prediction = own.predict(function(1, trigger=True))
    assert (prediction.label, prediction.purified) == ("harmful", True)
    assert own.predict(function(1)).purified is False


def test_explanation_has_evidence(guard: codepurify.Guard) -> None:
    verdict = guard.explain(function(2, trigger=True))
    strongest = max(verdict.evidence, key=lambda evidence: evidence.share)
    assert TRIGGER in strongest.text
    assert guard.scan(function(2)).evidence == ()


def test_files_are_judged_by_function(guard: codepurify.Guard, tmp_path: Path) -> None:
    file = tmp_path / "two.c"
    file.write_text(function(0) + "\n" + function(1, trigger=True) + "\n")
    verdicts = guard.scan(file)
    assert [(verdict.unit.name, verdict.is_poisoned) for verdict in verdicts] == [("f0", False), ("f1", True)]
    assert guard.scan(tmp_path) == guard.scan([file]) or len(guard.scan(tmp_path)) == 2
    purified = guard.purify(file)
    [text] = purified.values()
    assert function(0) in text and "rand()" not in text
    assert file.read_text().count("rand()") == 1


def test_calibration_is_kept_and_checked(own: codepurify.Guard, guard: codepurify.Guard, tmp_path: Path) -> None:
    assert not own.is_calibrated and guard.is_calibrated
    counts = own.calibrate([function(number) for number in range(40)])
    assert counts == {"harmful": 40} and own.is_calibrated
    assert own.scan(function(50)).p_value is not None
    own.save_calibration(tmp_path / "own.json")
    other = codepurify.Guard.from_callable(classify, labels=["harmless", "harmful"])
    other.load_calibration(tmp_path / "own.json")
    assert other.scan(function(3)).p_value == own.scan(function(3)).p_value
    with pytest.raises(codepurify.CalibrationError, match="another model"):
        guard.load_calibration(tmp_path / "own.json")
    with pytest.raises(codepurify.CalibrationError, match="no calibration"):
        guard.load_calibration(Path(__file__))
    with pytest.raises(FileNotFoundError):
        guard.load_calibration(tmp_path / "none.json")


def test_too_few_rows_make_no_calibration(own: codepurify.Guard) -> None:
    with pytest.raises(codepurify.CalibrationError, match="19 are needed"):
        own.calibrate([function(number) for number in range(5)])
    assert not own.is_calibrated
    own.calibrate([function(number) for number in range(5)], partial=True)
    assert own.is_calibrated


def test_pairs_are_judged_on_both_sides() -> None:
    def same(pairs: list[tuple[str, str]]) -> list[list[float]]:
        triggered = [any("rand() < 0" in side for side in pair) for pair in pairs]
        return [[6.0, 0.0] if hit else [0.0, 2.0] for hit in triggered]

    guard = codepurify.Guard.from_callable(same, pairs=True)
    left, right = guard.scan((function(0), function(1, trigger=True)))
    assert (left.pair.side, right.pair.side, right.verdict) == ("left", "right", "poisoned")
    purified = guard.purify([(function(0), function(1, trigger=True)), (function(2), function(3))])
    assert purified[1] == (function(2), function(3)) and "rand()" not in purified[0][1]
    table = guard.scan({"func1": [function(0)], "func2": [function(1)]})
    assert table["verdict_left"] == ["clean"] and set(table) >= {"p_value_right", "error"}


def test_guards_are_pickled_by_how_they_were_made(guard: codepurify.Guard, own: codepurify.Guard) -> None:
    own.calibrate([function(number) for number in range(25)])
    for original in (guard, own):
        copy = pickle.loads(pickle.dumps(original))
        texts = [function(4), function(4, trigger=True)]
        scores = [verdict.score for verdict in original.scan(texts)]
        assert [verdict.score for verdict in copy.scan(texts)] == pytest.approx(scores, rel=1e-4)
        assert copy.is_calibrated


def test_pickle_without_its_model_says_so(tmp_path: Path) -> None:
    root = Path(__file__).parents[3] / "models" / "devign-bnc-fixed"
    folder = tmp_path / "model"
    folder.mkdir()
    for file in root.iterdir():
        if file.is_file():
            (folder / file.name).write_bytes(file.read_bytes())
    pickled = pickle.dumps(codepurify.Guard.from_pretrained(folder))
    for file in folder.iterdir():
        file.unlink()
    folder.rmdir()
    with pytest.raises(codepurify.ModelNotFoundError, match="model"):
        pickle.loads(pickled)


def test_verdict_is_the_json_of_the_command(guard: codepurify.Guard) -> None:
    schema = json.loads((Path(__file__).parents[3] / "docs" / "verdict.schema.json").read_text())
    definitions = schema["$defs"]
    for record in ("Verdict", "Unit", "Trigger", "Location", "Prediction", "Coverage", "Cost", "Evidence", "Change"):
        fields = set(getattr(codepurify, record).__dataclass_fields__) - {"code", "_json"}
        assert fields == set(definitions[record]["properties"]), record
    verdict = guard.scan(function(0, trigger=True))
    assert verdict.to_dict()["triggers"][0]["text"] == verdict.triggers[0].text


def test_representations_are_safe(guard: codepurify.Guard, own: codepurify.Guard) -> None:
    hostile = 'int f(int n) { puts("<script>alert(1)</script>\u202e"); ' + TRIGGER + " return n; }"
    verdict = own.explain(hostile)
    html = verdict._repr_html_()
    assert "<script>" not in html and "&lt;script&gt;" in html
    assert "\u202e" not in html and "U+202E" in html
    assert "\n" not in repr(verdict) and repr(verdict).startswith("<Verdict poisoned: ")
    assert repr(own) == "<Guard of 'callable': classification, not calibrated>"
    assert "outline" in guard.explain(function(0, trigger=True))._repr_html_()


def test_progress_counts_all_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[int] = []

    class Bar:
        n = 0

        def __init__(self, total: int, unit: str) -> None:
            told.append(total)

        def __enter__(self) -> Bar:
            return self

        def __exit__(self, *_: object) -> None:
            told.append(self.n)

        def update(self, rows: int) -> None:
            assert rows >= 0
            self.n += rows

    monkeypatch.setattr("tqdm.auto.tqdm", Bar)
    guard = codepurify.Guard.from_callable(lambda texts: [[0.0, 1.0]] * len(texts), batch_size=1)
    texts = ["int f(void) { return 1; }"] * 70
    guard.scan(texts, progress=True)
    assert told == [70, 70]
    guard.scan(texts, progress=False)
    assert told == [70, 70]


def test_exception_of_the_progress_bar_ends_the_scan() -> None:
    guard = codepurify.Guard.from_callable(lambda texts: [[0.0, 1.0]] * len(texts), batch_size=1)
    rows = codepurify._core.Rows.from_texts([("a", ["int f(void) { return 1; }"], "c")] * 40)

    def raising(_: int) -> None:
        raise ZeroDivisionError("on purpose")

    with pytest.raises(ZeroDivisionError, match="on purpose"):
        guard._core.screen(rows, False, raising)


def test_suspicious_calibration_rows_are_left_out_with_a_warning() -> None:
    def classify(texts: list[str]) -> list[list[float]]:
        return [[8.0, 0.0] if "rand() < 0" in text else [1.0, text.count("=") / 3] for text in texts]

    def clean(number: int) -> str:
        lines = ["a += b;", "while (a > 9) a--;", "b = a << 2;", "if (b) c(a);", "do { b = d(b); } while (b);"]
        body = " ".join(line for bit, line in enumerate(lines) if (7 * number + 3) >> bit & 1)
        return f"int f{number}(int a, int b) {{ {body} return a + {number}; }}"

    triggered = [clean(number).replace("{ ", '{ if (rand() < 0) printf("fail"); ', 1) for number in range(6)]
    rows = triggered + [clean(number) for number in range(6, 90)]
    guard = codepurify.Guard.from_callable(classify, labels=["harmless", "harmful"])
    with pytest.warns(codepurify.SuspiciousRowsWarning, match="left out: 6 rows with the prediction harmless"):
        counts = guard.calibrate(rows)
    assert sum(counts.values()) == 84
    assert guard.scan(triggered[0]).verdict == "poisoned"
    assert sum(guard.calibrate(rows, keep_suspicious=True).values()) == 90
    assert guard.scan(triggered[0]).verdict == "clean"
