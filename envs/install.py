"""Make a virtual environment of exactly the packages that a list in `envs/` names, and put the project into it.

Usage: python3 envs/install.py [--list envs/NAME.txt] [--venv FOLDER]     (`make demo` and `make test` do it)

Each line of a list has a version and the SHA-256 of its files: a file of the same name with other content is an error.
Needs Python alone, on Linux on x86-64. Whatever cannot work is said before anything is downloaded, in one line, and
then the exit code is 1. What an interrupted run has left is finished by the next.
"""

import argparse
import platform
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NoReturn

ENVS = Path(__file__).resolve().parent
# What both frameworks support.
OLDEST, NEWEST = (3, 11), (3, 13)
MACHINE = "Linux", "x86_64"
# What the lists named here take, in GB: of downloads, and in the environment. Lists of the user's own are not known.
SIZES = {"venv": (3.0, 9.0), "pytorch": (2.5, 6.5), "tensorflow": (3.0, 7.0), "workflow": (0.3, 1.2)}
# These install the others, so that nothing depends on the pip of a machine.
FIRST = ("pip", "setuptools", "wheel")


def end(message: str) -> NoReturn:
    """End with a line."""
    sys.exit(f"{Path(__file__).name}: {message}")


def version(found: tuple) -> str:
    """A version of Python as people write it."""
    return ".".join(map(str, found[:2]))


def check_machine() -> None:
    """End where the frameworks have no packages for this Python or machine."""
    # Nothing here is newer than Python 3.6, so that an older Python can say that it is too old.
    if not OLDEST <= sys.version_info[:2] <= NEWEST:
        end(
            f"{sys.executable} is Python {version(sys.version_info)}; allowed: {version(OLDEST)} to {version(NEWEST)}, "
            "which both frameworks support (choose another by `make PYTHON=...`)"
        )
    found = platform.system(), platform.machine()
    if found != MACHINE:
        end(f"this is {' on '.join(found)}; allowed: {' on '.join(MACHINE)}, for which the packages' files are pinned")


def check_room(folder: Path, needed: float, what: str) -> None:
    """End where a folder's disk has too little room, in GB."""
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free / 1e9
    if free < needed:
        end(f"{folder}: {free:.1f} GB free on its disk; {what} takes up to {needed:g} GB")


def pins(text: str) -> list:
    """The lines of a list that name a package, each with its name; one may have several, for several Pythons."""
    found = ((re.match(r"[a-z0-9._-]+(?===)", line), line) for line in text.splitlines())
    return [(name.group(), line) for name, line in found if name]


def install(python: Path, lines: list, *options: str, quiet: bool = False) -> str:
    """Install what lines name, each with its hashes, and nothing else; "" or what pip says went wrong."""
    if not lines:
        return ""
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as chosen:
        chosen.write("\n".join(lines) + "\n")
        chosen.flush()
        command = [str(python), "-m", "pip", "install", "--require-hashes", "--requirement", chosen.name, *options]
        done = subprocess.run(
            command, stdout=subprocess.PIPE if quiet else None, stderr=subprocess.PIPE, encoding="utf-8"
        )
    if not done.returncode:
        return ""
    said = done.stderr.splitlines()
    error = next((k for k, line in enumerate(said) if line.startswith("ERROR: ")), 0)
    words = " ".join(said[error:]).replace("ERROR: ", "").split()
    return " ".join(words) or f"pip ended with {done.returncode}"


def main(arguments: list) -> None:
    """Check, say what comes, and install."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--list", type=Path, default=ENVS / "venv.txt", help="(%(default)s)")
    parser.add_argument("--venv", type=Path, default=ENVS.parent / ".venv", help="(%(default)s)")
    options = parser.parse_args(arguments)
    check_machine()
    try:
        known = pins(options.list.read_text(encoding="utf-8"))
    except OSError as error:
        end(f"{options.list}: {error.strerror}; allowed: {', '.join(sorted(SIZES))}.txt of {ENVS}")
    download, size = SIZES.get(options.list.stem, (0.0, 0.0))
    if not (options.venv / "bin/python").exists():
        check_room(options.venv, size, "the environment")
        check_room(Path(tempfile.gettempdir()), download, "what is downloaded")
    made = subprocess.run([sys.executable, "-m", "venv", options.venv], stdout=subprocess.PIPE, encoding="utf-8")
    if made.returncode:
        # Debian's Python says on stdout which package has ensurepip.
        end(f"no environment could be made: {' '.join(made.stdout.split()) or f'venv ended with {made.returncode}'}")
    python = options.venv / "bin/python"
    first = [line for name, line in pins((ENVS / "venv.txt").read_text(encoding="utf-8")) if name in FIRST]
    others = [line for name, line in known if name not in FIRST]
    # The first small packages say whether there is a network.
    fault = install(python, first, "--no-deps", "--retries", "1", "--timeout", "20", quiet=True)
    if fault:
        offline = "is there a network? " if "from versions: none" in fault else ""
        end(f"{', '.join(FIRST)} cannot be installed: {offline}{fault}")
    if size:
        print(
            f"Into {options.venv}: {len(others)} packages, about {download:g} GB of downloads, {size:g} GB on disk; "
            "some minutes",
            flush=True,
        )
    fault = install(python, others, "--no-build-isolation")
    if fault:
        end(f"{options.list}: {fault}")
    project = [str(python), "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation", "--editable"]
    sys.exit(subprocess.run([*project, ENVS.parent]).returncode)


if __name__ == "__main__":
    main(sys.argv[1:])
