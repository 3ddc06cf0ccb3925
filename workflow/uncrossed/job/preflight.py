"""Before any training on a GPU: do driver and card suit the framework's build, and does one step run?

`PINNED` says what the builds in `envs/` need; of another build the framework is asked, once it is imported.
"""

import importlib.metadata
import re
import time
from typing import Any, NamedTuple

import numpy as np

from uncrossed.common import cuda
from uncrossed.common.cuda import Driver, Gpu, Version
from uncrossed.study.trial import Settings, Trial
from uncrossed.training import backends
from uncrossed.training.architectures import load
from uncrossed.training.backends import DeviceError

# The oldest driver that runs CUDA of a major version.
DRIVERS = {11: 450, 12: 525, 13: 580}
# The largest batches of the default study take 4,300 MB on a CPU, and a framework's own data some hundreds on a GPU.
MEMORY_MB = 5000
# cuDNN from this version on has no code for older cards than these.
CUDNN, CUDNN_CAPABILITY = (9, 11), (7, 5)


class Build(NamedTuple):
    """A framework as it is installed.

    Attributes:
        name: with its version.
        cuda: what it was built for.
        codes: the compute capabilities that it has machine code for; each serves newer ones of its major version.
        ptx: one that it has code for which a driver can compile for all newer ones.
        least: what else it needs of a card.
    """

    name: str
    cuda: Version
    codes: tuple[Version, ...]
    ptx: Version | None = None
    least: Version = (0, 0)

    @classmethod
    def of(cls, values: list[Any]) -> "Build":
        """A build that was JSON meanwhile."""
        name, built, codes, ptx, least = values
        return cls(name, tuple(built), tuple(map(tuple, codes)), tuple(ptx) if ptx else None, tuple(least))

    @property
    def driver(self) -> int:
        """The oldest driver that runs it; 0 where that is not known."""
        return DRIVERS.get(self.cuda[0], 0)

    @property
    def oldest(self) -> Version:
        """The compute capability of the oldest card that runs it; 0.0 where that is not known."""
        return max(self.least, min(self.codes, default=(0, 0)))

    def runs_on(self, capability: Version) -> bool:
        """Whether it has code for a card."""
        own = any(code[0] == capability[0] and code <= capability for code in self.codes)
        compiled = self.ptx is not None and self.ptx <= capability
        return capability >= self.least and (own or compiled or not self.codes)


PINNED = {
    "pytorch": Build("PyTorch 2.14.1", (13, 0), ((7, 5), (8, 0), (8, 6), (9, 0), (10, 0), (12, 0))),
    "tensorflow": Build(
        "TensorFlow 2.21.0", (12, 5), ((6, 0), (7, 0), (8, 0), (8, 9)), ptx=(9, 0), least=CUDNN_CAPABILITY
    ),
}

# What the two pairs of environments in `envs/` have; PyTorch's for CUDA 12 is as its makers' index describes it.
BUILDS = {
    "cuda13": PINNED,
    "cuda12": {
        "pytorch": Build("PyTorch 2.14.1", (12, 6), ((5, 0), (6, 0), (7, 0), (7, 5), (8, 0), (8, 6), (9, 0))),
        "tensorflow": PINNED["tensorflow"]._replace(least=(0, 0)),
    },
}


def installed(framework: str) -> Build | None:
    """A framework as this process imports it; None where it was built for CPUs."""
    if framework == "pytorch":
        import torch

        if not torch.version.cuda:
            return None
        name, built, listed = f"PyTorch {torch.__version__}", torch.version.cuda, torch.cuda.get_arch_list()
        least = (0, 0)
    else:
        import tensorflow as tf

        info = tf.sysconfig.get_build_info()
        if not info.get("is_cuda_build"):
            return None
        name, built, listed = f"TensorFlow {tf.__version__}", info["cuda_version"], info["cuda_compute_capabilities"]
        least = CUDNN_CAPABILITY if _cudnn() >= CUDNN else (0, 0)
    found = [re.fullmatch(r"(sm|compute)_(\d+)(\d)[a-z]?", text) for text in listed]
    codes = {kind: [] for kind in ("sm", "compute")}
    for kind, major, minor in (match.groups() for match in found if match):
        codes[kind].append((int(major), int(minor)))
    return Build(name, _version(built), tuple(sorted(codes["sm"])), min(codes["compute"], default=None), least)


def _cudnn() -> Version:
    """The cuDNN that TensorFlow loads: of its package, or of a site."""
    try:
        return _version(importlib.metadata.version("nvidia-cudnn-cu12"))
    except importlib.metadata.PackageNotFoundError:
        return _version(cuda.versions().get("cudnn", "0.0"))


def _version(text: str) -> Version:
    major, minor = [*map(int, re.findall(r"\d+", text)), 0][:2]
    return major, minor


