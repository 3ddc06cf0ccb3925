"""The file that `uncrossed architecture new` writes: a tiny pair with comments, which is replaced bit by bit."""

from pathlib import Path

from uncrossed.common import files
from uncrossed.common.errors import InputError

SOURCE = Path(__file__).with_name("skeleton_pair.py")


def write(path: Path) -> None:
    """Write it.

    Raises:
        InputError: a file is there, or the name is no Python file's.
    """
    if path.suffix != ".py" or not path.stem.isidentifier():
        raise InputError(f"{path}: allowed: NAME.py, where NAME is letters, digits and underscores")
    if path.exists():
        raise InputError(f"{path}: is there already; choose another name")
    if not path.parent.is_dir():
        raise InputError(f"{path.parent}: no such folder")
    files.write_text(path, SOURCE.read_text(encoding="utf-8"))
