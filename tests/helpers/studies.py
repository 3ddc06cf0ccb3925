"""Small studies, and copies of the sources that a test may edit."""

import shutil
from pathlib import Path

import yaml

from helpers.commands import REPOSITORY, run

ROWS = {
    "first": {"learning_rate": 0.01, "batch_size": 50, "adam_epsilon": 0.02},
    "second": {"learning_rate": 0.03, "batch_size": 64, "adam_epsilon": 0.04},
}


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

    def __init__(self, path: Path, snakefile: Path = REPOSITORY / "Snakefile", written: bool = False):
        """Write the study's files into `path`, if they are not `written` yet."""
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
        if not written:
            write_manifest(self.manifest, ROWS)
            self.configure()

    def configure(self, **changes: object) -> None:
        """Change keys of the study file."""
        self.configuration |= changes
        (self.path / "study.yaml").write_text(yaml.safe_dump(self.configuration), encoding="utf-8")

    def copy(self, path: Path) -> "Folder":
        """A copy of it all in the new folder `path`, with what is built there; the sources are the same."""
        shutil.copytree(self.path, path, symlinks=True)
        made = Folder(path, self.snakefile, written=True)
        made.configuration = dict(self.configuration)
        return made

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
