"""Verification: files that are what they say pass, and each way in which they are not is named."""

import fcntl
import hashlib
import json
import os
import re
import shutil
import signal
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pytest

import synthetic
import uncrossed as package
from conftest import REPOSITORY, run, uncrossed
from server import Server
from uncrossed.common.errors import UnreadableError
from uncrossed.results import checksums, facts, tables, trial_file
from uncrossed.results.examine import Hdf5Process
from uncrossed.results.verify import verify
from uncrossed.study import manifest
from uncrossed.study.trial import FRAMEWORKS, Trial

SOUND = "all files are as they should be"
FIRST, SECOND = "densenet121-0000", "resnet50-0001"


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """A study of six made-up trials, one of which diverged; initial weights are kept."""
    folder = tmp_path_factory.mktemp("built")
    synthetic.write(folder, synthetic.rows(6, 3), diverged="resnet50-0004")
    for path in folder.glob("trials/*/*.h5"):
        change(path, lambda result: result.weights.update({0: {"w": np.zeros(1)}}))
    tables.make(folder)
    checksums.make(folder)
    return folder


@pytest.fixture
def folder(built, tmp_path):
    """A copy of the study that a test may change."""
    return Path(shutil.copytree(built, tmp_path / "results" / "made-up"))


def change(path: Path, how) -> None:
    """Change a trial file, so that it stays sound in itself."""
    result = trial_file.read(path)
    how(result)
    trial_file.write(path, result)


def changed(folder: Path, name: str, how, code: int = 1) -> str:
    """What `verify` prints of the study when a trial file was written in another way."""
    change(folder / "trials" / name, how)
    checksums.make(folder)
    return uncrossed("verify", folder, code=code).stdout


def test_a_sound_study_passes(folder):
    output = uncrossed("verify", folder).stdout
    assert SOUND in output
    assert "warning" not in output


def test_an_accuracy_that_the_logits_do_not_have_and_a_trial_that_is_not_there(folder):
    (folder / f"trials/{SECOND}/pytorch.h5").rename(folder.parent / "aside.h5")
    (folder / "SHA256SUMS").unlink()

    def better(result):
        result.curves["test_accuracy"][-1] += 0.005

    change(folder / f"trials/{FIRST}/pytorch.h5", better)
    output = uncrossed("verify", folder, code=1).stdout
    assert f"{FIRST}/pytorch.h5: records test accuracy" in output
    assert f"{SECOND}/pytorch.h5: missing, but its trial is in manifest.csv" in output
    assert "2 faults" in output


@pytest.mark.parametrize(
    ("what", "how", "said"),
    [
        ("loss", lambda r: r.curves["test_loss"].__setitem__(-1, 7.0), "records test loss 7.000000, but its logits"),
        ("short", lambda r: r.curves.update({k: v[:2] for k, v in r.curves.items()}), "its row 3 epochs"),
        ("status", lambda r: r.attributes.update(status="diverged"), "but its training losses are finite"),
        ("nan", lambda r: r.curves["train_loss"].__setitem__(1, np.nan), "its training losses are not finite"),
        ("row", lambda r: r.attributes["row"].update(learning_rate=0.5), "its row is another than in manifest.csv"),
    ],
)
def test_a_file_that_contradicts_itself_or_the_manifest(what, how, said, folder):
    output = changed(folder, f"{FIRST}/pytorch.h5", how)
    assert said in output
    assert ": 1 fault\n" in output


@pytest.mark.parametrize(
    ("column", "value", "said"),
    [
        ("pytorch_test_accuracy", 0.99, f"pytorch_test_accuracy of trial {FIRST} is 0.99, but manifest"),
        ("difference", 0.0, f"difference of trial {FIRST} is 0.0, but"),
        ("tensorflow_status", "diverged", f"tensorflow_status of trial {FIRST} is diverged, but"),
        ("learning_rate", 0.5, f"learning_rate of trial {FIRST} is 0.5, but"),
        ("trial", "another", f"does not list trial {FIRST}"),
    ],
)
@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_a_table_that_contradicts_the_files(kind, column, value, said, folder):
    path = folder / f"tables/trials.{kind}"
    table = pd.read_csv(path) if kind == "csv" else pd.read_parquet(path)
    table.loc[table["trial"] == FIRST, column] = value
    table.to_csv(path, index=False) if kind == "csv" else table.to_parquet(path, index=False)
    checksums.make(folder)
    output = uncrossed("verify", folder, code=1).stdout
    assert f"tables/trials.{kind}: {said}" in output
    assert (": 2 faults\n" if column == "trial" else ": 1 fault\n") in output


