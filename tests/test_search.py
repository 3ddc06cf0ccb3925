"""The search: its box, its suggestions, and a whole one through Snakemake, killed and continued."""

import json
import os
import signal
import subprocess
import time

import numpy as np
import pandas as pd
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from conftest import PATH, REPOSITORY, Folder, run, uncrossed
from uncrossed.common.errors import InputError
from uncrossed.search import suggestion as searching
from uncrossed.search.figures import expected_best
from uncrossed.search.suggestion import Seen
from uncrossed.study.hyperparameters import HYPERPARAMETERS
from uncrossed.study.mechanisms import NATIVE
from uncrossed.study.search import Search
from uncrossed.study.space import Interval, Space
from uncrossed.study.study import Study
from uncrossed.training.architectures import load

SMALL = {
    "architectures": ["smallcnn"],
    "box": {
        "learning_rate": {"low": 1e-3, "high": 0.1, "log": True},
        "batch_size": {"low": 20, "high": 100},
        "adam_epsilon": 1e-3,
        "epochs": {"low": 1, "high": 3},
    },
    "split": ["batch_size"],
    "trials": 3,
    "start": 1,
}


@st.composite
def intervals(draw):
    integer, log = draw(st.booleans()), draw(st.booleans())
    if integer:
        low = draw(st.integers(1, 10**6))
        return Interval(low, low + draw(st.integers(1, 10**6)), True, log)
    low = draw(st.floats(1e-10, 1e6))
    return Interval(low, low * (1 + draw(st.floats(1e-6, 1e6))), False, log)


@settings(max_examples=300, deadline=None)
@given(st.data(), st.dictionaries(st.sampled_from("abcd"), intervals(), min_size=1), st.floats(0, 1))
def test_every_point_of_any_box_lies_in_a_subspace_that_overlaps_as_stated(data, box, phi):
    split = tuple(data.draw(st.lists(st.sampled_from(sorted(box)), unique=True)))
    subspaces = Space(box, phi, split).subspaces()
    assert len(subspaces) == 2 ** len(split)
    point = {}
    for name, interval in box.items():
        inside = (
            st.integers(interval.low, interval.high) if interval.integer else st.floats(interval.low, interval.high)
        )
        point[name] = data.draw(inside)
    assert any(all(i.low <= point[name] <= i.high for name, i in subspace.items()) for subspace in subspaces)
    for subspace in subspaces:
        for name, part in subspace.items():
            whole = box[name]
            assert whole.low <= part.low <= part.high <= whole.high
            assert (part.integer, part.log) == (whole.integer, whole.log)
            if whole.integer:
                assert part.low == int(part.low)
                assert part.high == int(part.high)
            elif name in split:
                scale = np.log if whole.log else float
                share = (scale(part.high) - scale(part.low)) / (scale(whole.high) - scale(whole.low))
                assert share == pytest.approx((1 + phi) / 2, rel=1e-4)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"box": {**SMALL["box"], "learning_rate": {"low": 0.1, "high": 0.1}}}, "low is 0.1 and high 0.1"),
        ({"box": {**SMALL["box"], "learning_rate": {"low": 0, "high": 0.1, "log": True}}}, "above 0 on a log"),
        ({"box": {**SMALL["box"], "learning_rate": {"low": 0, "high": 0.1}}}, "a number > 0"),
        ({"box": {**SMALL["box"], "epochs": {"low": 1.5, "high": 3}}}, "found 1.5; allowed: an integer from 1"),
        ({"box": {**SMALL["box"], "epochs": {"low": 1, "high": 1e30}}}, "found 1e+30; allowed: an integer from 1"),
        ({"box": {**SMALL["box"], "learning_rate": 1e308}}, "found 1e+308; allowed: a number > 0, at most 1e30"),
        ({"box": {**SMALL["box"], "learning_rate": float("nan")}}, "found nan; allowed: a number > 0"),
        ({"box": {**SMALL["box"], "learning_rate": {"low": 0.1}}}, "missing key 'search.box.learning_rate.high'"),
        (
            {"box": {**SMALL["box"], "learning_rate": {"high": 0.1}}},
            "missing key 'search.box.learning_rate.low'; it is a",
        ),
        (
            {"box": {**SMALL["box"], "learning_rate": [1]}},
            "'search.box.learning_rate': found [1]; allowed: learning_rate",
        ),
        (
            {"box": {**SMALL["box"], "batch_size": 1}, "split": []},
            "found 1 to 1 in a subspace; allowed: a size that leaves",
        ),
        ({"trials": 10**9}, "trials per subspace, from 1"),
        ({"box": {**SMALL["box"], "learnin_rate": 1}}, "did you mean 'learning_rate'"),
        ({"box": {"learning_rate": 0.1}}, "missing 'batch_size'"),
        ({"box": {**SMALL["box"], "batch_size": {"low": 20, "high": 10**5}}}, "allowed: up to 200"),
        ({"start": 4}, "allowed: 0 to 3, the trials per subspace"),
        ({"trials": 0}, "trials per subspace, from 1"),
        ({"algorithm": "bayes"}, "tpe, random or anneal"),
        ({"objective": "maximise absolute_diference"}, "did you mean 'maximise absolute_difference'"),
        ({"split": ["batch_size", "adam_epsilon"]}, "'adam_epsilon' is no range of the box"),
        ({"split": ["momentum"]}, "'momentum' is no range of the box"),
        ({"split": ["epochs", "epochs"]}, "twice"),
        ({"overlap": 1.5}, "from 0 to 1"),
        ({"pending": 0}, "an integer >= 1"),
        ({"architectures": ["lenet"]}, "unknown architecture 'lenet'"),
        ({"semantics": "alligned"}, "did you mean 'aligned'"),
        ({"serch": 1}, "unknown key"),
    ],
)
def test_a_bad_search_is_refused(change, message, tmp_path):
    folder = Folder(tmp_path)
    del folder.configuration["manifest"]
    folder.configure(search={**SMALL, **change})
    with pytest.raises(InputError, match=r"study\.yaml") as error:
        Study.load(tmp_path / "study.yaml")
    assert message in str(error.value)


