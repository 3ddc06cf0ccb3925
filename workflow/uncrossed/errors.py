"""What a command refuses: one exception whose message is written for the person who must act."""

import difflib
from collections.abc import Iterable


class InputError(ValueError):
    """Bad input. The message is one line: where, what was found, what is allowed."""


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
