"""The commands as users run them."""

import contextlib
import io
import os
import resource
import subprocess
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

import pytest

from uncrossed.cli import main

REPOSITORY = Path(__file__).resolve().parents[2]
# Programs for processes of their own, a stand-in for conda, and files of architectures.
CHECKS, STAND_IN = (REPOSITORY / "tests/helpers" / name for name in ("checks", "stand-in"))
ARCHITECTURES = REPOSITORY / "tests/architectures"
# The published tables, which lie beside a checkout or not at all.
PUBLISHED = REPOSITORY.parent / "shared/data/published"
# Snakemake's jobs call `python`: it has to be the one that runs the tests.
PATH = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"


def need(present: object, what: str) -> None:
    """Skip a test for want of a system package or shared data; fail it where UNCROSSED_NO_SKIP is set."""
    if not present:
        (pytest.fail if os.environ.get("UNCROSSED_NO_SKIP") else pytest.skip)(f"needs {what}")


def run(*command: object, folder: Path | None = None, code: int | None = 0, **environment: str):
    """Run a command as a user would; return the finished process, whose `stdout` holds both streams."""
    done = subprocess.run(
        [str(word) for word in command],
        cwd=folder,
        env={**os.environ, "PATH": PATH, **environment},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert code is None or done.returncode == code, f"exit {done.returncode}, expected {code}:\n{done.stdout}"
    return done


def side_by_side(programs: Iterable[Sequence[object]]) -> None:
    """Run Python programs at the same time, which all have to end well."""
    running = [
        subprocess.Popen(
            [sys.executable, *map(str, program)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        for program in programs
    ]
    for process in running:
        output, _ = process.communicate()
        assert process.returncode == 0, output


def uncrossed(*arguments: object, **options):
    """Run the command `uncrossed`."""
    return run("uncrossed", *arguments, **options)


def told(*arguments: object, code: int = 0) -> str:
    """Run the command `uncrossed` in this process, which saves its start; return what it writes to both streams.

    For commands that only read and write files, and where what surrounds a process does not matter.
    """
    said, words = io.StringIO(), [str(word) for word in arguments]
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said), pytest.raises(SystemExit) as ended:
        main.main(words)
    assert ended.value.code == code, f"exit {ended.value.code}, expected {code}:\n{said.getvalue()}"
    return said.getvalue()


@contextlib.contextmanager
def no_more_files():
    """While the block lasts, the operating system opens no file for this process."""
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    free = os.open(os.devnull, os.O_RDONLY)
    os.close(free)
    resource.setrlimit(resource.RLIMIT_NOFILE, (free, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