def test_a_study_has_a_manifest_or_a_search(tmp_path):
    folder = Folder(tmp_path)
    folder.configure(search=SMALL)
    assert "exactly one of the keys" in folder.snakemake("-n", code=1).stdout


def test_a_search_is_checked_and_has_no_manifest_before_it_is_built():
    study = REPOSITORY / "config/search.yaml"
    checked = uncrossed("manifest", "check", "--study", study).stdout
    assert "48 subspaces x 25 trials (16 vgg16, 16 resnet50, 16 densenet121), 10 of each subspace at random" in checked
    with pytest.raises(InputError, match=r"search\.yaml: has a search, .*: results/search/manifest\.csv"):
        Study.load(study).job("vgg16-s00-000")


def make(**changes: object) -> Search:
    return Search.check({**SMALL, "trials": 30, "start": 5, **changes}, "search")


def history(search: Search, count: int, value) -> list[Seen]:
    """Finished trials of the first subspace, with a known objective; None is divergence."""
    seen: list[Seen] = []
    for trial in list(search.places)[:count]:
        row, _ = searching.next_row(search, trial, seen[: len(search.visible(trial))], 200, dict(NATIVE))
        seen.append(Seen(row, value(row), ()))
    return seen


def test_a_trial_sees_what_it_is_allowed_to_and_nothing_else():
    search = make(pending=3)
    assert search.visible("smallcnn-s00-004") == []
    assert search.visible("smallcnn-s01-006") == [f"smallcnn-s01-00{k}" for k in range(4)]
    assert make().visible("smallcnn-s00-005") == [f"smallcnn-s00-00{k}" for k in range(5)]


@pytest.mark.parametrize("algorithm", ["tpe", "anneal", "random"])
def test_the_same_history_gives_the_same_row_inside_its_subspace(algorithm):
    search = make(algorithm=algorithm)
    rows = [seen.row for seen in history(search, 20, lambda row: row.learning_rate)]
    assert rows == [seen.row for seen in history(search, 20, lambda row: row.learning_rate)]
    for row in rows:
        for name, interval in search.space.subspaces()[0].items():
            assert interval.low <= getattr(row, name) <= interval.high
        row.check_examples(200, load("smallcnn"))
    assert len({row.seed for row in rows}) == 20
    other = [seen.row for seen in history(search, 20, lambda row: -row.learning_rate)]
    assert (rows == other) == (algorithm == "random")
    assert rows[:5] == other[:5], "start trials see nothing"


