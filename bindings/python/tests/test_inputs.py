"""Tables of every kind, and what is wrong with rows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from conftest import function

import codepurify

TEXTS = [function(0), function(1, trigger=True), function(2)]
VERDICTS = ["clean", "poisoned", "clean"]
ADDED = ["verdict", "p_value", "score", "triggers", "purified", "error"]


def _frames() -> list[Any]:
    """Return how to make each kind of table from a dict, and how to read it as a dict."""

    def module(name: str) -> Any:
        return pytest.importorskip(name)

    def capsule(columns: Any) -> Any:
        table = module("pyarrow").table(columns)
        return type("Foreign", (), {"__arrow_c_stream__": lambda self, schema=None: table.__arrow_c_stream__(schema)})()

    return [
        pytest.param(dict, dict, id="dict"),
        pytest.param(
            lambda columns: module("pandas").DataFrame(columns, index=range(5, 5 + len(next(iter(columns.values()))))),
            lambda table: table.to_dict("list"),
            id="pandas",
        ),
        pytest.param(
            lambda columns: module("polars").DataFrame(columns, strict=False),
            lambda table: table.to_dict(as_series=False),
            id="polars",
        ),
        pytest.param(
            lambda columns: module("pyarrow").table(columns), lambda table: table.to_pydict(), id="pyarrow"
        ),
        pytest.param(
            lambda columns: module("datasets").Dataset.from_dict(columns), lambda table: table.to_dict(), id="datasets"
        ),
        pytest.param(capsule, lambda table: table.to_pydict(), id="capsule"),
    ]


@pytest.mark.parametrize(("make", "plain"), _frames())
def test_table_comes_back_with_columns(own: codepurify.Guard, make: Any, plain: Any) -> None:
    table = make({"id": [7, 8, 9], "func": TEXTS})
    scanned = own.scan(table)
    if hasattr(table, "columns") or isinstance(table, dict):
        assert type(scanned) is type(table)
    columns = plain(scanned)
    assert list(columns) == ["id", "func", *ADDED]
    assert (columns["id"], columns["func"], columns["verdict"]) == ([7, 8, 9], TEXTS, VERDICTS)
    assert [len(triggers) for triggers in columns["triggers"]] == [0, 1, 0]
    assert columns["triggers"][1][0]["action"] == "delete"
    assert "rand()" not in columns["purified"][1]
    again = plain(own.scan(scanned))
    assert list(again) == list(columns)
    purified = plain(own.purify(table))
    assert purified["func"][::2] == TEXTS[::2] and "rand()" not in purified["func"][1]
    predicted = plain(own.predict(table))
    assert predicted["label"] == ["harmful"] * 3


@pytest.mark.parametrize(("make", "plain"), _frames())
def test_nulls_are_errors_of_their_rows(own: codepurify.Guard, make: Any, plain: Any) -> None:
    with pytest.warns(codepurify.RowsFailedWarning, match="2 of 4 rows"):
        columns = plain(own.scan(make({"func": [TEXTS[0], None, TEXTS[1], "  "]})))
    verdicts = [verdict if isinstance(verdict, str) else None for verdict in columns["verdict"]]
    assert verdicts == ["clean", None, "poisoned", None]
    assert "null" in columns["error"][1] and "empty" in columns["error"][3]
    assert "row 1" in columns["error"][1]


def test_columns_are_found_or_named(own: codepurify.Guard) -> None:
    assert own.scan({"text": [1], "code": [TEXTS[0]]})["verdict"] == ["clean"]
    assert own.scan({"mine": [TEXTS[1]]}, code="mine")["verdict"] == ["poisoned"]
    with pytest.raises(codepurify.InputError, match="no column is known to hold code.*there are: mine"):
        own.scan({"mine": TEXTS})
    with pytest.raises(codepurify.InputError, match="there is no column 'func'; there are: mine"):
        own.scan({"mine": TEXTS}, code="func")
    with pytest.raises(codepurify.UsageError, match="must name 1 column"):
        own.scan({"mine": TEXTS}, code=("mine", "mine"))


def test_rows_of_wrong_types_are_named(own: codepurify.Guard) -> None:
    with pytest.warns(codepurify.RowsFailedWarning):
        results = own.scan([TEXTS[0], 5, "\ud800", b"int a;", "int f(void) { return 0\0; }"])
    messages = [str(result) for result in results[1:]]
    assert [isinstance(result, codepurify.InputError) for result in results] == [False, True, True, True, True]
    assert "row 1" in messages[0] and "int" in messages[0]
    assert "Unicode" in messages[1] and "bytes" in messages[2] and "binary" in messages[3]


@pytest.mark.parametrize("x", [5, None, b"int a;", object()])
def test_other_things_are_refused(own: codepurify.Guard, x: Any) -> None:
    with pytest.raises(codepurify.UsageError, match="cannot read code from"):
        own.scan(x)


def test_single_text_raises_its_error(own: codepurify.Guard) -> None:
    with pytest.raises(codepurify.SnippetError, match="empty"):
        own.scan("   ")
    with pytest.raises(codepurify.SnippetError, match="unsupported language `cobol`"):
        own.scan(TEXTS[0], language="cobol")
    with pytest.raises(codepurify.UsageError, match="errors"):
        own.scan(TEXTS[0], errors="ignore")


def test_a_row_of_many_megabytes_is_an_error(own: codepurify.Guard) -> None:
    with pytest.warns(codepurify.RowsFailedWarning, match="more than the limit"):
        results = own.scan([TEXTS[0], "int a;\n" * 8_000_000])
    assert results[0].verdict == "clean"


def test_files_that_cannot_be_read_are_named(own: codepurify.Guard, tmp_path: Path) -> None:
    (tmp_path / "good.c").write_text(TEXTS[1])
    (tmp_path / "bad.c").write_bytes(b"int f(void) { return '\xff'; }")
    with pytest.warns(codepurify.RowsFailedWarning, match="bad.c"):
        results = own.scan(tmp_path)
    assert [isinstance(result, codepurify.Verdict) for result in results].count(True) == 1
    with pytest.raises(codepurify.InputError, match="none.c"):
        own.scan(tmp_path / "none.c")


def test_models_that_do_not_load_say_why(tmp_path: Path) -> None:
    with pytest.raises(codepurify.ModelNotFoundError, match="no such file"):
        codepurify.Guard.from_pretrained(tmp_path / "none")
    with pytest.raises(FileNotFoundError):
        codepurify.Guard.from_pretrained(tmp_path / "none")
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(codepurify.LoadError):
        codepurify.Guard.from_pretrained(tmp_path)
    with pytest.raises(codepurify.UsageError, match="profile"):
        codepurify.Guard.from_pretrained(profile="best")
    with pytest.raises(codepurify.UsageError, match="f16"):
        codepurify.Guard.from_pretrained(precision="f16")
    with pytest.raises(codepurify.UsageError, match="alpha"):
        codepurify.Guard.from_pretrained(alpha=5)
