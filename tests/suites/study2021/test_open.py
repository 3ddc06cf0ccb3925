"""The published dataset opens from a folder or over HTTP, by every name that means one trial."""

import hashlib
import shutil
import sys

import pytest

import uncrossed as package
from helpers.commands import run
from helpers.published import KEY, PERSON, write
from helpers.published_files import NAME, assert_small, kept, small
from uncrossed.common.errors import InputError
from uncrossed.study2021 import published_files, published_tables


def test_tables_are_parsed_and_keys_are_kept_nowhere(place, server, tmp_path, capfd):
    data = package.open_published(place)
    assert len(data) == 6
    assert list(data.trials["trial"][:2]) == ["vgg16-00000000", "vgg16-aaaa0000"]
    assert list(data.trials["name"][:2]) == [NAME, "dual_train_aaaa0000"]
    expected = published_tables.parse(write({}), "vgg16", "t.csv").iloc[0].dropna().to_dict()
    assert {name: data.trials.iloc[0][name] for name in expected} == expected
    assert set(data.versions.values()) == {"unknown"}
    assert list(data.select(architecture="vgg16", batch_size=">150").trials["trial"]) == ["vgg16-aaaa0000"]
    assert len(data.trials.query("epochs == 50")) == 3
    with pytest.raises(InputError, match=r"no column 'epoch'; .* did you mean 'epochs'\?"):
        data.select(epoch=3)
    files = [path for path in (tmp_path / "cache").rglob("*") if path.is_file()]
    assert bool(files) == (place == server.url)
    said = "".join(capfd.readouterr()) + repr(data) + data.trials.to_csv()
    for text in (said, *(path.read_bytes().decode("latin-1") for path in files)):
        assert KEY[:8] not in text
        assert PERSON not in text
        assert "api_key" not in text


def test_a_name_keeps_its_case_where_it_is_a_files(server):
    table = server.folder / "wandb_exports" / published_tables.SOURCES[0].name
    table.write_bytes(write({"Name": "dual_train_5E67eae2"}))
    small(server.folder / "cifar10/vgg_lambda/model_weights/dual_train_5E67eae2.pt_model.pt")
    for place in (server.folder, server.url):
        assert_small(package.open_published(place).trial("vgg16-5e67eae2").pytorch.weights)


def test_a_flat_folder_of_tables_is_enough(copy, tmp_path):
    flat = shutil.copytree(copy / "wandb_exports", tmp_path / "flat")
    data = package.open_published(flat)
    assert len(data) == 6
    with pytest.raises(InputError, match=f"{NAME}.pt_model.pt: no such file"):
        data.trial("vgg16-00000000").pytorch.weights  # noqa: B018
    (flat / published_tables.SOURCES[1].name).unlink()
    with pytest.raises(InputError, match=r"not the dataset of 2021; allowed: .*resnet_cifar10_wandb_export\.csv"):
        package.open_published(flat)


def test_the_default_place_is_the_public_bucket(server, monkeypatch):
    (server.folder / "crossed-wires-dataset").symlink_to(server.folder)
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", server.url)
    assert len(package.open_published()) == 6
    monkeypatch.delenv("STORAGE_EMULATOR_HOST")
    root = published_files.folder_at(published_files.BUCKET).root
    assert root == "https://storage.googleapis.com/crossed-wires-dataset"


def test_a_known_version_of_a_table_is_named(place, server, monkeypatch):
    contents = [(server.folder / "wandb_exports" / source.name).read_bytes() for source in published_tables.SOURCES]
    digests = [hashlib.sha256(content).hexdigest() for content in contents]
    pairs = zip(published_tables.SOURCES, [(digests[0], "0"), ("0", digests[1]), ("0", "0")], strict=True)
    sources = tuple(published_tables.Source(source.architecture, source.path, *known) for source, known in pairs)
    monkeypatch.setattr(published_tables, "SOURCES", sources)
    expected = {"vgg16": "original", "resnet50": "cleaned", "densenet121": "unknown"}
    assert package.open_published(place).versions == expected
    server.reset()
    assert package.open_published(place).versions == expected
    assert server.sent == 0


@pytest.mark.parametrize(
    "row", [{"learning_rate": "fast"}, {"tf_test_acc": KEY}, {"Name": "../../etc"}, {"tf_training_loss": "exit()"}]
)
def test_a_table_that_is_not_sound_is_refused_and_not_kept(row, place, server, tmp_path):
    (server.folder / "wandb_exports" / published_tables.SOURCES[0].name).write_bytes(write({}, row))
    with pytest.raises(InputError, match=rf"vgg_cifar10_wandb_export\.csv: row 2, column '{next(iter(row))}'") as error:
        package.open_published(place)
    assert KEY[:8] not in str(error.value)
    assert not kept(tmp_path, "vgg_cifar10")


def test_a_trial_is_called_by_every_name_that_means_one(copy):
    data = package.open_published(copy)
    for name in ("vgg16-aaaa0000", "dual_train_aaaa0000", "aaaa0000"):
        assert data.trial(name).name == "vgg16-aaaa0000"
    assert data.trial("resnet50-00000000").row["architecture"] == "resnet50"
    for name in (NAME, "00000000"):
        several = "vgg16-00000000, resnet50-00000000, densenet121-00000000"
        with pytest.raises(InputError, match=f"several trials '{name}': {several}"):
            data.trial(name)
    assert data.select(architecture="resnet50").trial("00000000").name == "resnet50-00000000"
    for name, near in (
        ("aaa0002", "aaaa0002"),
        ("dual_train_aaa0002", "dual_train_aaaa0002"),
        ("vgg16-aaaa00", "vgg16-aaaa0000"),
    ):
        with pytest.raises(KeyError, match=f"no trial '{name}'; .* did you mean '{near}'"):
            data.trial(name)


def test_what_is_missing_is_named_and_importing_is_light(copy, tmp_path):
    program = f"""
import sys, uncrossed
assert not {{"h5py", "numpy", "pandas", "pydantic"}} & sys.modules.keys()
trial = uncrossed.open_published({str(copy)!r}).trial("vgg16-00000000")
assert not {{"torch", "tensorflow", "keras"}} & sys.modules.keys()
sys.modules["torch"] = sys.modules["tensorflow"] = None
for read in (lambda: trial.pytorch.weights, trial.pytorch.model, lambda: trial.tensorflow.weights):
    try:
        read()
    except uncrossed.common.errors.InputError as error:
        print(error)
"""
    lines = run(sys.executable, "-c", program).stdout.splitlines()
    for line, framework in zip(lines, ["pytorch", "pytorch", "tensorflow"], strict=True):
        assert f": needs {framework} (" in line
        assert line.endswith(f": pip install 'uncrossed[{framework}]'")
    program = f"import sys, uncrossed; sys.modules['pandas'] = None; uncrossed.open_published({str(copy)!r})"
    assert "need pandas: pip install 'uncrossed[reader]'" in run(sys.executable, "-c", program, code=1).stdout
