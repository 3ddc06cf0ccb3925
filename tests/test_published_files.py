"""The published dataset's files: right or refused, from a folder or over HTTP; nothing in them is ever run."""

import errno
import fcntl
import hashlib
import json
import pickle
import shutil
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

import uncrossed as package
from conftest import REPOSITORY, need, run
from test_published import KEY, PERSON, write
from uncrossed.common import remote
from uncrossed.common.errors import InputError
from uncrossed.reading import cache
from uncrossed.study.hyperparameters import HYPERPARAMETERS
from uncrossed.study2021 import published_files, published_tables

TABLES = REPOSITORY.parent / "shared/data/published"
FOLDERS = {"vgg16": "vgg", "resnet50": "resnet", "densenet121": "densenet"}
NAME = "dual_train_00000000"
SMALL = {"b.weight": np.arange(12, dtype=np.float32).reshape(3, 4), "a.num_batches_tracked": np.array(7)}


def weights_of(architecture: str) -> str:
    return f"cifar10/{FOLDERS[architecture]}_lambda/model_weights/{NAME}"


def small(path: Path) -> Path:
    """Write `SMALL` as a state dict."""
    import torch

    path.parent.mkdir(parents=True, exist_ok=True)
    torch.save({name: torch.from_numpy(array) for name, array in SMALL.items()}, path)
    return path


@pytest.fixture
def copy(tmp_path):
    """A folder of the dataset's layout: tables with keys in them, and a small state dict for each architecture."""
    folder = tmp_path / "dataset"
    (folder / "wandb_exports").mkdir(parents=True)
    for k, source in enumerate(published_tables.SOURCES):
        mine = {"Name": f"dual_train_aaaa000{k}", "learning_rate": "0.099013444", "batch_size": "202", "epochs": "50"}
        (folder / "wandb_exports" / source.name).write_bytes(write({}, mine))
        small(folder / f"{weights_of(source.architecture)}.pt_model.pt")
    return folder


def side(place, architecture: str = "vgg16"):
    """PyTorch's side of the trial that has files."""
    return package.open_published(place).trial(f"{architecture}-00000000").pytorch


def kept(tmp_path: Path, ending: str) -> list[Path]:
    """Complete and incomplete files of a name in the cache."""
    return [path for path in (tmp_path / "cache").rglob("*") if ending in path.name and path.suffix != ".lock"]


def assert_small(arrays) -> None:
    assert list(arrays) == list(SMALL)
    for name, array in SMALL.items():
        assert arrays[name].dtype == array.dtype
        np.testing.assert_array_equal(arrays[name], array)


def test_tables_are_parsed_and_keys_are_kept_nowhere(place, server, tmp_path, capfd):
    data = package.open_published(place)
    assert len(data) == 6
    assert list(data.trials["trial"][:2]) == ["vgg16-00000000", "vgg16-aaaa0000"]
    assert list(data.trials["name"][:2]) == [NAME, "dual_train_aaaa0000"]
    expected = published_tables.parse(write({}), "vgg16", "t.csv").iloc[0].to_dict()
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


def test_every_published_trial_is_found_by_its_hyperparameters():
    need(TABLES.is_dir(), "the published tables (../shared/data/published)")
    data = package.open_published(TABLES)
    assert set(data.versions.values()) == {"cleaned"}
    twins = {"densenet121-9d7adbce", "densenet121-b3eeede4"}
    for row in data.trials.to_dict("records"):
        wanted = {name: row[name] for name in ("architecture", *HYPERPARAMETERS)}
        found = data.find(**wanted)
        assert set(found) == (twins if row["trial"] in twins else {row["trial"]})
        wanted |= {name: float(f"{row[name]:.7g}") for name in ("learning_rate", "adam_epsilon")}
        assert row["trial"] in data.find(**wanted)


