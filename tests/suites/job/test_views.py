"""A training that carries views is the training that it would be without, and each view is another's whole result."""

import shutil
from itertools import product
from pathlib import Path

import pytest

from helpers.commands import ARCHITECTURES, CHECKS, side_by_side
from helpers.damage import truncated
from uncrossed.common.errors import InputError
from uncrossed.job import twins
from uncrossed.results import trial_file
from uncrossed.study.architectures import Architectures
from uncrossed.study.trial import FRAMEWORKS, Job

WAYS = [f"{momentum}-{variance}" for momentum, variance in product(FRAMEWORKS, repeat=2)]
CARRYING = [f"{framework}-{framework}" for framework in FRAMEWORKS]
SETS = {"small": ("smallcnn", "unusual"), "large": ("diverging", "resnet18", "resnet50", "densenet121")}
KNOWN = Architectures({"unusual": ARCHITECTURES / "unusual.py"})


@pytest.fixture(scope="module", params=["small", pytest.param("large", marks=pytest.mark.long)])
def trained(request, few, tmp_path_factory):
    """The names of what was trained, and the folder of all trainings; the frameworks side by side."""
    folder, names = tmp_path_factory.mktemp("views"), SETS[request.param]
    side_by_side([CHECKS / "views_all.py", framework, few, folder, *names] for framework in FRAMEWORKS)
    return names, folder


def taken(source: Path, wanted: Path, framework: str, output: Path) -> bytes:
    """The trial file that is made of another training for the row of a `wanted` one."""
    attributes = trial_file.read_attributes(wanted)
    job = Job.check({key: attributes[key] for key in ("row", "settings", "dataset")}, "test")
    result, name = twins.copied(source, framework, job, KNOWN[job.row.architecture])
    assert name == job.row.trial
    trial_file.write(output, result)
    return output.read_bytes()


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_a_training_that_carries_views_has_the_bytes_that_it_has_without(framework, trained):
    names, folder = trained
    for name, ways in product(names, CARRYING):
        plain, carrying = (folder / name / kind / ways / f"{framework}.h5" for kind in ("plain", "carrying"))
        assert plain.read_bytes() == carrying.read_bytes(), (name, ways)


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_what_is_made_of_a_view_has_the_bytes_of_a_training_of_its_own(framework, trained, tmp_path):
    names, folder = trained
    for name, source, ways in product(names, CARRYING, WAYS):
        carrying, plain = folder / name / "carrying" / source, folder / name / "plain" / ways
        made = taken(carrying / f"{framework}.h5", plain / f"{framework}.h5", framework, tmp_path / "made.h5")
        assert made == (plain / f"{framework}.h5").read_bytes(), (name, source, ways)


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_views_differ_in_what_is_tested_and_not_in_what_is_trained(framework, trained):
    names, folder = trained
    for name in {*names} - {"diverging"}:
        files = [trial_file.read(folder / name / "plain" / ways / f"{framework}.h5") for ways in WAYS]
        assert len({result.logits.tobytes() for result in files}) == len(WAYS), name
        assert len({result.curves["test_loss"].tobytes() for result in files}) == len(WAYS), name
        assert len({result.curves["train_loss"].tobytes() for result in files}) == 1, name
    if "diverging" in names:
        path = folder / "diverging/plain/pytorch-pytorch" / f"{framework}.h5"
        assert trial_file.read_attributes(path)["status"] == "diverged"


def test_what_lacks_the_view_is_not_taken(trained, tmp_path, capsys):
    names, folder = trained
    source, wanted = (
        folder / names[0] / kind / ways / "pytorch.h5"
        for kind, ways in (("carrying", "pytorch-pytorch"), ("plain", "pytorch-tensorflow"))
    )
    attributes = trial_file.read_attributes(wanted)
    job = Job.check({key: attributes[key] for key in ("row", "settings", "dataset")}, "test")
    architecture, twin = KNOWN[names[0]], tmp_path / "pytorch.h5"
    shutil.copy(source, twin)
    assert twins.copied(twin, "pytorch", job, architecture) is None
    assert (
        f"not the running statistics of t, and no {tmp_path}/pytorch.views.h5; it is trained" in capsys.readouterr().err
    )
    # Views of another training.
    beside = tmp_path / "pytorch.views.h5"
    shutil.copy(source.parent.parent / "tensorflow-tensorflow/pytorch.views.h5", beside)
    assert twins.copied(twin, "pytorch", job, architecture) is None
    assert f"{beside}: of another result than {twin}; it is trained" in capsys.readouterr().err
    shutil.copy(source.parent / "pytorch.views.h5", beside)
    assert twins.copied(twin, "pytorch", job, architecture) is not None
    truncated(beside)
    with pytest.raises(InputError, match=f"{beside}: damaged.*delete it and build again"):
        twins.copied(twin, "pytorch", job, architecture)
