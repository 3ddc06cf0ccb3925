"""The architectures that rows may name: the package's, and a study's own."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from uncrossed.common.errors import InputError, nearest
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
        return load(name, self.own.get(name))

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


PACKAGED = Architectures()


def given(text: str, file: Path | None = None) -> Architecture:
    """The architecture of a command's option: a name, with its file if it is a user's own, or such a file alone.

    Raises:
        InputError: there is none of that name, or the file is none.
    """
    if file is None and text.endswith(".py"):
        file, text = Path(text), Path(text).stem
    return Architectures({text: file} if file else {}).find(text)
