"""DataFrames of Spark, judged by the Python workers of a real session (scripts/test-spark.sh)."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import conftest
import pytest
from clusters import ADDED, TEXTS, assert_found, assert_judged_as_by, write_files
from conftest import classify, function

import codepurify

pytest.importorskip("pyspark")
parquet = pytest.importorskip("pyarrow.parquet")
engine = pytest.importorskip("codepurify.spark")

pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture(scope="module")
def session() -> Iterator[Any]:
    from pyspark import cloudpickle
    from pyspark.sql import SparkSession

    os.environ["PYSPARK_PYTHON"] = sys.executable
    # Workers cannot import modules of the tests.
    cloudpickle.register_pickle_by_value(conftest)
    # Two cores; a task may fail four times.
    builder = SparkSession.builder.master("local[2,4]").config("spark.ui.enabled", "false")
    builder = builder.config("spark.sql.execution.arrow.maxRecordsPerBatch", "16")
    builder = builder.config("spark.sql.files.openCostInBytes", str(2**27))  # one task for each file
    session = builder.getOrCreate()
    session.sparkContext.setLogLevel("OFF")
    yield session
    session.stop()
    cloudpickle.unregister_pickle_by_value(conftest)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_files(tmp_path_factory.mktemp("functions"))


def rows_of(df: Any) -> list[dict[str, Any]]:
    return [row.asDict(recursive=True) for row in df.orderBy("id").collect()]


def counting(folder: Path, fatal: str | None = None) -> codepurify.Guard:
    """Return a guard that counts how often each process makes it. One process kills itself when it meets a text."""

    class Counted:
        def __reduce__(self) -> tuple[Any, ...]:
            return type(self)._loaded, ()

        @classmethod
        def _loaded(cls) -> Any:
            with (folder / f"{os.getpid()}.loads").open("a") as file:
                file.write("1")
            return cls()

        def __call__(self, texts: list[str]) -> list[list[float]]:
            if fatal is not None and any(fatal in text for text in texts) and not (folder / "killed").exists():
                (folder / "killed").write_text(str(os.getpid()))
                os.kill(os.getpid(), signal.SIGKILL)
            return classify(texts)

    guard = codepurify.Guard.from_callable(Counted(), labels=["harmless", "harmful"])
    guard.calibrate([function(number) for number in range(200, 240)])
    return guard


def test_workers_judge_as_one_process(session: Any, files: Path, guard: codepurify.Guard) -> None:
    df = session.read.parquet(str(files))
    assert df.rdd.getNumPartitions() > 1
    scanned = engine.scan(df, "source")
    assert scanned.columns == ["id", "source", *ADDED]
    rows = rows_of(scanned)
    assert_found(rows)
    assert_judged_as_by(guard, rows)


def test_each_worker_makes_one_guard(session: Any, files: Path, tmp_path: Path) -> None:
    df = session.read.parquet(str(files))
    scanned = engine.scan(df, "source", counting(tmp_path))
    assert scanned.count() == scanned.filter("id >= 0").count() == len(TEXTS)
    loads = {int(mark.stem): len(mark.read_text()) for mark in tmp_path.glob("*.loads")}
    assert loads and os.getpid() not in loads
    assert set(loads.values()) == {1}, loads


def test_a_killed_worker_costs_nothing(session: Any, files: Path, tmp_path: Path) -> None:
    guard = counting(tmp_path, fatal="f44(")
    rows = rows_of(engine.scan(session.read.parquet(str(files)), "source", guard))
    assert (tmp_path / f"{(tmp_path / 'killed').read_text()}.loads").exists()
    assert_judged_as_by(guard, rows)


def test_columns_of_the_same_name_are_replaced(session: Any, own: codepurify.Guard) -> None:
    df = session.createDataFrame([(1, function(1, trigger=True))], "verdict int, code string")
    scanned = engine.scan(df, "code", own)
    assert scanned.columns == ["verdict", "code", *ADDED[1:]]
    assert scanned.first()["verdict"] == "poisoned"


def test_arguments_are_checked_before_anything_runs(session: Any) -> None:
    df = session.createDataFrame([("int a;",)], "code string")
    with pytest.raises(codepurify.InputError, match="there is no column 'func'; there are: code"):
        engine.scan(df, "func")
    with pytest.raises(codepurify.UsageError, match="alhpa"):
        engine.scan(df, "code", alhpa=0.1)
    with pytest.raises(codepurify.UsageError, match="threads=0"):
        engine.scan(df, "code", threads=0)


def test_example_scans_with_spark(tmp_path: Path) -> None:
    example = Path(__file__).parents[1] / "examples" / "spark_scan.py"
    done = subprocess.run([sys.executable, str(example), str(tmp_path)], capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr
    assert "rows: 120" in done.stdout and "poisoned, with the trigger" in done.stdout, done.stdout
    assert parquet.read_table(tmp_path / "judged").column_names[-6:] == ADDED
