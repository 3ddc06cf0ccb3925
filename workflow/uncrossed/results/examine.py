"""Whether a file of a study is sound, by its hash in a list, or by what is in it.

HDF5 may crash or hang on a damaged file, so one whose bytes are not known to be right is read in a process of its own.
"""

import json
import signal
import threading
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from pathlib import Path
from typing import NamedTuple

from uncrossed.common.errors import UnreadableError
from uncrossed.common.files import DAMAGE, sha256
from uncrossed.datasets import dataset_file
from uncrossed.results.facts import Contents, Own, TrialFacts, read
from uncrossed.study import layout

# Enough for any file.
SECONDS = 600
# How a process ends that HDF5 has crashed; one that is killed otherwise says nothing of the file.
CRASHES = {-number for number in (signal.SIGSEGV, signal.SIGABRT, signal.SIGFPE, signal.SIGILL)}
CRASHES |= {-signal.SIGBUS} if hasattr(signal, "SIGBUS") else set()


class Examined(NamedTuple):
    """What one file was found to be.

    Attributes:
        facts: of a sound trial file; of any other file there are none.
        fault: what is wrong with it, or None.
        damaged: whether it is proven not to be what was once written, so that it may be moved aside.
    """

    facts: TrialFacts | None = None
    fault: str | None = None
    damaged: bool = False


def examine(path: Path, listed: str | None, process: "Hdf5Process", own: Own) -> Examined:
    """Check a file of any kind.

    Args:
        path: of the file.
        listed: its SHA-256 in a list of checksums, if it is in one.
        process: reads HDF5 files.
        own: of the study's own architectures the mechanisms that make a difference.
    """
    try:
        matches = listed is not None and sha256(path) == listed
        if matches:
            # Its bytes are right, so that HDF5 reads them, and its hashes are too: only what is compared is read again.
            contents = read(path, own, check_hashes=False) if layout.is_trial_file(path) else Contents()
        elif path.suffix == ".h5":
            contents = process.read(path, own)
        elif path.suffix == ".json" and listed is None:
            if "seconds_per_epoch" not in json.loads(path.read_bytes()):
                raise ValueError("no run record: it has no 'seconds_per_epoch'")
            contents = Contents()
        else:
            return Examined(fault="its SHA-256 is not the listed one", damaged=True)
    except OSError as error:
        return Examined(fault=f"cannot be read ({error.strerror or error})")
    except (UnreadableError, dataset_file.OtherVersionError) as error:
        return Examined(fault=str(error).removeprefix(f"{path}: "))
    except DAMAGE as error:
        return Examined(fault=f"damaged ({error})", damaged=True)
    if contents.fault and matches:
        return Examined(fault=f"its SHA-256 is the listed one, but: {contents.fault}")
    if contents.fault:
        return Examined(fault=contents.fault, damaged=True)
    if listed and not matches:
        return Examined(fault="sound, but another than is listed; build the study again")
    return Examined(facts=contents.facts)


class Hdf5Process:
    """A process that reads HDF5 files, started again whenever one crashes it. Threads may share it, one at a time."""

    def __enter__(self) -> "Hdf5Process":
        """Start it."""
        self.pool, self.lock = _process(), threading.Lock()
        return self

    def __exit__(self, *_: object) -> None:
        """End it."""
        self.pool.shutdown(cancel_futures=True)

    def read(self, path: Path, own: Own) -> Contents:
        """What `read` returns.

        Raises:
            UnreadableError: as `read`; or the process did not end by itself, as for want of memory.
            OtherVersionError: as `read`.
            OSError: the operating system does not give the file.
        """
        with self.lock:
            process = None
            try:
                reading = self.pool.submit(read, path, own)
                (process,) = self.pool._processes.values()
                return reading.result(timeout=SECONDS)
            except (BrokenProcessPool, TimeoutError) as error:
                endless = isinstance(error, TimeoutError)
                if process:
                    process.kill()  # if it is not dead already
                    process.join()
                self.pool.shutdown(cancel_futures=True)
                self.pool = _process()
                if endless:
                    sha256(path)  # raises, or never ends, where it is the file system that gives nothing
                elif process is None or process.exitcode not in CRASHES:
                    raise UnreadableError(f"{path}: cannot be read (its reader was killed)") from error
                return Contents(fault=f"damaged (HDF5 {'never ends reading' if endless else 'crashes on'} it)")


def _process() -> ProcessPoolExecutor:
    return ProcessPoolExecutor(1, mp_context=get_context("spawn"))
