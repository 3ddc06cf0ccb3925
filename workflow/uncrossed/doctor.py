"""What each framework sees on this machine, what is wrong, and how to mend it."""

import importlib.metadata
import json
import os
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

from uncrossed.common import cpus, cuda, environment
from uncrossed.job import preflight
from uncrossed.study.trial import FRAMEWORKS, Settings
from uncrossed.training import backends

# Snakemake looks after jobs with squeue only where Slurm remembers them this long; else it asks sacct.
LEAST_JOB_AGE = 120


def probe(framework: str) -> dict[str, Any]:
    """What a framework sees, asked in this process: versions, its GPUs, and the device kind of each setting."""
    # As a job on a GPU would load it; one on a CPU hides the GPUs.
    backend = backends.load(framework, Settings(device="gpu"))
    found: dict[str, Any] = {"versions": backend.versions(), "device": {}}
    if framework == "pytorch":
        import torch

        found["gpus"] = [torch.cuda.get_device_name(number) for number in range(torch.cuda.device_count())]
    else:
        import tensorflow as tf

        found["gpus"] = [
            tf.config.experimental.get_device_details(gpu).get("device_name", gpu.name)
            for gpu in tf.config.list_physical_devices("GPU")
        ]
    found["build"] = preflight.installed(framework)
    try:
        if found["gpus"]:
            found["device"] = preflight.check(framework, Settings(device="gpu"))["device"]
        else:
            found["device"] = backend.configure(Settings())
    except Exception as error:
        found["error"] = f"{type(error).__name__}: {error}"
    return found


def examine() -> tuple[list[tuple[str, str]], list[str], list[str]]:
    """Examine this machine.

    Returns:
        Facts as name and value; problems, each with what to do; and what could not be looked at from here.
    """
    facts = [
        ("uncrossed", f"{importlib.metadata.version('uncrossed')}, Python {sys.version.split()[0]}, {sys.executable}"),
        ("cpu", f"{backends.cpu()}; {cpus.usable():g} CPUs may be used here: a study's `threads` at most"),
    ]
    problems: list[str] = []
    unseen = []
    conda = _say(problems, "conda", "--version")
    driver = cuda.listed(_say(problems, *cuda.NVIDIA_SMI))
    facts.append(("gpus", _gpus(driver) if driver else "none: a study with `device: gpu` fails here"))
    slurm = _say(problems, "sinfo", "--version")
    if slurm or not driver:
        which = "of the nodes that jobs run on" if slurm else "of other machines"
        unseen.append(f"drivers and GPUs {which}: the target `preflight` of a study with `device: gpu` looks at them")
    for framework in FRAMEWORKS:
        done = subprocess.run(
            [sys.executable, "-m", "uncrossed", "doctor", "--probe", framework],
            capture_output=True,
            text=True,
            env=environment.of_jobs(),
        )
        try:
            found = json.loads(done.stdout.splitlines()[-1])
        except (ValueError, IndexError):
            if "No module named" in done.stderr and conda:
                facts.append((framework, "not in this environment: jobs have it by --sdm conda"))
                unseen.append(f"{framework} in the environment that conda makes for jobs")
                problems += _unsuitable(framework, preflight.PINNED[framework], driver)
                continue
            reason = (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]
            facts.append((framework, "not usable"))
            problems.append(
                f"{framework} cannot be used ({reason}): install it with pip install '.[{framework}]', or let "
                "Snakemake do so with --sdm conda"
            )
            continue
        versions = ", ".join(f"{name} {version}" for name, version in found["versions"].items())
        build = found["build"] and preflight.Build.of(found["build"])
        facts.append(
            (framework, f"{versions}; built for {f'CUDA {build.cuda[0]}.{build.cuda[1]}' if build else 'CPUs'}")
        )
        facts.append(("", f"sees {len(found['gpus'])} GPUs{_brackets(found['gpus'])}; device kind: {found['device']}"))
        if "error" in found:
            problems.append(f"{framework} cannot be set up for reproducible runs: {found['error']}")
        if driver and not found["gpus"]:
            problems += _unsuitable(framework, build, driver) or [
                f"{framework} sees none of the GPUs that nvidia-smi lists: another package's CUDA libraries may be in "
                "its way: use an environment of its own (--sdm conda)"
            ]
    settings = Settings()
    facts.append(
        (
            "settings",
            f"by default deterministic {settings.deterministic}, tf32 {settings.tf32}, onednn {settings.onednn} on "
            "both sides; each trial file has them",
        )
    )
    if ignored := environment.ignored():
        facts.append(("environment", f"ignored by trainings, as they may change results: {', '.join(ignored)}"))
    facts.append(("conda", conda or "none: --profile slurm needs it, or --sdm env-modules beside it"))
    facts.append(("slurm", slurm or "none on the path"))
    configuration = _say(problems, "scontrol", "show", "config")
    age = [line.split("=")[1].split()[0] for line in configuration.splitlines() if "MinJobAge" in line]
    if age and age[0].isdigit() and int(age[0]) < LEAST_JOB_AGE:
        problems.append(
            f"Slurm forgets jobs after {age[0]} s (MinJobAge), too soon for squeue: put `slurm-status-command: sacct` "
            "into profiles/slurm/config.yaml, which needs Slurm's accounting database"
        )
    free = shutil.disk_usage(Path.cwd()).free / 1e9
    facts.append(("disk", f"{free:.0f} GB free here; the default study takes 210 GB"))
    if free < 1:
        problems.append("less than 1 GB is free in this folder: results will not fit")
    try:
        home = str(Path.home())
    except RuntimeError:
        home = ""
    if not os.access(home, os.W_OK):
        where = f"the home folder {home} cannot be written to" if home else "this user has no home folder"
        problems.append(f"{where}: set XDG_CACHE_HOME to one that can be written to")
    return facts, problems, unseen


def _gpus(driver: cuda.Driver) -> str:
    """The GPUs of this machine in words; those of one name once."""
    counts = Counter(map(preflight.described, driver.gpus))
    words = "; ".join(f"{count} x {gpu}" if count > 1 else gpu for gpu, count in counts.items())
    many = (
        "; a training takes the first that it sees, and other models of GPU give other bits" if len(counts) > 1 else ""
    )
    return f"{words}; driver {driver.release}{many}"


def _unsuitable(framework: str, build: preflight.Build | None, driver: cuda.Driver | None) -> list[str]:
    """What of this machine's GPUs does not suit a framework's build, one line for each model."""
    each = (driver._replace(gpus=(gpu,)) for gpu in dict.fromkeys(driver.gpus)) if driver else ()
    return [f"{framework} cannot train here: {said}" for one in each if (said := preflight.unsuitable(build, one))]


def _brackets(names: list[str]) -> str:
    return f" ({', '.join(names)})" if names else ""


def _say(problems: list[str], *command: str) -> str:
    """A command's output; empty where there is no such command, and where it fails, which is a problem."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    except FileNotFoundError:
        return ""
    except (OSError, subprocess.TimeoutExpired) as error:
        reason = str(error)
    else:
        if done.returncode == 0:
            return done.stdout.strip()
        # nvidia-smi says on its standard output what is the matter.
        reason = " ".join((done.stderr.strip() or done.stdout.strip() or f"exit code {done.returncode}").split())
    problems.append(f"`{' '.join(command)}` fails ({reason}): what it would say is not known; mend or remove it")
    return ""