def test_find_matches_to_the_digits_that_are_printed(copy):
    data = package.open_published(copy)
    every = ["vgg16-aaaa0000", "resnet50-aaaa0001", "densenet121-aaaa0002"]
    assert data.find(learning_rate=0.0990134437, batch_size=202) == every
    assert data.find(learning_rate=0.09901344, epochs=50.0, adam_epsilon=1e-8) == every
    assert data.find(learning_rate=np.float32(0.099013444), batch_size=np.int64(202)) == every
    assert data.find(learning_rate=0.0990134437, architecture="resnet50") == every[1:2]
    assert data.find(learning_rate=0.0990137) == []
    assert data.find(batch_size=203) == []
    assert data.find(batch_size=202.5 - 0.5, epochs=2) == []
    # Of nine decimals 1e-8 has one digit: what rounds to it is found.
    assert len(data.find(adam_epsilon=1.04e-8)) == 6
    assert data.find(adam_epsilon=1.06e-8) == []
    data.trials.loc[data.trials["trial"] == "vgg16-00000000", ["learning_rate", "batch_size"]] = 0.09901344401, 202
    assert data.find(learning_rate=0.099013444, batch_size=202) == every
    assert data.find(learning_rate=0.09901344401) == ["vgg16-00000000"]
    assert data.find(learning_rate=0.099013444005) == ["vgg16-00000000", *every]
    with pytest.raises(InputError, match="learning_rate: found 'fast'; allowed: a number"):
        data.find(learning_rate="fast")
    with pytest.raises(InputError, match=r"batch_size: found 32\.5; allowed: an integer"):
        data.find(batch_size=32.5)
    with pytest.raises(InputError, match=r"architecture: found 'vgg'; .*did you mean 'vgg16'\?"):
        data.find(architecture="vgg")


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


@pytest.mark.parametrize("architecture", FOLDERS)
def test_weights_are_the_state_dicts_arrays(architecture, place, capfd):
    arrays = side(place, architecture).weights
    assert_small(arrays)
    arrays["b.weight"][:] = -1  # the caller's own
    assert_small(arrays)
    with pytest.raises(KeyError, match=r"no array 'b.weigh'; .* did you mean 'b.weight'\?"):
        arrays["b.weigh"]
    assert arrays.get("nothing") is None
    assert capfd.readouterr().err == ""  # no bar where nobody looks


def test_a_model_has_the_published_weights_and_is_ready_to_evaluate(place, server):
    import torch

    from uncrossed.training.architectures import load

    torch.manual_seed(1)
    model = load("densenet121").on((32, 32, 3), 10).model("pytorch")
    images = torch.rand(4, 3, 32, 32)
    model(images)  # moves the running statistics
    torch.save(model.state_dict(), server.folder / f"{weights_of('densenet121')}.pt_model.pt")
    found = side(place, "densenet121").model()
    assert not found.training
    with torch.no_grad():
        np.testing.assert_array_equal(found(images).numpy(), model.eval()(images).numpy())
    shutil.copy(
        server.folder / f"{weights_of('densenet121')}.pt_model.pt",
        server.folder / f"{weights_of('resnet50')}.pt_model.pt",
    )
    with pytest.raises(InputError, match=rf"{NAME}\.pt_model\.pt: its weights do not fit resnet50"):
        side(place, "resnet50").model()


class Attack:
    """A pickle that creates a file where it is loaded."""

    def __init__(self, path: Path):
        """Take the file."""
        self.path = path

    def __reduce__(self):
        """Create it."""
        return (open, (str(self.path), "w"))


