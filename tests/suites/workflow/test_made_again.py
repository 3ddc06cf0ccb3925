"""An edit makes again what depends on it, and nothing else."""

import pytest

from helpers.studies import ROWS, Folder, write_manifest

BOTH = ["pytorch first", "pytorch second", "tensorflow first", "tensorflow second"]


def test_a_second_run_does_nothing(folder):
    assert "Nothing to be done" in folder.snakemake().stdout
    folder.configure(manifest="results/tiny/manifest.csv")
    assert folder.planned() == [], "the manifest that was built is the same one"


def test_what_changes_no_result_makes_nothing_again(folder, module):
    """Reordered rows, a default that is written out, code that makes datasets, and new time stamps, all at once."""
    write_manifest(folder.manifest, dict(reversed(ROWS.items())))
    folder.configure(settings={"threads": 1, "precision": "float32"})
    module("datasets/formats/digits.py", "255 / 16", "200 / 16")
    for path in (folder.path / "results/datasets/digits-few.h5", folder.manifest, folder.path / "study.yaml"):
        path.touch()
    assert folder.planned() == []


def test_one_edited_row_retrains_one_trial(folder):
    write_manifest(folder.manifest, {**ROWS, "second": {**ROWS["second"], "learning_rate": 0.031}})
    assert folder.planned() == ["pytorch second", "tensorflow second"]


def test_swapped_values_are_noticed(folder):
    # Snakemake compares parameters as a set without names.
    first = ROWS["first"]
    swapped = {**first, "learning_rate": first["adam_epsilon"], "adam_epsilon": first["learning_rate"]}
    write_manifest(folder.manifest, {**ROWS, "first": swapped})
    assert folder.planned() == ["pytorch first", "tensorflow first"]


def test_notes_change_tables_only(folder):
    text = folder.manifest.read_text().replace("epochs\n", "epochs,space\n").replace(",2\n", ",2,5\n")
    folder.manifest.write_text(text)
    output = folder.snakemake("-n").stdout
    assert "rule manifest" in output
    assert "rule train" not in output


def test_a_new_row_trains_one_trial_and_a_removed_one_none(folder):
    write_manifest(folder.manifest, {**ROWS, "third": {**ROWS["first"], "learning_rate": 0.5}})
    assert folder.planned() == ["pytorch third", "tensorflow third"]
    write_manifest(folder.manifest, {"first": ROWS["first"]})
    output = folder.snakemake("-n").stdout
    assert "rule tables" in output
    assert "rule train" not in output


def test_code_of_one_framework_retrains_only_its_trials(folder, module):
    module("training/backends/pytorch.py", "self.model.train()", "self.model.train(True)")
    assert folder.planned() == ["pytorch first", "pytorch second"]


def test_settings_retrain(folder):
    folder.configure(settings={"threads": 1, "keep_epochs": [0]})
    assert folder.planned() == BOTH


@pytest.mark.parametrize("target", [[], ["results/tiny/trials/second/pytorch.h5"]])
def test_a_lost_trial_file_is_made_again_alone(target, folder):
    (folder.results / "trials/second/pytorch.h5").unlink()
    assert folder.planned(*target) == ["pytorch second"]


@pytest.mark.more
def test_a_lost_dataset_never_retrains_what_is_finished(folder):
    dataset = folder.path / "results/datasets/digits-few.h5"
    dataset.unlink()
    (folder.results / "trials/second/pytorch.h5").unlink()
    output = folder.snakemake("-n", code=1).stdout
    assert "digits-few.h5 is missing" in output
    folder.snakemake("results/datasets/digits-few.h5")
    assert folder.planned() == ["pytorch second"]


def test_what_an_operating_system_puts_beside_results_is_no_result(tmp_path):
    folder = Folder(tmp_path)
    trial = folder.results / "trials/first"
    trial.mkdir(parents=True)
    (trial / "._pytorch.h5").write_bytes(b"Mac OS X")
    assert len(folder.planned()) == 4
