"""What a killed run leaves: trainings that still run, here or in Slurm, and files that Snakemake knows nothing of.

Snakemake remembers from which parameters it made a file, once it has seen the job's end. Where it was killed, or its
memory is gone, trial files are judged by what they say of themselves: see `judge`.
"""

import base64
import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from uncrossed.common.errors import InputError, UnreadableError
from uncrossed.common.files import fcntl, write_json
from uncrossed.results import trial_file


def judge(state: str | os.PathLike[str], wanted: Mapping[str, Mapping[str, Any]], version: int) -> list[str]:
    """Tell Snakemake which trial files are not what is wanted, of those whose making it has not seen to its end.

    It gets a record of another training for each of them, and so makes it again. Of the others it forgets what it
    remembers, which is of an earlier file.

    Args:
        state: the folder `.snakemake`.
        wanted: for each trial file the root attributes that it must have.
        version: of the format of Snakemake's records.

    Returns:
        The files that will be made again.

    Raises:
        UnreadableError: a file cannot be read, and may be what is wanted.
    """
    unfinished, remembered = (_subjects(Path(state, name)) for name in ("incomplete", "metadata"))
    found = []
    for output, attributes in wanted.items():
        if (output in remembered and output not in unfinished) or not Path(output).is_file():
            continue
        try:
            there = trial_file.read_attributes(output)
            good = all(there[key] == value for key, value in attributes.items())
        except UnreadableError:
            raise
        except InputError:
            good = False
        record = _record(Path(state, "metadata"), output)
        if good:
            record.unlink(missing_ok=True)
        else:
            write_json(record, {"params": ["those of another training"], "record_format_version": version})
            found.append(output)
    return found


# Snakemake's records are named by the path that they are about in base64, in pieces where that is too long for a name.
PIECE = 254


def _record(root: Path, subject: str) -> Path:
    encoded = base64.urlsafe_b64encode(subject.encode()).decode()
    *folders, name = [encoded[i : i + PIECE] for i in range(0, len(encoded), PIECE)]
    return root.joinpath(*(f"@{folder}" for folder in folders), name)


def _subjects(root: Path) -> set[str]:
    subjects = set()
    for folder, _, names in os.walk(root):
        pieces = [piece.removeprefix("@") for piece in Path(folder).relative_to(root).parts]
        for name in names:
            with contextlib.suppress(ValueError, UnicodeDecodeError):
                subjects.add(base64.urlsafe_b64decode("".join([*pieces, name])).decode())
    return subjects


@contextlib.contextmanager
def alone(output: Path, seconds: float = 60) -> Iterator[None]:
    """Be the only training of a trial file: one that a killed run left here is stopped first, and saves its state.

    `{framework}.job` beside the trial file holds this process, and its Slurm job, while the block runs.

    Raises:
        InputError: another one does not stop, or runs on another machine.
    """
    path = job_file(output)
    deadline, asked = time.monotonic() + seconds, None
    while True:
        stream = open(path, "a+", encoding="utf-8")  # noqa: SIM115 - it stays open while the block runs
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            stream.close()
            other = _read(path).get("process")
            if other != asked and _trains(other):
                print(
                    f"{output}: an earlier training is still at work (process {other}): it is stopped", file=sys.stderr
                )
                with contextlib.suppress(OSError):
                    os.kill(other, signal.SIGTERM)
                asked = other
            if time.monotonic() > deadline:
                raise InputError(
                    f"{output}: another training of it is at work (process {other}); end it first"
                ) from None
            time.sleep(0.2)
            continue
        except OSError:
            # A file system without locks.
            pass
        if not os.fstat(stream.fileno()).st_nlink:
            stream.close()
            continue
        break
    with stream:
        stream.truncate(0)
        json.dump({"process": os.getpid(), "slurm": os.environ.get("SLURM_JOB_ID")}, stream)
        stream.flush()
        try:
            yield
        finally:
            path.unlink(missing_ok=True)


def job_file(output: str | os.PathLike[str]) -> Path:
    """Where a training keeps its process and its Slurm job while it runs.

    Snakemake's own record of a Slurm job is lost when the job starts: the Snakemake inside it writes over it.
    """
    return Path(output).with_suffix(".job")


def slurm_jobs(outputs: Iterable[str]) -> list[str]:
    """The Slurm jobs that trainings of these files have left."""
    found = (_read(job_file(output)).get("slurm") for output in outputs if str(output).endswith(".h5"))
    return [identifier for identifier in found if identifier]


def _read(path: Path) -> dict[str, Any]:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}


def _trains(process: Any) -> bool:
    """Whether a process of this machine is a training of ours."""
    try:
        return b"uncrossed\0train\0" in Path(f"/proc/{int(process)}/cmdline").read_bytes()
    except (OSError, TypeError, ValueError):
        return False


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
