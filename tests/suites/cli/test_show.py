"""A study is shown whatever surrounds the command."""

import pytest

from helpers import synthetic
from helpers.commands import run, uncrossed


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


def test_a_command_whose_output_is_closed_does_its_work(made):
    assert run("sh", "-c", f"uncrossed show --study '{made}' >&- 2>&-").stdout == ""
