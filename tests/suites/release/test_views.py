"""Views are released with the trial files that they belong to, and searched for secrets like these."""

import h5py

from helpers.commands import told
from helpers.publishing import LIST, publish, released_files
from helpers.results import carry

TRIAL = "resnet50-0001"


def test_views_are_in_the_list_of_a_release_and_not_in_that_of_a_build(folder, tmp_path):
    carry(folder / f"trials/{TRIAL}/tensorflow.h5")
    # Of a trial that is no more.
    (folder / "trials/gone").mkdir()
    (folder / "trials/gone/tensorflow.views.h5").write_bytes(b"")
    told("release", folder)
    views = f"trials/{TRIAL}/tensorflow.views.h5"
    assert [name for name in released_files(folder / LIST) if "views" in name] == [views]
    assert not any("views" in name for name in released_files(folder / "SHA256SUMS"))
    publish(folder, f"file://{tmp_path}/out", tmp_path / "r.json")
    (copy,) = (tmp_path / "out").rglob("*.views.h5")
    assert copy.read_bytes() == (folder / views).read_bytes()
    assert "all files are as they should be" in told("verify", copy.parents[2])


def test_a_secret_in_views_is_refused(folder, tmp_path):
    path = folder / f"trials/{TRIAL}/tensorflow.h5"
    carry(path)
    with h5py.File(path.with_suffix(".views.h5"), "r+") as file:
        file.attrs["note"] = "/home/someone"
    told("release", folder)
    output = publish(folder, f"file://{tmp_path}/out", tmp_path / "r.json", code=2).stdout
    assert f"trials/{TRIAL}/tensorflow.views.h5: attribute 'note' of /: a home path" in output
