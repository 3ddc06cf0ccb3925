"""A search's settings are checked before anything is built."""

import pytest
import yaml

from helpers.commands import REPOSITORY, run, told
from helpers.searches import SMALL
from helpers.studies import Folder
from uncrossed.common.errors import InputError
from uncrossed.study.hyperparameters import HYPERPARAMETERS
from uncrossed.study.study import Study


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
        ({"start": 4}, "allowed: 0 to 2, the trials per subspace"),
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
    checked = told("manifest", "check", "--study", study)
    assert "48 subspaces x 25 trials (16 vgg16, 16 resnet50, 16 densenet121), 10 of each subspace at random" in checked
    with pytest.raises(InputError, match=r"search\.yaml: has a search, .*: results/search/manifest\.csv"):
        Study.load(study).job("vgg16-s00-000")


@pytest.mark.long
def test_the_published_search_plans_1200_suggestions_and_2400_trainings(tmp_path):
    command = ["snakemake", "-n", "-q", "rules", "--snakefile", REPOSITORY / "Snakefile", "--directory", tmp_path]
    output = run(*command, "--configfile", REPOSITORY / "config/search.yaml").stdout
    for rule, count in (("suggest", 1200), ("train_pytorch", 1200), ("train_tensorflow", 1200)):
        assert f"{rule:18} {count:>10}".split() in [line.split() for line in output.splitlines()]
    search = Study(yaml.safe_load((REPOSITORY / "config/search.yaml").read_text()), "config/search.yaml").search
    bounds = [search.space.subspaces()[s] for s in (0, 15)]
    assert [bounds[1][name].high for name in HYPERPARAMETERS] == [0.06250000375, 628, 0.62500000375, 31]
    assert [bounds[0][name].low for name in [*HYPERPARAMETERS][1:]] == [382, 0.3750000062500001, 20]


def test_names_of_trials_have_to_be_possible(tmp_path):
    name = "x" * 60
    folder = Folder(tmp_path)
    del folder.configuration["manifest"]
    (tmp_path / "mine.py").touch()
    folder.configure(search={**SMALL, "architectures": [name]}, architectures={name: "mine.py"})
    with pytest.raises(InputError, match=f"trials would have names like '{name}-s00-000'; allowed: shorter names"):
        Study.load(tmp_path / "study.yaml")
