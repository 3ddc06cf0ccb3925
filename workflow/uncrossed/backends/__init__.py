"""One module per framework, mirror images of each other: same names, same order.

`configure(settings)` sets the framework up and returns the device kind; `versions()` tells what decides bits;
`Learner` holds model, optimizer and images, takes the steps and predicts. All else is the loop's.
"""

import importlib
import os
from types import ModuleType

from uncrossed.trial import Settings

# Variables that would change bits without leaving a trace in a trial file.
BEHIND_OUR_BACK = (
    *("OMP_THREAD_LIMIT", "OMP_SCHEDULE", "MKL_CBWR", "DNNL_MAX_CPU_ISA", "ONEDNN_MAX_CPU_ISA"),
    *("NVIDIA_TF32_OVERRIDE", "TORCH_ALLOW_TF32_CUBLAS_OVERRIDE", "TF_DETERMINISTIC_OPS", "TF_XLA_FLAGS", "XLA_FLAGS"),
)


class DeviceError(RuntimeError):
    """The device that was asked for is not there."""


def load(framework: str, settings: Settings) -> ModuleType:
    """Set the environment variables that must stand before a framework is imported, and import its backend.

    Args:
        framework: `pytorch` or `tensorflow`.
        settings: the study's.

    Raises:
        ModuleNotFoundError: the framework is not installed.
    """
    os.environ["CUBLAS_WORKSPACE_CONFIG"] = ":4096:8"
    os.environ["TF_ENABLE_ONEDNN_OPTS"] = "1" if settings.onednn else "0"
    os.environ["KERAS_BACKEND"] = "tensorflow"
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[name] = str(settings.threads)
    # Never fewer threads than that, whatever the machine's load.
    os.environ["OMP_DYNAMIC"] = os.environ["MKL_DYNAMIC"] = "FALSE"
    for name in BEHIND_OUR_BACK:
        os.environ.pop(name, None)
    if settings.device == "cpu":
        os.environ["CUDA_VISIBLE_DEVICES"] = ""
    return importlib.import_module(f"uncrossed.backends.{framework}")
