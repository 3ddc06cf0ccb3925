"""Only what is damaged is moved."""

import fcntl
import os
import shutil
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import h5py
import pytest

from helpers.commands import told, uncrossed
from helpers.verified import FIRST, SOUND
from uncrossed.common.errors import UnreadableError
from uncrossed.results.examine import Hdf5Process
from uncrossed.results.verify import verify


@pytest.mark.parametrize("setting", ["TRUE", "BEST_EFFORT", "nonsense"])
def test_a_site_that_wants_locks_where_there_are_none_loses_no_sound_file(setting, folder, few):
    """Whoever holds the files locked stands in for a file system without locks: HDF5 cannot lock them either."""
    (folder / "SHA256SUMS").unlink()
    (folder.parent / "datasets").mkdir()
    shutil.copy(few, folder.parent / "datasets/digits-few.h5")
    before = sorted(folder.parent.rglob("*"))
    with ExitStack() as stack:
        for path in folder.parent.rglob("*.h5"):
            fcntl.flock(stack.enter_context(path.open("rb")), fcntl.LOCK_EX)
        output = uncrossed("verify", folder, "--quarantine", code=1, HDF5_USE_FILE_LOCKING=setting).stdout
    assert "no fault in what could be checked" in output  # without a list that is all
    assert sorted(folder.parent.rglob("*")) == before


@pytest.mark.parametrize(("how", "said"), [("folder", "Is a directory"), ("loop", "Too many levels of symbolic links")])
@pytest.mark.parametrize("name", [f"trials/{FIRST}/pytorch.h5", "tables/runs.parquet", "manifest.csv"])
def test_what_cannot_be_read_is_said_so_and_never_moved(name, how, said, folder):
    if how == "folder":  # unlisted: HDF5 would be asked
        (folder / "SHA256SUMS").unlink()
    path = folder / name
    path.unlink()
    path.mkdir() if how == "folder" else path.symlink_to(path)
    output = told("verify", folder, "--quarantine", code=1)
    assert f"{path}: cannot be read ({said})\n" in output
    assert "damaged" not in output
    assert "moved to" not in output
    assert os.path.lexists(path)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV])
def test_a_reader_that_is_killed_says_nothing_of_the_file_and_one_that_crashes_does(number, folder):
    path = folder / f"trials/{FIRST}/pytorch.h5"
    with Hdf5Process() as process, ThreadPoolExecutor(1) as pool:
        assert process.read(path, {}).fault is None
        (identifier,) = process.pool._processes
        os.kill(identifier, signal.SIGSTOP)
        reading = pool.submit(process.read, path, {})
        time.sleep(0.5)
        os.kill(identifier, number)
        os.kill(identifier, signal.SIGCONT)
        if number == signal.SIGSEGV:
            assert "crashes on it" in reading.result(60).fault
        else:
            with pytest.raises(UnreadableError, match="cannot be read"):
                reading.result(60)
        assert process.read(path, {}).fault is None


def test_a_dataset_of_another_version_is_not_damaged(folder, few):
    path = folder.parent / "datasets/digits-few.h5"
    path.parent.mkdir()
    shutil.copy(few, path)
    with h5py.File(path, "r+") as file:
        file.attrs["schema"] = 3
        file.attrs["identity"] = "of another form"
        del file["test/images"]
    output = told("verify", folder, "--quarantine", code=1)
    assert f"{path}: made by another version of this package (schema 3; this one knows 2), which alone" in output
    assert "damaged" not in output
    assert path.exists()


def test_what_an_operating_system_puts_beside_files_is_not_checked(folder):
    for place in (f"trials/{FIRST}", "trials/.AppleDouble", "../datasets"):
        (folder / place).mkdir(exist_ok=True)
    for name in (f"trials/{FIRST}/._pytorch.h5", "../datasets/._digits.h5", "trials/.AppleDouble/pytorch.h5"):
        (folder / name).write_bytes(b"Mac OS X")
    assert SOUND in told("verify", folder, "--quarantine")


def test_a_checkpoint_stays_where_it_is(folder):
    path = folder / f"trials/{FIRST}/pytorch.checkpoint.h5"
    path.write_bytes(b"of a training under way")
    assert not any(verify(folder, quarantine=True)[:3])
    assert path.exists()
