"""The doctor says what each framework sees here, and what is wrong."""

import subprocess
import sys

from helpers.commands import PATH, REPOSITORY, STAND_IN, need, run, uncrossed
from uncrossed.study.trial import FRAMEWORKS


def test_it_says_what_each_framework_sees():
    output = uncrossed("doctor", code=None).stdout
    for word in ("torch 2", "tensorflow 2", "keras 3", "device kind: ", "deterministic True", "GB free"):
        assert word in output
    assert "no problems" in output or "PROBLEM" in output


def test_a_framework_that_is_missing_is_a_problem_unless_conda_brings_it(tmp_path):
    # A folder ahead of the real one, whose module says that it is not there.
    (tmp_path / "tensorflow").mkdir()
    (tmp_path / "tensorflow/__init__.py").write_text("raise ModuleNotFoundError(\"No module named 'tensorflow'\")")
    command = [sys.executable, "-m", "uncrossed", "doctor"]
    paths = f"{tmp_path}:{REPOSITORY / 'workflow'}"
    output = run(*command, code=1, PYTHONPATH=paths).stdout
    assert "PROBLEM: tensorflow cannot be used (ModuleNotFoundError: No module named 'tensorflow')" in output
    assert "install it with pip" in output
    output = run(*command, code=None, PYTHONPATH=paths, PATH=f"{STAND_IN}:{PATH}").stdout
    assert "jobs have it by --sdm conda" in output
    assert "tensorflow cannot be used" not in output


def test_what_cannot_be_looked_at_is_said(tmp_path):
    """A program that fails is a problem; what jobs have from conda is examined by nobody."""
    for name in ("nvidia-smi", "scontrol"):
        (tmp_path / name).write_text(f"#!/bin/sh\necho '{name} cannot reach anything'\nexit 9\n")
        (tmp_path / name).chmod(0o755)
    for framework in FRAMEWORKS:
        name = tmp_path / {"pytorch": "torch"}.get(framework, framework)
        name.mkdir()
        (name / "__init__.py").write_text(f"raise ModuleNotFoundError(\"No module named '{name.name}'\")")
    command = [sys.executable, "-m", "uncrossed", "doctor"]
    paths = f"{tmp_path}:{REPOSITORY / 'workflow'}"
    conda = f"{STAND_IN}:{PATH}"
    output = run(*command, code=1, PYTHONPATH=paths, PATH=f"{tmp_path}:{conda}").stdout
    assert "PROBLEM: `nvidia-smi --query-gpu" in output
    assert "fails (nvidia-smi cannot reach anything): what it would say is not known" in output
    assert "PROBLEM: `scontrol show config` fails (scontrol cannot reach anything)" in output
    # A Slurm that answers, whether or not this machine has one that does.
    (tmp_path / "nvidia-smi").unlink()
    for name, says in (("sinfo", "slurm 22.05"), ("scontrol", "MinJobAge = 300 sec")):
        (tmp_path / name).write_text(f"#!/bin/sh\necho '{says}'\n")
        (tmp_path / name).chmod(0o755)
    output = run(*command, PYTHONPATH=paths, PATH=f"{tmp_path}:{conda}").stdout
    assert "no problems in what could be examined\n" in output
    for framework in FRAMEWORKS:
        assert f"not examined: {framework} in the environment that conda makes for jobs" in output


def test_a_forgetful_slurm_is_a_problem(tmp_path):
    (tmp_path / "scontrol").write_text("#!/bin/sh\necho 'MinJobAge               = 30 sec'\n")
    (tmp_path / "scontrol").chmod(0o755)
    output = uncrossed("doctor", code=1, PATH=f"{tmp_path}:{PATH}").stdout
    assert "Slurm forgets jobs after 30 s" in output


def test_it_names_what_is_set_and_ignored():
    ignored = {"OMP_MAX_ACTIVE_LEVELS": "0", "GLIBC_TUNABLES": "glibc.malloc.check=0", "XLA_ANY_AT_ALL": "1"}
    output = uncrossed("doctor", code=None, **ignored, CUDA_DEVICE_ORDER="PCI_BUS_ID", SLURM_JOB_ID="1").stdout
    (line,) = (line for line in output.splitlines() if line.startswith("environment"))
    assert {*ignored} <= {word.strip(",") for word in line.split()}
    assert "CUDA_DEVICE_ORDER" not in line
    assert "SLURM" not in line
    assert "CPUs may be used here" in output


def test_a_user_without_a_home_is_a_problem_and_no_traceback():
    user = ["unshare", "--user", "--map-user=54321", "env", "-u", "HOME"]
    need(subprocess.run([*user, "true"], capture_output=True).returncode == 0, "user namespaces (unshare)")
    output = run(*user, "uncrossed", "doctor", code=1).stdout
    assert "PROBLEM: this user has no home folder: set XDG_CACHE_HOME" in output
    assert "Traceback" not in output
    # Nor is a text with ~ in it a path in the home folder.
    program = 'from uncrossed.release import secrets; print(secrets.own_names().get("this user\'s home path"))'
    assert run(*user, sys.executable, "-c", program).stdout == "None\n"
