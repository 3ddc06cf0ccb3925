"""Slurm jobs that an earlier run has left: where Snakemake was killed they run on, until the next run ends them."""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping

from uncrossed.common.errors import InputError
from uncrossed.job import lock


def jobs_of(outputs: Iterable[str]) -> list[str]:
    """The Slurm jobs in which trainings of these files have begun and not ended.

    Snakemake's own record of a Slurm job is lost when the job starts: the Snakemake inside it writes over it.
    """
    holders = (lock.holder(output) for output in outputs if str(output).endswith(".h5"))
    return [holder["slurm"] for holder in holders if holder.get("slurm")]


def end_jobs(earlier: Mapping[str, str], seconds: float = 180) -> list[str]:
    """End Slurm jobs of an earlier run; returns once Slurm has seen them go.

    They get SIGTERM, on which a training saves its checkpoint: whoever takes the trial up goes on from there.

    Args:
        earlier: job IDs, as `sbatch` gave them or `ARRAY_TASK`, each with its rule: a job that is not this user's or
            not of that rule is left alone, for IDs come again.
        seconds: how long to wait for them to go.

    Returns:
        The IDs of the jobs that were ended.

    Raises:
        InputError: Slurm could not be asked, or jobs did not go.
    """
    if not earlier or not shutil.which("squeue"):
        return []
    alive = _alive(earlier)
    if not alive:
        return []
    print(
        f"{len(alive)} jobs of an earlier run are still in Slurm: they are ended, save their checkpoints, and this run "
        f"goes on from there ({', '.join(alive)})",
        file=sys.stderr,
        flush=True,
    )
    subprocess.run(["scancel", *alive], check=False)
    deadline = time.monotonic() + seconds
    while left := _alive({identifier: earlier[identifier] for identifier in alive}):
        if time.monotonic() > deadline:
            raise InputError(f"Slurm jobs of an earlier run did not end in {seconds:g} s: {', '.join(left)}")
        time.sleep(1)
    return alive


def _alive(jobs: Mapping[str, str]) -> list[str]:
    # One ID that Slurm does not know is an error to squeue, several are not.
    identifiers = ",".join([*jobs, *jobs])
    command = ["squeue", "--me", "--noheader", "--array", f"--jobs={identifiers}", "--format=%i|%k"]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("SQUEUE_")}
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, env=environment)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise InputError(f"Slurm cannot be asked for jobs of an earlier run ({error})") from error
    if done.returncode and "Invalid job id" not in done.stderr:
        raise InputError(f"Slurm cannot be asked for jobs of an earlier run: {done.stderr.strip()}")
    lines = [line.split("|", 1) for line in done.stdout.splitlines() if "|" in line]
    # The executor's comment on a job, of a group the name of its first rule at the end.
    return [
        identifier
        for identifier, comment in lines
        if identifier in jobs and comment.startswith("rule_") and jobs[identifier] in comment
    ]