@pytest.mark.parametrize("form", ["pickle", "protocol 2", "zip", "legacy", "beside tensors"])
@pytest.mark.filterwarnings("ignore:Detected pickle protocol", "ignore:Environment variable TORCH_FORCE")
def test_a_malicious_file_is_refused_and_not_run(form, place, server, tmp_path, monkeypatch):
    import torch

    monkeypatch.setenv("TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD", "1")
    path, victim = server.folder / f"{weights_of('vgg16')}.pt_model.pt", tmp_path / "victim"
    attack = {"a": torch.zeros(2), "b": Attack(victim)} if form == "beside tensors" else Attack(victim)
    if form in ("pickle", "protocol 2"):
        path.write_bytes(pickle.dumps(attack, protocol=2 if form == "protocol 2" else None))
    else:
        torch.save(attack, path, _use_new_zipfile_serialization=form != "legacy")
    # The attack works on those who let it.
    pickle.loads(path.read_bytes()).close() if form in ("pickle", "protocol 2") else torch.load(path)
    victim.unlink()
    opened = side(place)
    for read in (lambda: opened.weights, opened.model):
        with pytest.raises(InputError, match="not a state dict of tensors") as error:
            read()
        assert str(path.name) in str(error.value)
        assert "weights_only" not in str(error.value)
        assert "\n" not in str(error.value)
    assert not victim.exists()


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "Error"),
        (b"<html>No such bucket</html>", ""),
        ("half", ""),
        ({}, "it holds a dict"),
        ([1], "it holds a list"),
        ({"epoch": 3}, "it holds a int named 'epoch'"),
        ({"state_dict": {}}, "it holds a dict named 'state_dict'"),
    ],
)
def test_what_is_no_state_dict_is_refused(content, reason, copy):
    import torch

    path = copy / f"{weights_of('vgg16')}.pt_model.pt"
    if content == "half":
        content = path.read_bytes()[: path.stat().st_size // 2]
    path.write_bytes(content) if isinstance(content, bytes) else torch.save(content, path)
    with pytest.raises(InputError, match=rf"{path}: not a state dict of tensors \(.*{reason}"):
        side(copy).weights  # noqa: B018


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    """The folder `variables` as of a SavedModel: twelve layers, an optimizer with moments, a counter and a metric."""
    tensorflow = pytest.importorskip("tensorflow")
    folder, layers = tmp_path_factory.mktemp("variables"), {}
    for k in range(12):
        layer = layers[f"layer_with_weights-{k}"] = tensorflow.Module()
        layer.kernel = tensorflow.Variable(np.full((2, 3), k, np.float32))
    optimizer = tensorflow.compat.v1.train.AdamOptimizer()
    kernel = layers["layer_with_weights-0"].kernel
    optimizer.apply_gradients([(tensorflow.zeros_like(kernel), kernel)])
    metrics = tensorflow.Module()
    metrics.metrics = [tensorflow.Module()]
    metrics.metrics[0].total = tensorflow.Variable(5.0)
    whole = tensorflow.train.Checkpoint(optimizer=optimizer, keras_api=metrics, **layers)
    assert whole.save_counter.numpy() == 0
    whole.write(str(folder / "variables"))
    names = tensorflow.train.load_checkpoint(str(folder / "variables")).get_variable_to_shape_map()
    for other in ("OPTIMIZER_SLOT", "save_counter", "optimizer/", "keras_api/metrics/0/total"):
        assert any(other in name for name in names), names
    return folder


@pytest.fixture
def saved(checkpoint, server):
    """A SavedModel of the first VGG16: its variables, and a program that is none."""
    folder = server.folder / f"{weights_of('vgg16')}tf_model"
    shutil.copytree(checkpoint, folder / "variables")
    (folder / "saved_model.pb").write_bytes(b"never to be opened")
    return folder


def test_tensorflows_weights_are_the_models_variables(saved, place, server):
    arrays = package.open_published(place).trial("vgg16-00000000").tensorflow.weights
    assert list(arrays) == [f"layer_with_weights-{k}/kernel" for k in range(12)]
    for k, array in enumerate(arrays.values()):
        assert array.dtype == np.float32
        np.testing.assert_array_equal(array, np.full((2, 3), k))
    with pytest.raises(KeyError, match="no array 'save_counter'"):
        arrays["save_counter"]
    assert not any(".pb" in line for line in server.requests)


def test_a_damaged_checkpoint_is_refused(saved, place):
    data, index = (saved / f"variables/variables.{end}" for end in ("data-00000-of-00001", "index"))
    content = bytearray(data.read_bytes())
    place_of = content.index(np.full(6, 3, np.float32).tobytes())
    content[place_of] ^= 1
    data.write_bytes(content)
    arrays = package.open_published(place).trial("vgg16-00000000").tensorflow.weights
    assert arrays["layer_with_weights-2/kernel"][0, 0] == 2
    with pytest.raises(InputError, match=r"variables\.index: array 'layer_with_weights-3/kernel' is damaged"):
        arrays["layer_with_weights-3/kernel"]
    index.write_bytes(b"an error page")
    with pytest.raises(InputError, match=r"variables\.index: not a checkpoint of TensorFlow"):
        package.open_published(place).trial("vgg16-00000000").tensorflow.weights  # noqa: B018
    data.unlink()
    with pytest.raises(InputError, match=r"variables\.data-00000-of-00001: no such file"):
        package.open_published(place).trial("vgg16-00000000").tensorflow.weights  # noqa: B018


def test_what_is_kept_is_asked_for_and_not_sent_again(saved, server, tmp_path):
    data = package.open_published(server.url).trial("vgg16-00000000")
    assert_small(data.pytorch.weights)
    assert len(data.tensorflow.weights) == 12
    server.reset()
    data = package.open_published(server.url).trial("vgg16-00000000")
    assert_small(data.pytorch.weights)
    assert len(data.tensorflow.weights) == 12
    assert (len(server.requests), server.sent) == (6, 0)
    (entry,) = kept(tmp_path, ".pt.json")
    content = (server.folder / f"{weights_of('vgg16')}.pt_model.pt").read_bytes()
    found = json.loads(entry.read_text())
    assert (found["size"], found["sha256"]) == (len(content), hashlib.sha256(content).hexdigest())
    assert found["etag"].startswith('"')


@pytest.mark.parametrize("tags", [True, False])
def test_a_replaced_file_is_read_anew(tags, server):
    server.tags = tags
    assert_small(side(server.url).weights)
    server.reset()
    assert_small(side(server.url).weights)
    assert server.sent <= 4  # without ETags a byte of each
    import torch

    torch.save({"c": torch.zeros(500)}, server.folder / f"{weights_of('vgg16')}.pt_model.pt")
    assert list(side(server.url).weights) == ["c"]
    assert list(side(server.url).weights) == ["c"]


@pytest.mark.parametrize("number", [2, 3])
def test_a_file_replaced_within_a_download_is_not_kept(number, server, tmp_path, monkeypatch):
    monkeypatch.setattr(remote, "CHUNK", 500)
    path = server.folder / f"{weights_of('vgg16')}.pt_model.pt"

    def replace(asked: str) -> None:
        if asked.endswith(".pt") and sum(asked in line for line in server.requests) == number:
            path.write_bytes(b"x" + path.read_bytes()[1:])

    server.before = replace
    with pytest.raises(InputError, match=r"\.pt_model\.pt: has changed since it was first read"):
        side(server.url).weights  # noqa: B018
    assert not kept(tmp_path, ".pt")
    server.before = lambda path: None
    small(path)
    assert_small(side(server.url).weights)


@pytest.mark.parametrize("part", [".pt", ".pt.json"])
@pytest.mark.parametrize("damage", ["flipped", "short", "empty", "gone"])
def test_a_damaged_cache_is_mended(part, damage, server, tmp_path):
    assert_small(side(server.url).weights)
    (path,) = (path for path in kept(tmp_path, ".pt") if path.name.endswith(part))
    content = path.read_bytes()
    spot = content.index(b'"sha256": "') + 20 if path.suffix == ".json" else 300
    flipped = content[:spot] + bytes([content[spot] ^ 1]) + content[spot + 1 :]
    path.write_bytes({"flipped": flipped, "short": content[:-9]}.get(damage, b""))
    if damage == "gone":
        path.unlink()
    server.reset()
    assert_small(side(server.url).weights)
    assert server.sent > 1000
    assert path.read_bytes() == content


@pytest.mark.parametrize(
    ("faults", "message"),
    [
        ([404], "no such file, or not public"),
        (["page"], r"sends the file whole \(text/html\)"),
        ([None, "page"], r"sends the file whole \(text/html\)"),
        ([None, "whole"], "range requests are needed"),
        ([None, "shifted"], "Content-Range is"),
        ([None, 400], "status 400"),
        ([None, *["truncated"] * 100], "no sound answer in 6 attempts; the last: the body ended"),
        ([None, *["reset"] * 100], "no sound answer in 6 attempts"),
        ([503] * 100, "no sound answer in 6 attempts; the last: status 503"),
    ],
)
def test_an_answer_that_is_not_the_file_is_never_kept(faults, message, server, tmp_path):
    opened = side(server.url)
    server.faults, server.only = list(faults), ".pt"
    with pytest.raises(InputError, match=message):
        opened.weights  # noqa: B018
    assert not kept(tmp_path, ".pt")
    server.faults = []
    assert_small(opened.weights)


@pytest.mark.parametrize("faults", [[429, 503], ["reset", "truncated"], [None, "truncated", "truncated"], ["moved"]])
def test_what_passes_is_tried_again(faults, server):
    opened = side(server.url)
    server.faults, server.only = list(faults), ""
    assert_small(opened.weights)
    assert server.faults == []


def test_a_web_page_is_no_table(server, tmp_path):
    server.faults = ["page"]
    with pytest.raises(InputError, match=r"vgg_cifar10_wandb_export\.csv: .*text/html"):
        package.open_published(server.url)
    assert not kept(tmp_path, ".csv")


def test_without_the_server_what_is_kept_is_read(server):
    assert_small(side(server.url).weights)
    server.faults = [503] * 1000
    server.reset()
    with pytest.warns(UserWarning, match="going on with the files in .*no sound answer") as caught:
        data = package.open_published(server.url)
    assert len(caught) == 1
    assert_small(data.trial("vgg16-00000000").pytorch.weights)
    assert len(server.requests) == remote.ATTEMPTS  # asked for one file only
    with pytest.raises(remote.UnreachableError, match=r"resnet_lambda.*no sound answer"):
        data.trial("resnet50-00000000").pytorch.weights  # noqa: B018


def test_a_damaged_cache_is_not_read_without_the_server(server, tmp_path):
    opened = side(server.url)
    assert_small(opened.weights)
    (path,) = (path for path in kept(tmp_path, ".pt") if path.suffix == ".pt")
    path.write_bytes(path.read_bytes()[:-1])
    server.faults, server.only = [503] * 100, ".pt"
    with pytest.raises(remote.UnreachableError):
        side(server.url).weights  # noqa: B018


def test_a_full_disk_is_one_clear_line_and_leaves_nothing(server, tmp_path):
    import torch

    torch.save({"a": torch.zeros(100_000)}, server.folder / f"{weights_of('vgg16')}.pt_model.pt")
    program = f"""
import resource, signal, uncrossed
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))
uncrossed.open_published({server.url!r}).trial("vgg16-00000000").pytorch.weights
"""
    done = run(sys.executable, "-c", program, code=1)
    line = done.stdout.splitlines()[-1]
    assert "InputError" in line
    assert ".pt_model.pt: cannot be kept (File too large); make room, or set XDG_CACHE_HOME" in line
    assert not kept(tmp_path, ".pt")
    assert list(side(server.url).weights) == ["a"]


def test_without_a_place_for_a_cache_tables_are_read_and_weights_say_so(server, tmp_path):
    (tmp_path / "cache").write_text("")
    data = package.open_published(server.url)
    assert len(data) == 6
    with pytest.raises(InputError, match=r"cannot be kept \(Not a directory\); make room, or set XDG_CACHE_HOME"):
        data.trial("vgg16-00000000").pytorch.weights  # noqa: B018
    assert len(package.open_published(server.folder)) == 6


def test_a_cache_that_cannot_be_written_is_read(server, monkeypatch):
    assert_small(side(server.url).weights)

    def refuse(*_: object, **__: object):
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(cache, "complete", refuse)
    monkeypatch.setattr(cache, "_locked", refuse)
    monkeypatch.setattr(cache, "write_json", refuse)
    server.reset()
    assert_small(side(server.url).weights)
    assert server.sent == 0
    with pytest.raises(InputError, match=r"cannot be kept \(Read-only file system\)"):
        side(server.url, "resnet50").weights  # noqa: B018


def test_readers_beside_each_other_download_once(server, tmp_path):
    import torch

    torch.save({"a": torch.arange(2_000_000)}, server.folder / f"{weights_of('vgg16')}.pt_model.pt")
    size = (server.folder / f"{weights_of('vgg16')}.pt_model.pt").stat().st_size
    opened, found, errors = [side(server.url) for _ in range(4)], [], []
    server.reset()

    def wait(asked: str) -> None:
        """Until all have asked, so that none finds what another has finished."""
        for _ in range(500):
            if sum("bytes=0-0" in line for line in list(server.requests)) >= 4:
                return
            time.sleep(0.01)
        errors.append("they do not read beside each other")

    server.before = wait

    def read(one) -> None:
        try:
            found.append(one.weights["a"].sum())
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=read, args=(one,)) for one in opened]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    assert errors == []
    assert found == [1_999_999 * 1_000_000] * 4
    assert size <= server.sent < size + 100
    assert not kept(tmp_path, ".partial")


@pytest.mark.parametrize("number", [errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP])
@pytest.mark.filterwarnings("error:flock")
def test_without_locks_each_reader_writes_its_own_copy(number, server, tmp_path, monkeypatch):
    def refuse(*_: object) -> None:
        raise OSError(number, "no locks here")

    monkeypatch.setattr(fcntl, "flock", refuse)
    assert_small(side(server.url).weights)
    (path,) = (path for path in kept(tmp_path, ".pt") if path.suffix == ".pt")
    path.unlink()
    path.with_name(f".{path.name}.lock").touch()  # a killed reader's, for which nobody waits
    assert_small(side(server.url).weights)


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
