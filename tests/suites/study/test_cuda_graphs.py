"""CUDA graphs are a setting that changes nothing while it is off, and is refused where it would freeze numbers."""

import json
from pathlib import Path

import pytest

from helpers.commands import uncrossed
from helpers.studies import Folder
from uncrossed.common.errors import InputError
from uncrossed.study.study import Study

ON = {"device": "gpu", "cuda_graphs": True}
BOX = {"learning_rate": 0.01, "batch_size": 50, "adam_epsilon": 0.1, "epochs": 2}
MANIFEST = "trial,architecture,learning_rate,batch_size,adam_epsilon,epochs,semantics\na,{},0.01,50,0.1,2,{}\n"


def study(folder: Path, architecture: str = "smallcnn", semantics: str = "native", **settings: object) -> Study:
    """A study of one row, on a GPU and with CUDA graphs unless other settings are given."""
    made = Folder(folder)
    made.manifest.write_text(MANIFEST.format(architecture, semantics))
    made.configure(settings=settings or ON)
    return Study.load(folder / "study.yaml")


def test_while_it_is_off_a_result_is_attributed_to_what_it_was_before(tmp_path):
    for settings in ({"device": "gpu"}, {"device": "gpu", "cuda_graphs": False}):
        made = study(tmp_path, **settings)
        row = (
            '{"adam_epsilon":0.1,"architecture":"smallcnn","batch_size":50,"epochs":2,"learning_rate":0.01,"seed":0,'
            '"semantics":{},"trial":"a"}'
        )
        attributed = (
            '{"deterministic":true,"device":"gpu","keep_epochs":[],"onednn":true,"precision":"float32","tf32":false,'
            '"threads":1}'
        )
        dataset = json.dumps(made.dataset.identity().model_dump(mode="json"), sort_keys=True, separators=(",", ":"))
        assert made.job("a").canonical() == f'{{"dataset":{dataset},"row":{row},"settings":{attributed}}}'
        assert "cuda_graphs" not in json.dumps([made.statement(), made.common, made.handed()])


def test_on_it_is_part_of_what_a_result_is_attributed_to(tmp_path):
    made = study(tmp_path)
    assert made.common["settings"]["cuda_graphs"] is True
    assert json.loads(made.job("a").canonical())["settings"] == made.common["settings"]
    assert made.statement()["settings"]["cuda_graphs"] is True


@pytest.mark.parametrize("settings", [{"device": "cpu"}, {"device": "gpu", "precision": "float64"}])
def test_only_a_gpu_with_float32_has_them(settings, tmp_path):
    with pytest.raises(InputError, match=r"cuda_graphs: found true with device .*allowed: true with device gpu"):
        study(tmp_path, **settings, cuda_graphs=True)


FROZEN = {
    ("smallcnn", "adam_epsilon=tensorflow"): "adam_epsilon=tensorflow",
    ("smallcnn", "dropout_masks=shared"): "dropout_masks=shared",
    ("vgg16", "aligned"): "dropout_masks=shared",
}
REPEATED = [
    ("smallcnn", "native"),
    ("smallcnn", "adam_epsilon=pytorch"),
    ("resnet50", "aligned"),
    ("resnet50", "dropout_masks=shared"),
    ("smallcnn", "dropout=tensorflow;dropout_masks=shared"),
    ("resnet50", "padding=tensorflow;batchnorm_variance=tensorflow"),
]


@pytest.mark.parametrize(("architecture", "semantics"), FROZEN)
def test_a_row_whose_steps_take_other_numbers_each_is_refused_before_anything_is_built(
    architecture, semantics, tmp_path
):
    made = study(tmp_path, architecture, semantics)
    with pytest.raises(InputError) as caught:
        assert made.rows
    for part in ("row 1 (line 2)", FROZEN[architecture, semantics], "allowed: the setting 'cuda_graphs' false"):
        assert part in str(caught.value)
    assert study(tmp_path, architecture, semantics, device="gpu").rows


@pytest.mark.parametrize(("architecture", "semantics"), REPEATED)
def test_a_row_whose_steps_are_alike_is_not(architecture, semantics, tmp_path):
    assert study(tmp_path, architecture, semantics).rows


def test_so_is_a_search_of_such_rows(tmp_path):
    search = {"architectures": ["smallcnn"], "box": BOX, "trials": 2, "start": 1, "semantics": "aligned"}
    folder = Folder(tmp_path)
    folder.configure(search=search, settings=ON)
    del folder.configuration["manifest"]
    folder.configure()
    with pytest.raises(InputError, match=r"search\.semantics: dropout_masks=shared: .*'cuda_graphs' false"):
        Study.load(tmp_path / "study.yaml")


def test_and_a_training_of_one(few, tmp_path):
    row = {"trial": "a", "architecture": "smallcnn", **BOX, "semantics": "adam_epsilon=tensorflow"}
    words = ["--row", json.dumps(row), "--settings", json.dumps(ON), "--dataset", few, "--output", tmp_path / "a.h5"]
    assert "row a: adam_epsilon=tensorflow: each of" in uncrossed("train", "pytorch", *words, code=2).stdout
    assert not (tmp_path / "a.h5").exists()
