"""Equal trainings run once, and a copy is what a training would have made."""

import pandas as pd
import pytest

from helpers.commands import told, uncrossed
from helpers.studies import ROWS, Folder
from uncrossed.results import trial_file
from uncrossed.study.study import Study
from uncrossed.study.trial import FRAMEWORKS

SEMANTICS = {
    "a": "native",
    "b": "stride=pytorch;conv_bias=tensorflow",
    "c": "batchnorm_momentum=pytorch",
    "d": "aligned",
}


def with_semantics(folder: Folder, rows: dict[str, str]) -> None:
    """Make a manifest of the first trial of the tests' study with other semantics, by trial."""
    values = ROWS["first"]
    line = f"smallcnn,{values['learning_rate']},{values['batch_size']},{values['adam_epsilon']},1"
    lines = ["trial,architecture,learning_rate,batch_size,adam_epsilon,epochs,semantics"]
    folder.manifest.write_text("\n".join(lines + [f"{trial},{line},{text}" for trial, text in rows.items()]) + "\n")


@pytest.fixture(scope="module")
def crossed(tmp_path_factory):
    """A finished study of one trial with several semantics."""
    folder = Folder(tmp_path_factory.mktemp("crossed"))
    with_semantics(folder, SEMANTICS)
    folder.snakemake("pytorch", "tensorflow", "results/tiny/tables/trials.parquet")
    return folder


def attributes_and_content(folder: Folder, trial: str, framework: str) -> tuple[dict, str]:
    attributes = trial_file.read(folder.results / f"trials/{trial}/{framework}.h5").attributes
    return attributes["row"]["semantics"], attributes["content_sha256"]


def test_a_mechanism_that_does_not_touch_the_architecture_changes_the_recorded_semantics_only(crossed):
    for framework in FRAMEWORKS:
        (native, content), (other, same) = (attributes_and_content(crossed, t, framework) for t in "ab")
        assert native == {}
        assert other == {"stride": "pytorch", "conv_bias": "tensorflow"}
        assert content == same
        one, two = (crossed.results / f"trials/{t}/{framework}.h5" for t in "ab")
        assert told("compare", one, two).startswith("same result\n")


def test_a_side_that_a_setting_leaves_native_is_trained_once(crossed):
    logs = {(t, f): (crossed.results / f"logs/trials/{t}/{f}.log").read_text() for t in "abcd" for f in FRAMEWORKS}
    copied = {key for key, text in logs.items() if "the same training as a" in text}
    # In TensorFlow the third trial is the first one's view.
    assert copied == {(trial, framework) for trial in "bc" for framework in FRAMEWORKS}
    assert attributes_and_content(crossed, "c", "pytorch")[1] == attributes_and_content(crossed, "a", "pytorch")[1]
    runs = pd.read_parquet(crossed.results / "tables/runs.parquet").set_index(["trial", "framework"])
    assert runs.loc[("c", "pytorch"), "twin"] == "a"
    assert crossed.planned("pytorch", "tensorflow") == []


@pytest.mark.more
def test_a_copy_equals_a_training(crossed, tmp_path):
    job = Study.load(crossed.path / "study.yaml").job("c").canonical()
    data = crossed.path / "results/datasets/digits-few.h5"
    uncrossed("train", "pytorch", "--job", job, "--dataset", data, "--output", tmp_path / "c.h5")
    copied = crossed.results / "trials/c/pytorch.h5"
    assert told("compare", tmp_path / "c.h5", copied) == "same file\n"
    other = crossed.results / "trials/d/pytorch.h5"
    # A twin that is none is not copied: the trial is trained.
    command = ["train", "pytorch", "--job", job, "--dataset", data, "--output", tmp_path / "x.h5", "--twin", other]
    assert "not the same training as d: another row" in uncrossed(*command).stdout
    assert (tmp_path / "x.h5").read_bytes() == copied.read_bytes()


def test_rows_that_come_and_go_train_nothing_that_is_finished(crossed, tmp_path):
    folder = crossed.copy(tmp_path / "work")
    # A row that would have been the one to train comes, the one that was trained goes.
    with_semantics(folder, {"0": "native"} | SEMANTICS)
    assert folder.planned() == ["pytorch 0", "tensorflow 0"]
    with_semantics(folder, {trial: text for trial, text in SEMANTICS.items() if trial != "a"})
    # What was copied from it stays, whichever is newer, and what is missing is copied from another.
    for suffix in ("json", "h5"):
        (folder.results / f"trials/c/pytorch.{suffix}").touch()
    assert folder.planned("pytorch", "tensorflow") == []
    (folder.results / "trials/b/pytorch.h5").unlink()
    assert folder.planned() == ["pytorch b"]
    folder.snakemake("results/tiny/trials/b/pytorch.h5")
    log = (folder.results / "logs/trials/b/pytorch.log").read_text()
    assert "the same training as c: taken" in log


def test_a_row_that_becomes_equal_to_a_finished_one_is_made_of_it(crossed, tmp_path):
    folder = crossed.copy(tmp_path / "work")
    with_semantics(folder, {"a": "aligned", "d": "aligned"})
    # The file of `a` is there, but of the row that it was.
    assert folder.planned("pytorch", "tensorflow") == ["pytorch a", "tensorflow a"]
    folder.snakemake("pytorch", "tensorflow")
    assert "the same training as d: taken" in (folder.results / "logs/trials/a/pytorch.log").read_text()
    assert folder.planned("pytorch", "tensorflow") == []
