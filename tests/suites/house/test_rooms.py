"""No module imports from a room above its own, and none imports itself by way of others."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from helpers.modules import PACKAGE, modules, name

# From low to high.
ROOMS = (
    *("common", "training", "datasets", "study", "results", "job", "analysis", "explain", "search", "reading"),
    *("release", "study2021", "report", "bench", "doctor", "cli"),
)


def room(path: Path) -> str:
    """The room in which a module lies, or that it is."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imported(path: Path) -> Iterator[Path]:
    """The modules of the package that a module imports, wherever in it that stands."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: a relative import"
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            continue
        for parts in (dotted.split(".") for dotted in names):
            if parts[0] == "uncrossed":
                yield _file(parts[1:])


def _file(parts: list[str]) -> Path:
    """The module that a dotted name begins with; what follows is defined in it."""
    for length in range(len(parts), 0, -1):
        place = PACKAGE.joinpath(*parts[:length])
        for path in (place.with_suffix(".py"), place / "__init__.py"):
            if path.exists():
                return path
    return PACKAGE / "__init__.py"


@pytest.fixture(scope="module")
def imports() -> dict[Path, set[Path]]:
    """Of each module the modules that it imports."""
    return {path: set(imported(path)) - {path} for path in modules()}


def test_every_module_lies_in_a_room(imports):
    assert {room(path) for path in imports} == set(ROOMS)


def test_no_import_runs_up_the_house(imports):
    for path, others in imports.items():
        for other in others:
            assert ROOMS.index(room(other)) <= ROOMS.index(room(path)), f"{name(path)} imports {name(other)}"


def test_no_module_needs_itself(imports):
    """Within a room too no modules import each other, directly or by way of others."""
    done: set[Path] = set()

    def visit(path: Path, way: tuple[Path, ...]) -> None:
        assert path not in way, " -> ".join(map(name, (*way, path)))
        if path not in done:
            for other in imports.get(path, ()):
                visit(other, (*way, path))
            done.add(path)

    for path in imports:
        visit(path, ())
