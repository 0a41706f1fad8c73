"""Judge Parquet files with Spark in local mode: two Python workers, each with a model of its own.

    python spark_scan.py FOLDER

writes functions to FOLDER/functions and the same rows with verdicts to FOLDER/judged. On a cluster, `spark-submit`
runs the same code, and the paths are those of a store that all executors see.
"""

import os
import sys
from pathlib import Path

import short_functions
from pyspark.sql import SparkSession

from codepurify import spark as codepurify_spark


def main(folder: Path) -> None:
    short_functions.write(folder / "functions", count=120, seed=28, files=4)

    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)  # of the workers
    session = SparkSession.builder.master("local[2]").appName("codepurify").getOrCreate()
    rows = session.read.parquet(str(folder / "functions"))
    codepurify_spark.scan(rows, "func").write.parquet(str(folder / "judged"))

    judged = session.read.parquet(str(folder / "judged"))
    print("rows:", judged.count())
    for row in judged.groupBy("verdict", "has_trigger").count().orderBy("verdict", "has_trigger").collect():
        print(f"{row['verdict']}, {'with' if row['has_trigger'] else 'without'} the trigger: {row['count']}")
    session.stop()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
