"""The modules of the package, and programs that are no part of it."""

import importlib.util
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

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


def program(path: str) -> ModuleType:
    """A program of the repository as a module, by its path there."""
    spec = importlib.util.spec_from_file_location(Path(path).stem, REPOSITORY / path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