def test_diverged_trials_teach_nothing_but_are_survived():
    search = make()
    assert len(history(search, 12, lambda row: None)) == 12
    diverging = history(search, 20, lambda row: None if row.learning_rate > 0.01 else row.learning_rate)
    assert any(seen.objective is not None for seen in diverging)


def test_objectives():
    curves = {f"test_{name}": np.array([0.0, value]) for name, value in (("accuracy", 0.25), ("loss", 2.0))}
    other = {"test_accuracy": np.array([0.75]), "test_loss": np.array([1.0])}
    sides = {"pytorch": ("completed", curves), "tensorflow": ("completed", other)}
    expected = {"absolute_difference": 0.5, "difference": -0.5, "pytorch_accuracy": 0.25, "tensorflow_loss": 1.0}
    for quantity, value in expected.items():
        assert searching.objective(f"maximise {quantity}", sides) == value
    sides["pytorch"] = ("diverged", curves)
    assert searching.objective("maximise difference", sides) is None
    assert searching.objective("minimise tensorflow_loss", sides) == 1.0


def test_expected_best_is_what_drawing_gives():
    values = np.array([0.1, 0.5, 0.2, 0.9])
    drawn = np.random.default_rng(0).choice(values, (20000, 3)).max(axis=1).mean()
    assert expected_best(values, 3, largest=True)[2] == pytest.approx(drawn, abs=0.01)
    assert expected_best(values, 3, largest=True)[0] == pytest.approx(values.mean())
    assert expected_best(values, 2, largest=False)[1] < values.mean()


def study(path, **changes: object) -> Folder:
    folder = Folder(path)
    del folder.configuration["manifest"]
    folder.configure(search={**SMALL, **changes}, settings={"threads": 1, "checkpoint_seconds": 0})
    return folder


@pytest.fixture(scope="module")
def searched(tmp_path_factory):
    """A finished search."""
    folder = study(tmp_path_factory.mktemp("searched"))
    folder.snakemake()
    return folder


def test_the_trajectory_is_data(searched):
    table = pd.read_csv(searched.results / "tables/trajectory.csv")
    assert list(table["number"]) == [0, 1, 2, 0, 1, 2]
    assert list(table["guided"]) == [False, True, True] * 2
    assert list(table["saw"]) == [0, 1, 2] * 2
    for _, group in table.groupby("space"):
        assert list(group["best_so_far"]) == list(group["objective"].cummax())
    trajectory = json.loads((searched.results / "tables/trajectory.json").read_text())
    assert trajectory["subspaces"][1]["batch_size"] == [20, 70]
    assert trajectory["trials"][2]["saw"] == [[t["trial"], t["objective"]] for t in trajectory["trials"][:2]]
    trials = pd.read_csv(searched.results / "tables/trials.csv").set_index("trial")
    assert list(table["objective"]) == [abs(trials.loc[name, "difference"]) for name in table["trial"]]
    listed = (searched.results / "SHA256SUMS").read_text()
    for name in ("tables/trajectory.csv", "tables/trajectory.json", "figures/search-progress.svg"):
        assert name in listed
    study = ["--study", searched.path / "study.yaml", "--results", searched.results]
    best = uncrossed("search", "best", *study, "--count", 1).stdout
    assert table.loc[table["objective"].idxmax(), "trial"] in best
    assert "every suggestion is what" in uncrossed("search", "check", *study).stdout


def test_a_search_without_suggestions_is_not_found_to_be_right(searched, tmp_path):
    command = ["search", "check", "--study", searched.path / "study.yaml", "--results"]
    output = uncrossed(*command, tmp_path / "not-there", code=2).stdout
    assert "none of the search's 6 trials has a suggestion" in output
    assert "what the algorithm suggests; 6 of 6 are made" in uncrossed(*command, searched.results).stdout