def test_a_copy_of_some_trials_passes_where_missing_files_are_ignored(folder, tmp_path):
    package.open(folder).select(trial=FIRST).download(tmp_path / "copy", progress=False)
    assert "missing, but listed" in uncrossed("verify", tmp_path / "copy", code=1).stdout
    assert SOUND in uncrossed("verify", f"file://{tmp_path}/copy", "--ignore-missing").stdout


def test_other_rows_with_equal_weights(folder):
    weights = trial_file.read(folder / f"trials/{FIRST}/pytorch.h5").weights
    output = changed(folder, f"{SECOND}/pytorch.h5", lambda result: result.weights.update(weights))
    assert re.search(rf"{FIRST}/pytorch.h5 and .*{SECOND}/pytorch.h5: equal weights, but their rows differ in", output)
    assert "differ in adam_epsilon, architecture, batch_size, learning_rate\n" in output
    assert ": 1 fault\n" in output


def reshape_row(folder: Path, trial: str, **values: object) -> None:
    """Change a trial's row in both its files and in the manifest."""
    rows = dict(manifest.read(folder / "manifest.csv"))
    rows[trial] = Trial.check({**rows[trial].model_dump(), **values, "trial": trial}, trial)
    manifest.write(folder / "manifest.csv", list(rows.values()))
    for path in (folder / "trials" / trial).glob("*.h5"):
        change(path, lambda result: result.attributes.update(row=rows[trial].deciding()))
    tables.make(folder)


def test_equal_rows_with_other_results(folder):
    reshape_row(folder, SECOND, **manifest.read(folder / "manifest.csv")[FIRST].model_dump(exclude={"trial"}))
    output = changed(folder, f"{SECOND}/pytorch.h5", lambda result: None)
    assert re.search(rf"{FIRST}/pytorch.h5 and .*{SECOND}/pytorch.h5: the same training, but not the same", output)
    assert "2 faults" in output
    # Another version of the framework may give another result.
    for framework in FRAMEWORKS:
        name = folder / f"trials/{SECOND}/{framework}.h5"
        change(name, lambda result: result.attributes.update(versions={"torch": "3"}))
    assert SOUND in changed(folder, f"{SECOND}/pytorch.h5", lambda result: None, code=0)


@pytest.mark.parametrize(("rate", "code"), [(0.1, 1), (1e-12, 0)])
def test_weights_that_did_not_move_are_a_fault_unless_the_rate_is_tiny(folder, rate, code):
    def still(result):
        result.weights[3] = result.weights[0]

    reshape_row(folder, FIRST, learning_rate=rate, adam_epsilon=1e-7)
    output = changed(folder, f"{FIRST}/tensorflow.h5", still, code)
    assert f"{FIRST}/tensorflow.h5: training has moved no weight" in output
    assert ("warning: " in output, "1 warning\n" in output) == ((code == 0,) * 2)


def test_the_last_of_ten_thousand_epochs(folder):
    path = folder / f"trials/{FIRST}/pytorch.h5"
    weights = {9_999: {"w": np.zeros(1)}, 10_000: {"w": np.ones(1)}}
    change(path, lambda result: setattr(result, "weights", weights))
    assert facts.read(path, {}).facts.last_weights == (trial_file.array_sha256(np.ones(1)),)
    checksums.make(folder)
    side = package.open(folder).trial(FIRST).pytorch
    assert side.epochs == (9_999, 10_000)
    assert side.weights["w"] == 1
    assert side.weights_at(9_999)["w"] == 0


def test_every_table_and_figure_is_listed_but_for_what_depends_on_the_machine(folder):
    (folder / "figures").mkdir()
    for name in ("tables/new.csv", "tables/new.parquet", "figures/new.svg", "figures/new.png", "figures/.DS_Store"):
        (folder / name).write_text("new")
    checksums.make(folder)
    listed, _ = checksums.read(folder / "SHA256SUMS", "")
    there = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    unlisted = {"SHA256SUMS", "tables/runs.parquet", "figures/new.png", "figures/.DS_Store"}
    assert there - listed.keys() == unlisted | {name for name in there if name.endswith(".json")} - {"study.json"}


