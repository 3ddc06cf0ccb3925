"""Damage of a trial file is named, and what cannot be read is not called damaged."""

import contextlib
import errno
import os

import h5py
import numpy as np
import pytest

from helpers.commands import no_more_files, uncrossed
from helpers.results import make
from uncrossed.common.errors import InputError, UnreadableError
from uncrossed.results import trial_file
from uncrossed.results.compare import compare


def test_every_flipped_bit_of_data_is_noticed(tmp_path):
    path = tmp_path / "a.h5"
    trial_file.write(path, make())
    with h5py.File(path) as file:
        places = {name: file[name].id.get_offset() for name, _ in trial_file.arrays(make())}
    whole = path.read_bytes()
    for name, place in places.items():
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        with pytest.raises(InputError, match=name):
            trial_file.read(path)


def test_every_flipped_bit_is_a_clear_error_or_harmless(tmp_path):
    trial_file.write(tmp_path / "a.h5", make())
    whole = (tmp_path / "a.h5").read_bytes()
    random = np.random.default_rng(1)
    for place in random.integers(0, len(whole), 300):
        flipped = bytes([whole[place] ^ (1 << int(random.integers(8)))])
        (tmp_path / "b.h5").write_bytes(whole[:place] + flipped + whole[place + 1 :])
        with contextlib.suppress(InputError):
            compare(tmp_path / "a.h5", tmp_path / "b.h5")


@pytest.mark.parametrize("kept", [0, 100, 3000, -1])
def test_a_truncated_file_is_refused(kept, tmp_path):
    path = tmp_path / "a.h5"
    trial_file.write(path, make())
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(InputError, match=str(path)):
        trial_file.read(path)


def test_what_fails_to_be_read_is_not_called_damaged(tmp_path, monkeypatch):
    path = tmp_path / "a.h5"
    trial_file.write(path, make())
    for read in (trial_file.read, trial_file.read_attributes, trial_file.read_curves):
        with no_more_files(), pytest.raises(UnreadableError, match=f"^{path}: cannot be read .Too many open files.$"):
            read(path)
        for after in range(3):  # in the middle of the file too
            calls = iter(range(after))

            def broken(*arguments, calls=calls, whole=os.preadv):
                if next(calls, None) is None:
                    raise OSError(errno.EIO, os.strerror(errno.EIO))
                return whole(*arguments)

            monkeypatch.setattr(os, "preadv", broken)
            with pytest.raises(UnreadableError, match=f"^{path}: cannot be read .Input/output error.$"):
                read(path)
            monkeypatch.undo()
    for other in (tmp_path, "/dev/null"):
        with pytest.raises(UnreadableError, match=r"cannot be read .*(Is a directory|not a regular file)"):
            trial_file.read(other)


def test_a_command_that_cannot_read_a_file_ends_with_its_exit_code():
    """The end of the interpreter does not crash either, whatever the error keeps of HDF5."""
    output = uncrossed("compare", "/proc/self/mem", "/proc/self/mem", code=1).stdout
    assert output == "uncrossed: /proc/self/mem: cannot be read (Input/output error)\n"


def test_another_schema_is_refused(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.attrs["schema"] = "something-else"
    with pytest.raises(InputError, match="'something-else'; allowed: 'uncrossed-trial-1'"):
        trial_file.read(tmp_path / "a.h5")
