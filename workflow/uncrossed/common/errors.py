"""What a command refuses: exceptions whose messages are written for the person who must act."""

import difflib
import reprlib
import sys
from collections.abc import Iterable

LONGEST = 600


class InputError(ValueError):
    """Bad input. The message is one line of at most LONGEST characters: where, what was found, what is allowed.

    Attributes:
        faults: the message; where it speaks of the first of several faults, a message for each of them.
    """

    def __init__(self, message: object, faults: Iterable[object] = ()):
        """Make one printable line of a message, for it may quote anything that stands in a file.

        Args:
            message: of one too long the middle is left out.
            faults: each of several, if it speaks of the first alone.
        """
        line = _line(message)
        super().__init__(line)
        self.faults = tuple(map(_line, faults)) or (line,)


def _line(message: object) -> str:
    """A message as one printable line of at most LONGEST characters."""
    line = "".join(c if c.isprintable() else ascii(c)[1:-1] for c in " ".join(str(message).split()))
    return line if len(line) <= LONGEST else f"{line[: LONGEST // 2]} ... {line[5 - LONGEST // 2 :]}"


def shown(value: object) -> str:
    """A value as an error quotes it: at most 80 characters, however large it is."""
    brief = reprlib.Repr()
    brief.maxstring = brief.maxother = brief.maxlong = 80
    try:
        text = "nothing" if value is None else brief.repr(value)
    except ValueError:  # Python writes no integer of more than 4300 digits
        text = f"{type(value).__name__} too large to be shown"
    return text if len(text) <= 80 else text[:77] + "..."


class UnreadableError(InputError):
    """A file that the operating system does not give: it may be sound, and reading it may succeed another time."""


class UnknownNameError(InputError, KeyError):
    """A name that is not there; a KeyError, as mappings raise."""

    __str__ = Exception.__str__


def need_linux(what: str) -> None:
    """Refuse what other operating systems lack the means for.

    Args:
        what: with its verb, as `training needs`.
    """
    if sys.platform != "linux":
        raise InputError(f"{what} Linux; found {sys.platform}; studies can be read here")


def nearest(name: str, allowed: Iterable[str]) -> str:
    """The end of an error message: the nearest allowed name, then all of them.

    Args:
        name: what was found.
        allowed: every name that would have been right.
    """
    allowed = sorted(allowed)
    close = difflib.get_close_matches(name, allowed, n=1)
    hint = f"; did you mean '{close[0]}'?" if close else ""
    listed = ", ".join(allowed[:20]) + (f" and {len(allowed) - 20} more" if len(allowed) > 20 else "")
    return f"allowed: {listed}{hint}"
