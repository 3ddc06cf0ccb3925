"""The published tables of 2021, unpacked."""

import lzma
import tempfile
from functools import cache
from pathlib import Path

from helpers.commands import REPOSITORY

PACKED = REPOSITORY / "tests/published-2021"


def published_folder() -> Path:
    """A folder with the three tables, which is removed with the process."""
    return Path(_unpacked().name)


@cache
def _unpacked() -> tempfile.TemporaryDirectory:
    folder = tempfile.TemporaryDirectory(prefix="published-2021-")
    for path in PACKED.glob("*.csv.xz"):
        (Path(folder.name) / path.stem).write_bytes(lzma.decompress(path.read_bytes()))
    return folder
