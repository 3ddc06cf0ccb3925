"""The sources are clean, and nothing lies about."""

import subprocess

import pytest

from helpers.commands import REPOSITORY, run


@pytest.mark.parametrize(
    "command",
    ["ruff format --check .", "ruff check .", "snakefmt --check Snakefile workflow", "snakemake --lint"],
)
def test_the_sources_are_clean(command):
    run(*command.split(), folder=REPOSITORY)


def test_nothing_else_lies_at_the_top():
    tracked = subprocess.run(["git", "ls-files"], cwd=REPOSITORY, capture_output=True, text=True)
    if tracked.returncode:
        pytest.skip("not a git checkout")
    top = {name.split("/")[0] for name in tracked.stdout.splitlines()}
    folders = {"Snakefile", "workflow", "config", "envs", "profiles", "results", "tests", "docs", "README.md"}
    expected = {"pyproject.toml", "Makefile", "LICENSE", "CITATION.cff", ".ci", ".github", ".gitignore", "slurm"}
    expected |= {".snakemake-workflow-catalog.yml"}
    assert top == folders | expected
