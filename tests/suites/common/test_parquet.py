"""A table is read as pandas reads it, and no thread of Arrow's is left that could disturb the end of the process."""

import sys

from helpers.commands import run

PROGRAM = """
import os
import sys

import pandas as pd
from uncrossed.common.parquet import read_parquet, write_parquet


def threads():
    return len(os.listdir("/proc/self/task"))


path = sys.argv[1]
table = pd.DataFrame({"name": ["a", None] * 5000, "number": range(10_000), "part": [0.1, float("nan")] * 5000})
write_parquet(table, path)
import pyarrow.parquet

before = threads()
with open(path, "rb") as stream:
    found = read_parquet(stream)
assert threads() == before, (threads(), before)
expected = pd.read_parquet(path)
pd.testing.assert_frame_equal(found, expected)
assert threads() > before, "pandas leaves some: this test would see them"
"""


def test_a_table_is_read_without_leaving_threads(tmp_path):
    run(sys.executable, "-c", PROGRAM, tmp_path / "table.parquet")
