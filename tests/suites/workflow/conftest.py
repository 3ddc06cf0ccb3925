"""A study that was built from sources that a test may edit."""

from pathlib import Path

import pytest

from helpers.studies import Folder, copy_sources


@pytest.fixture(scope="session")
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