def test_its_manifest_builds_the_same_trial_files_without_searching(searched, tmp_path):
    folder = Folder(tmp_path)
    folder.manifest.write_bytes((searched.results / "manifest.csv").read_bytes())
    target = "results/tiny/trials/smallcnn-s01-002"
    folder.snakemake(*[f"{target}/{framework}.h5" for framework in ("pytorch", "tensorflow")])
    for framework in ("pytorch", "tensorflow"):
        name = f"trials/smallcnn-s01-002/{framework}.h5"
        assert (folder.results / name).read_bytes() == (searched.results / name).read_bytes()


def test_killed_and_continued_it_finds_the_same(searched, tmp_path):
    folder = study(tmp_path)
    words = ["snakemake", "--snakefile", folder.snakefile, "--profile", REPOSITORY / "profiles/local"]
    words += ["--configfile", folder.path / "study.yaml"]
    process = subprocess.Popen(
        list(map(str, words)), cwd=tmp_path, env={**os.environ, "PATH": PATH}, start_new_session=True,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    while len(list(folder.results.glob("trials/*/row.json"))) < 4:
        assert process.poll() is None
        time.sleep(0.1)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    run(*words[:3], "--unlock", "--configfile", "study.yaml", folder=tmp_path)
    made = {path: path.stat().st_mtime_ns for path in folder.results.glob("trials/*/row.json")}
    folder.snakemake()
    assert (folder.results / "SHA256SUMS").read_bytes() == (searched.results / "SHA256SUMS").read_bytes()
    assert {path: path.stat().st_mtime_ns for path in made} == made, "a suggestion once made is kept"

    # One trial rebuilt alone disturbs no other, and a longer search goes on from where this one ends.
    lost = folder.results / "trials/smallcnn-s00-000/pytorch.h5"
    lost.unlink()
    assert folder.planned() == ["pytorch smallcnn-s00-000"]
    assert "rule suggest" not in folder.snakemake("-n").stdout
    folder.snakemake(lost.relative_to(tmp_path))
    folder.configure(search={**SMALL, "trials": 4})
    assert folder.planned() == [f"{f} smallcnn-s0{s}-003" for f in ("pytorch", "tensorflow") for s in (0, 1)]

    # Another search block, an edited suggestion, an inconsistent history.
    folder.configure(search={**SMALL, "seed": 1})
    assert "suggested by another search" in folder.snakemake("-n", code=1).stdout
    folder.configure(search=SMALL)
    path = folder.results / "trials/smallcnn-s00-001/row.json"
    edited = json.loads(path.read_text())
    edited["row"]["learning_rate"] = 0.0123
    path.write_text(json.dumps(edited))
    check = ["search", "check", "--study", folder.path / "study.yaml", "--results", folder.results]
    output = uncrossed(*check, code=2).stdout
    assert "smallcnn-s00-001/pytorch.h5: inconsistent history: it was trained with learning_rate" in output
    path.write_text("{")
    assert "row.json: damaged" in folder.snakemake("-n", code=1).stdout


def test_the_published_search_plans_1200_suggestions_and_2400_trainings(tmp_path):
    command = ["snakemake", "-n", "-q", "rules", "--snakefile", REPOSITORY / "Snakefile", "--directory", tmp_path]
    output = run(*command, "--configfile", REPOSITORY / "config/search.yaml").stdout
    for rule, count in (("suggest", 1200), ("train_pytorch", 1200), ("train_tensorflow", 1200)):
        assert f"{rule:18} {count:>10}".split() in [line.split() for line in output.splitlines()]
    search = Study(yaml.safe_load((REPOSITORY / "config/search.yaml").read_text()), "config/search.yaml").search
    bounds = [search.space.subspaces()[s] for s in (0, 15)]
    assert [bounds[1][name].high for name in HYPERPARAMETERS] == [0.06250000375, 628, 0.62500000375, 31]
    assert [bounds[0][name].low for name in [*HYPERPARAMETERS][1:]] == [382, 0.3750000062500001, 20]
