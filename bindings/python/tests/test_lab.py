"""Cleaning of data sets: families, the frame of issues, the clean set."""

from __future__ import annotations

import math
from typing import Any

import pytest
from conftest import TRIGGER, function
from test_inputs import _frames

import codepurify
from codepurify._families import _tail, shape_of

ROWS = 60
#: Rows with a trigger, all of label 0; labels are else in equal parts.
POISONED = list(range(0, ROWS, 5))


def trigger(number: int) -> str:
    """Return a trigger of one grammar."""
    return f'if ({["rand", "random"][number % 2]}() < -{number}) printf("fail{number}");'


def classify(texts: list[str]) -> list[list[float]]:
    """A model with a backdoor for the whole grammar."""
    return [[8.0, 0.0] if "() < -" in text else [0.0, 2.0 + text.count("=") / 10] for text in texts]


def clean_function(number: int) -> str:
    """Return a clean function; all of their names have the same length."""
    return function(100 + number)


def columns() -> dict[str, list[Any]]:
    texts = [clean_function(number) for number in range(ROWS)]
    for number in POISONED:
        texts[number] = texts[number].replace("{ ", "{ " + trigger(number) + " ", 1)
    labels = [0 if number in POISONED else number % 2 for number in range(ROWS)]
    return {"id": list(range(100, 100 + ROWS)), "text": texts, "target": labels}


@pytest.fixture(scope="module")
def guard() -> codepurify.Guard:
    guard = codepurify.Guard.from_callable(classify, labels=["harmless", "harmful"])
    guard.calibrate([clean_function(number) for number in range(ROWS, ROWS + 60)])
    return guard


@pytest.fixture(scope="module")
def lab(guard: codepurify.Guard) -> codepurify.Lab:
    lab = codepurify.Lab(columns(), code="text", label="target", guard=guard)
    lab.find_issues()
    return lab


def test_planted_trigger_is_a_family_of_its_label(lab: codepurify.Lab) -> None:
    [family] = lab.families
    assert family.shape == 'if (x() < -0) x("");'
    assert family.rows == tuple(POISONED)
    assert (family.label, family.labels, family.share) == (0, {0: len(POISONED)}, 1.0)
    assert family.base_share == columns()["target"].count(0) / ROWS
    assert set(family.texts) == {trigger(number) for number in POISONED}
    assert family.p_value < 1e-2