def unsuitable(build: Build | None, driver: Driver | None) -> str:
    """What does not suit: what is there, what is needed and what to do, on one line; empty where all does.

    Args:
        build: the framework's, None if it is one for CPUs.
        driver: with the GPUs that a training sees; it takes the first.
    """
    if build is None:
        return "a build for CPUs is installed: install the one of envs/, or set `device: cpu` in the study"
    needs = f"{build.name} for CUDA {_words(build.cuda)} needs {_needed(build)}"
    if driver is None:
        return f"no NVIDIA driver is here; {needs}: run this where a GPU is, or set `device: cpu` in the study"
    release = f"driver {driver.release or 'of unknown release'}"
    release += f" for CUDA {_words(driver.cuda)}" if driver.cuda else ""
    if not driver.gpus:
        return (
            f"{release}, and no GPU that this process may use; {needs}: ask for a GPU (`gpu` or `gres` in the profile)"
        )
    todo = _todo(build, driver)
    others = [other for other in BUILDS["cuda12"].values() if other.name.split()[0] == build.name.split()[0]]
    if todo and any(not _todo(other, driver) for other in others):
        todo.append("or choose the environments for CUDA 12 (`environments` in the profile)")
    return f"{described(driver.gpus[0])}, {release}; {needs}: {'; '.join(todo)}" if todo else ""


def _todo(build: Build, driver: Driver) -> list[str]:
    """What to do so that a build can train on the first GPU."""
    gpu, found = driver.gpus[0], []
    if not _new_enough(build, driver):
        found.append("have the driver updated, or ask for nodes with a newer one")
    if gpu.capability and not build.runs_on(gpu.capability):
        found.append("ask for another type of GPU (`constraint` or `gpu_model` in the profile)")
    if gpu.memory_mb and gpu.memory_mb < MEMORY_MB:
        found.append("ask for a GPU, or a share of one, with more memory")
    return found


def _new_enough(build: Build, driver: Driver) -> bool:
    # A package for forward compatibility brings a newer CUDA to an older driver.
    if driver.cuda:
        return driver.cuda[0] >= build.cuda[0]
    major = driver.release.split(".")[0]
    return not major.isdigit() or int(major) >= build.driver


def _needed(build: Build) -> str:
    newest = "" if build.ptx or not build.codes else f" to {max(build.codes)[0]}.x"
    card = f"compute capability {_words(build.oldest)}{newest or ' or newer'}"
    return f"driver {build.driver} or newer, a card of {card} and {MEMORY_MB:,} MB"


def described(gpu: Gpu) -> str:
    """A GPU in words."""
    known = [f"compute capability {_words(gpu.capability)}"] if gpu.capability else []
    known += [f"{gpu.memory_mb:,} MB"] if gpu.memory_mb else []
    return f"{gpu.name} ({', '.join(known)})" if known else gpu.name


def _words(version: Version) -> str:
    return "{}.{}".format(*version)


def check(framework: str, settings: Settings) -> dict[str, Any]:
    """Look at driver and card, and take two training steps of a small convolutional network, in this process.

    Args:
        framework: `pytorch` or `tensorflow`.
        settings: with the device; on a CPU there are only the steps.

    Returns:
        What was found, for a JSON file.

    Raises:
        DeviceError: something does not suit; on one line what is there, what is needed and what to do.
        ModuleNotFoundError: the framework is not installed.
    """
    backend = backends.load(framework, settings)
    build, found = installed(framework), {}
    if settings.device == "gpu":
        driver = cuda.driver() or cuda.nvidia_smi()
        if said := unsuitable(build, driver):
            raise DeviceError(said)
        found = {
            "driver": driver.release,
            "driver_cuda": driver.cuda and _words(driver.cuda),
            "gpus": [
                {
                    "name": gpu.name,
                    "compute_capability": gpu.capability and _words(gpu.capability),
                    "memory_mb": gpu.memory_mb,
                }
                for gpu in driver.gpus
            ],
            "needs": _needed(build),
        }
    device = backend.configure(settings)
    try:
        seconds = _steps(backend, settings)
    except Exception as error:  # whatever a framework raises
        said = " ".join(str(error).split())[:300]
        raise DeviceError(f"{device}: a training step fails ({type(error).__name__}: {said})") from error
    if settings.device == "gpu" and (said := cuda.replaced()):
        raise DeviceError(said)
    return {
        "framework": framework,
        "build": build and f"{build.name} for CUDA {_words(build.cuda)}",
        "device": device,
        **found,
        "versions": backend.versions(),
        "step_seconds": seconds,
    }


def _steps(backend: Any, settings: Settings) -> list[float]:
    """The seconds of two training steps, the first with all that is loaded and compiled."""
    random = np.random.default_rng(0)
    images = {split: random.integers(0, 256, (32, 32, 32, 3), np.uint8) for split in ("train", "test")}
    labels = {split: random.integers(0, 10, 32, np.uint8) for split in images}
    row = {"trial": "preflight", "architecture": "smallcnn", "learning_rate": 0.01, "batch_size": 16}
    row |= {"adam_epsilon": 1e-7, "epochs": 1}
    network = load("smallcnn").on((32, 32, 3), 10)
    learner = backend.Learner(Trial.check(row, "preflight"), network, settings, images, labels)
    before, seconds = learner.weights(), []
    for batch in ((0, 16), (16, 32)):
        started = time.perf_counter()
        logits = learner.train([batch])
        seconds.append(round(time.perf_counter() - started, 3))
        if not np.isfinite(logits).all():
            raise ValueError("logits that are not finite")
    if all(np.array_equal(array, before[name]) for name, array in learner.weights().items()):
        raise ValueError("no weight moved")
    return seconds
