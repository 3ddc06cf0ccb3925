"""The command is the same however it is called."""

from helpers.commands import REPOSITORY, run, uncrossed
from uncrossed.common.version import VERSION


def test_python_dash_m_is_the_command():
    assert run("python", "-m", "uncrossed", "--help").stdout == uncrossed("--help").stdout


def test_it_says_its_version_and_prints_what_completes_it():
    assert uncrossed("--version").stdout == f"uncrossed {VERSION}\n"
    assert f"\nversion: {VERSION}\n" in (REPOSITORY / "CITATION.cff").read_text()
    script = uncrossed("--print-completion", "bash").stdout
    assert "recalibrate" in run("bash", "-c", f'{script}\ncompgen -W "${{_shtab_uncrossed_subparsers[*]}}"').stdout
