"""The command of the wheel is the Rust program, and the guard reaches its verdicts."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from conftest import function

import codepurify

#: The Rust binary, from the run of cargo that built the wheel (scripts/test-python.sh).
BINARY = os.environ.get("CODEPURIFY_BINARY")
SCRIPT = shutil.which("codepurify", path=str(Path(sys.executable).parent))

needs_binary = pytest.mark.skipif(BINARY is None, reason="CODEPURIFY_BINARY does not name the Rust binary")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("code")
    for number in range(4):
        code = "\n".join(function(5 * number + place, trigger=place == number) for place in range(3))
        (folder / f"file{number}.c").write_text(code + "\n")
    (folder / "bad.c").write_bytes(b"\xff\xfe\x00")
    return folder


def _run(command: list[str], arguments: list[str], folder: Path) -> tuple[int, str, str]:
    done = subprocess.run([*command, *arguments], cwd=folder, capture_output=True, text=True, timeout=300)
    return done.returncode, done.stdout, done.stderr


def _timeless(output: str) -> str:
    lines = output.splitlines()
    return "\n".join(line for line in lines if '"milliseconds"' not in line and " ms" not in line)


@needs_binary
@pytest.mark.parametrize(
    "arguments",
    [
        ["--version"],
        ["--help"],
        [],
        ["no-such-command"],
        ["scan", "file0.c"],
        ["scan", "--format", "json", "."],
        ["purify", "--diff", "file1.c"],
        ["scan", "none.c"],
        ["scan", "file3.c"],
        ["models", "presets"],
    ],
    ids=" ".join,
)
def test_command_is_the_binary(arguments: list[str], folder: Path) -> None:
    assert BINARY is not None and SCRIPT is not None
    expected = _run([BINARY], arguments, folder)
    for command in ([SCRIPT], [sys.executable, "-m", "codepurify"]):
        code, out, err = _run(command, arguments, folder)
        assert code == expected[0]
        assert _timeless(out) == _timeless(expected[1])
        assert err == expected[2]


def test_command_exits_with_its_codes(folder: Path) -> None:
    assert SCRIPT is not None
    codes = [_run([SCRIPT], arguments, folder)[0] for arguments in (["scan", "file3.c"], ["scan", "file0.c"], ["x"])]
    assert codes == [0, 1, 64]


@needs_binary
def test_guard_reaches_the_verdicts_of_the_command(guard: codepurify.Guard, folder: Path) -> None:
    assert BINARY is not None
    _, out, _ = _run([BINARY], ["scan", "--format", "json", *sorted(path.name for path in folder.glob("file*.c"))], folder)
    expected = json.loads(out)["results"]
    verdicts = [verdict.to_dict() for verdict in guard.scan(sorted(folder.glob("file*.c")))]
    for verdict in (*expected, *verdicts):
        verdict["cost"].pop("milliseconds")
        verdict["path"] = Path(verdict["path"]).name
    assert len(verdicts) == 12
    _assert_same(verdicts, expected)


def _assert_same(found: Any, expected: Any) -> None:
    """Compare nested values; numbers may differ as far as other batches round otherwise."""
    if isinstance(expected, float):
        assert found == pytest.approx(expected, rel=1e-4, abs=1e-5)
    elif isinstance(expected, dict):
        assert found.keys() == expected.keys()
        for key in expected:
            _assert_same(found[key], expected[key])
    elif isinstance(expected, list):
        assert len(found) == len(expected)
        for one, other in zip(found, expected):
            _assert_same(one, other)
    else:
        assert found == expected


def test_import_is_fast() -> None:
    # Time of the processor, which does not depend on what else the machine does.
    code = "import time; began = time.process_time(); import codepurify; print(time.process_time() - began)"
    run = [sys.executable, "-c", code]
    seconds = [float(subprocess.run(run, check=True, capture_output=True).stdout) for _ in range(5)]
    assert min(seconds) < 0.15


def test_import_loads_no_other_library() -> None:
    code = "import sys, codepurify; print({'numpy', 'pandas', 'pyarrow', 'torch'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "set()"
