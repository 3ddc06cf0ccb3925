"""The build, through real Snakemake runs: what is made, what is made again, and what is not."""

import json
import os
import re
import shutil
import sysconfig
import venv
from pathlib import Path

import pandas as pd
import pytest

import synthetic
from conftest import PATH, ROWS, Folder, copy_sources, run, uncrossed, write_manifest
from uncrossed.results import trial_file
from uncrossed.study.study import Study

BOTH = ["pytorch first", "pytorch second", "tensorflow first", "tensorflow second"]


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """A finished study, built from a copy of the sources, so that tests may edit those."""
    root = tmp_path_factory.mktemp("built")
    sources = copy_sources(root / "sources with a space")
    (root / "work").mkdir()
    folder = Folder(root / "work", sources / "Snakefile")
    folder.snakemake()
    return folder


@pytest.fixture
def folder(built, tmp_path):
    """A copy of the finished study that a test may change; the sources are the same."""
    shutil.copytree(built.path, tmp_path / "work", symlinks=True)
    copy = Folder.__new__(Folder)
    copy.path, copy.snakefile = tmp_path / "work", built.snakefile
    copy.results, copy.manifest = copy.path / "results/tiny", copy.path / "rows.csv"
    copy.configuration = dict(built.configuration)
    return copy


@pytest.fixture
def module(built):
    """Edit a module of the sources for one test: `module(NAME, old, new)`."""
    edited: dict[Path, str] = {}

    def edit(name: str, old: str, new: str) -> None:
        path = built.snakefile.parent / "workflow/uncrossed" / name
        edited.setdefault(path, path.read_text())
        assert old in edited[path]
        path.write_text(edited[path].replace(old, new))

    yield edit
    for path, text in edited.items():
        path.write_text(text)


def test_the_checksums_hold_and_cover_the_deterministic_files(built):
    run("sha256sum", "-c", "SHA256SUMS", folder=built.results)
    listed = {line.split("  ")[1] for line in (built.results / "SHA256SUMS").read_text().splitlines()}
    made = {str(path.relative_to(built.results)) for path in built.results.rglob("*") if path.is_file()}
    records = {f"trials/{trial}/{framework}.json" for trial in ROWS for framework in ("pytorch", "tensorflow")}
    logs = {name for name in made if name.startswith("logs/") or name.endswith(".png")}
    assert made - listed == records | logs | {"tables/runs.parquet", "SHA256SUMS"}


def environment(path: Path) -> str:
    """Make an environment with the packages of this one in a new folder; return the PATH that activates it."""
    venv.create(path, symlinks=True)
    (site,) = path.glob("lib/python*/site-packages")
    (site / "all.pth").write_text(f"import site; site.addsitedir({sysconfig.get_path('purelib')!r})")
    script = path / "bin/snakemake"
    script.write_text('#!/bin/sh\nexec "$(dirname "$0")/python" -m snakemake "$@"\n')
    script.chmod(0o755)
    return f"{path}/bin{os.pathsep}{PATH}"


def test_another_build_below_a_path_with_a_space_and_an_accent_has_the_same_checksums(built, tmp_path):
    root = tmp_path / "a space, an é"
    root.mkdir()
    path = environment(root / ".venv")
    other = Folder(root, copy_sources(root / "sources") / "Snakefile")
    # Same rows in another order, from other sources, in another folder, at another time.
    write_manifest(other.manifest, dict(reversed(ROWS.items())))
    other.snakemake(PATH=path)
    assert (other.results / "SHA256SUMS").read_bytes() == (built.results / "SHA256SUMS").read_bytes()
    other.snakemake("release", PATH=path)
    run("sha256sum", "-c", "RELEASE_SHA256SUMS", folder=other.results)


def test_a_release_says_of_the_study_what_its_trial_files_say(folder):
    folder.snakemake("release")
    (folder.path / "study.yaml").write_text("study: other\n")  # what was built is what is released
    uncrossed("release", folder.results)
    assert json.loads((folder.results / "provenance.json").read_text())["study"]["study"] == "tiny"
    path = folder.results / "study.json"
    path.write_text(path.read_text().replace('"threads": 1', '"threads": 2'))
    run("uncrossed", "checksums", folder.results)
    failed = uncrossed("release", folder.results, code=2).stdout
    assert "first/pytorch.h5: was made with settings=" in failed
    assert "build the study again" in failed


