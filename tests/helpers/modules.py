"""The modules of the package."""

from collections.abc import Iterator
from pathlib import Path

from helpers.commands import REPOSITORY

PACKAGE = REPOSITORY / "workflow/uncrossed"


def modules() -> Iterator[Path]:
    """The package's modules, but for the two that are all of it at once: its front and its command."""
    for path in sorted(PACKAGE.rglob("*.py")):
        if name(path) not in ("__init__.py", "__main__.py"):
            yield path


def name(path: Path) -> str:
    """A module's path in the package."""
    return path.relative_to(PACKAGE).as_posix()
