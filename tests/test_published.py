"""The published study: only what is asked for is read of its tables, faults and defects are named, no row is lost."""

import csv
import functools
import hashlib
import http.server
import io
import json
import math
import threading

import pandas as pd
import pytest

from conftest import REPOSITORY, need, uncrossed
from uncrossed.cli import main
from uncrossed.common.errors import InputError, UnreadableError
from uncrossed.study import manifest
from uncrossed.study.hyperparameters import HYPERPARAMETERS
from uncrossed.study.mechanisms import resolve
from uncrossed.study.study import Study
from uncrossed.study.trial import FRAMEWORKS
from uncrossed.study2021 import comparison, published_study, published_tables
from uncrossed.study2021.defects import find

TABLES = REPOSITORY.parent / "shared/data/published"
MANIFEST = REPOSITORY / "config/manifests/published.csv"
KEY = "0123456789abcdef0123456789abcdef01234567"
PERSON = "somebody@example.org"
GOOD = {
    "Name": "dual_train_5E67eae2",
    "User": PERSON,
    "wandb.api_key": KEY,
    "learning_rate": "0.037500006249999995",
    "batch_size": "100",
    "adam_epsilon": "1e-8",
    "epochs": "2",
    "pt_test_acc": "0.7500000000012",
    "tf_test_acc": "0.5",
    "accuracy_diff": "0.2500000000012",
    "State": "finished",
    "Runtime": "100",
    "pt_average_training_loss": "[2.5,1.5]",
    "pt_latest_training_loss": "[2.5,1.5]",
    "tf_training_loss": "[2.0, 1.0]",
}


def write(*rows: dict[str, str], without: str = "") -> bytes:
    """A published table; each row says how it differs from `GOOD`."""
    stream = io.StringIO()
    writer = csv.DictWriter(stream, [name for name in GOOD if name != without], extrasaction="ignore")
    writer.writeheader()
    for number, row in enumerate(rows):
        writer.writerow({**GOOD, "Name": f"dual_train_{number:08x}", **row})
    return stream.getvalue().encode()


@pytest.fixture
def tables(tmp_path, monkeypatch):
    """A function that makes tables the published ones; returns the folder that they lie in, as in the repository."""

    def publish(*contents: bytes):
        sources = []
        for source, content in zip(published_tables.SOURCES, contents, strict=False):
            path = tmp_path / "tables" / published_tables.COMMIT / published_tables.FOLDER / source.path
            path.parent.mkdir(parents=True, exist_ok=True)
            for place in (path, tmp_path / "flat" / source.name):
                place.parent.mkdir(exist_ok=True)
                place.write_bytes(content)
            sha256 = hashlib.sha256(content).hexdigest()
            sources.append(published_tables.Source(source.architecture, source.path, sha256, "0" * 64))
        monkeypatch.setattr(published_tables, "SOURCES", tuple(sources))
        return tmp_path / "flat"

    return publish


def command(*arguments: object) -> int:
    """Run `uncrossed manifest import-published` in this process; return its exit code."""
    with pytest.raises(SystemExit) as ended:
        main.main(["manifest", "import-published", *map(str, arguments)])
    return ended.value.code


def test_a_run_becomes_a_row_with_all_its_digits():
    rows, refused = published_study.rows(published_tables.parse(write({"Name": GOOD["Name"]}), "vgg16", "t.csv"))
    assert not refused
    assert (rows[0].trial, rows[0].architecture) == ("vgg16-5e67eae2", "vgg16")
    assert repr(rows[0].learning_rate) == GOOD["learning_rate"]
    assert (rows[0].batch_size, rows[0].adam_epsilon, rows[0].epochs, rows[0].seed) == (100, 1e-8, 2, 0)
    assert rows[0].semantics == resolve("published")


@pytest.mark.parametrize("suffix", ["parquet", "csv"])
def test_keys_and_persons_are_in_no_output(suffix, tables, tmp_path, capfd):
    folder = tables(write({}, {"State": "running", "batch_size": "70000"}))
    reference = tmp_path / f"out/reference.{suffix}"
    code = command("--folder", folder, "--output", tmp_path / "out/m.csv", "--reference", reference)
    said = "".join(capfd.readouterr())
    assert code == 0
    assert "1 of 2 published ones refused" in said
    for text in (said, *(path.read_bytes().decode("latin-1") for path in (tmp_path / "out").iterdir())):
        assert KEY not in text
        assert KEY[:8] not in text
        assert "somebody" not in text
        assert "api_key" not in text
    assert len(list((tmp_path / "out").iterdir())) == 2


