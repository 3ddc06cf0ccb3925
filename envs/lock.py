"""Resolve pyproject.toml's short list into exact versions: envs/lock.txt and the three conda environments.

Usage: python envs/lock.py [--upgrade]     (`make lock`; needs uv, which is among the development packages)

envs/lock.txt pins everything, CUDA wheels included. Each conda environment is the part of it that its extras need;
its pins stand inline, since Snakemake builds from a copy of the file and a path in it would lead nowhere.
"""

import subprocess
import sys
from pathlib import Path

ENVS = Path(__file__).parent
PYPROJECT = ENVS.parent / "pyproject.toml"
PYTHON = "3.11"
CONDA = {"pytorch": ["pytorch"], "tensorflow": ["tensorflow-gpu"], "workflow": ["workflow"]}
EVERYTHING = ["install", "pytorch", "tensorflow-gpu", "workflow", "dev"]


def resolve(extras: list[str], *options: str) -> str:
    """The exact versions, one a line with its marker, of the package's requirements and these extras."""
    command = [sys.executable, "-m", "uv", "pip", "compile", "--quiet", "--universal", "--python-version", PYTHON]
    command += ["--no-annotate", "--no-header", *(word for extra in extras for word in ("--extra", extra)), *options]
    return subprocess.run([*command, str(PYPROJECT)], check=True, capture_output=True, text=True).stdout


def conda(name: str, pins: str) -> str:
    """A conda environment file: Python from conda-forge, everything else from PyPI with its pin."""
    lines = "".join(f'      - "{pin}"\n' for pin in pins.splitlines())
    return (
        f"# Made by `make lock` from pyproject.toml ({', '.join(CONDA[name])}); do not edit.\n"
        f"channels:\n  - conda-forge\n  - nodefaults\n"
        f"dependencies:\n  - python={PYTHON}\n  - pip\n  - pip:\n{lines}"
    )


def main() -> None:
    """Write the lock, then the environments within it."""
    lock = ENVS / "lock.txt"
    # uv keeps the versions of an existing output file unless told to upgrade.
    resolve(EVERYTHING, "--output-file", str(lock), *sys.argv[1:])
    for name, extras in CONDA.items():
        (ENVS / f"{name}.yaml").write_text(conda(name, resolve(extras, "--constraint", str(lock))), encoding="utf-8")


if __name__ == "__main__":
    main()
