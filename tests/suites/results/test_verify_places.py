"""A study is verified wherever it lies, in part or whole."""

import shutil

import pytest

import uncrossed as package
from helpers.commands import told
from helpers.server import Server
from helpers.verified import FIRST, SECOND, SOUND
from uncrossed.results.verify import verify


def test_a_copy_of_some_trials_passes_where_missing_files_are_ignored(folder, tmp_path):
    package.open(folder).select(trial=FIRST).download(tmp_path / "copy", progress=False)
    assert "missing, but listed" in told("verify", tmp_path / "copy", code=1)
    assert SOUND in told("verify", f"file://{tmp_path}/copy", "--ignore-missing")


@pytest.mark.usefixtures("network")
def test_a_study_behind_a_url(folder):
    with Server(folder) as server:
        assert not any(verify(server.url)[:3])
        assert SOUND in told("verify", server.url)
        server.faults = ["truncated", 503, "reset"]
        assert not any(verify(server.url)[:3])
        path = folder / f"trials/{FIRST}/pytorch.h5"
        path.write_bytes(path.read_bytes()[:-1] + b"x")
        (folder / f"trials/{SECOND}/tensorflow.h5").unlink()
        (folder / "SHA256SUMS").write_text(
            "".join(line for line in (folder / "SHA256SUMS").open() if "vgg16-0002/pytorch" not in line)
        )
        faults = verify(server.url).faults
    assert len(faults) == 3
    assert faults[0] == f"{server.url}/SHA256SUMS: does not list trials/vgg16-0002/pytorch.h5"
    assert any(fault.startswith(f"{server.url}/trials/{FIRST}/pytorch.h5: array") for fault in faults)
    assert f"{server.url}/trials/{SECOND}/tensorflow.h5: missing, but listed" in faults


def test_datasets_beside_a_place_make_no_study_of_it(folder, few):
    datasets = folder.parent / "datasets"
    datasets.mkdir()
    shutil.copy(few, datasets)
    assert told("verify", datasets).endswith(f"{datasets}: {SOUND}\n")
    assert told("verify", folder).endswith(f"{folder}: {SOUND}\n")
    (folder.parent / "empty").mkdir()
    for place in (folder.parent / "empty", folder.parent / "not-there"):
        assert "no trial files, checksums or datasets there" in told("verify", place, code=2)


def test_a_place_without_a_study_is_one_clear_line(tmp_path):
    with Server(tmp_path) as server:
        assert "no trial files" in told("verify", server.url, code=2)
        assert "for local folders" in told("verify", server.url, "--quarantine", code=2)
        (tmp_path / "SHA256SUMS").write_text("no list\n")
        assert "SHA256SUMS: line 1 is not a checksum" in told("verify", server.url, code=1)
