"""Equal results are equal bytes, and what is written is read."""

import os
import resource
import signal
import subprocess
import sys
import time

import h5py
import numpy as np

from helpers.commands import REPOSITORY
from helpers.results import make
from uncrossed.results import trial_file


def test_what_is_written_is_read(tmp_path):
    trial_file.write(tmp_path / "a.h5", make())
    read, made = trial_file.read(tmp_path / "a.h5"), make()
    assert made.attributes.items() <= read.attributes.items()
    left, right = dict(trial_file.arrays(read)), dict(trial_file.arrays(made))
    assert list(left) == list(right)
    for name in left:
        assert isinstance(left[name], np.ndarray)
        assert left[name].dtype == right[name].dtype
        np.testing.assert_array_equal(left[name], right[name])
    assert list(read.weights[4]) == ["b.weight", "a.num_batches_tracked", "nested/kernel"]


def test_equal_results_are_equal_bytes_wherever_and_whenever(tmp_path):
    trial_file.write(tmp_path / "a.h5", make())
    time.sleep(1.1)
    trial_file.write(tmp_path / "some/where/b.h5", make())
    assert (tmp_path / "a.h5").read_bytes() == (tmp_path / "some/where/b.h5").read_bytes()


def test_the_last_epoch_is_the_largest_number_and_not_the_last_text(tmp_path):
    result = make()
    result.weights = {10_000: result.weights[0], 9_999: result.weights[4]}
    trial_file.write(tmp_path / "a.h5", result)
    assert list(trial_file.read(tmp_path / "a.h5").weights) == [9_999, 10_000]
    with trial_file.opened(tmp_path / "a.h5") as file:
        assert trial_file.kept_epochs(file) == [9_999, 10_000]
        assert max(file["weights"], key=int) == "10000"  # as docs/reading.md has it


def test_metadata_lie_before_the_data(tmp_path):
    trial_file.write(tmp_path / "a.h5", make())
    with h5py.File(tmp_path / "a.h5") as file:
        offsets = [file[name].id.get_offset() for name, _ in trial_file.arrays(make())]
        content = (tmp_path / "a.h5").read_bytes()
    # The last hash that is stored with an array stands before the first byte of any array.
    assert content.rindex(trial_file.array_sha256(make().labels).encode()) < min(offsets)


def test_a_full_disk_leaves_nothing_and_keeps_what_was_there(tmp_path):
    # A limit on the size of files stands in for the disk's: the kernel refuses the write in the same place.
    (tmp_path / "a.h5").write_bytes(b"older")
    program = "import sys; from helpers import results; results.trial_file.write(sys.argv[1], results.make())"
    path = f"{REPOSITORY / 'tests'}:{REPOSITORY / 'workflow'}"

    def limit() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))

    command = [sys.executable, "-c", program, tmp_path / "a.h5"]
    environment = {**os.environ, "PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(command, preexec_fn=limit, capture_output=True, text=True, env=environment)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == "OSError: [Errno 27] File too large"
    assert (tmp_path / "a.h5").read_bytes() == b"older"
    assert [path.name for path in tmp_path.iterdir()] == ["a.h5"]
