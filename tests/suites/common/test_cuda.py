"""Drivers, GPUs and loaded CUDA libraries are what they say themselves."""

import json
import shutil
import sys
from importlib import metadata, util
from pathlib import Path

import pytest

from helpers import drivers
from helpers.commands import need, run
from helpers.drivers import A100, T4, V100
from uncrossed.common import cuda, environment

SAYS = "import json; from uncrossed.common import cuda; print(json.dumps([cuda.driver(), cuda.nvidia_smi()]))"


@pytest.fixture
def wheels():
    """The environment's own CUDA libraries, by their names."""
    found = util.find_spec("nvidia")
    folders = found.submodule_search_locations if found else []
    libraries = {path.name: path for folder in folders for path in Path(folder).glob("*/lib/lib*.so*")}
    need("libcudart.so.13" in libraries, "PyTorch's CUDA packages")
    return libraries


def test_the_driver_and_nvidia_smi_say_which_gpus_there_are(tmp_path):
    environment = drivers.library(tmp_path / "driver", "535.183.01", V100, A100)
    environment |= drivers.nvidia_smi(tmp_path / "bin", "535.183.01", T4)
    driver, listed = json.loads(run(sys.executable, "-c", SAYS, **environment).stdout)
    assert driver == ["535.183.01", [12, 2], [[V100, [7, 0], 16160], [A100, [8, 0], 40960]]]
    assert listed == ["535.183.01", None, [[T4, [7, 5], 15360]]]
    none = run(sys.executable, "-c", SAYS, **drivers.library(tmp_path / "empty", "580.65.06")).stdout
    assert json.loads(none)[0] == ["580.65.06", [13, 0], []]


def test_what_nvidia_smi_does_not_know_is_unknown():
    assert cuda.listed("Tesla T4, 470.82.01, 15360, [N/A]\n").gpus == (("Tesla T4", None, 15360),)
    assert cuda.listed("A, with a comma, 580.65.06, [N/A], 10.0\n").gpus == (("A, with a comma", (10, 0), None),)
    assert cuda.listed("No devices were found\n") is None
    assert cuda.listed("") is None


def test_loaded_libraries_say_their_own_versions(wheels):
    code = (
        "import json, torch; from uncrossed.common import cuda; print(json.dumps([cuda.versions(), cuda.replaced()]))"
    )
    found, replaced = json.loads(run(sys.executable, "-c", code).stdout)
    assert replaced == ""
    packages = {"cuda": "nvidia-cuda-runtime", "cudnn": "nvidia-cudnn-cu13", "cublas": "nvidia-cublas"}
    for name, package in packages.items():
        assert f"{metadata.version(package)}.".startswith(f"{found[name]}.")


def test_a_library_from_elsewhere_in_the_place_of_a_pinned_one_is_named(wheels, tmp_path):
    """Also where the site's has the longer name that such libraries have outside of packages."""
    site = tmp_path / "libcudart.so.13.0.96"
    shutil.copy(wheels["libcudart.so.13"], site)
    code = "import ctypes, sys; from uncrossed.common import cuda; ctypes.CDLL(sys.argv[1]); print(cuda.replaced())"
    said = run(sys.executable, "-c", code, site).stdout
    assert said.startswith(f"{site}: loaded in the place of what the environment has; ")
    assert "unset LD_LIBRARY_PATH" in said
    # What the environment does not have replaces nothing.
    other = tmp_path / "libcudasite.so.1"
    shutil.copy(wheels["libcudart.so.13"], other)
    assert run(sys.executable, "-c", code, other).stdout == "\n"


def test_variables_that_the_frameworks_read_on_gpus_are_ignored(monkeypatch):
    named = (
        *("TF_CUDNN_DETERMINISTIC", "TF_CUDNN_USE_AUTOTUNE", "TF_CUDNN_WORKSPACE_LIMIT_IN_MB"),
        *("TF_CUDNN_DISABLE_CONV_1X1_OPTIMIZATION", "TF_CUBLAS_WORKSPACE_LIMIT_IN_MB", "TF_USE_CUBLASLT"),
        *("TF_MATMUL_AUTOTUNE_ENABLE", "TF_USE_DETERMINISTIC_SEGMENT_REDUCTIONS", "TORCH_BLAS_PREFER_CUBLASLT"),
        *("TORCH_CUDNN_USE_HEURISTIC_MODE_B", "TORCH_CUDNN_V8_API_DISABLED", "PYTORCH_TUNABLEOP_ENABLED"),
        *("CUBLASLT_WORKSPACE_SIZE", "DISABLE_ADDMM_CUDA_LT", "NVIDIA_TF32_OVERRIDE", "CUDA_FORCE_PTX_JIT"),
    )
    for name in named:
        monkeypatch.setenv(name, "1")
    assert set(named) <= set(environment.ignored())
