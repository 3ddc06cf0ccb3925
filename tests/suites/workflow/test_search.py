"""A search through Snakemake, killed and continued, finds the same, and is data afterwards."""

import json
import os
import signal
import subprocess
import time

import pandas as pd
import pytest

from helpers.commands import PATH, REPOSITORY, run, told
from helpers.searches import SMALL
from helpers.studies import Folder

pytestmark = pytest.mark.more


def study(path, **changes: object) -> Folder:
    folder = Folder(path)
    del folder.configuration["manifest"]
    folder.configure(search={**SMALL, **changes}, settings={"threads": 1, "checkpoint_seconds": 0})
    return folder


@pytest.fixture(scope="module")
def searched(tmp_path_factory):
    """A search that was killed in the middle and continued."""
    folder = study(tmp_path_factory.mktemp("searched"))
    words = ["snakemake", "--snakefile", folder.snakefile, "--profile", REPOSITORY / "profiles/local"]
    words += ["--configfile", folder.path / "study.yaml"]
    pipes = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "start_new_session": True}
    process = subprocess.Popen(list(map(str, words)), cwd=folder.path, env={**os.environ, "PATH": PATH}, **pipes)
    while len(list(folder.results.glob("trials/*/row.json"))) < 3:
        assert process.poll() is None
        time.sleep(0.1)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    run(*words[:3], "--unlock", "--configfile", "study.yaml", folder=folder.path)
    made = {path: path.stat().st_mtime_ns for path in folder.results.glob("trials/*/row.json")}
    folder.snakemake()
    assert {path: path.stat().st_mtime_ns for path in made} == made, "a suggestion once made is kept"
    return folder


def test_killed_and_continued_each_suggestion_is_what_the_algorithm_suggests(searched):
    study = ["--study", searched.path / "study.yaml", "--results", searched.results]
    assert "every suggestion is what" in told("search", "check", *study)


@pytest.mark.long
def test_killed_and_continued_it_finds_the_same(searched, tmp_path):
    folder = study(tmp_path)
    folder.snakemake()
    assert (folder.results / "SHA256SUMS").read_bytes() == (searched.results / "SHA256SUMS").read_bytes()


def test_the_trajectory_is_data(searched):
    table = pd.read_csv(searched.results / "tables/trajectory.csv")
    assert list(table["number"]) == [0, 1, 0, 1]
    assert list(table["guided"]) == [False, True] * 2
    assert list(table["saw"]) == [0, 1] * 2
    for _, group in table.groupby("space"):
        assert list(group["best_so_far"]) == list(group["objective"].cummax())
    trajectory = json.loads((searched.results / "tables/trajectory.json").read_text())
    assert trajectory["subspaces"][1]["batch_size"] == [20, 70]
    assert trajectory["trials"][1]["saw"] == [[t["trial"], t["objective"]] for t in trajectory["trials"][:1]]
    trials = pd.read_csv(searched.results / "tables/trials.csv").set_index("trial")
    assert list(table["objective"]) == [abs(trials.loc[name, "difference"]) for name in table["trial"]]
    # Of what a search chose nothing is inferred.
    assert list(trials.loc[table["trial"], "origin"]) == ["random", "guided"] * 2
    listed = (searched.results / "SHA256SUMS").read_text()
    for name in ("tables/trajectory.csv", "tables/trajectory.json", "figures/search-progress.svg"):
        assert name in listed
    study = ["--study", searched.path / "study.yaml", "--results", searched.results]
    best = told("search", "best", *study, "--count", 1)
    assert table.loc[table["objective"].idxmax(), "trial"] in best


def test_a_search_without_suggestions_is_not_found_to_be_right(searched, tmp_path):
    command = ["search", "check", "--study", searched.path / "study.yaml", "--results"]
    output = told(*command, tmp_path / "not-there", code=2)
    assert "none of the search's 4 trials has a suggestion" in output
    assert "what the algorithm suggests; 4 of 4 are made" in told(*command, searched.results)


@pytest.mark.long
def test_its_manifest_builds_the_same_trial_files_without_searching(searched, tmp_path):
    folder = Folder(tmp_path)
    folder.manifest.write_bytes((searched.results / "manifest.csv").read_bytes())
    target = "results/tiny/trials/smallcnn-s01-001"
    folder.snakemake(*[f"{target}/{framework}.h5" for framework in ("pytorch", "tensorflow")])
    for framework in ("pytorch", "tensorflow"):
        name = f"trials/smallcnn-s01-001/{framework}.h5"
        assert (folder.results / name).read_bytes() == (searched.results / name).read_bytes()


def test_a_trial_rebuilt_alone_disturbs_no_other_and_a_longer_search_goes_on(searched, tmp_path):
    folder = searched.copy(tmp_path / "work")
    lost = folder.results / "trials/smallcnn-s00-000/pytorch.h5"
    lost.unlink()
    assert folder.planned() == ["pytorch smallcnn-s00-000"]
    assert "rule suggest" not in folder.snakemake("-n").stdout
    folder.snakemake(lost.relative_to(folder.path))
    folder.configure(search={**SMALL, "trials": 3})
    assert folder.planned() == [f"{f} smallcnn-s0{s}-002" for f in ("pytorch", "tensorflow") for s in (0, 1)]


def test_suggestions_of_another_search_and_an_edited_one_are_refused(searched, tmp_path):
    folder = searched.copy(tmp_path / "work")
    folder.configure(search={**SMALL, "seed": 1})
    assert "suggested by another search" in folder.snakemake("-n", code=1).stdout
    folder.configure(search=SMALL)
    path = folder.results / "trials/smallcnn-s00-000/row.json"
    edited = json.loads(path.read_text())
    edited["row"]["learning_rate"] = 0.0123
    path.write_text(json.dumps(edited))
    check = ["search", "check", "--study", folder.path / "study.yaml", "--results", folder.results]
    output = told(*check, code=2)
    assert "smallcnn-s00-000/pytorch.h5: inconsistent history: it was trained with learning_rate" in output
    path.write_text("{")
    assert "row.json: damaged" in folder.snakemake("-n", code=1).stdout
