"""NVIDIA drivers and GPUs that are not there: a library and an `nvidia-smi` that speak as they do."""

import os
import shutil
import subprocess
from pathlib import Path

from helpers.commands import PATH, STAND_IN, need

# Compute capability and memory in MB of some cards, by their names.
CARDS = {
    "Tesla P100-PCIE-16GB": ("6.0", 16384),
    "Tesla V100-SXM2-16GB": ("7.0", 16160),
    "Tesla T4": ("7.5", 15360),
    "NVIDIA A100-SXM4-40GB": ("8.0", 40960),
    "NVIDIA H100 80GB HBM3": ("9.0", 81559),
}
P100, V100, T4, A100, H100 = CARDS
# The newest CUDA of some drivers, by their releases.
CUDA = {"535.183.01": "12.2", "550.127.05": "12.4", "570.86.15": "12.8", "580.65.06": "13.0"}


def nvidia_smi(folder: Path, release: str, *cards: str) -> dict[str, str]:
    """Write an `nvidia-smi` that lists a driver and cards; return the environment in which it is found."""
    lines = [f"{card}, {release}, {CARDS[card][1]}, {CARDS[card][0]}" for card in cards]
    folder.mkdir(exist_ok=True)
    program = folder / "nvidia-smi"
    program.write_text("#!/bin/sh\n" + "".join(f"echo '{line}'\n" for line in lines))
    program.chmod(0o755)
    return {"PATH": f"{folder}{os.pathsep}{PATH}"}


def library(folder: Path, release: str, *cards: str) -> dict[str, str]:
    """Build a driver's library for these cards; return the environment in which it is found before any other."""
    need(shutil.which("cc"), "a C compiler (cc)")
    folder.mkdir(exist_ok=True)
    real = folder / f"libcuda.so.{release}"
    subprocess.run(["cc", "-shared", "-fPIC", "-o", real, STAND_IN / "libcuda.c"], check=True)
    (folder / "libcuda.so.1").symlink_to(real.name)
    major, minor = CUDA[release].split(".")
    gpus = ",".join(f"{card}/{CARDS[card][0]}/{CARDS[card][1]}" for card in cards)
    return {
        "LD_LIBRARY_PATH": str(folder),
        "STAND_IN_CUDA": str(1000 * int(major) + 10 * int(minor)),
        "STAND_IN_GPUS": gpus,
    }