def test_lists_that_disagree(folder):
    lines = (folder / "SHA256SUMS").read_text().splitlines(keepends=True)
    (folder / "RELEASE_SHA256SUMS").write_text("".join(["0" * 64 + lines[0][64:], *lines[1:]]))
    output = uncrossed("verify", folder, code=1).stdout
    assert "SHA256SUMS and RELEASE_SHA256SUMS disagree" in output
    assert ": 1 fault\n" in output


@pytest.mark.usefixtures("network")
def test_a_study_behind_a_url(folder):
    with Server(folder) as server:
        assert not any(verify(server.url)[:3])
        assert SOUND in uncrossed("verify", server.url).stdout
        server.faults = ["truncated", 503, "reset"]
        assert not any(verify(server.url)[:3])
        path = folder / f"trials/{FIRST}/pytorch.h5"
        path.write_bytes(path.read_bytes()[:-1] + b"x")
        (folder / f"trials/{SECOND}/tensorflow.h5").unlink()
        (folder / "SHA256SUMS").write_text(
            "".join(line for line in (folder / "SHA256SUMS").open() if "vgg16-0002/pytorch" not in line)
        )
        faults = verify(server.url).faults
    assert len(faults) == 3
    assert faults[0] == f"{server.url}/SHA256SUMS: does not list trials/vgg16-0002/pytorch.h5"
    assert any(fault.startswith(f"{server.url}/trials/{FIRST}/pytorch.h5: array") for fault in faults)
    assert f"{server.url}/trials/{SECOND}/tensorflow.h5: missing, but listed" in faults


def test_a_list_that_lacks_a_file_is_named(folder):
    path = folder / "SHA256SUMS"
    text = path.read_text()
    for lost in ("manifest.csv", "tables/curves.parquet", f"trials/{FIRST}/tensorflow.h5"):
        path.write_text("".join(line for line in text.splitlines(keepends=True) if not line.endswith(f"  {lost}\n")))
        assert verify(folder).faults == [f"{path}: does not list {lost}"]
    path.write_text("")
    assert verify(folder).faults == [f"{path}: lists nothing"]


def test_run_records_are_files_of_the_study(folder):
    record, runs = folder / f"trials/{FIRST}/pytorch.json", folder / "tables/runs.parquet"
    record.unlink()
    assert verify(folder).faults == [f"{record}: missing, but its trial is in manifest.csv"]
    assert not any(verify(folder, ignore_missing=True)[:3])
    record.write_text("{")
    runs.write_bytes(b"PAR1")
    faults = verify(folder).faults
    assert len(faults) == 2
    assert faults[0].startswith(f"{record}: damaged")
    assert faults[1].startswith(f"{runs}: damaged")
    runs.unlink()
    assert f"{runs}: missing" in verify(folder).faults


@pytest.mark.parametrize("setting", ["TRUE", "BEST_EFFORT", "nonsense"])
def test_a_site_that_wants_locks_where_there_are_none_loses_no_sound_file(setting, folder, few):
    """Whoever holds the files locked stands in for a file system without locks: HDF5 cannot lock them either."""
    (folder / "SHA256SUMS").unlink()
    (folder.parent / "datasets").mkdir()
    shutil.copy(few, folder.parent / "datasets/digits-few.h5")
    before = sorted(folder.parent.rglob("*"))
    with ExitStack() as stack:
        for path in folder.parent.rglob("*.h5"):
            fcntl.flock(stack.enter_context(path.open("rb")), fcntl.LOCK_EX)
        output = uncrossed("verify", folder, "--quarantine", code=1, HDF5_USE_FILE_LOCKING=setting).stdout
    assert "no fault in what could be checked" in output  # without a list that is all
    assert sorted(folder.parent.rglob("*")) == before


@pytest.mark.parametrize(("how", "said"), [("folder", "Is a directory"), ("loop", "Too many levels of symbolic links")])
@pytest.mark.parametrize("name", [f"trials/{FIRST}/pytorch.h5", "tables/runs.parquet", "manifest.csv"])
def test_what_cannot_be_read_is_said_so_and_never_moved(name, how, said, folder):
    if how == "folder":  # unlisted: HDF5 would be asked
        (folder / "SHA256SUMS").unlink()
    path = folder / name
    path.unlink()
    path.mkdir() if how == "folder" else path.symlink_to(path)
    output = uncrossed("verify", folder, "--quarantine", code=1).stdout
    assert f"{path}: cannot be read ({said})\n" in output
    assert "damaged" not in output
    assert "moved to" not in output
    assert os.path.lexists(path)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV])
