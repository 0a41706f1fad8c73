"""Compares two Ray actors of one thread each with one actor, on short functions.

    PYTHON benches/ray-actors.py [--rows 2000] [--pairs 3] [--seed 28]

PYTHON has the package and Ray (bindings/python/requirements-test.txt). A measurement is the time that the actors need
for the rows once they have loaded their models, so that it holds for long runs. Pairs are interleaved, since other
programs may use the machine.
"""

import argparse
import os
import statistics
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "bindings" / "python" / "examples"))
os.environ.update(RAY_USAGE_STATS_ENABLED="0", RAY_worker_niceness="0")  # by default other programs come first
import pyarrow
import ray
import short_functions

from codepurify.ray import GuardUDF


class Timed(GuardUDF):
    """Adds when each batch was begun and done, and the time of the CPU that the process used for it."""

    def __call__(self, batch: pyarrow.Table) -> pyarrow.Table:
        begun, cpu = time.time(), time.process_time()
        count = super().__call__(batch).num_rows
        cpu = time.process_time() - cpu
        return pyarrow.table({"rows": [count], "begun": [begun], "done": [time.time()], "cpu": [cpu]})


def measured(table: pyarrow.Table, actors: int, batch: int) -> tuple[float, float]:
    """Return the rows in a second, and in a second of CPU time."""
    dataset = ray.data.from_arrow(table).repartition(target_num_rows_per_block=batch)
    batches = dataset.map_batches(
        Timed,
        fn_constructor_kwargs={"column": "func"},
        batch_format="pyarrow",
        batch_size=batch,
        compute=ray.data.ActorPoolStrategy(size=actors),
        num_cpus=1 - 1 / actors,
    ).take_all()
    assert sum(each["rows"] for each in batches) == table.num_rows
    seconds = max(each["done"] for each in batches) - min(each["begun"] for each in batches)
    return table.num_rows / seconds, table.num_rows / sum(each["cpu"] for each in batches)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=2000)
    parser.add_argument("--pairs", type=int, default=3)
    parser.add_argument("--seed", type=int, default=28)
    options = parser.parse_args()

    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False)
    ray.data.DataContext.get_current().enable_progress_bars = False
    table = pyarrow.Table.from_pylist(list(short_functions.rows(options.rows, options.seed)))
    ratios = []
    for _ in range(options.pairs):
        (one, one_cpu), (two, two_cpu) = (measured(table, actors, batch=64) for actors in (1, 2))
        ratios.append(two / one)
        print(
            f"rows/s: one actor {one:.1f}, two {two:.1f}, ratio {two / one:.2f};"
            f" rows per CPU second: {one_cpu:.1f}, {two_cpu:.1f}; load average {os.getloadavg()[0]:.1f}",
            flush=True,
        )
    print(f"median ratio: {statistics.median(ratios):.2f}")


if __name__ == "__main__":
    main()
