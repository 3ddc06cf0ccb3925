"""What pip installs as `uncrossed[reader]` reads, verifies and reports, without a framework or the repository."""

import shutil
import sys
import zipfile

import pytest

from helpers.commands import REPOSITORY, run

pytestmark = pytest.mark.more

# Run before anything else: packages that the wheel's extra does not lead to are not there.
ONLY_READER = """
import importlib.metadata as metadata, re, sys

def closure(name, extras=()):
    for text in metadata.requires(name) or ():
        requirement, _, marker = text.partition(";")
        needed = re.match(r"[A-Za-z0-9._-]+", requirement)[0]
        wanted = [extra for extra in extras if f'"{extra}"' in marker]
        if ("extra ==" in marker and not wanted) or "python_version <" in marker or normal(needed) in found:
            continue
        try:
            metadata.version(needed)
        except metadata.PackageNotFoundError:
            continue
        found.add(normal(needed))
        closure(needed)

def normal(name):
    return re.sub("[-_.]+", "-", name).lower()

found = {"uncrossed"}
closure("uncrossed", ("reader",))
known = metadata.packages_distributions()
hidden = {top for top, owners in known.items() if not {normal(owner) for owner in owners} & found}
assert {"torch", "tensorflow", "keras", "snakemake", "pytest", "google"} <= hidden, hidden

class Hide:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in hidden:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Hide())
"""


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """The built wheel, unpacked, and nothing of the repository."""
    folder = tmp_path_factory.mktemp("wheel")
    sources = folder / "sources"
    shutil.copytree(
        REPOSITORY / "workflow", sources / "workflow", ignore=shutil.ignore_patterns("__pycache__", "*.egg-info")
    )
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(REPOSITORY / name, sources)
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--no-index"]
    run(*command, "--wheel-dir", folder, sources)
    (wheel,) = folder.glob("*.whl")
    zipfile.ZipFile(wheel).extractall(folder / "site")
    (folder / "site/sitecustomize.py").write_text(ONLY_READER)
    return folder / "site"


def test_the_wheel_with_its_extra_for_readers_is_enough(installed, copy, tmp_path):
    there = {"PYTHONPATH": str(installed), "MPLCONFIGDIR": str(tmp_path)}
    program = f"""
import uncrossed
assert uncrossed.__file__.startswith({str(installed)!r})
study = uncrossed.open({str(copy)!r})
side = study.trial(study.trials["trial"][0]).pytorch
print(len(study), side.logits.shape, len(study.curves), len(side.weights))
"""
    assert run(sys.executable, "-c", program, folder=tmp_path, **there).stdout.startswith("6 ")
    for command in ("verify", "tables", "analyse", "report"):
        run(sys.executable, "-m", "uncrossed", command, copy, folder=tmp_path, **there)
    assert "<html" in (copy / "report.html").read_text()
