"""Jobs of an earlier run that Slurm still has: found by their IDs in Slurm's own queue, and ended."""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path

from uncrossed.errors import InputError


def end_jobs(identifiers: Iterable[str], seconds: float = 180) -> list[str]:
    """End jobs that this user submitted from this folder; returns once Slurm has seen them go.

    They get SIGTERM, on which a training saves its checkpoint: whoever takes the trial up goes on from there.

    Args:
        identifiers: job IDs as `sbatch` gave them, `ARRAY_TASK` for tasks of arrays; those that Slurm no longer knows,
            or that are somebody else's or another folder's by now, are left alone.
        seconds: how long to wait for them to go.

    Returns:
        The IDs of the jobs that were ended.

    Raises:
        InputError: Slurm could not be asked, or jobs did not go.
    """
    identifiers = sorted(set(identifiers))
    if not identifiers or not shutil.which("squeue"):
        return []
    alive = _alive(identifiers)
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
    while left := _alive(alive):
        if time.monotonic() > deadline:
            raise InputError(f"Slurm jobs of an earlier run did not end in {seconds:g} s: {', '.join(left)}")
        time.sleep(1)
    return alive


def _alive(identifiers: list[str]) -> list[str]:
    # One ID that Slurm does not know is an error to squeue, several are not.
    jobs = ",".join([*identifiers, *identifiers])
    command = ["squeue", "--me", "--noheader", f"--jobs={jobs}", "--format=%i|%Z"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise InputError(f"Slurm cannot be asked for jobs of an earlier run ({error})") from error
    if done.returncode and "Invalid job id" not in done.stderr:
        raise InputError(f"Slurm cannot be asked for jobs of an earlier run: {done.stderr.strip()}")
    lines = [line.split("|", 1) for line in done.stdout.splitlines() if "|" in line]
    here = Path.cwd().resolve()
    return [identifier for identifier, folder in lines if Path(os.path.realpath(folder)) == here]