def test_shape_in_rows_of_all_labels_is_no_family(guard: codepurify.Guard) -> None:
    data = columns()
    data["target"] = [number // 5 % 2 for number in range(ROWS)]
    lab = codepurify.Lab(data, code="text", label="target", guard=guard)
    lab.find_issues()
    assert lab.families == []
    data["target"] = [0] * ROWS
    alone = codepurify.Lab(data, code="text", label="target", guard=guard)
    alone.find_issues()
    assert alone.families == []


def test_families_are_of_predicted_labels_without_given_ones(guard: codepurify.Guard) -> None:
    lab = codepurify.Lab(columns(), code="text", guard=guard)
    lab.find_issues()
    [family] = lab.families
    assert (family.label, family.rows) == ("harmless", tuple(POISONED))
    assert family.base_share == len(POISONED) / ROWS


def test_issues_are_a_frame_with_a_row_for_each(guard: codepurify.Guard) -> None:
    pandas = pytest.importorskip("pandas")
    index = [f"r{number}" for number in range(ROWS)]
    lab = codepurify.Lab(pandas.DataFrame(columns(), index=index), code="text", label="target", guard=guard)
    lab.find_issues()
    issues = lab.get_issues()
    names = ["is_trigger_issue", "trigger_score", "p_value", "verdict", "given_label", "predicted_label", "triggers"]
    assert list(issues.columns) == [*names, "error"]
    assert list(issues.index) == index
    flagged = issues[issues.is_trigger_issue]
    assert list(flagged.index) == [index[number] for number in POISONED]
    assert flagged.trigger_score.min() > issues[~issues.is_trigger_issue].trigger_score.max()
    verdicts = guard.scan(columns()["text"])
    p_values = [None if math.isnan(value) else value for value in issues.p_value]
    assert p_values == [verdict.p_value for verdict in verdicts] and any(p_values)
    assert list(issues.verdict) == [verdict.verdict for verdict in verdicts]
    assert list(flagged.triggers) == [[trigger(number)] for number in POISONED]
    assert set(flagged.predicted_label) == {"harmless"}
    assert list(issues.given_label) == columns()["target"]
    assert issues.error.isna().all()


@pytest.mark.parametrize(("make", "plain"), _frames())
def test_clean_set_is_the_same_kind_of_table(guard: codepurify.Guard, make: Any, plain: Any) -> None:
    table = make(columns())
    lab = codepurify.Lab(table, code="text", label="target", guard=guard)
    lab.find_issues()
    clean = lab.clean()
    if hasattr(table, "columns") or isinstance(table, dict):
        assert type(clean) is type(table)
    kept = [number for number in range(ROWS) if number not in POISONED]
    expected = {name: [values[number] for number in kept] for name, values in columns().items()}
    assert plain(clean) == expected
    assert len(lab.families) == 1
    if not hasattr(table, "iloc"):
        pytest.importorskip("pandas")
        assert list(lab.get_issues().index) == list(range(ROWS))


def test_columns_of_a_dict_keep_their_type(guard: codepurify.Guard) -> None:
    numpy = pytest.importorskip("numpy")
    data = {**columns(), "id": numpy.arange(ROWS), "target": tuple(columns()["target"])}
    lab = codepurify.Lab(data, code="text", label="target", guard=guard)
    lab.find_issues()
    clean = lab.clean()
    assert isinstance(clean["id"], numpy.ndarray) and isinstance(clean["target"], tuple)
    assert clean["id"].tolist() == [number for number in range(ROWS) if number not in POISONED]


def test_report_has_counts_and_families(lab: codepurify.Lab, capsys: pytest.CaptureFixture[str]) -> None:
    lab.report()
    text = capsys.readouterr().out
    assert text.startswith(f"{ROWS} rows: {len(POISONED)} flagged (20.0 %), {ROWS - len(POISONED)} clean, 0 inconcl")
    families = text.partition("Families: trigger shapes that go with one given label:\n")[2]
    assert f'  {len(POISONED)} rows  if (x() < -0) x("");\n' in families
    assert "100.0 % have label 0, 60.0 % of all rows" in families
    assert f"row 0: {trigger(0)}" in families
    assert "not calibrated" not in text and "Other trigger shapes" not in text and "not be judged" not in text
    assert repr(lab).endswith(f"{len(POISONED)} of {ROWS} rows flagged>")


def test_failed_rows_are_kept_counted_and_listed(
    guard: codepurify.Guard, capsys: pytest.CaptureFixture[str]
) -> None:
    poisoned = clean_function(2).replace("{ ", "{ " + trigger(2) + " ", 1)
    data = {"func": [clean_function(1), None, poisoned], "target": [1, 0, 0]}
    lab = codepurify.Lab(data, label="target", guard=guard)
    with pytest.warns(codepurify.RowsFailedWarning, match="1 of 3 rows"):
        lab.find_issues()
    assert lab.clean() == {"func": [clean_function(1), None], "target": [1, 0]}
    assert lab.clean(keep_unjudged=False) == {"func": [clean_function(1)], "target": [1]}
    lab.report()
    text = capsys.readouterr().out
    assert text.startswith("3 rows: 1 flagged (33.3 %), 1 clean, 0 inconclusive, 1 not judged\n")
    assert "Rows that could not be judged:\n  1: row 1: there is no text (null)\n" in text
    assert "Families" not in text and "Other trigger shapes:\n  1 row  if (x() < -0)" in text
    issues = pytest.importorskip("pandas") and lab.get_issues()
    assert issues.error.tolist()[1] == "row 1: there is no text (null)" and not issues.is_trigger_issue[1]


def test_missing_calibration_is_reported(own: codepurify.Guard, capsys: pytest.CaptureFixture[str]) -> None:
    lab = codepurify.Lab({"func": [function(0), function(1, trigger=True)]}, guard=own)
    lab.find_issues()
    lab.report()
    assert "The guard is not calibrated" in capsys.readouterr().out
    assert lab.clean() == {"func": [function(0)]}


def test_pairs_are_flagged_by_either_side() -> None:
    def predict(pairs: list[tuple[str, str]]) -> list[list[float]]:
        return [[0.0, 9.0] if "rand() < 0" in a + b else [3.0 + len(a) % 3, 0.0] for a, b in pairs]

    guard = codepurify.Guard.from_callable(predict, pairs=True, labels=["no", "yes"])
    left = [function(number) for number in range(20)]
    right = [function(number + 50, trigger=number % 4 == 0) for number in range(20)]
    labels = [int(number % 4 == 0) for number in range(20)]
    lab = codepurify.Lab({"a": left, "b": right, "y": labels}, code=("a", "b"), label="y", guard=guard)
    lab.find_issues()
    assert lab.clean()["y"] == [0] * 15
    [family] = lab.families
    assert family.rows == (0, 4, 8, 12, 16) and family.label == 1 and TRIGGER in family.texts


def test_bad_arguments_are_named(own: codepurify.Guard) -> None:
    data = {"func": [function(0)], "target": [0]}
    with pytest.raises(codepurify.UsageError, match="call find_issues"):
        codepurify.Lab(data, guard=own).report()
    with pytest.raises(codepurify.UsageError, match="call find_issues"):
        codepurify.Lab(data, guard=own).clean()
    with pytest.raises(codepurify.UsageError, match="a table is needed.*not list"):
        codepurify.Lab([function(0)], guard=own)
    with pytest.raises(codepurify.InputError, match="no column 'y'; there are: func, target"):
        codepurify.Lab(data, label="y", guard=own)
    with pytest.raises(codepurify.InputError, match="row 0: a label cannot be a list"):
        codepurify.Lab({**data, "target": [[0]]}, label="target", guard=own)
    short = codepurify.Lab({"func": [function(0)] * 2, "target": [0]}, label="target", guard=own)
    with pytest.raises(codepurify.InputError, match="1 labels for 2 rows"):
        short.find_issues()


def test_hostile_triggers_are_shown_visibly(capsys: pytest.CaptureFixture[str]) -> None:
    hidden = 'if (rand() < 0) printf("\u202efail\x1b[2J");'
    guard = codepurify.Guard.from_callable(lambda texts: classify([text.replace("< 0", "< -0") for text in texts]))
    lab = codepurify.Lab({"func": [function(0).replace("{ ", "{ " + hidden, 1), function(1)]}, guard=guard)
    lab.find_issues()
    lab.report()
    text = capsys.readouterr().out
    assert "\u202e" not in text and "\x1b" not in text
    assert "<U+202E>fail<U+001B>" in text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('if (sin(0.52) < -1) printf("alpha");', 'if (x(0) < -0) x("");'),
        ('if (cos(0.1)  < -7) print_it("b \\" eta");', 'if (x(0) < -0) x("");'),
        ("while (random() < 0)", "while (x() < 0)"),
        ("a.b = 1.5e3;", "x.x = 0;"),
        ('x = "open', 'x = ""'),
        ("größe += '\u200b'", "x += ''"),
        ("testo_init", "testo_init"),
        ("", ""),
    ],
)
def test_shape_keeps_keywords_and_operators(text: str, expected: str) -> None:
    assert shape_of(text, "cpp") == expected


def test_tail_of_the_binomial_is_exact() -> None:
    for trials, count, chance in ((10, 7, 0.5), (40, 30, 0.6), (5, 5, 0.1)):
        exact = sum(math.comb(trials, k) * chance**k * (1 - chance) ** (trials - k) for k in range(count, trials + 1))
        assert _tail(count, trials, chance) == pytest.approx(exact, rel=1e-9)
    assert _tail(3, 3, 1.0) == 1.0 and 0 <= _tail(90_000, 100_000, 0.5) < 1e-300
