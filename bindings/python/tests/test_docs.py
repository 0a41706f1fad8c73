"""The examples run, and the documentation's code does what it says."""

from __future__ import annotations

import doctest
import os
import subprocess
import sys
from pathlib import Path

import pytest

import codepurify

ROOT = Path(__file__).parents[3]


def test_example_guards_a_callable() -> None:
    example = ROOT / "bindings" / "python" / "examples" / "guard_a_callable.py"
    done = subprocess.run([sys.executable, str(example)], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert "verdict: poisoned" in done.stdout and "guarded: harmful" in done.stdout, done.stdout


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


def test_types_are_complete() -> None:
    pytest.importorskip("mypy")
    package = Path(codepurify.__file__).parent
    command = [sys.executable, "-m", "mypy", "--strict", "--ignore-missing-imports", str(package)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, cwd=package.parent)
    assert done.returncode == 0, done.stdout
