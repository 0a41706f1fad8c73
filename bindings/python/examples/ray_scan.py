"""Judge Parquet files with Ray: two actors, each with a model of its own.

    python ray_scan.py FOLDER

writes functions to FOLDER/functions and the same rows with verdicts to FOLDER/judged. On a cluster, `ray.init()` finds
its head, and the paths are those of a store that all workers see.
"""

import os
import sys
from pathlib import Path

import pyarrow.compute
import pyarrow.parquet
import short_functions

os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
import ray

from codepurify.ray import scan_dataset


def main(folder: Path) -> None:
    short_functions.write(folder / "functions", count=120, seed=28, files=4)

    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False)
    rows = ray.data.read_parquet(str(folder / "functions"))
    scan_dataset(rows, column="func", actors=2, batch_size=30).write_parquet(str(folder / "judged"))

    judged = pyarrow.parquet.read_table(folder / "judged")
    print("rows:", judged.num_rows)
    for count in pyarrow.compute.value_counts(judged["verdict"]).to_pylist():
        print(f"{count['values']}: {count['counts']}")
    found = judged.filter(pyarrow.compute.equal(judged["verdict"], "poisoned"))
    print("with the trigger, of the poisoned:", pyarrow.compute.sum(found["has_trigger"]).as_py())


if __name__ == "__main__":
    main(Path(sys.argv[1]))
