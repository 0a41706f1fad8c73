"""Data sets of Ray, judged by the workers of a real cluster."""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import conftest
import pytest
from clusters import ADDED, FILE, TEXTS, assert_found, assert_judged_as_by, write_files
from conftest import classify, function

import codepurify

pa = pytest.importorskip("pyarrow")
parquet = pytest.importorskip("pyarrow.parquet")
ray = pytest.importorskip("ray")
engine = pytest.importorskip("codepurify.ray")

# Ray and its dependencies warn about each other.
pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture(scope="module")
def cluster() -> Iterator[None]:
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    # Workers cannot import modules of the tests.
    ray.cloudpickle.register_pickle_by_value(conftest)
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, object_store_memory=100_000_000)
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    yield
    ray.shutdown()
    ray.cloudpickle.unregister_pickle_by_value(conftest)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_files(tmp_path_factory.mktemp("functions"))


def rows_of(dataset: Any) -> list[dict[str, Any]]:
    return sorted(dataset.take_all(), key=lambda row: row["id"])


def marking(folder: Path, fatal: str) -> codepurify.Guard:
    """Return a guard that works in two processes, one of which kills itself when it first meets a text."""

    def predict(texts: list[str]) -> list[list[float]]:
        if (folder / "started").exists():
            (folder / f"{os.getpid()}.pid").touch()
            deadline = time.monotonic() + 30
            while len(list(folder.glob("*.pid"))) < 2 and time.monotonic() < deadline:
                time.sleep(0.02)
        if any(fatal in text for text in texts) and not (folder / "killed").exists():
            (folder / "killed").write_text(str(os.getpid()))
            os.kill(os.getpid(), signal.SIGKILL)
        return classify(texts)

    guard = codepurify.Guard.from_callable(predict, labels=["harmless", "harmful"])
    guard.calibrate([function(number) for number in range(200, 240)])
    (folder / "started").touch()
    return guard


def test_two_actors_judge_as_one_process(cluster: None, files: Path, guard: codepurify.Guard) -> None:
    dataset = ray.data.read_parquet(str(files))
    scanned = engine.scan_dataset(dataset, column="source", actors=2, batch_size=FILE).materialize()
    rows = rows_of(scanned)
    assert_judged_as_by(guard, rows)
    assert_found(rows)
    tables = ray.get(scanned.to_arrow_refs())
    schema = guard.scan(pa.table({"id": [0], "source": [function(0)]}), code="source").schema
    assert len(tables) == len(TEXTS) // FILE
    assert all(table.schema.remove_metadata().equals(schema) for table in tables)


def test_both_actors_work_and_a_killed_one_costs_nothing(cluster: None, files: Path, tmp_path: Path) -> None:
    guard = marking(tmp_path, fatal="f44(")
    dataset = ray.data.read_parquet(str(files))
    rows = rows_of(engine.scan_dataset(dataset, guard, column="source", actors=2, batch_size=FILE))
    processes = {int(mark.stem) for mark in tmp_path.glob("*.pid")}
    assert int((tmp_path / "killed").read_text()) in processes and os.getpid() not in processes
    assert len(processes) >= 2
    assert_judged_as_by(guard, rows)


def test_class_judges_arrow_tables(own: codepurify.Guard) -> None:
    broken = pa.array([function(1, trigger=True).encode(), b"\xff", None]).cast(pa.string(), safe=False)
    for source in (own, pickle.dumps(own), lambda: own):
        judge = engine.GuardUDF(source)
        table = judge(pa.table({"func": pa.Array.from_buffers(pa.string(), 3, broken.buffers())}))
        assert table.column_names == ["func", *ADDED]
        assert table.column("verdict").to_pylist() == ["poisoned", None, None]
        assert table.column("error").to_pylist() == [None, "a text is needed, not bytes", "there is no text (null)"]
    empty = judge(pa.table({"func": pa.array([], pa.string())}))
    assert empty.schema.equals(table.schema) and empty.num_rows == 0


def test_missing_columns_and_models_are_named(cluster: None, files: Path, own: codepurify.Guard) -> None:
    with pytest.raises(codepurify.InputError, match="there is no column 'func'; there are: id, source"):
        engine.GuardUDF(own, column="func")(pa.table({"id": [1], "source": [function(1)]}))
    rows = ray.data.read_parquet(str(files / "0000.parquet"))
    with pytest.raises(ray.exceptions.RayError, match="no such file"):
        engine.scan_dataset(rows, column="source", path_or_hub_id="/no/such/model").take_all()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"threads": 0}, "threads=0"),
        ({"actors": 0}, "actors=0"),
        ({"actors": (3, 2)}, "actors="),
        ({"alhpa": 0.1}, "alhpa"),
        ({"guard": 5}, "not int"),
        ({"guard": b"", "alpha": 0.1}, "alpha"),
    ],
)
def test_arguments_are_checked_before_anything_runs(
    cluster: None, files: Path, arguments: dict[str, Any], message: str
) -> None:
    with pytest.raises(codepurify.UsageError, match=message):
        engine.scan_dataset(ray.data.read_parquet(str(files)), column="source", **arguments)
    with pytest.raises(codepurify.UsageError, match="not dict"):
        engine.scan_dataset({"func": []})  # type: ignore[arg-type]


def test_sources_that_make_no_guard_are_refused() -> None:
    for source in (pickle.dumps(5), lambda: 5):
        with pytest.raises(codepurify.UsageError, match="there is a int"):
            engine.GuardUDF(source)  # type: ignore[arg-type]


def test_example_scans_with_ray(tmp_path: Path) -> None:
    example = Path(__file__).parents[1] / "examples" / "ray_scan.py"
    done = subprocess.run([sys.executable, str(example), str(tmp_path)], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert "poisoned" in done.stdout, done.stdout
    judged = parquet.read_table(tmp_path / "judged")
    assert judged.num_rows == 120 and judged.column_names[-6:] == ADDED
