"""The command is the same however it is called."""

from helpers.commands import run, uncrossed


def test_python_dash_m_is_the_command():
    assert run("python", "-m", "uncrossed", "--help").stdout == uncrossed("--help").stdout
