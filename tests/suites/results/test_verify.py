"""Verification passes what is as it says, and names each way in which it is not."""

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import uncrossed as package
from helpers import synthetic
from helpers.commands import told, uncrossed
from helpers.verified import FIRST, SECOND, SOUND, change, changed
from uncrossed.results import checksums, facts, tables, trial_file
from uncrossed.results.verify import verify
from uncrossed.study import manifest
from uncrossed.study.trial import FRAMEWORKS, Trial


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
    output = told("verify", folder, code=1)
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
    output = told("verify", folder, code=1)
    assert f"tables/trials.{kind}: {said}" in output
    assert (": 2 faults\n" if column == "trial" else ": 1 fault\n") in output


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


def test_names_of_trials_that_look_like_numbers(tmp_path):
    trials = [row.model_copy(update={"trial": f"00{k}", "base": "000"}) for k, row in enumerate(synthetic.rows(2, 1))]
    synthetic.write(tmp_path, trials)
    tables.make(tmp_path)
    assert verify(tmp_path).faults == []


def test_of_damage_it_names_all_that_it_finds(folder):
    table, record = folder / "tables/trials.parquet", folder / f"trials/{FIRST}/pytorch.json"
    content = table.read_bytes()
    assert b'"str"' in content
    table.write_bytes(content.replace(b'"str"', b'"rtr"'))  # a type that NumPy does not have
    record.write_text("[" * 100_000)
    faults = verify(folder).faults
    assert any(fault.startswith(f"{table}: ") for fault in faults)
    assert any(fault.startswith(f"{record}: damaged") for fault in faults)


def test_names_of_architectures_that_look_like_numbers(tmp_path):
    trials = [row.model_copy(update={"architecture": "007"}) for row in synthetic.rows(2, 1)]
    synthetic.write(tmp_path, trials)
    tables.make(tmp_path)
    assert not [fault for fault in verify(tmp_path).faults if "architecture of trial" in fault]
