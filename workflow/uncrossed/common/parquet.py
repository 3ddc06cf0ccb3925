"""Parquet files: read without leaving threads behind, and written completely or not at all.

Arrow's thread pools now and then hang or abort a process that ends (apache/arrow#34314, #50482), after all of its work
is done: a command would fail that has succeeded. Our tables are small, and one thread reads them as fast.
"""

import os
from typing import TYPE_CHECKING, BinaryIO

from uncrossed.common.files import complete

if TYPE_CHECKING:
    import pandas as pd


def read_parquet(stream: BinaryIO) -> "pd.DataFrame":
    """A table, as `pandas.read_parquet` gives it.

    Args:
        stream: the file, opened; all of it is read into memory.

    Raises:
        ImportError: pyarrow is missing.
        ValueError, OSError: it is damaged.
    """
    import pyarrow
    from pyarrow.parquet import ParquetFile

    file = ParquetFile(pyarrow.BufferReader(stream.read()), pre_buffer=False)
    return file.read(use_threads=False).to_pandas(use_threads=False)


def write_parquet(table: "pd.DataFrame", path: str | os.PathLike[str]) -> None:
    """Write a table, without its index."""
    with complete(path) as temporary:
        table.to_parquet(temporary, index=False)
