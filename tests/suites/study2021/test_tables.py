"""The published tables are read whole or refused by name, and no row is lost without a word."""

import functools
import hashlib
import http.server
import json
import threading

import pandas as pd
import pytest

from helpers.commands import uncrossed
from helpers.published import GOOD, command, write
from uncrossed.common.errors import InputError
from uncrossed.study import manifest
from uncrossed.study.hyperparameters import HYPERPARAMETERS
from uncrossed.study.mechanisms import resolve
from uncrossed.study2021 import published_study, published_tables


def test_a_run_becomes_a_row_with_all_its_digits():
    rows, refused = published_study.rows(published_tables.parse(write({"Name": GOOD["Name"]}), "vgg16", "t.csv"))
    assert not refused
    assert (rows[0].trial, rows[0].architecture) == ("vgg16-5e67eae2", "vgg16")
    assert repr(rows[0].learning_rate) == GOOD["learning_rate"]
    assert (rows[0].batch_size, rows[0].adam_epsilon, rows[0].epochs, rows[0].seed) == (100, 1e-8, 2, 0)
    assert rows[0].semantics == resolve("published")


# Each fault: the table, and what its message must name.
FAULTS = {
    **{
        f"no column {name}": (write({}, without=name), ["missing column", f"'{name}'"])
        for name in published_tables.READ_COLUMNS
    },
    "not a number": (write({}, {"learning_rate": "fast"}), ["row 2", "'learning_rate'", "'fast'", "a number"]),
    "half a batch": (write({"batch_size": "32.5"}), ["row 1", "'batch_size'", "'32.5'", "an integer"]),
    "no accuracy": (write({"tf_test_acc": ""}), ["row 1", "'tf_test_acc'", "''", "a number"]),
    "a name of another kind": (write({"Name": "sweep 1"}), ["'Name'", "'sweep 1'", "dual_train_"]),
    "an unknown state": (write({"State": "odd"}), ["'State'", "'odd'", "finished, running"]),
    "code as a curve": (write({"tf_training_loss": "exit()"}), ["'tf_training_loss'", "'exit()'", "list of numbers"]),
    "a number as a curve": (write({"tf_training_loss": "3"}), ["'tf_training_loss'", "'3'", "list of numbers"]),
    "a text as a curve": (write({"tf_training_loss": '"12"'}), ["'tf_training_loss'", "12", "list of numbers"]),
    "an endless loss": (write({"tf_training_loss": f"[1{'0' * 400}]"}), ["'tf_training_loss'", "403 characters"]),
    "one run twice": (write({"Name": "dual_train_aB"}, {"Name": "dual_train_Ab"}), ["row 2", "vgg16-ab", "twice"]),
    "too few values": (write({}) + b"a,b\n", ["row 2", "2 values", f"{len(GOOD)} columns"]),
    "a column twice": (write({}).replace(b"User", b"epochs"), ["twice", "'epochs'"]),
    "no rows": (write(), ["no rows"]),
    "empty": (b"", ["missing column 'Name'"]),
    "not text": (b"\xff\xfe", ["UTF-8"]),
    "open quote": (write({}) + b'"', ["CSV"]),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_named(fault):
    content, parts = FAULTS[fault]
    with pytest.raises(InputError) as caught:
        published_tables.parse(content, "vgg16", "folder/t.csv")
    for part in ["folder/t.csv", *parts]:
        assert part in str(caught.value)


def test_a_missing_or_another_file_is_refused(tables, tmp_path, capfd):
    folder = tables(write({}), write({}))
    other = write({"epochs": "3"})
    (folder / "resnet_cifar10_wandb_export.csv").write_bytes(other)
    assert command("--folder", folder, "--output", tmp_path / "m.csv") == 2
    said = capfd.readouterr().err
    digests = (
        hashlib.sha256(other).hexdigest(),
        published_tables.SOURCES[1].original,
        published_tables.SOURCES[1].cleaned,
    )
    for part in ("resnet_cifar10_wandb_export.csv: found SHA-256", *digests):
        assert part in said
    (folder / "resnet_cifar10_wandb_export.csv").unlink()
    assert command("--folder", folder, "--output", tmp_path / "m.csv") == 2
    said = capfd.readouterr().err
    assert "resnet_cifar10_wandb_export.csv: no such file" in said
    assert said.count("\n") == 1
    (folder / "resnet_cifar10_wandb_export.csv").mkdir()
    assert command("--folder", folder, "--output", tmp_path / "m.csv") == 1
    assert "resnet_cifar10_wandb_export.csv: cannot be read (Is a directory)" in capfd.readouterr().err
    assert not (tmp_path / "m.csv").exists()


def test_the_tables_are_downloaded_by_commit(tables, tmp_path, capfd):
    folder = tables(write({}), write({}, {}))
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=tmp_path / "tables")
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}"
        assert command("--url", url, "--output", tmp_path / "downloaded.csv") == 0
        assert command("--url", f"{url}/none", "--output", tmp_path / "none.csv") == 2
        assert "404" in capfd.readouterr().err
        next((tmp_path / "tables").rglob("vgg*.csv")).write_bytes(write({})[:-9])
        assert command("--url", url, "--output", tmp_path / "none.csv") == 2
        assert "found SHA-256" in capfd.readouterr().err
        server.shutdown()
    assert command("--url", url, "--output", tmp_path / "none.csv") == 2
    assert "cannot be downloaded" in capfd.readouterr().err
    assert command("--folder", folder, "--output", tmp_path / "local.csv") == 0
    assert (tmp_path / "downloaded.csv").read_bytes() == (tmp_path / "local.csv").read_bytes()
    # The original has a key in it: it is never on disk.
    assert {path.name for path in tmp_path.iterdir()} == {"tables", "flat", "downloaded.csv", "local.csv"}