@pytest.mark.parametrize("column", published_tables.READ_COLUMNS)
def test_an_error_does_not_quote_a_key_in_the_wrong_column(column, tables, tmp_path, capfd):
    folder = tables(write({column: KEY}))
    assert command("--folder", folder, "--output", tmp_path / "m.csv") == 2
    said = "".join(capfd.readouterr())
    assert said.count("\n") == 1
    assert f"row 1, column '{column}': found a text of 40 characters; allowed:" in said
    assert KEY[:8] not in said
    assert not (tmp_path / "m.csv").exists()


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
    assert tmp_path.joinpath("m.csv").read_text().count(",published\n") == 2


def test_a_manifest_without_rows_is_not_written(tables, tmp_path, capfd):
    folder = tables(write({"epochs": "0"}))
    assert command("--folder", folder, "--output", tmp_path / "m.csv") == 2
    assert "all 1 published trials are refused" in capfd.readouterr().err
    assert not (tmp_path / "m.csv").exists()


def test_a_reference_of_another_suffix_is_refused_first(tmp_path):
    output = ["--output", tmp_path / "m.csv", "--reference", tmp_path / "r.xlsx"]
    assert ".parquet or .csv" in uncrossed("manifest", "import-published", *output, code=2).stdout
    assert not list(tmp_path.iterdir())


def test_a_reference_that_cannot_be_read_is_not_called_damaged(tmp_path):
    path = tmp_path / "reference.parquet"
    with pytest.raises(InputError, match=f"^{path}: missing; make it by "):
        comparison.write(tmp_path, path, pd.DataFrame())
    path.write_text("no table")
    with pytest.raises(InputError, match=f"^{path}: damaged "):
        comparison.write(tmp_path, path, pd.DataFrame())
    path.unlink()
    path.mkdir()
    with pytest.raises(UnreadableError, match=f"^{path}: cannot be read .Is a directory."):
        comparison.write(tmp_path, path, pd.DataFrame())


def defects(*rows: dict[str, str]) -> list[str]:
    # Distinct hyperparameters, and enough sound runs for a median.
    rows = [{"epochs": "2", "adam_epsilon": f"0.{k + 1}", **row} for k, row in enumerate((*rows, {}, {}))]
    return find(published_tables.parse(write(*rows), "vgg16", "t.csv"))


def test_defects_are_named():
    equal = "vgg16: PyTorch's average and latest training losses are equal in all 3 runs that have them"
    assert [line.partition(":")[0] for line in defects({})] == ["vgg16"]
    assert defects({})[0].startswith(equal)
    for row, parts in (
        ({"State": "running"}, ["'running'"]),
        ({"Runtime": "9000"}, ["runtime", "9000 s", "100 s"]),
        ({"pt_test_acc": "nan"}, ["PyTorch's accuracy is nan"]),
        ({"tf_test_acc": "1.5"}, ["TensorFlow's accuracy is 1.5"]),
        ({"tf_test_acc": "0.50005"}, ["0.50005", "1/10000"]),
        ({"accuracy_diff": "0.251"}, ["accuracy_diff is 0.251", "0.25"]),
        ({"tf_training_loss": ""}, ["no curves: tf_training_loss"]),
        ({"tf_training_loss": "[1]"}, ["tf_training_loss has 1 values", "epochs is 2"]),
        ({"tf_training_loss": "[NaN,Infinity]"}, ["tf_training_loss has 2 values that are not finite"]),
    ):
        lines = [line for line in defects(row) if line.startswith("vgg16-00000000:")]
        assert any(all(part in line for part in parts) for line in lines), (row, lines)
    assert any("1/10000 in 1 of 3 runs" in line for line in defects({"pt_test_acc": "0.75005"}))
    table = published_tables.parse(
        write({"pt_test_acc": "0.75"}, {"pt_test_acc": "0.8", "learning_rate": "0.1"}), "vgg16", ""
    )
    assert find(table)[0] == "vgg16: all accuracies and 1 of 2 learning rates are rounded to 9 decimals"
    twice = defects({"adam_epsilon": "0.9"}, {"adam_epsilon": "0.9", "tf_test_acc": "0.6"})
    assert any(line.startswith("vgg16-00000000, vgg16-00000001: the same") and "+0.1500" in line for line in twice)


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
    }


