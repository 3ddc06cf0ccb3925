"""What the commands share: errors in words, and options that are JSON or name a file that holds it."""

import argparse
import contextlib
import json
import sys
from collections.abc import Sized
from pathlib import Path
from typing import Any

from uncrossed.common.errors import InputError


def fail(error: Exception | str, code: int) -> int:
    """Say on one line what went wrong; the exit code, for the caller to return."""
    # What was printed before it comes before it, also where both streams go into one file.
    with contextlib.suppress(BrokenPipeError):
        sys.stdout.flush()
    print(f"uncrossed: {' '.join(str(error).split())}", file=sys.stderr)
    return code


def counted(things: Sized, what: str) -> str:
    """How many there are, as `1 fault` or `2 faults`."""
    return f"{len(things)} {what}{'' if len(things) == 1 else 's'}"


def is_json(text: str) -> bool:
    """Whether an option's value is an object itself, not the path of one."""
    return text.lstrip().startswith("{")


def json_object(text: str, option: str) -> dict[str, Any]:
    """The JSON object that an option is, or that lies in the file that it names.

    Raises:
        InputError: there is none; the message names the option.
    """
    where = option
    if not is_json(text):
        where = f"{option} {text}"
        try:
            text = Path(text).read_text(encoding="utf-8")
        except (OSError, ValueError) as error:
            raise InputError(f"{where}: neither a JSON object nor a readable file ({error})") from error
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{where}: not well-formed JSON ({error})") from error
    if not isinstance(value, dict):
        raise InputError(f"{where}: found {type(value).__name__}; allowed: a JSON object")
    return value


def without_suggestion(row: dict[str, Any]) -> Any:
    """A row as JSON, of a search's suggestion (its row.json) the one that it holds."""
    return row.get("row") if "search_sha256" in row else row


def add_own_architectures(command: argparse.ArgumentParser) -> None:
    """Add the option that names files of a study's own architectures to a command that builds models."""
    command.add_argument(
        "--architecture",
        action="append",
        default=[],
        metavar="NAME=FILE.py",
        help="the file of an architecture that is the study's own, for that: it is run; may be repeated",
    )


def own_architectures(options: argparse.Namespace) -> dict[str, Path]:
    """The files that the option names, by architecture.

    Raises:
        InputError: the option has another form, or names no file.
    """
    files = {}
    for text in options.architecture:
        name, separator, file = text.partition("=")
        if not separator or not Path(file).is_file():
            raise InputError(f"--architecture: found '{text}'; allowed: NAME=FILE.py, a file that is there")
        files[name] = Path(file)
    return files
