"""The command `uncrossed`: its grammar, put together from the groups of commands, and its exit codes.

Exit codes: 0; 1 when a command found a fault or a difference, or could not read, look or finish; 2 for bad input.
"""

import argparse
import contextlib
import os
import sys

from uncrossed.cli import (
    analysis,
    bench,
    datasets,
    doctor,
    explain,
    job,
    release,
    report,
    results,
    search,
    study,
    study2021,
)
from uncrossed.cli.words import fail
from uncrossed.common.errors import InputError, UnreadableError
from uncrossed.common.version import VERSION

# Each has the commands of the room of its name.
GROUPS = (study, datasets, job, search, results, analysis, report, release, study2021, explain, bench, doctor)


def main(arguments: list[str] | None = None) -> None:
    """Run the command line; ends the process with its exit code."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:  # whoever started us closed it
            setattr(sys, name, open(os.devnull, "w"))  # noqa: SIM115 - it stays open
        elif hasattr(getattr(sys, name), "reconfigure"):
            # What a terminal's encoding lacks is escaped, and no reason to fail.
            getattr(sys, name).reconfigure(errors="backslashreplace")
    options = parser().parse_args(arguments)
    try:
        code = options.run(options)
        sys.stdout.flush()
    except UnreadableError as error:
        sys.exit(fail(error, 1))
    except InputError as error:
        sys.exit(fail(error, 2))
    except BrokenPipeError:
        # The reader of our output has gone, as in `uncrossed show | head`.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except OSError as error:
        sys.exit(fail(error, 1))
    sys.exit(code or 0)


def parser() -> argparse.ArgumentParser:
    """The command line's grammar."""
    top = argparse.ArgumentParser(prog="uncrossed", description="Build, check, explain and publish pairs of models.")
    top.add_argument("--version", action="version", version=f"uncrossed {VERSION}")
    with contextlib.suppress(ImportError):  # who only reads does not need it
        import shtab

        shtab.add_argument_to(top, "--print-completion", help="print a script for this shell that completes commands")
    commands = top.add_subparsers(required=True, metavar="COMMAND")
    for group in GROUPS:
        group.add_commands(commands)
    return top
