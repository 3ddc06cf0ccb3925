"""The environment of a training: what a site or a user has set must not decide, slow or stop it.

Numeric libraries read hundreds of variables that change kernels, threads, precision or determinism, and their next
versions read more. So all with their prefixes are ignored, but those that are known to be harmless. Some are read as
soon as NumPy or the C library is loaded: a command that computes starts itself again without them.
"""

import contextlib
import os
import sys
from collections.abc import Iterator

PREFIXES = (
    *("OMP_", "GOMP_", "KMP_", "MKL_", "OPENBLAS_", "GOTO_", "BLIS_", "DNNL_", "ONEDNN_"),
    *("ATEN_", "TORCH", "PYTORCH_", "TF_", "TF2_", "XLA_", "KERAS_", "NPY_", "NUMPY_"),
    *("CUDA_", "CUDNN_", "CUBLAS", "NVIDIA_", "DISABLE_ADDMM_"),
    "GLIBC_TUNABLES",  # which of the C library's exp() and log() are taken
)
HARMLESS = frozenset(
    (
        # Which devices a job has, or which share of one: a scheduler says so.
        *("CUDA_VISIBLE_DEVICES", "CUDA_DEVICE_ORDER", "NVIDIA_VISIBLE_DEVICES", "NVIDIA_DRIVER_CAPABILITIES"),
        *("CUDA_MPS_PIPE_DIRECTORY", "CUDA_MPS_LOG_DIRECTORY"),
        *("CUDA_MPS_ACTIVE_THREAD_PERCENTAGE", "CUDA_MPS_PINNED_DEVICE_MEM_LIMIT"),
        # Where files are kept, and what is printed.
        *("CUDA_CACHE_PATH", "CUDA_CACHE_MAXSIZE", "CUDA_CACHE_DISABLE", "TORCH_HOME", "TF_CPP_MIN_LOG_LEVEL"),
        # Snakemake sets these for every job. Frameworks get the study's threads, and NumPy's BLAS is not used.
        *("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "GOTO_NUM_THREADS"),
        # How long a thread spins before it sleeps: whoever shares a machine may want it short.
        "GOMP_SPINCOUNT",
    )
)
RENEWED = "UNCROSSED_RENEWED"


def ignored() -> list[str]:
    """The variables that are set and ignored."""
    return sorted(name for name in os.environ if name.startswith(PREFIXES) and name not in HARMLESS)


def drop() -> None:
    """Remove what is ignored from this process's environment; what a library has read already stays in force."""
    for name in ignored():
        del os.environ[name]


@contextlib.contextmanager
def dropped(**others: str) -> Iterator[None]:
    """Remove what is ignored, and set others, while the block runs: in a process that is its user's."""
    before = {name: os.environ.get(name) for name in (*ignored(), *others)}
    drop()
    os.environ.update(others)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def renew() -> None:
    """Start this process again, with its process ID and arguments, where something is set that is ignored."""
    # Once: what a start of Python sets itself would come again and again.
    mark = str(os.getpid())
    if not ignored() or os.environ.get(RENEWED) == mark or not sys.executable:
        return
    kept = {name: value for name, value in os.environ.items() if name not in ignored()}
    for stream in (sys.stdout, sys.stderr):
        if stream:  # what Python's own start has said
            stream.flush()
    with contextlib.suppress(OSError):
        os.execve(sys.executable, [sys.executable, *sys.orig_argv[1:]], kept | {RENEWED: mark})


def of_jobs() -> dict[str, str]:
    """This environment without the packages in the user's home folder, which jobs do not see either."""
    return {**os.environ, "PYTHONNOUSERSITE": "1"}