def test_no_row_is_dropped_without_a_word(tables, tmp_path, capfd):
    rows = {"batch_size": "49999"}, {"epochs": "0"}, {"learning_rate": "nan"}, {}
    folder = tables(write({"batch_size": "49999"}), write(*rows))
    assert command("--folder", folder, "--output", tmp_path / "m.csv") == 0
    said = capfd.readouterr().out
    assert "refused: resnet50-00000000: column 'batch_size': found 49999" in said
    assert "refused: resnet50-00000001: column 'epochs': found 0; allowed: an integer from 1" in said
    assert "refused: resnet50-00000002: column 'learning_rate': found nan" in said
    assert said.endswith("2 trials (1 resnet50, 1 vgg16); 3 of 5 published ones refused\n")
    assert list(manifest.read(tmp_path / "m.csv")) == ["resnet50-00000003", "vgg16-00000000"]
    assert tmp_path.joinpath("m.csv").read_text().count(",published,unknown\n") == 2


def test_a_manifest_without_rows_is_not_written(tables, tmp_path, capfd):
    folder = tables(write({"epochs": "0"}))
    assert command("--folder", folder, "--output", tmp_path / "m.csv") == 2
    assert "all 1 published trials are refused" in capfd.readouterr().err
    assert not (tmp_path / "m.csv").exists()


def test_a_reference_of_another_suffix_is_refused_first(tmp_path):
    output = ["--output", tmp_path / "m.csv", "--reference", tmp_path / "r.xlsx"]
    assert ".parquet or .csv" in uncrossed("manifest", "import-published", *output, code=2).stdout
    assert not list(tmp_path.iterdir())


def test_missing_curves_stay_missing(tmp_path):
    table = published_tables.parse(write({"tf_training_loss": ""}, {}), "vgg16", "t.csv")
    for name in ("r.parquet", "r.csv"):
        published_study.write_reference(table, tmp_path / name)
    lists, texts = pd.read_parquet(tmp_path / "r.parquet"), pd.read_csv(tmp_path / "r.csv")
    assert list(lists.columns) == list(texts.columns)
    assert lists["tf_training_loss"][0] is None
    assert lists["tf_training_loss"][1].tolist() == json.loads(texts["tf_training_loss"][1]) == [2.0, 1.0]
    assert pd.isna(texts["tf_training_loss"][0])
    assert set(lists.columns) == {
        *("trial", "architecture", *HYPERPARAMETERS, "pytorch_test_accuracy", "tensorflow_test_accuracy"),
        *("difference", "state", "runtime_seconds", "pt_average_training_loss", "tf_training_loss"),
        *("pytorch_diagnosis", "tensorflow_diagnosis", "diagnosis", "origin", "point", "box"),
    }
