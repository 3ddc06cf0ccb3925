"""The conda environments: Snakemake's real `--sdm conda` on our own files, with a stand-in for the command `conda`.

What this proves and what it can't is said in `tests/helpers/stand-in/conda`. Nothing is downloaded or installed.
"""

import sys
from importlib.metadata import version

import pytest

from helpers.commands import PATH, STAND_IN, need, run
from helpers.studies import ROWS, Folder, copy_sources, write_manifest

pytestmark = pytest.mark.more

FRAMEWORKS = ("pytorch", "tensorflow")
TQDM = f"tqdm=={version('tqdm')}"


class CondaFolder(Folder):
    """A study of one trial, its own sources, and a user whose own `python` fails at once."""

    def __init__(self, root):
        """Write everything into the new folder `root`."""
        (root / "work").mkdir(parents=True)
        super().__init__(root / "work", copy_sources(root / "sources") / "Snakefile")
        write_manifest(self.manifest, {"first": ROWS["first"]})
        self.prefix = root / "environments with a space"
        (root / "bin").mkdir()
        (root / "bin/python").write_text("#!/bin/sh\necho this is not the python of an environment\nexit 1\n")
        (root / "bin/python").chmod(0o755)
        self.environment = {"PATH": f"{root / 'bin'}:{STAND_IN}:{PATH}", "PYTHONPATH": ""}

    def conda(self, *arguments: object, **options):
        """Run Snakemake with conda environments."""
        arguments = (*arguments, "--sdm", "conda", "--conda-prefix", self.prefix)
        return self.snakemake(*arguments, **options, **self.environment)

    def edit(self, name: str, old: str, new: str) -> None:
        """Edit an environment file."""
        path = self.snakefile.parent / f"envs/{name}.yaml"
        assert old in path.read_text()
        path.write_text(path.read_text().replace(old, new, 1))


def python_3_11() -> None:
    need(sys.version_info[:2] == (3, 11), "Python 3.11, as in envs/")


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """A study that was built in conda environments, and the output of the run."""
    python_3_11()
    folder = CondaFolder(tmp_path_factory.mktemp("conda") / "study")
    return folder, folder.conda().stdout


def test_every_job_ran_in_an_environment(built):
    folder, output = built
    for name in (*FRAMEWORKS, "workflow"):
        assert f"envs/{name}.yaml created" in output
    # No job can have run in the user's own Python.
    assert "not the python of an environment" in run("python", "-c", "", code=1, **folder.environment).stdout


def test_an_environment_holds_one_framework_and_not_this_package(built):
    folder, _ = built
    for path in folder.prefix.glob("*_.yaml"):
        text = path.read_text()
        found = run(
            path.with_suffix("") / "bin/python",
            "-c",
            "from importlib.util import find_spec\n"
            "print(*(name for name in ('torch', 'tensorflow', 'snakemake', 'uncrossed') if find_spec(name)))",
            PYTHONPATH="",
        ).stdout.split()
        assert found == [name for name in ("torch", "tensorflow", "snakemake") if f'"{name}==' in text]
        assert len(found) == 1


@pytest.mark.long
def test_conda_or_no_conda_makes_the_same_bytes(built, tmp_path):
    folder, _ = built
    other = Folder(tmp_path)
    write_manifest(other.manifest, {"first": ROWS["first"]})
    other.snakemake(*FRAMEWORKS)
    run("sha256sum", "-c", "SHA256SUMS", folder=folder.results)
    for framework in FRAMEWORKS:
        name = f"trials/first/{framework}.h5"
        assert (other.results / name).read_bytes() == (folder.results / name).read_bytes()


def test_neither_conda_nor_a_change_of_an_environment_trains_again(built):
    folder, _ = built
    assert "Nothing to be done" in folder.conda("-n").stdout
    for name in FRAMEWORKS:
        folder.edit(name, "channels:", "# A comment.\nchannels:")
    assert "Nothing to be done" in folder.conda("-n").stdout
    assert "Nothing to be done" in folder.snakemake("-n").stdout


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("h5py==", "h5py>=", "is not an exact pin"),
        (TQDM, "tqdm", "'tqdm' is not an exact pin"),
        (TQDM, "tqdm==4.*", "'tqdm==4.*' is not an exact pin"),
        (TQDM, "tqdm==0.1", f"'tqdm==0.1': there is {version('tqdm')}"),
        ("tqdm==", "no-such-package==", "is not installed here"),
        ('- "tqdm==', '- "-r tqdm==', "pip dependency '-r tqdm=="),
        ("python=3.11", "python=3.1", "package not found: python=3.1; there is 3.11"),
        ("python=3.11", "python>=3.11", "is not NAME or NAME=VERSION"),
        ("  - pip\n", "", "need the package pip"),
        ("  - pip\n", "  - pip\n  - no-such-package\n", "package not found: no-such-package"),
        ("channels:", "variables: {}\nchannels:", "no others"),
        ("conda-forge", "defaults", "channels are"),
    ],
)
def test_a_wrong_environment_file_is_refused(old, new, message, tmp_path):
    python_3_11()
    folder = CondaFolder(tmp_path / "study")
    folder.edit("pytorch", old, new)
    file = folder.snakefile.parent / "envs/pytorch.yaml"
    command = [STAND_IN / "conda", "env", "create", "--quiet", "--no-default-packages", "--file", file]
    assert message in run(*command, "--prefix", folder.prefix, code=1).stdout
    assert not folder.prefix.exists()


def test_what_the_stand_in_does_not_know_is_refused():
    assert "which it does not know" in run(STAND_IN / "conda", "create", "--file", "pins.txt", code=1).stdout


def test_a_pin_that_is_left_out_stops_the_build(tmp_path):
    python_3_11()
    folder = CondaFolder(tmp_path / "study")
    folder.edit("pytorch", '      - "mpmath==', '      # "')
    output = folder.conda("--conda-create-envs-only", "pytorch", code=1).stdout
    assert "Could not create conda environment" in output
    assert "No matching distribution found for mpmath" in output
    assert "the pins are not all that pip would install" in output
    assert "envs/pytorch.yaml created" not in output
