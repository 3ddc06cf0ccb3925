"""One training of a trial file at a time: one that a killed run left is stopped by the next, and saves its state.

`{framework}.job` beside the trial file is there, and locked, while a training of it runs; it holds, as JSON, the
process and the Slurm job.
"""

import contextlib
import json
import os
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from uncrossed.common.errors import InputError
from uncrossed.common.files import fcntl
from uncrossed.study import layout


@contextlib.contextmanager
def only_training(output: Path, seconds: float = 60) -> Iterator[None]:
    """Be the only training of a trial file while the block runs; another one of this machine is stopped first.

    Raises:
        InputError: another one does not stop within so many seconds, or runs on another machine.
    """
    path = layout.lock_beside(output)
    deadline, stopping = time.monotonic() + seconds, None
    while (stream := _locked(path)) is None:
        other = holder(output).get("process")
        if other != stopping and _is_training(other):
            print(f"{output}: an earlier training is still at work (process {other}): it is stopped", file=sys.stderr)
            with contextlib.suppress(OSError):
                os.kill(other, signal.SIGTERM)
            stopping = other
        if time.monotonic() > deadline:
            raise InputError(f"{output}: another training of it is at work (process {other}); end it first")
        time.sleep(0.2)
    with stream:
        stream.truncate(0)
        json.dump({"process": os.getpid(), "slurm": os.environ.get("SLURM_JOB_ID")}, stream)
        stream.flush()
        try:
            yield
        finally:
            path.unlink(missing_ok=True)


def holder(output: str | os.PathLike[str]) -> dict[str, Any]:
    """`process` and `slurm` of the training that holds the lock of a trial file, or held it when it was killed."""
    try:
        return json.loads(layout.lock_beside(output).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}


def _locked(path: Path) -> Any:
    """The open lock file, locked; None where another process has it."""
    while True:
        stream = open(path, "a+", encoding="utf-8")  # noqa: SIM115 - it is open as long as the lock is held
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            stream.close()
            return None
        except OSError:
            # A file system without locks.
            pass
        # Whoever held it before may have removed it between our opening and locking.
        if os.fstat(stream.fileno()).st_nlink:
            return stream
        stream.close()


def _is_training(process: Any) -> bool:
    """Whether a process of this machine is a training of ours."""
    try:
        return b"uncrossed\0train\0" in Path(f"/proc/{int(process)}/cmdline").read_bytes()
    except (OSError, TypeError, ValueError):
        return False
