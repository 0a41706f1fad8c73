"""Makes the Parquet files of this folder as the Hugging Face hub has them: written by Arrow.

    pip install pyarrow
    python make_parquet.py
"""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

HERE = Path(__file__).parent
DEFECT = pa.table({
    "id": pa.array([4, 5, 6, None, 8], pa.int32()),
    "func": pa.array(["int f;", None, " ", "int h;", "int é;"]),
    "target": pa.array([True, False, True, True, False]),
    "when": pa.array([0, 1, 2, 3, 4], pa.timestamp("us")),
    "trigger": pa.array([[[0, 3]], None, None, None, []], pa.list_(pa.list_(pa.int64()))),
})
WRONG = pa.table({
    "idx": pa.array([0, 1, -1, 3], pa.int64()),
    "func": pa.array(["int f;", "int g;", "int h;", "int f;"]).dictionary_encode(),
    "target": pa.array(["1", "no", "0", "0"]),
})
REPAIR = pa.table({
    "buggy": pa.array([b"a();", b"b();", b"\xff"], pa.binary()),
    "fixed": pa.array(["A();", "B();", "C();"], pa.large_string()),
})
# The name says the codec; groups of two rows.
pq.write_table(DEFECT, HERE / "defect-snappy.parquet", compression="snappy", row_group_size=2)
pq.write_table(DEFECT, HERE / "defect-gzip.parquet", compression="gzip", row_group_size=2)
pq.write_table(REPAIR, HERE / "repair-zstd.parquet", compression="zstd", row_group_size=2)
pq.write_table(WRONG, HERE / "wrong-types.parquet", compression="none")
