"""The doctor says what each framework sees here, and what is wrong."""

import subprocess
import sys

import pytest

from helpers import drivers
from helpers.commands import PATH, REPOSITORY, STAND_IN, need, run, uncrossed
from helpers.drivers import A100, H100, V100
from uncrossed.study.trial import FRAMEWORKS

DOCTOR = (sys.executable, "-m", "uncrossed", "doctor")


def program(path, name: str, says: str, code: int = 0) -> None:
    """Write a program that says something."""
    (path / name).write_text(f"#!/bin/sh\necho '{says}'\nexit {code}\n")
    (path / name).chmod(0o755)


def missing(path, *modules: str) -> dict[str, str]:
    """An environment in which modules are not there, and programs of a folder come first."""
    for name in modules:
        # A folder ahead of the real one, whose module says that it is not there.
        (path / name).mkdir()
        (path / name / "__init__.py").write_text(f"raise ModuleNotFoundError(\"No module named '{name}'\")")
    return {"PYTHONPATH": f"{path}:{REPOSITORY / 'workflow'}", "PATH": f"{path}:{PATH}"}


@pytest.fixture
def bare(tmp_path):
    """An environment in which conda would bring the frameworks: nothing takes time."""
    environment = missing(tmp_path, "torch", "tensorflow")
    return environment | {"PATH": f"{tmp_path}:{STAND_IN}:{PATH}"}


def test_it_says_what_each_framework_sees_and_what_is_set_and_ignored():
    ignored = {"OMP_MAX_ACTIVE_LEVELS": "0", "GLIBC_TUNABLES": "glibc.malloc.check=0", "XLA_ANY_AT_ALL": "1"}
    output = uncrossed("doctor", code=None, **ignored, CUDA_DEVICE_ORDER="PCI_BUS_ID", SLURM_JOB_ID="1").stdout
    for word in ("torch 2", "tensorflow 2", "keras 3", "device kind: ", "deterministic True", "GB free"):
        assert word in output
    assert "no problems" in output or "PROBLEM" in output
    (line,) = (line for line in output.splitlines() if line.startswith("environment"))
    assert {*ignored} <= {word.strip(",") for word in line.split()}
    assert "CUDA_DEVICE_ORDER" not in line
    assert "SLURM" not in line
    assert "CPUs may be used here" in output


@pytest.mark.more
def test_a_framework_that_is_missing_is_a_problem_unless_conda_brings_it(tmp_path):
    environment = missing(tmp_path, "tensorflow")
    output = run(*DOCTOR, code=1, **environment).stdout
    assert "PROBLEM: tensorflow cannot be used (ModuleNotFoundError: No module named 'tensorflow')" in output
    assert "install it with pip" in output
    output = run(*DOCTOR, code=None, **environment | {"PATH": f"{STAND_IN}:{PATH}"}).stdout
    assert "jobs have it by --sdm conda" in output
    assert "tensorflow cannot be used" not in output


def test_what_cannot_be_looked_at_is_said(bare, tmp_path):
    """A program that fails is a problem; what jobs have from conda is examined by nobody."""
    for name in ("nvidia-smi", "scontrol"):
        program(tmp_path, name, f"{name} cannot reach anything", code=9)
    output = run(*DOCTOR, code=1, **bare).stdout
    assert "PROBLEM: `nvidia-smi --query-gpu" in output
    assert "fails (nvidia-smi cannot reach anything): what it would say is not known" in output
    assert "PROBLEM: `scontrol show config` fails (scontrol cannot reach anything)" in output
    # A Slurm that answers, whether or not this machine has one that does.
    (tmp_path / "nvidia-smi").unlink()
    for name, says in (("sinfo", "slurm 22.05"), ("scontrol", "MinJobAge = 300 sec")):
        program(tmp_path, name, says)
    output = run(*DOCTOR, **bare).stdout
    assert "no problems in what could be examined\n" in output
    for framework in FRAMEWORKS:
        assert f"not examined: {framework} in the environment that conda makes for jobs" in output


def test_it_does_not_say_no_problems_of_gpus_that_it_could_not_look_at(bare, tmp_path):
    """On a login node, whether or not that has a GPU of its own."""
    program(tmp_path, "sinfo", "slurm 22.05")
    program(tmp_path, "scontrol", "MinJobAge = 300 sec")
    for environment in (bare, bare | drivers.nvidia_smi(tmp_path, "580.65.06", H100)):
        output = run(*DOCTOR, **bare | environment | {"PATH": bare["PATH"]}).stdout
        assert "\nno problems in what could be examined\n" in output
        assert "not examined: drivers and GPUs of the nodes that jobs run on: the target `preflight`" in output


def test_drivers_and_cards_that_do_not_suit_are_problems(bare, tmp_path):
    drivers.nvidia_smi(tmp_path, "535.183.01", A100, A100, V100)
    output = run(*DOCTOR, code=1, **bare).stdout
    assert "2 x NVIDIA A100-SXM4-40GB (compute capability 8.0, 40,960 MB); Tesla V100" in output
    assert "other models of GPU give other bits" in output
    problems = [line for line in output.splitlines() if " cannot train here: " in line]
    said = [(line.split()[1], A100 in line, "have the driver updated" in line) for line in problems]
    assert said == [("pytorch", True, True), ("pytorch", False, True), ("tensorflow", False, False)]


def test_a_forgetful_slurm_is_a_problem(bare, tmp_path):
    program(tmp_path, "scontrol", "MinJobAge               = 30 sec")
    assert "Slurm forgets jobs after 30 s" in run(*DOCTOR, code=1, **bare).stdout


def test_a_user_without_a_home_is_a_problem_and_no_traceback(bare):
    user = ["unshare", "--user", "--map-user=54321", "env", "-u", "HOME"]
    need(subprocess.run([*user, "true"], capture_output=True).returncode == 0, "user namespaces (unshare)")
    output = run(*user, *DOCTOR, code=1, **bare).stdout
    assert "PROBLEM: this user has no home folder: set XDG_CACHE_HOME" in output
    assert "Traceback" not in output
    # Nor is a text with ~ in it a path in the home folder.
    code = 'from uncrossed.release import secrets; print(secrets.own_names().get("this user\'s home path"))'
    assert run(*user, sys.executable, "-c", code).stdout == "None\n"
