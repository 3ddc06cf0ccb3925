"""Shared by the tests: the commands as users run them, small datasets, and small studies."""

import contextlib
import os
import resource
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from server import Server
from uncrossed.common import remote
from uncrossed.datasets.build import build
from uncrossed.datasets.definition import BUILT_IN_DATASETS, Definition

REPOSITORY = Path(__file__).resolve().parents[1]
# Snakemake's jobs call `python`: it has to be the one that runs the tests.
PATH = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"

ROWS = {
    "first": {"learning_rate": 0.01, "batch_size": 50, "adam_epsilon": 0.02},
    "second": {"learning_rate": 0.03, "batch_size": 64, "adam_epsilon": 0.04},
}


def need(present: object, what: str) -> None:
    """Skip a test for want of a system package or shared data; fail it where UNCROSSED_NO_SKIP is set."""
    if not present:
        (pytest.fail if os.environ.get("UNCROSSED_NO_SKIP") else pytest.skip)(f"needs {what}")


def run(*command: object, folder: Path | None = None, code: int | None = 0, **environment: str):
    """Run a command as a user would; return the finished process, whose `stdout` holds both streams."""
    done = subprocess.run(
        [str(word) for word in command],
        cwd=folder,
        env={**os.environ, "PATH": PATH, **environment},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert code is None or done.returncode == code, f"exit {done.returncode}, expected {code}:\n{done.stdout}"
    return done


def uncrossed(*arguments: object, **options):
    """Run the command `uncrossed`."""
    return run("uncrossed", *arguments, **options)


@contextlib.contextmanager
def no_more_files():
    """While the block lasts, the operating system opens no file for this process."""
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    free = os.open(os.devnull, os.O_RDONLY)
    os.close(free)
    resource.setrlimit(resource.RLIMIT_NOFILE, (free, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)


def write_manifest(path: Path, rows: dict[str, dict], architecture: str = "smallcnn", epochs: int = 2) -> None:
    """Write rows, given as trial name to hyperparameters, as a manifest."""
    columns = ["architecture", "learning_rate", "batch_size", "adam_epsilon", "epochs"]
    lines = [",".join(["trial", *columns])]
    for trial, row in rows.items():
        values = {"architecture": architecture, "epochs": epochs, **row}
        lines.append(",".join([trial, *(str(values[name]) for name in columns)]))
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def copy_sources(path: Path) -> Path:
    """Copy what makes a build into the new folder `path`, so that a test may edit it; return the folder."""
    path.mkdir()
    for name in ("Snakefile", "workflow", "envs", "config", "profiles"):
        source = REPOSITORY / name
        ignore = shutil.ignore_patterns("__pycache__", "*.egg-info")
        shutil.copytree(source, path / name, ignore=ignore) if source.is_dir() else shutil.copy(source, path / name)
    return path


class Folder:
    """A working directory with one study: two trials of smallcnn on a few digits."""

    def __init__(self, path: Path, snakefile: Path = REPOSITORY / "Snakefile"):
        """Write the study's files into `path`."""
        self.path, self.snakefile = path, snakefile
        self.results = path / "results/tiny"
        self.manifest = path / "rows.csv"
        self.configuration = {
            "study": "tiny",
            "dataset": "digits-few",
            "manifest": "rows.csv",
            "datasets": {"digits-few": {"format": "digits", "train_examples": 200, "test_examples": 60}},
            "settings": {"threads": 1},
        }
        write_manifest(self.manifest, ROWS)
        self.configure()

    def configure(self, **changes: object) -> None:
        """Change keys of the study file."""
        self.configuration |= changes
        (self.path / "study.yaml").write_text(yaml.safe_dump(self.configuration), encoding="utf-8")

    def snakemake(self, *arguments: object, **options):
        """Run Snakemake on the study with the local profile."""
        command = ["snakemake", *arguments, "--snakefile", self.snakefile, "--directory", self.path]
        command += ["--profile", REPOSITORY / "profiles/local"]
        # --configfile takes every word that follows it.
        return run(*command, "--configfile", self.path / "study.yaml", **options)

    def planned(self, *arguments: object) -> list[str]:
        """What a dry-run would train: `FRAMEWORK TRIAL`, sorted; an empty list where nothing is to be done at all."""
        output = self.snakemake("-n", *arguments).stdout
        jobs, rule = [], ""
        for line in output.splitlines():
            if line.startswith(("rule ", "localrule ")):
                rule = line.split()[1].rstrip(":")
            if line.strip().startswith("wildcards: trial=") and rule.startswith("train_"):
                jobs.append(f"{rule.removeprefix('train_')} {line.split('trial=')[1].strip()}")
        if not jobs:
            assert "Nothing to be done" in output, output
        return sorted(jobs)


@pytest.fixture(scope="session")
def digits(tmp_path_factory):
    """The path of the digits dataset file."""
    path = tmp_path_factory.mktemp("datasets") / "digits.h5"
    build(BUILT_IN_DATASETS["digits"], path)
    return path


@pytest.fixture(scope="session")
def few(tmp_path_factory):
    """The path of a dataset file with 70 training and 40 test digits."""
    path = tmp_path_factory.mktemp("datasets") / "digits-few.h5"
    build(Definition(name="digits-few", format="digits", train_examples=70, test_examples=40), path)
    return path


@pytest.fixture
def network(monkeypatch, tmp_path):
    """Readers wait little before they try again, and have a cache of the test's own."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(remote, "FIRST_DELAY", 0.01)


@pytest.fixture
def server(copy, network):
    """The module's `copy`, a folder, behind HTTP."""
    with Server(copy) as running:
        yield running


@pytest.fixture(params=["folder", "http"])
def place(request, server):
    """The copy in both places."""
    return server.folder if request.param == "folder" else server.url
