"""Resolve pyproject.toml's short list into exact versions: envs/lock.txt and the conda environments.

Usage: python envs/lock.py [--upgrade]     (`make lock`; needs uv, which is among the development packages)

envs/lock.txt pins everything, CUDA wheels included. Each conda environment is the part of it that its extras need;
its pins stand inline, since Snakemake builds from a copy of the file and a path in it would lead nowhere.

Those named -cuda12 are for older drivers and cards. They differ from the others in what is built for CUDA: PyTorch's
build for CUDA 12.6, which only its makers' own index has, without pins of the CUDA packages, as it names their versions
itself; and the last cuDNN that has code for cards before the T4.
"""

import re
import subprocess
import sys
import tempfile
from pathlib import Path

ENVS = Path(__file__).parent
PYPROJECT = ENVS.parent / "pyproject.toml"
PYTHON = "3.11"
CONDA = {"pytorch": ["pytorch"], "tensorflow": ["tensorflow-gpu"], "workflow": ["workflow"]}
CUDA12_INDEX, CUDA12_LABEL, CUDA12_CUDNN = "https://download.pytorch.org/whl/cu126", "+cu126", "nvidia-cudnn-cu12<9.11"
EVERYTHING = ["install", "pytorch", "tensorflow-gpu", "workflow", "dev"]


def resolve(extras: list[str], *options: str) -> str:
    """The exact versions, one a line with its marker, of the package's requirements and these extras."""
    command = [sys.executable, "-m", "uv", "pip", "compile", "--quiet", "--universal", "--python-version", PYTHON]
    command += ["--no-annotate", "--no-header", *(word for extra in extras for word in ("--extra", extra)), *options]
    return subprocess.run([*command, str(PYPROJECT)], check=True, capture_output=True, text=True).stdout


def conda(extras: list[str], pins: str) -> str:
    """A conda environment file: Python from conda-forge, everything else from PyPI with its pin."""
    lines = "".join(f'      - "{pin}"\n' for pin in pins.splitlines())
    return (
        f"# Made by `make lock` from pyproject.toml ({', '.join(extras)}); do not edit.\n"
        f"channels:\n  - conda-forge\n  - nodefaults\n"
        f"dependencies:\n  - python={PYTHON}\n  - pip\n  - pip:\n{lines}"
    )


def pytorch_for_cuda12(pins: str) -> str:
    """The pins of PyTorch's environment with the build for CUDA 12, which brings its own of all that is CUDA's."""
    kept = [line for line in pins.splitlines() if not re.match(r"(nvidia|cuda)-", line)]
    labelled = [re.sub(r"^((?:torch|torchvision)==[^ ]+)", rf"\1{CUDA12_LABEL}", line) for line in kept]
    return "\n".join([f"--extra-index-url {CUDA12_INDEX}", *labelled])


def tensorflow_for_cuda12(lock: str) -> str:
    """The pins of TensorFlow's environment within the lock, with an older cuDNN."""
    name = re.match(r"[a-z0-9-]+", CUDA12_CUDNN)[0]
    kept = [line for line in lock.splitlines() if not line.startswith(f"{name}==")]
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as constraints:
        constraints.write("\n".join([*kept, CUDA12_CUDNN]) + "\n")
        constraints.flush()
        return resolve(CONDA["tensorflow"], "--constraint", constraints.name)


def main() -> None:
    """Write the lock, then the environments within it."""
    lock = ENVS / "lock.txt"
    # uv keeps the versions of an existing output file unless told to upgrade.
    resolve(EVERYTHING, "--output-file", str(lock), *sys.argv[1:])
    pins = {name: resolve(extras, "--constraint", str(lock)) for name, extras in CONDA.items()}
    made = {name: conda(extras, pins[name]) for name, extras in CONDA.items()}
    made["pytorch-cuda12"] = conda(CONDA["pytorch"], pytorch_for_cuda12(pins["pytorch"]))
    made["tensorflow-cuda12"] = conda(CONDA["tensorflow"], tensorflow_for_cuda12(lock.read_text(encoding="utf-8")))
    for name, text in made.items():
        (ENVS / f"{name}.yaml").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
