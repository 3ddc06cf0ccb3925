"""The order of training examples is a setting that changes nothing while it is the dataset's."""

import json
from pathlib import Path

import pytest

from helpers.commands import uncrossed
from helpers.studies import Folder
from helpers.trainings import row
from uncrossed.common.errors import InputError
from uncrossed.study.study import Study
from uncrossed.study.trial import Job

ROW = (
    '{"adam_epsilon":0.001,"architecture":"smallcnn","batch_size":30,"epochs":2,"learning_rate":0.01,"seed":7,'
    '"semantics":{},"trial":"smallcnn"}'
)
SETTINGS = (
    '"deterministic":true,"device":"cpu","keep_epochs":[],"onednn":true,"precision":"float32","tf32":false,"threads":1'
)


def study(folder: Path, **settings: object) -> Study:
    """A study of two rows with these settings."""
    made = Folder(folder)
    made.configure(settings=settings)
    return Study.load(folder / "study.yaml")


@pytest.mark.parametrize("settings", [{}, {"order": "dataset"}])
def test_in_the_dataset_s_order_a_result_is_attributed_to_what_it_was_before(settings, tmp_path):
    job = Job.check({"row": json.loads(row()), "settings": settings}, "test")
    assert job.canonical() == f'{{"dataset":null,"row":{ROW},"settings":{{{SETTINGS}}}}}'
    made = study(tmp_path, **settings)
    assert '"order"' not in json.dumps([made.statement(), made.common, made.handed(), made.job("first").canonical()])


def test_shuffled_is_part_of_what_a_result_is_attributed_to(tmp_path):
    made = study(tmp_path, order="shuffled")
    assert made.common["settings"]["order"] == "shuffled"
    assert made.statement()["settings"]["order"] == "shuffled"
    assert json.loads(made.job("first").canonical())["settings"] == made.common["settings"]


@pytest.mark.parametrize("order", ["random", True, None])
def test_another_order_is_refused_in_words(order, tmp_path):
    with pytest.raises(InputError, match=r"settings\.order': found .*; allowed: dataset or shuffled"):
        study(tmp_path, order=order)


def test_and_by_a_training(few, tmp_path):
    words = ["--row", row(), "--settings", json.dumps({"order": "sorted"}), "--dataset", few]
    said = uncrossed("train", "pytorch", *words, "--output", tmp_path / "a.h5", code=2).stdout
    assert "found 'sorted'; allowed: dataset or shuffled" in said
    assert not (tmp_path / "a.h5").exists()