def test_the_tables_say_what_the_files_hold(built):
    trials = pd.read_csv(built.results / "tables/trials.csv")
    pd.testing.assert_frame_equal(trials, pd.read_parquet(built.results / "tables/trials.parquet"))
    assert list(trials["trial"]) == ["first", "second"]
    curves = pd.read_parquet(built.results / "tables/curves.parquet")
    runs = pd.read_parquet(built.results / "tables/runs.parquet")
    assert len(curves) == 2 * 2 * 2
    assert len(runs) == 2 * 2
    for row in trials.to_dict("records"):
        assert row["batch_size"] == ROWS[row["trial"]]["batch_size"]
        accuracies = []
        for framework in ("pytorch", "tensorflow"):
            result = trial_file.read(built.results / f"trials/{row['trial']}/{framework}.h5")
            accuracies.append(result.curves["test_accuracy"][-1])
            assert row[f"{framework}_test_accuracy"] == accuracies[-1]
            assert row[f"{framework}_test_loss"] == pytest.approx(result.curves["test_loss"][-1], rel=1e-15)
            assert row[f"{framework}_status"] == "completed"
        assert row["difference"] == pytest.approx(accuracies[0] - accuracies[1])
        assert row["both_completed"]
    printed = uncrossed("show", "--study", built.results).stdout
    assert f"{accuracies[0]:.4f}" in printed
    assert "did you mean 'second'" in uncrossed("show", "secnd", "--study", built.results, code=2).stdout


def test_the_report_goes_into_that_of_snakemake(built):
    page = (built.results / "report.html").read_text()
    assert "2 pairs of smallcnn" in page
    built.snakemake("--report", "snakemake.html")
    assert "report.html" in (built.path / "snakemake.html").read_text()


def test_the_manifest_that_was_built_builds_the_same_again(folder):
    folder.configure(manifest="results/tiny/manifest.csv")
    assert folder.planned() == []


def test_a_second_run_does_nothing(folder):
    assert folder.planned() == []
    assert "Nothing to be done" in folder.snakemake().stdout


def test_one_edited_row_retrains_one_trial(folder):
    write_manifest(folder.manifest, {**ROWS, "second": {**ROWS["second"], "learning_rate": 0.031}})
    assert folder.planned() == ["pytorch second", "tensorflow second"]


def test_swapped_values_are_noticed(folder):
    # Snakemake compares parameters as a set without names.
    first = ROWS["first"]
    swapped = {**first, "learning_rate": first["adam_epsilon"], "adam_epsilon": first["learning_rate"]}
    write_manifest(folder.manifest, {**ROWS, "first": swapped})
    assert folder.planned() == ["pytorch first", "tensorflow first"]


def test_reordered_rows_change_nothing(folder):
    write_manifest(folder.manifest, dict(reversed(ROWS.items())))
    assert folder.planned() == []


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


def test_code_of_the_loop_retrains_both(folder, module):
    module("training/loop.py", "TEST_BATCH = 500", "TEST_BATCH = 400")
    assert folder.planned() == BOTH


def test_settings_retrain_and_their_defaults_do_not(folder):
    folder.configure(settings={"threads": 1, "precision": "float32"})
    assert folder.planned() == []
    folder.configure(settings={"threads": 1, "keep_epochs": [0]})
    assert folder.planned() == BOTH


def test_a_new_time_stamp_retrains_nothing(folder):
    for path in (folder.path / "results/datasets/digits-few.h5", folder.manifest, folder.path / "study.yaml"):
        path.touch()
    assert folder.planned() == []


@pytest.mark.parametrize("target", [[], ["results/tiny/trials/second/pytorch.h5"], ["pytorch"]])
def test_a_lost_trial_file_is_made_again_alone(target, folder):
    (folder.results / "trials/second/pytorch.h5").unlink()
    assert folder.planned(*target) == ["pytorch second"]


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


def test_a_failed_training_leaves_no_trial_file_and_stops_no_other(tmp_path):
    folder = Folder(tmp_path)
    folder.configure(settings={"device": "gpu"})
    if shutil.which("nvidia-smi"):
        pytest.skip("this machine has a GPU")
    output = folder.snakemake("results/tiny/trials/first/pytorch.h5", "manifest", code=1).stdout
    assert "sees none" in output, "the failed job's log is shown"
    assert not list(tmp_path.rglob("pytorch.*5"))
    assert (folder.results / "manifest.csv").exists()
    # What is missing is listed where that is asked for, and refused where it is not.
    assert "first/pytorch.h5: no such trial file" in uncrossed("tables", folder.results, code=2).stdout
    uncrossed("tables", folder.results, "--partial")
    trials = pd.read_csv(folder.results / "tables/trials.csv")
    assert set(trials["pytorch_status"]) == {"missing"}
    assert not trials["both_completed"].any()