def test_rebuilt_trials_are_judged_by_what_seeds_do():
    reference = pd.concat(published_tables.parse(write({}, {}), name, "t.csv") for name in ("vgg16", "resnet50"))
    trials = reference.drop(columns=["state", "runtime_seconds"]).iloc[::-1].reset_index(drop=True)
    trials["difference"] += [0.01, 0.03, -0.01, -0.03]
    trials.loc[4] = trials.loc[3].to_dict() | {"trial": "vgg16-mine"}
    trials.loc[5] = trials.loc[3].to_dict() | {"difference": math.nan}
    made = comparison.compare(trials, reference, {"vgg16": 0.02})
    assert list(made["trial"]) == list(trials["trial"])
    assert list(made["verdict"]) == ["unknown"] * 2 + ["within seeds", "outside seeds"] + ["unknown"] * 2
    assert made["apart"][3] == pytest.approx(0.03)
    assert made["published_pytorch_test_accuracy"][0] == float(GOOD["pt_test_acc"])
    assert set(comparison.compare(trials, reference)["verdict"]) == {"unknown"}
    for name, value in (("learning_rate", 0.0375), ("epochs", 3), ("architecture", "vgg16")):
        with pytest.raises(InputError, match=f"'resnet50-00000001': found {name}="):
            comparison.compare(trials.assign(**{name: value}), reference)


def test_the_committed_manifest_is_what_the_command_makes(tmp_path):
    need(TABLES.is_dir(), "the published tables (../shared/data/published)")
    options = ["--output", tmp_path / "m.csv", "--reference", tmp_path / "r.parquet"]
    said = uncrossed("manifest", "import-published", "--folder", TABLES, *options).stdout
    assert (tmp_path / "m.csv").read_bytes() == MANIFEST.read_bytes()
    assert said.endswith("1200 trials (400 densenet121, 400 resnet50, 400 vgg16); 0 of 1200 published ones refused\n")
    for known in (
        "vgg16: all accuracies and 399 of 400 learning rates are rounded to 9 decimals",
        *("vgg16-d24e215e: no curves", "vgg16-d24f6410: no curves", "resnet50-3450eb44: its state is 'running'"),
        *("resnet50-3450eb44: its runtime is 101120 s", "densenet121-9d7adbce, densenet121-b3eeede4: the same"),
    ):
        assert known in said
    reference = pd.read_parquet(tmp_path / "r.parquet")
    assert reference["difference"].abs().max() == pytest.approx(0.681519394, abs=1e-8)
    assert reference["tf_training_loss"].isna().sum() == 2


def test_every_published_number_is_in_the_manifest():
    need(TABLES.is_dir(), "the published tables (../shared/data/published)")
    rows = manifest.read(MANIFEST, examples=50_000)
    for source in published_tables.SOURCES:
        with open(TABLES / source.name, encoding="utf-8", newline="") as stream:
            for line in csv.DictReader(stream):
                row = rows.pop(f"{source.architecture}-{line['Name'].removeprefix('dual_train_')}")
                assert row.semantics == resolve("published")
                for name in HYPERPARAMETERS:
                    assert float(line[name]) == getattr(row, name)
    assert not rows


def test_the_study_of_the_published_trials_is_sound():
    study = REPOSITORY / "config/published.yaml"
    assert "1200 trials" in uncrossed("manifest", "check", "--study", study).stdout


def test_a_build_trains_equal_hyperparameters_once(tmp_path):
    study = Study.load(REPOSITORY / "config/published.yaml")
    for framework in FRAMEWORKS:
        assert study.twins(framework, tmp_path) == {"densenet121-b3eeede4": "densenet121-9d7adbce"}