def test_a_reader_that_is_killed_says_nothing_of_the_file_and_one_that_crashes_does(number, folder):
    path = folder / f"trials/{FIRST}/pytorch.h5"
    with Hdf5Process() as process, ThreadPoolExecutor(1) as pool:
        assert process.read(path, {}).fault is None
        (identifier,) = process.pool._processes
        os.kill(identifier, signal.SIGSTOP)
        reading = pool.submit(process.read, path, {})
        time.sleep(0.5)
        os.kill(identifier, number)
        os.kill(identifier, signal.SIGCONT)
        if number == signal.SIGSEGV:
            assert "crashes on it" in reading.result(60).fault
        else:
            with pytest.raises(UnreadableError, match="cannot be read"):
                reading.result(60)
        assert process.read(path, {}).fault is None


def test_what_is_listed_is_never_moved(folder):
    change(folder / f"trials/{FIRST}/pytorch.h5", lambda result: result.curves["test_loss"].__setitem__(-1, 7.0))
    (folder / f"trials/{SECOND}/pytorch.h5").write_bytes(b"no HDF5")
    tables_as_they_are = (folder / "SHA256SUMS").read_text()
    checksums.make(folder)
    assert (folder / "SHA256SUMS").read_text() != tables_as_they_are
    output = uncrossed("verify", folder, "--quarantine", code=1).stdout
    assert f"{FIRST}/pytorch.h5: its SHA-256 is the listed one, but: records test loss 7.0" in output
    assert f"{SECOND}/pytorch.h5: its SHA-256 is the listed one, but: " in output
    assert "moved to" not in output


def test_a_dataset_of_another_version_is_not_damaged(folder, few):
    path = folder.parent / "datasets/digits-few.h5"
    path.parent.mkdir()
    shutil.copy(few, path)
    with h5py.File(path, "r+") as file:
        file.attrs["schema"] = 3
        file.attrs["identity"] = "of another form"
        del file["test/images"]
    output = uncrossed("verify", folder, "--quarantine", code=1).stdout
    assert f"{path}: made by another version of this package (schema 3; this one knows 2), which alone" in output
    assert "damaged" not in output
    assert path.exists()


def test_what_an_operating_system_puts_beside_files_is_not_checked(folder):
    for place in (f"trials/{FIRST}", "trials/.AppleDouble", "../datasets"):
        (folder / place).mkdir(exist_ok=True)
    for name in (f"trials/{FIRST}/._pytorch.h5", "../datasets/._digits.h5", "trials/.AppleDouble/pytorch.h5"):
        (folder / name).write_bytes(b"Mac OS X")
    assert SOUND in uncrossed("verify", folder, "--quarantine").stdout


def test_a_checkpoint_stays_where_it_is(folder):
    path = folder / f"trials/{FIRST}/pytorch.checkpoint.h5"
    path.write_bytes(b"of a training under way")
    assert not any(verify(folder, quarantine=True)[:3])
    assert path.exists()


def test_names_of_trials_that_look_like_numbers(tmp_path):
    trials = [row.model_copy(update={"trial": f"00{k}", "base": "000"}) for k, row in enumerate(synthetic.rows(2, 1))]
    synthetic.write(tmp_path, trials)
    tables.make(tmp_path)
    assert verify(tmp_path).faults == []


LACKING = {
    "manifest.csv": "not checked: whether trials are missing, of other rows, or otherwise in the tables, as ",
    "SHA256SUMS": "not checked: whether files are those that were made, as ",
    "tables/trials.csv": "not checked: what {} says, as it is not there",
    "tables/trials.parquet": "not checked: what {} says, as it is not there",
}


@pytest.mark.parametrize("name", LACKING)
def test_what_cannot_be_checked_is_named_and_no_success_unless_what_is_missing_is_ignored(name, folder):
    (folder / "SHA256SUMS").unlink()
    (folder / name).unlink(missing_ok=True)
    for options, code in (((), 1), (("--ignore-missing",), 0)):
        output = uncrossed("verify", folder, *options, code=code).stdout
        assert LACKING[name].format(folder / name) in output
        assert (SOUND in output) == (code == 0)
        assert "fault" not in output.replace("no fault in what could be checked, but that is not all", "")
    # What is there has to be sound all the same.
    (folder / f"trials/{FIRST}/pytorch.h5").write_bytes(b"")
    assert ": 1 fault\n" in uncrossed("verify", folder, "--ignore-missing", code=1).stdout


