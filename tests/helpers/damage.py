"""Ways to damage a file."""

import os
from pathlib import Path


def damaged(path: Path) -> None:
    """Flip a bit in the middle of a file."""
    with path.open("r+b") as file:
        file.seek(path.stat().st_size // 2)
        byte = file.read(1)
        file.seek(-1, os.SEEK_CUR)
        file.write(bytes([byte[0] ^ 1]))


def truncated(path: Path) -> None:
    """Cut off half of a file."""
    os.truncate(path, path.stat().st_size // 2)
