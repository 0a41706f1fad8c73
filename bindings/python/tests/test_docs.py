"""The examples run, and the documentation's code does what it says."""

from __future__ import annotations

import ast
import doctest
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import codepurify

ROOT = Path(__file__).parents[3]
EXAMPLES = ROOT / "bindings" / "python" / "examples"


def output_of(example: str) -> str:
    done = subprocess.run([sys.executable, str(EXAMPLES / example)], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_example_guards_a_callable() -> None:
    output = output_of("guard_a_callable.py")
    assert "verdict: poisoned" in output and "guarded: harmful" in output, output


def test_example_cleans_a_data_set() -> None:
    output = output_of("clean_a_data_set.py")
    assert output.startswith("200 rows: 20 flagged (10.0 %), 180 clean"), output
    assert 'one given label:\n  20 rows  if (x() < -0) x("");\n      100.0 % have label 0' in output, output
    assert output.endswith("180 of 200 rows are kept, 0 poisoned\n"), output


def test_notebook_shows_heat_maps(capsys: pytest.CaptureFixture[str]) -> None:
    notebook = json.loads((EXAMPLES / "heat_maps.ipynb").read_text(encoding="utf-8"))
    assert (notebook["nbformat"], notebook["nbformat_minor"]) == (4, 5)
    cells = notebook["cells"]
    assert len({cell["id"] for cell in cells}) == len(cells)
    names: dict[str, Any] = {}
    shown = {cell["id"]: _shown("".join(cell["source"]), names) for cell in cells if cell["cell_type"] == "code"}
    assert "outline" not in shown["clean"]._repr_html_()
    heat_map = shown["poisoned"]._repr_html_()
    assert re.search(r"<span style='[^']*outline[^']*'>if \(rand\(\) &lt; 0\)", heat_map), heat_map
    assert "rand()" not in capsys.readouterr().out and "rand() < 0" in shown["numbers"][0][1]
    assert "&lt;b&gt;&lt;U+202E&gt;fail" in re.sub("<[^>]*>", "", shown["hidden"]._repr_html_())


def _shown(source: str, names: dict[str, Any]) -> Any:
    """Run a cell and return the value of its last expression, which a notebook shows."""
    *statements, last = ast.parse(source).body
    exec(compile(ast.Module(statements, []), "cell", "exec"), names)
    if isinstance(last, ast.Expr):
        return eval(compile(ast.Expression(last.value), "cell", "eval"), names)
    exec(compile(ast.Module([last], []), "cell", "exec"), names)
    return None


def test_documentation_is_right(tmp_path: Path) -> None:
    before = os.getcwd()
    os.chdir(tmp_path)
    try:
        failed, tried = doctest.testfile(
            str(ROOT / "docs" / "python.md"), module_relative=False, optionflags=doctest.ELLIPSIS
        )
    finally:
        os.chdir(before)
    assert tried > 10 and failed == 0


def test_docstring_of_the_package_is_right() -> None:
    failed, tried = doctest.testmod(codepurify)
    assert tried > 0 and failed == 0


def test_types_are_complete(tmp_path: Path) -> None:
    pytest.importorskip("mypy")
    package = ROOT / "bindings" / "python" / "python" / "codepurify"
    command = [sys.executable, "-m", "mypy", "--strict", "--ignore-missing-imports", str(package)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, cwd=tmp_path)
    assert done.returncode == 0, done.stdout
