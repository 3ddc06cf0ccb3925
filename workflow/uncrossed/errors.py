"""What a command refuses: exceptions whose messages are written for the person who must act."""

import difflib
import sys
from collections.abc import Iterable


class InputError(ValueError):
    """Bad input. The message is one line: where, what was found, what is allowed."""


class UnreadableError(InputError):
    """A file that the operating system does not give: it may be sound, and reading it may succeed another time."""


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
