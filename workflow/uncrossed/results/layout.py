"""Where everything of a study lies below its folder `results/STUDY`, each path spelt once; and which files are listed.

All names are relative to that folder, as they stand in its lists of checksums.
"""

from collections.abc import Iterable
from pathlib import Path, PurePath

from uncrossed.common.files import ours
from uncrossed.study.trial import FRAMEWORKS

# What a study was built from.
MANIFEST = "manifest.csv"
STATEMENT = "study.json"

TRIALS_PARQUET = "tables/trials.parquet"
TRIALS_CSV = "tables/trials.csv"
CURVES = "tables/curves.parquet"
RUNS = "tables/runs.parquet"
TRAJECTORY = "tables/trajectory.csv"
PUBLISHED = "tables/published.csv"
REFERENCE = "tables/reference.parquet"

# Lists of checksums: that of a build, and that of all that is released.
SUMS = "SHA256SUMS"
RELEASE_SUMS = "RELEASE_SHA256SUMS"
LISTS = (SUMS, RELEASE_SUMS)

# What only a release has.
CARD = "README.md"
CROISSANT = "croissant.json"
PROVENANCE = "provenance.json"

# What every study has, besides its trial files, whose bytes depend on nothing but its results.
ALWAYS_LISTED = (STATEMENT, MANIFEST, TRIALS_CSV, TRIALS_PARQUET, CURVES)
# What some studies have: whatever is written there is listed, so that a new output is listed too, ...
OUTPUTS = (
    "architectures/*.py",
    "architectures/*.json",
    "tables/*.csv",
    "tables/*.parquet",
    "tables/*.json",
    "figures/*.svg",
    "figures/*.json",
    "report.html",
)
# ... unless it is one of these, whose bytes depend on clocks and machines.
NEVER_LISTED = (RUNS, "figures/*.png")


def trial_file(trial: str, framework: str) -> str:
    """The result of a trial on a framework."""
    return f"trials/{trial}/{framework}.h5"


def run_record(trial: str, framework: str) -> str:
    """What the training that made a trial file took, and where it ran."""
    return f"trials/{trial}/{framework}.json"


def suggestion(trial: str) -> str:
    """In a search, a trial's row and what it was suggested by."""
    return f"trials/{trial}/row.json"


def trial_files(trials: Iterable[str]) -> list[str]:
    """The trial files of these trials, by the trials' names."""
    return [trial_file(trial, framework) for trial in sorted(trials) for framework in FRAMEWORKS]


def place(name: str | PurePath) -> tuple[str, str]:
    """The trial and the framework whose file has this name or path."""
    path = PurePath(name)
    return path.parent.name, path.stem


def is_trial_file(path: str | PurePath) -> bool:
    """Whether a name or path is that of a trial file."""
    path = PurePath(path)
    return path.parent.parent.name == "trials" and path.suffix == ".h5"


def datasets(folder: Path) -> Path:
    """The folder of the datasets, which a study shares with those beside it."""
    return folder if folder.name == "datasets" else folder.parent / "datasets"


def must_be_listed(trials: Iterable[str]) -> list[str]:
    """What the SHA256SUMS of a study with these trials lists at least."""
    return [*ALWAYS_LISTED, *trial_files(trials)]


def is_listed(name: str) -> bool:
    """Whether SHA256SUMS lists a table, a figure or a report of this name wherever it is there."""
    path = PurePath(name)
    return any(map(path.match, OUTPUTS)) and not any(map(path.match, NEVER_LISTED))


def listed(folder: Path, trials: Iterable[str]) -> list[str]:
    """What the SHA256SUMS of a study with these trials lists: what must be there, and what else is."""
    there = (path.relative_to(folder).as_posix() for path in ours(folder, *OUTPUTS))
    others = [name for name in there if is_listed(name) and name not in ALWAYS_LISTED]
    return [*ALWAYS_LISTED, *others, *trial_files(trials)]
