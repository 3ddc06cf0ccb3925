"""The NVIDIA driver, its GPUs, and the CUDA libraries of this process: what they say of themselves.

A framework names what it was built with. What is loaded decides bits, and may be another version, which a site has put
before the environment's own.
"""

import contextlib
import ctypes
import importlib.util
import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

Version = tuple[int, int]
# What lists all GPUs of a machine; since driver 510 it knows compute capabilities.
NVIDIA_SMI = ("nvidia-smi", "--query-gpu=name,driver_version,memory.total,compute_cap", "--format=csv,noheader,nounits")


class Gpu(NamedTuple):
    """A GPU: its name, compute capability and memory in MB, as far as they are known."""

    name: str
    capability: Version | None
    memory_mb: int | None


class Driver(NamedTuple):
    """The driver: its release, the newest CUDA that it runs, as far as they are known, and the GPUs that it shows."""

    release: str
    cuda: Version | None
    gpus: tuple[Gpu, ...]


def driver() -> Driver | None:
    """What the driver says to this process, which may see some of its GPUs; None where there is none.

    No GPU is set up for that. The order is that in which frameworks number the GPUs.
    """
    try:
        library = ctypes.CDLL("libcuda.so.1")
        version = _integer(library.cuDriverGetVersion)
    except (OSError, AttributeError):
        return None
    return Driver(release(), (version // 1000, version % 1000 // 10) if version else None, tuple(_gpus(library)))


def _gpus(library: ctypes.CDLL) -> Iterator[Gpu]:
    if library.cuInit(0) != 0:
        return
    for number in range(_integer(library.cuDeviceGetCount)):
        device = _integer(library.cuDeviceGet, number)
        name, memory = ctypes.create_string_buffer(256), ctypes.c_size_t()
        library.cuDeviceGetName(name, len(name), device)
        library.cuDeviceTotalMem_v2(ctypes.byref(memory), device)
        # CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR and _MINOR
        major, minor = (_integer(library.cuDeviceGetAttribute, attribute, device) for attribute in (75, 76))
        yield Gpu(name.value.decode(errors="replace"), (major, minor), memory.value // 2**20)


def nvidia_smi() -> Driver | None:
    """What `nvidia-smi` lists, whatever this process may see of it; None where there is none, or it lists nothing."""
    try:
        done = subprocess.run(NVIDIA_SMI, capture_output=True, text=True, timeout=60)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return listed(done.stdout) if done.returncode == 0 else None


def listed(text: str) -> Driver | None:
    """The driver and GPUs in what `nvidia-smi` says: lines of name, release, memory in MiB and capability."""
    # A name may have commas in it; what is not known is [N/A] or the like.
    line = re.compile(r"(.+), ([\d.]+), (\d+|\[.*?\]), (?:(\d+)\.(\d+)|\[.*?\])")
    found = [match.groups() for match in map(line.fullmatch, text.splitlines()) if match]
    if not found:
        return None
    gpus = (
        Gpu(name, (int(major), int(minor)) if major else None, int(memory) if memory.isdigit() else None)
        for name, _, memory, major, minor in found
    )
    return Driver(found[0][1], None, tuple(gpus))


def release() -> str:
    """The driver's release: of its library in this process, or else of its kernel module; empty where it is unknown.

    The two differ where a site has CUDA's package for forward compatibility; what is compiled while a training runs is
    compiled by the library.
    """
    for path in _mapped():
        if number := re.fullmatch(r"libcuda\.so\.(\d{3,}\.[\d.]+)", path.name):
            return number[1]
    with contextlib.suppress(OSError):
        text = Path("/proc/driver/nvidia/version").read_text(encoding="utf-8", errors="replace")
        if number := re.search(r"\s(\d{3,}\.[\d.]+)\s", text):
            return number[1]
    return ""


def versions() -> dict[str, str]:
    """Of the CUDA runtime, cuDNN and cuBLAS in this process, as far as they are loaded, and the driver."""
    found = {}
    asked = {"cuda": ("libcudart", _runtime), "cudnn": ("libcudnn", _cudnn), "cublas": ("libcublas", _cublas)}
    for name, (library, ask) in asked.items():
        paths = [path for path in _mapped() if _stem(path) == library]
        with contextlib.suppress(OSError, AttributeError):
            found[name] = "; ".join(sorted({ask(ctypes.CDLL(str(path))) for path in paths}))
    found["driver"] = release()
    return {name: version for name, version in found.items() if version}


def replaced() -> str:
    """What to say of CUDA libraries in this process that stand in the place of the environment's own; empty if none do.

    Where the environment has none of that name, as with a site's own build of a framework, there is nothing to replace.
    """
    found = importlib.util.find_spec("nvidia")
    folders = [Path(place).resolve() for place in (found.submodule_search_locations or [])] if found else []
    own = {_stem(path): path for folder in folders for path in folder.glob("*/lib/lib*.so*")}
    others = [
        str(path)
        for path in _mapped()
        if _stem(path) in own and not any(path.is_relative_to(folder) for folder in folders)
    ]
    if not others:
        return ""
    return (
        f"{', '.join(others)}: loaded in the place of what the environment has; results would have other bits than "
        "with the pinned versions: clear LD_LIBRARY_PATH (`unset LD_LIBRARY_PATH`, `module purge`) and start again"
    )


def _mapped() -> list[Path]:
    """The libraries in this process, by their real paths, sorted."""
    try:
        lines = Path("/proc/self/maps").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []
    return sorted({Path(line.split(maxsplit=5)[-1]) for line in lines if ".so" in line and "/" in line})


def _stem(path: Path) -> str:
    return path.name.split(".so")[0]


def _integer(function: Callable[..., int], *arguments: int) -> int:
    """The number that a function writes through its first argument; 0 where it fails."""
    number = ctypes.c_int()
    return number.value if function(ctypes.byref(number), *arguments) == 0 else 0


def _runtime(library: ctypes.CDLL) -> str:
    number = _integer(library.cudaRuntimeGetVersion)
    return f"{number // 1000}.{number % 1000 // 10}" if number else ""


def _cudnn(library: ctypes.CDLL) -> str:
    library.cudnnGetVersion.restype = ctypes.c_size_t
    number = library.cudnnGetVersion()
    # Before 9 the major version stands for thousands.
    major, rest = divmod(number, 10_000 if number >= 90_000 else 1000)
    return f"{major}.{rest // 100}.{rest % 100}"


def _cublas(library: ctypes.CDLL) -> str:
    parts = []
    for kind in range(3):
        number = ctypes.c_int()
        library.cublasGetProperty(kind, ctypes.byref(number))
        parts.append(str(number.value))
    return ".".join(parts)
