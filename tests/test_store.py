"""The trial file: equal results are equal bytes, damage is named, nothing half-written is left."""

import contextlib
import errno
import os
import resource
import signal
import subprocess
import sys
import time

import h5py
import numpy as np
import pytest

from conftest import REPOSITORY, no_more_files, uncrossed
from uncrossed.common.errors import InputError, UnreadableError
from uncrossed.common.files import complete
from uncrossed.results import trial_file
from uncrossed.results.compare import compare


def make(**changes: object) -> trial_file.Result:
    """A small result with arrays of every kind; `changes` replace attributes."""
    random = np.random.default_rng(0)
    attributes = {
        "framework": "pytorch",
        "row": {"trial": "a", "learning_rate": 0.1},
        "settings": {"threads": 1},
        "dataset": {"name": "digits"},
        "versions": {"torch": "2"},
        "status": "completed",
        "device": "cpu",
        "dataset_sha256": "0" * 64,
        "code_sha256": "1" * 64,
    }
    weights = {
        "b.weight": random.standard_normal((3, 2, 2)).astype(np.float32),
        "a.num_batches_tracked": np.array(7, dtype=np.int64),
        "nested/kernel": random.standard_normal(5),
    }
    return trial_file.Result(
        attributes | changes,
        {name: random.random(4) for name in trial_file.CURVES},
        random.standard_normal((6, 10)).astype(np.float32),
        np.arange(6, dtype=np.uint8),
        {0: weights, 4: {name: array + 1 for name, array in weights.items()}},
    )


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
        assert max(file["weights"], key=int) == "10000"  # as README has it


def test_metadata_lie_before_the_data(tmp_path):
    trial_file.write(tmp_path / "a.h5", make())
    with h5py.File(tmp_path / "a.h5") as file:
        offsets = [file[name].id.get_offset() for name, _ in trial_file.arrays(make())]
        content = (tmp_path / "a.h5").read_bytes()
    # The last hash that is stored with an array stands before the first byte of any array.
    assert content.rindex(trial_file.array_sha256(make().labels).encode()) < min(offsets)


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


def test_a_full_disk_leaves_nothing_and_keeps_what_was_there(tmp_path):
    # A limit on the size of files stands in for the disk's: the kernel refuses the write in the same place.
    (tmp_path / "a.h5").write_bytes(b"older")
    program = "import test_store, sys; test_store.trial_file.write(sys.argv[1], test_store.make())"
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


def test_an_interrupted_write_leaves_nothing(tmp_path):
    def write() -> None:
        with complete(tmp_path / "x") as temporary:
            temporary.write_text("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write()
    assert not list(tmp_path.iterdir())


def test_compare_tells_same_file_same_result_and_different(tmp_path):
    trial_file.write(tmp_path / "a.h5", make())
    trial_file.write(tmp_path / "b.h5", make())
    trial_file.write(tmp_path / "c.h5", make(versions={"torch": "3"}))
    changed = make(row={"trial": "a", "learning_rate": 0.2})
    changed.weights[4]["b.weight"][0, 0, 0] += 0.25
    trial_file.write(tmp_path / "d.h5", changed)
    unexplained = make()
    unexplained.logits[0, 0] = np.nan
    trial_file.write(tmp_path / "e.h5", unexplained)
    assert compare(tmp_path / "a.h5", tmp_path / "b.h5").verdict == "same file"
    same = compare(tmp_path / "a.h5", tmp_path / "c.h5")
    assert (same.verdict, same.explanations) == ("same result", ["stack: versions.torch 2 against 3"])
    different = compare(tmp_path / "a.h5", tmp_path / "d.h5")
    assert different.verdict == "different"
    assert different.explanations == ["job: row.learning_rate 0.1 against 0.2"]
    assert different.differences == {"weights/0004/b.weight": 0.25}
    nothing = compare(tmp_path / "a.h5", tmp_path / "e.h5")
    assert "nothing recorded explains" in nothing.explanations[0]
    assert nothing.differences == {"predictions/logits": np.inf}
    infinite, near = make(), make()
    for result in (infinite, near):
        result.logits[0, 0] = np.inf
    near.logits[0, 1] += 0.5
    trial_file.write(tmp_path / "f.h5", infinite)
    trial_file.write(tmp_path / "g.h5", near)
    assert compare(tmp_path / "f.h5", tmp_path / "g.h5").differences["predictions/logits"] == pytest.approx(0.5)


def test_the_command_compare_has_the_documented_exit_codes(tmp_path):
    trial_file.write(tmp_path / "a.h5", make())
    trial_file.write(tmp_path / "b.h5", make(versions={"torch": "3"}))
    changed = make()
    changed.logits[0, 0] += 1
    trial_file.write(tmp_path / "c.h5", changed)
    a = tmp_path / "a.h5"
    assert uncrossed("compare", a, a).stdout == "same file\n"
    assert uncrossed("compare", a, tmp_path / "b.h5").stdout.startswith("same result\n")
    assert "predictions/logits: largest difference 1\n" in uncrossed("compare", a, tmp_path / "c.h5", code=1).stdout
    assert "no such trial file" in uncrossed("compare", a, tmp_path / "none.h5", code=2).stdout
