"""One module per framework, mirror images of each other: same names, same order.

`configure(settings)` sets the framework up and returns the device kind; `versions()` tells what decides bits;
`Learner` holds model, optimizer and images, takes the steps and predicts. All else is the loop's.
"""

import importlib
import os
import platform
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

from uncrossed.common import environment


class DeviceError(RuntimeError):
    """The device that was asked for, or as many threads of it, is not there."""


def load(framework: str, settings: Any) -> ModuleType:
    """Set the environment variables that must stand before a framework is imported, and import its backend.

    What `environment` ignores is dropped.

    Args:
        framework: `pytorch` or `tensorflow`.
        settings: the study's.

    Raises:
        ModuleNotFoundError: the framework is not installed.
    """
    environment.drop()
    threads = str(settings.threads)
    os.environ |= {
        "CUBLAS_WORKSPACE_CONFIG": ":4096:8",
        "TF_ENABLE_ONEDNN_OPTS": "1" if settings.onednn else "0",
        "KERAS_BACKEND": "tensorflow",
        "KERAS_HOME": os.devnull,  # the user's keras.json is not read
        "OMP_NUM_THREADS": threads,
        "MKL_NUM_THREADS": threads,
        # Never fewer threads than that, whatever the machine's load.
        "OMP_DYNAMIC": "FALSE",
        "MKL_DYNAMIC": "FALSE",
    }
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    if settings.device == "cpu":
        os.environ["CUDA_VISIBLE_DEVICES"] = ""
    return importlib.import_module(f"uncrossed.training.backends.{framework}")


@cache
def cpu() -> str:
    """The CPU as numeric kernels dispatch on it, for example `cpu x86_64 AuthenticAMD avx512`."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    fields = dict(reversed([[part.strip() for part in line.split(":", 1)] for line in lines if ":" in line]))
    flags = set(fields.get("flags", "").split())
    widest = next((level for level in ("amx_tile", "avx512f", "avx2", "avx") if level in flags), "")
    return " ".join(part for part in ("cpu", platform.machine(), fields.get("vendor_id", ""), widest) if part)
