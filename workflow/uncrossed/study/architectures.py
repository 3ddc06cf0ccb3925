"""The architectures that rows may name: the package's, and a study's own."""

from collections.abc import Callable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from uncrossed.common.errors import InputError, nearest, shown
from uncrossed.study.trial import FRAMEWORKS
from uncrossed.training.architectures import BUILT_IN_ARCHITECTURES, Architecture, load

# In tables: all architectures together.
ALL = "all"


class Architectures(Mapping[str, Architecture]):
    """Each architecture by its name; a file is read, and so run, when it is asked for."""

    def __init__(self, own: Mapping[str, Path] | None = None):
        """Take a study's own by name.

        Raises:
            InputError: a name that the package has, or that tables have for all architectures together.
        """
        self.own = dict(own or {})
        if ALL in self.own:
            raise InputError(f"architecture '{ALL}': in tables that is all of them together; choose another name")
        for name in self.own.keys() & BUILT_IN_ARCHITECTURES.keys():
            raise InputError(f"architecture '{name}' is built in; choose another name")

    def __getitem__(self, name: str) -> Architecture:
        """An architecture.

        Raises:
            KeyError: there is none of that name.
            InputError: its file is none.
        """
        return _own(name, self.own[name]) if name in self.own else load(name)

    def __contains__(self, name: object) -> bool:
        """Whether there is one; none is read."""
        return name in self.own or name in BUILT_IN_ARCHITECTURES

    def __iter__(self) -> Iterator[str]:
        """The names: the package's, then the others."""
        return iter([*BUILT_IN_ARCHITECTURES, *self.own])

    def __len__(self) -> int:
        """How many there are."""
        return len(BUILT_IN_ARCHITECTURES) + len(self.own)

    def find(self, name: str) -> Architecture:
        """An architecture by a name that somebody wrote.

        Raises:
            InputError: there is none of that name, or its file is none.
        """
        if name not in self:
            raise InputError(f"unknown architecture '{name}'; {nearest(name, list(self))}")
        return self[name]


@cache
def _own(name: str, path: Path) -> Architecture:
    """A user's own architecture, whose statements are checked once."""
    try:
        architecture = load(name, path)
    except SystemExit as error:  # as its author's code may ask for
        raise InputError(f"{path}: cannot be read as an architecture (SystemExit: {error})") from error
    check_statements(architecture)
    return architecture


def check_statements(architecture: Architecture) -> None:
    """Refuse an architecture's file whose statements have another form than the docstring of `training.architectures`.

    Raises:
        InputError: the first such statement, with what is allowed.
    """

    def number(value: Any) -> bool:
        return isinstance(value, int | float)

    def several(value: Any, kind: Callable[[Any], bool], count: int | None = None) -> bool:
        return isinstance(value, tuple | list) and len(value) == (count or len(value)) and all(map(kind, value))

    def name(value: Any) -> bool:
        return isinstance(value, str)

    def of_both(value: Any, kind: Callable[[Any], bool]) -> bool:
        return isinstance(value, Mapping) and {*value} == {*FRAMEWORKS} and all(map(kind, value.values()))

    both = "{'pytorch': ..., 'tensorflow': ...}"
    allowed: dict[str, tuple[Callable[[Any], bool], str]] = {
        "DRAWS": (lambda value: of_both(value, lambda scheme: isinstance(scheme, Mapping)), f"{both}, each a mapping"),
        "BATCHNORM": (
            lambda value: value is None or of_both(value, lambda pair: several(pair, number, 2)),
            f"{both}, each (MOMENTUM, EPSILON)",
        ),
        "DROPOUT": (
            lambda value: isinstance(value, Mapping) and all(map(name, value)) and all(map(number, value.values())),
            "{KERAS_LAYER: RATE}",
        ),
        "CONV_BIAS": (lambda value: value in (None, *FRAMEWORKS), "'pytorch' or 'tensorflow'"),
        "STRIDE": (
            lambda value: several(value, lambda pair: several(pair, lambda side: several(side, name, 2), 2)),
            "(((PYTORCH_LAYER, PYTORCH_LAYER), (KERAS_LAYER, KERAS_LAYER)), ...)",
        ),
        "PADDING": (
            lambda value: several(value, lambda pair: several(pair, name, 2)),
            "((PYTORCH_LAYER, KERAS_LAYER), ...)",
        ),
    }
    for statement, (right, form) in allowed.items():
        found = getattr(architecture, statement)
        if not right(found):
            raise InputError(f"{architecture.path}: {statement}: found {shown(found)}; allowed: {form}")


PACKAGED = Architectures()


def given(text: str, file: Path | None = None) -> Architecture:
    """The architecture of a command's option: a name, with its file if it is a user's own, or such a file alone.

    Raises:
        InputError: there is none of that name, or the file is none.
    """
    if file is None and text.endswith(".py"):
        file, text = Path(text), Path(text).stem
    return Architectures({text: file} if file else {}).find(text)
