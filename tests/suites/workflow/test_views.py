"""Rows that differ in evaluation mechanisms alone are trained once, and nothing that is finished is trained again."""

import json
import sys
from itertools import product

import pytest

from helpers.commands import CHECKS, run
from helpers.studies import ROWS, Folder
from uncrossed.study.trial import FRAMEWORKS

pytestmark = pytest.mark.more

SEMANTICS = {
    f"{momentum[0]}{variance[0]}": f"batchnorm_momentum={momentum};batchnorm_variance={variance}"
    for momentum, variance in product(FRAMEWORKS, repeat=2)
}
FILES = [(trial, framework) for trial in SEMANTICS for framework in FRAMEWORKS]


def with_semantics(folder: Folder, rows: dict[str, str]) -> None:
    """Make a manifest of the first trial of the tests' study with other semantics, by trial."""
    values = ROWS["first"]
    line = f"smallcnn,{values['learning_rate']},{values['batch_size']},{values['adam_epsilon']},2"
    lines = ["trial,architecture,learning_rate,batch_size,adam_epsilon,epochs,semantics"]
    folder.manifest.write_text("\n".join(lines + [f"{trial},{line},{text}" for trial, text in rows.items()]) + "\n")


def content(folder: Folder, trial: str, framework: str) -> bytes:
    """The bytes of a trial file."""
    return (folder.results / f"trials/{trial}/{framework}.h5").read_bytes()


def trained(folder: Folder) -> list[str]:
    """What was trained and not taken from another, by run records: `FRAMEWORK TRIAL`, sorted."""
    records = {path: json.loads(path.read_text()) for path in folder.results.glob("trials/*/*.json")}
    return sorted(f"{path.stem} {path.parent.name}" for path, record in records.items() if "twin" not in record)


@pytest.fixture(scope="module")
def crossed(tmp_path_factory):
    """A finished study of one trial with all combinations of evaluation mechanisms."""
    folder = Folder(tmp_path_factory.mktemp("crossed"))
    folder.configure(settings={"threads": 1, "keep_epochs": [1]})
    with_semantics(folder, SEMANTICS)
    folder.snakemake("pytorch", "tensorflow")
    return folder


def test_one_training_on_each_framework_makes_the_trial_files_of_all_combinations(crossed, tmp_path):
    assert trained(crossed) == ["pytorch pp", "tensorflow pp"]
    assert crossed.planned("pytorch", "tensorflow") == []
    for framework in FRAMEWORKS:
        data = crossed.path / "results/datasets/digits-few.h5"
        run(sys.executable, CHECKS / "direct.py", framework, crossed.path / "study.yaml", data, tmp_path)
    for trial, framework in FILES:
        direct = tmp_path / trial / f"{framework}.h5"
        assert content(crossed, trial, framework) == direct.read_bytes(), (trial, framework)


def test_rows_that_come_and_go_train_nothing_that_is_finished(crossed, tmp_path):
    folder = crossed.copy(tmp_path / "work")
    with_semantics(folder, {"0": "batchnorm_momentum=tensorflow"} | SEMANTICS)
    assert folder.planned() == ["pytorch 0", "tensorflow 0"]
    folder.snakemake("pytorch", "tensorflow")
    assert trained(folder) == ["pytorch pp", "tensorflow pp"]
    # The row that was trained goes.
    with_semantics(folder, {trial: text for trial, text in SEMANTICS.items() if trial != "pp"})
    assert folder.planned("pytorch", "tensorflow") == []


@pytest.mark.long
def test_a_row_that_comes_later_carries_the_views_and_leaves_the_finished_one_as_it_is(crossed, tmp_path):
    folder = Folder(tmp_path)
    folder.configure(settings={"threads": 1, "keep_epochs": [1]})
    with_semantics(folder, {"tt": SEMANTICS["tt"]})
    folder.snakemake("tensorflow")
    assert not list(folder.results.rglob("*.views.h5"))
    with_semantics(folder, SEMANTICS)
    folder.snakemake("tensorflow")
    assert trained(folder) == ["tensorflow pp"]
    for trial in SEMANTICS:
        assert content(folder, trial, "tensorflow") == content(crossed, trial, "tensorflow"), trial