def test_after_a_build_of_single_files_partial_tables_say_what_they_need(tmp_path):
    folder = Folder(tmp_path)
    synthetic.write(folder.results, list(Study.load(tmp_path / "study.yaml").rows.values()))
    (folder.results / "manifest.csv").unlink()
    shutil.rmtree(folder.results / "trials/second")
    partial = [[name, folder.results, "--partial"] for name in ("tables", "analyse", "report")]
    for command in (*partial, ["checksums", folder.results], ["show", "--study", folder.results]):
        output = uncrossed(*command, code=2).stdout
        assert f"{folder.results}/manifest.csv: missing, as after a build of single files" in output
    assert f"{folder.results}/manifest.csv: missing" in uncrossed("attribution", folder.results, code=2).stdout
    said = re.search(r"`(snakemake results/tiny/manifest\.csv --cores 1 --configfile) YOUR-STUDY\.yaml`", output)[1]
    run(*said.split(), tmp_path / "study.yaml", "--snakefile", folder.snakefile, folder=tmp_path)
    assert f"run `uncrossed tables {folder.results}`, with --partial" in uncrossed(*partial[1], code=2).stdout
    assert "2 trials, 1 of them without both results" in uncrossed(*partial[0]).stdout
    for command in partial[1:]:
        uncrossed(*command)
    assert "status               missing     missing" in uncrossed("show", "second", "--study", folder.results).stdout
    # Nothing at all is there: the tables are still tables.
    shutil.rmtree(folder.results / "trials")
    assert "2 trials, 2 of them without both results" in uncrossed(*partial[0]).stdout
    assert "status               missing     missing" in uncrossed("show", "first", "--study", folder.results).stdout


def test_a_study_is_released_and_published_where_the_environment_says(folder):
    assert "set UNCROSSED_DESTINATION" in folder.snakemake("publish", code=1, UNCROSSED_DESTINATION="").stdout
    folder.snakemake("publish", UNCROSSED_DESTINATION=f"file://{folder.path}/out")
    receipt = json.loads((folder.results / "receipt.json").read_text())
    place = Path(receipt["release"].removeprefix("file://"))
    assert place.parent == folder.path / "out/tiny"
    run("sha256sum", "-c", "RELEASE_SHA256SUMS", folder=place)
    assert folder.planned() == []


def test_a_false_alarm_is_allowed_where_the_environment_says(folder):
    who = {"UNCROSSED_DESTINATION": f"file://{folder.path}/out", "LOGNAME": "digits-few"}
    output = folder.snakemake("publish", code=1, **who).stdout
    reported = re.findall(r"^ *(\S+: .*: this user's name)$", output, flags=re.MULTILINE)
    reported = list(dict.fromkeys(reported))
    assert "trials/first/pytorch.h5: attribute 'dataset' of /: this user's name" in reported
    assert not (folder.path / "out").exists()
    assert reported[-1] in folder.snakemake("publish", code=1, UNCROSSED_ALLOW="\n".join(reported[:-1]), **who).stdout
    folder.snakemake("publish", UNCROSSED_ALLOW="\n".join(["", *reported, ""]), **who)
    assert json.loads((folder.results / "receipt.json").read_text())["allowed"] == reported


def test_code_of_datasets_makes_nothing_again(folder, module):
    module("datasets/formats/digits.py", "255 / 16", "200 / 16")
    assert folder.planned() == []


def test_results_that_do_not_belong_together_make_no_table(folder):
    trials = folder.results / "trials/first"
    shutil.copy(trials / "pytorch.h5", trials / "tensorflow.h5")
    assert "made by pytorch" in uncrossed("tables", folder.results, code=2).stdout
    row, data = Study.load(folder.path / "study.yaml").rows["first"], folder.path / "results/datasets/digits-few.h5"
    settings = json.dumps({"threads": 1, "precision": "float64"})
    command = ["train", "tensorflow", "--row", row.model_dump_json(), "--settings", settings, "--dataset", data]
    uncrossed(*command, "--output", trials / "tensorflow.h5")
    assert "made with settings=" in uncrossed("tables", folder.results, code=2).stdout
    # The build knows what the study says, also where Snakemake's own records are gone.
    shutil.rmtree(folder.path / ".snakemake")
    folder.configure(settings={"threads": 2})
    (folder.results / "tables/trials.csv").unlink()
    assert "build it again" in folder.snakemake(code=1).stdout


def test_a_base_that_is_only_a_note_builds(folder):
    text = folder.manifest.read_text().replace("epochs\n", "epochs,base\n").replace(",2\n", ",2,first\n")
    folder.manifest.write_text(text)
    folder.snakemake()
    assert list(pd.read_csv(folder.results / "tables/trials.csv")["base"]) == ["first", "first"]


def test_a_result_of_another_row_is_refused_by_the_tables(folder):
    trials = folder.results / "trials"
    shutil.copy(trials / "first/pytorch.h5", trials / "second/pytorch.h5")
    output = uncrossed("tables", folder.results, code=2).stdout
    assert "second/pytorch.h5: made with trial=first, but the manifest says second" in output


@pytest.mark.parametrize(
    "surroundings",
    [
        {"PYTHONOPTIMIZE": "2"},
        {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
        {"PYTHONIOENCODING": "latin-1"},
        {"TMPDIR": "/nowhere", "HOME": "/nowhere"},
    ],
    ids=lambda surroundings: " ".join(surroundings),
)
def test_a_pair_is_shown_whatever_surrounds_the_command(built, surroundings):
    shown = uncrossed("show", "first", "--study", built.results, **surroundings).stdout
    assert "test accuracy by epoch" in shown


def test_a_command_whose_output_is_closed_does_its_work(built):
    assert run("sh", "-c", f"uncrossed show --study '{built.results}' >&- 2>&-").stdout == ""