def test_a_manifest_that_cannot_be_read_is_no_success_though_it_is_the_listed_one(folder):
    path = folder / "manifest.csv"
    path.write_text(path.read_text().replace("learning_rate", "rate", 1))
    listed = (folder / "SHA256SUMS").read_text().splitlines()
    line = next(line for line in listed if line.endswith("manifest.csv"))
    listed[listed.index(line)] = f"{hashlib.sha256(path.read_bytes()).hexdigest()}  manifest.csv"
    (folder / "SHA256SUMS").write_text("\n".join(listed) + "\n")
    for options in ((), ("--ignore-missing",)):
        output = uncrossed("verify", folder, *options, code=1).stdout
        assert "or otherwise in the tables: " in output
        assert "unknown column 'rate'" in output


@pytest.mark.parametrize("module", ["pandas", "pyarrow"])
def test_tables_that_cannot_be_read_for_want_of_a_package_are_not_checked(module, folder, tmp_path):
    (tmp_path / f"without/{module}").mkdir(parents=True)
    (tmp_path / f"without/{module}/__init__.py").write_text(f"raise ImportError(\"No module named '{module}'\")")
    path = f"{tmp_path / 'without'}:{REPOSITORY / 'workflow'}"
    for options in ((), ("--ignore-missing",)):
        output = run(sys.executable, "-m", "uncrossed", "verify", folder, *options, code=1, PYTHONPATH=path).stdout
        assert "pip install 'uncrossed[reader]'" in output
        assert "no fault in what could be checked, but that is not all" in output


def test_datasets_beside_a_place_make_no_study_of_it(folder, few):
    datasets = folder.parent / "datasets"
    datasets.mkdir()
    shutil.copy(few, datasets)
    assert uncrossed("verify", datasets).stdout.endswith(f"{datasets}: {SOUND}\n")
    assert uncrossed("verify", folder).stdout.endswith(f"{folder}: {SOUND}\n")
    (folder.parent / "empty").mkdir()
    for place in (folder.parent / "empty", folder.parent / "not-there"):
        assert "no trial files, checksums or datasets there" in uncrossed("verify", place, code=2).stdout


def test_a_place_without_a_study_is_one_clear_line(tmp_path):
    with Server(tmp_path) as server:
        assert "no trial files" in uncrossed("verify", server.url, code=2).stdout
        assert "for local folders" in uncrossed("verify", server.url, "--quarantine", code=2).stdout
        (tmp_path / "SHA256SUMS").write_text("no list\n")
        assert "SHA256SUMS: line 1 is not a checksum" in uncrossed("verify", server.url, code=1).stdout


def test_logits_are_computed_again_from_the_weights(few, tmp_path):
    """Real trainings: their weights give the stored logits to the last bit; other weights do not."""
    folder = tmp_path / "results/one"
    for framework in FRAMEWORKS:
        row = {"trial": "a", "architecture": "smallcnn", "learning_rate": 0.01}
        row |= {"batch_size": 30, "adam_epsilon": 1e-7, "epochs": 1}
        output = folder / f"trials/a/{framework}.h5"
        uncrossed("train", framework, "--row", json.dumps(row), "--dataset", few, "--output", output)
    assert "give its file by --dataset" in uncrossed("verify", folder, "--recompute", code=2).stdout
    output = uncrossed("verify", folder, "--recompute", "--dataset", few, "--ignore-missing").stdout
    assert SOUND in output
    assert "--recompute)" not in output

    def shift(result):
        name = next(name for name in result.weights[1] if "conv1" in name)
        result.weights[1][name][0] *= 1 + 1e-3

    for framework in FRAMEWORKS:
        change(folder / f"trials/a/{framework}.h5", shift)
    # Each file is sound in itself.
    output = uncrossed("verify", folder, "--ignore-missing").stdout
    assert SOUND in output
    assert "not checked: whether weights give the stored logits" in output
    output = uncrossed("verify", folder, "--recompute", "--dataset", few, code=1).stdout
    assert output.count("its weights give logits that differ") == 2
