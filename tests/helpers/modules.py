"""The modules of the package."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
import pytest
from helpers.commands import REPOSITORY
from uncrossed.results import layout
from uncrossed.study.study import STATEMENT
from helpers.commands import CHECKS, STAND_IN, ARCHITECTURES, REPOSITORY

PACKAGE = REPOSITORY / "workflow/uncrossed"


def modules() -> Iterator[Path]:
    """The package's modules, but for the two that are all of it at once: its front and its command."""
    for path in sorted(PACKAGE.rglob("*.py")):
        if name(path) not in ("__init__.py", "__main__.py"):
            yield path


def name(path: Path) -> str:
    """A module's path in the package."""
    return path.relative_to(PACKAGE).as_posix()
