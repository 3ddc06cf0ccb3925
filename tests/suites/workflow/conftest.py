"""A study that was built from sources that a test may edit."""

import shutil
from pathlib import Path

import pytest
from filelock import FileLock

from helpers.studies import Folder, copy_sources

SOURCES = "sources with a space"


@pytest.fixture(scope="session")
def built(tmp_path_factory, testrun_uid):
    """A finished study, built from a copy of the sources, so that tests may edit those.

    It is built once, and each of pytest's processes has a copy.
    """
    once = tmp_path_factory.getbasetemp().parent / f"built-{testrun_uid}"
    with FileLock(f"{once}.lock"):
        if not once.exists():
            making = once.with_suffix(".making")
            (making / "work").mkdir(parents=True)
            Folder(making / "work", copy_sources(making / SOURCES) / "Snakefile").snakemake()
            making.rename(once)
    root = tmp_path_factory.mktemp("built") / "copy"
    shutil.copytree(once, root)
    return Folder(root / "work", root / SOURCES / "Snakefile", written=True)


@pytest.fixture
def folder(built, tmp_path):
    """A copy of the finished study that a test may change; the sources are the same."""
    return built.copy(tmp_path / "work")


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
