"""Reading Parquet without leaving threads behind.

Arrow's thread pools now and then hang or abort a process that ends (apache/arrow#34314, #50482), after all of its work
is done: a command would fail that has succeeded. Our tables are small, and one thread reads them as fast.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    import pandas as pd


def read_parquet(stream: BinaryIO, columns: Sequence[str] | None = None) -> "pd.DataFrame":
    """A table, as `pandas.read_parquet` gives it.

    Args:
        stream: the file, opened; all of it is read into memory.
        columns: those to read; default: all.

    Raises:
        ImportError: pyarrow is missing.
        ValueError, OSError: it is damaged, or lacks a column.
    """
    import pyarrow
    from pyarrow.parquet import ParquetFile

    file = ParquetFile(pyarrow.BufferReader(stream.read()), pre_buffer=False)
    if columns is not None:
        missing = [name for name in columns if name not in file.schema_arrow.names]
        if missing:
            raise ValueError(f"no column '{missing[0]}'")
    return file.read(columns=columns, use_threads=False).to_pandas(use_threads=False)
