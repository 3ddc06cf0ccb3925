"""Resolve pyproject.toml's short list into exact versions and files: lists for pip, and conda environments.

Usage: python envs/lock.py [--upgrade]     (`make lock`; needs uv, which is among the development packages)

envs/lock.txt pins everything, CUDA wheels included. Each list, NAME.txt, is the part of it that its extras need;
NAME.yaml are conda environments of the same pins, which stand inline, since Snakemake builds from a copy of the file
and a path in it would lead nowhere.

A pin has the SHA-256 of each file that may be installed: of wheels for Linux on x86-64 and the Pythons that
`install.py` allows, or of the source where there is no such wheel. pip refuses all others.

Those named -cuda12 are for older drivers and cards. They differ from the others in what is built for CUDA: PyTorch's
build for CUDA 12.6, which only its makers' own index has, without pins of the CUDA packages, as it names their versions
itself; and the last cuDNN that has code for cards before the T4. PyTorch's has no hashes, as of these builds they are
not known here.
"""

import re
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

from install import NEWEST, OLDEST

ENVS = Path(__file__).parent
PYPROJECT = ENVS.parent / "pyproject.toml"
PYTHON = "3.11"
CONDA = {"pytorch": ["pytorch"], "tensorflow": ["tensorflow-gpu"], "workflow": ["workflow"]}
VENV = ["install", "pytorch", "tensorflow", "workflow", "dev"]
CUDA12_INDEX, CUDA12_LABEL, CUDA12_CUDNN = "https://download.pytorch.org/whl/cu126", "+cu126", "nvidia-cudnn-cu12<9.11"
EVERYTHING = ["install", "pytorch", "tensorflow-gpu", "workflow", "dev"]


def resolve(extras: list[str], *options: str) -> str:
    """The exact versions, one a line with its marker, of the package's requirements and these extras."""
    command = [sys.executable, "-m", "uv", "pip", "compile", "--quiet", "--universal", "--python-version", PYTHON]
    command += ["--no-annotate", "--no-header", *(word for extra in extras for word in ("--extra", extra)), *options]
    return subprocess.run([*command, str(PYPROJECT)], check=True, capture_output=True, text=True).stdout


def files(extras: list[str], *options: str) -> dict[tuple[str, str], list[str]]:
    """By name and version of what is resolved the SHA-256 of each file that may be installed, sorted."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "pylock.toml"
        resolve(extras, "--format", "pylock.toml", "--output-file", str(path), *options)
        packages = tomllib.loads(path.read_text(encoding="utf-8"))["packages"]
    found = {}
    for package in packages:
        wheels = {file["url"].rsplit("/", 1)[-1]: file for file in package.get("wheels", ())}
        some = [file for name, file in wheels.items() if suits(name)] or [package["sdist"]]
        found[package["name"], package["version"]] = sorted(file["hashes"]["sha256"] for file in some)
    return found


def suits(wheel: str) -> bool:
    """Whether a wheel is for Linux on x86-64 and an allowed Python, by its name."""
    *_, python, abi, system = wheel.removesuffix(".whl").split("-")
    numbers = range(OLDEST[1], NEWEST[1] + 1)
    own = any(f"cp3{k}" in python.split(".") and abi == f"cp3{k}" for k in numbers)
    any_ = "py3" in python.split(".") or (abi == "abi3" and python[:3] == "cp3" and int(python[3:]) <= OLDEST[1])
    return (own or any_) and (system == "any" or ("x86_64" in system and "manylinux" in system))


def with_hashes(pins: str, known: dict[tuple[str, str], list[str]]) -> str:
    """Pins, one a line, each with the hashes of its files; what only other systems need is left out."""
    lines = []
    for line in pins.splitlines():
        pin, _, marker = line.partition(" ; ")
        name, version = pin.split("==")
        if "sys_platform == 'win32'" not in marker:
            lines.append(" ".join([line, *(f"--hash=sha256:{digest}" for digest in known[name, version])]))
    return "".join(f"{line}\n" for line in lines)


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
        options = CONDA["tensorflow"], "--constraint", constraints.name
        return with_hashes(resolve(*options), files(*options))


def main() -> None:
    """Write the lock, then the lists and environments within it."""
    lock = ENVS / "lock.txt"
    # uv keeps the versions of an existing output file unless told to upgrade.
    resolve(EVERYTHING, "--output-file", str(lock), *sys.argv[1:])
    everything = lock.read_text(encoding="utf-8")
    known = files(EVERYTHING, "--constraint", str(lock))
    lock.write_text(with_hashes(everything, known), encoding="utf-8")
    pins = {name: resolve(extras, "--constraint", str(lock)) for name, extras in {**CONDA, "venv": VENV}.items()}
    made = {f"{name}.txt": with_hashes(some, known) for name, some in pins.items()}
    made |= {f"{name}.yaml": conda(extras, made[f"{name}.txt"]) for name, extras in CONDA.items()}
    made["pytorch-cuda12.yaml"] = conda(CONDA["pytorch"], pytorch_for_cuda12(pins["pytorch"]))
    made["tensorflow-cuda12.yaml"] = conda(CONDA["tensorflow"], tensorflow_for_cuda12(everything))
    for name, text in made.items():
        (ENVS / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
