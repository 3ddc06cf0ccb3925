"""A study is shown whatever surrounds the command."""

import shutil

import pytest

from helpers import synthetic
from helpers.commands import run, told, uncrossed


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A study of three made-up pairs."""
    folder = tmp_path_factory.mktemp("made")
    synthetic.study(folder, 3)
    return folder


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
def test_a_pair_is_shown_whatever_surrounds_the_command(made, surroundings):
    shown = uncrossed("show", "vgg16-0002", "--study", made, **surroundings).stdout
    assert "test accuracy by epoch" in shown


def test_a_folder_in_the_place_of_a_trial_is_the_study(made, monkeypatch):
    monkeypatch.chdir(made)
    assert told("show", made) == told("show", ".") == told("show", "--study", made)
    assert "vgg16-0002 " in told("show", ".")
    assert "results/made/tables/trials.parquet: missing" in told("show", "results/made", code=2)


def test_where_there_is_no_result_there_is_no_number(tmp_path):
    synthetic.study(tmp_path, 3)
    shutil.rmtree(tmp_path / "trials/vgg16-0002")
    told("tables", tmp_path, "--partial")
    for command in (
        ["show", tmp_path],
        ["show", "vgg16-0002", "--study", tmp_path],
        ["analyse", tmp_path, "--partial"],
    ):
        assert "nan" not in told(*command)


def test_a_command_whose_output_is_closed_does_its_work(made):
    assert run("sh", "-c", f"uncrossed show --study '{made}' >&- 2>&-").stdout == ""
