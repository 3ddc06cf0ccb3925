"""Where everything of a study lies below its folder `results/STUDY`, each path spelt once; and which files are listed.

All names are relative to that folder, as they stand in its lists of checksums.
"""

from collections.abc import Iterable
from pathlib import Path, PurePath

from uncrossed.common.files import ours
from uncrossed.study.trial import FRAMEWORKS

# Folders.
TRIALS_FOLDER = "trials"
TABLES_FOLDER = "tables"
FIGURES_FOLDER = "figures"
# Beside the studies' folders: that of their datasets.
DATASETS_FOLDER = "datasets"

# What a study was built from.
MANIFEST = "manifest.csv"
STUDY_STATEMENT = "study.json"

TRIALS_PARQUET = "tables/trials.parquet"
TRIALS_CSV = "tables/trials.csv"
CURVES_TABLE = "tables/curves.parquet"
RUNS_TABLE = "tables/runs.parquet"
SUMMARY_TABLE = "tables/summary.csv"
DISAGREEMENT_TABLE = "tables/disagreement.csv"
WEIGHTS_TABLE = "tables/weights.csv"
ATTRIBUTION_TABLE = "tables/attribution.csv"
RECALIBRATION_TABLE = "tables/recalibration.csv"
TRAJECTORY_TABLE = "tables/trajectory.csv"
TRAJECTORY_JSON = "tables/trajectory.json"
PUBLISHED_TABLE = "tables/published.csv"
PUBLISHED_SUMMARY_TABLE = "tables/published-summary.csv"
PUBLISHED_EFFECTS_TABLE = "tables/published-effects.csv"
PUBLISHED_NOISE_TABLE = "tables/published-noise.csv"
PUBLISHED_EXTREMES_TABLE = "tables/published-extremes.csv"
REFERENCE_TABLE = "tables/reference.parquet"

CAPTIONS = "figures/captions.json"
ATTRIBUTION_FIGURE = "figures/attribution.svg"
SEARCH_PROGRESS_FIGURE = "figures/search-progress.svg"
SEARCH_BOX_FIGURE = "figures/search-box.svg"

REPORT = "report.html"

# Lists of checksums: that of a build, and that of all that is released.
CHECKSUMS = "SHA256SUMS"
RELEASE_CHECKSUMS = "RELEASE_SHA256SUMS"
LISTS = (CHECKSUMS, RELEASE_CHECKSUMS)

# What only a release has, and what its upload leaves.
CARD = "README.md"
CROISSANT = "croissant.json"
PROVENANCE = "provenance.json"
RECEIPT = "receipt.json"

# What every study has, besides its trial files, whose bytes depend on nothing but its results.
ALWAYS_LISTED = (STUDY_STATEMENT, MANIFEST, TRIALS_CSV, TRIALS_PARQUET, CURVES_TABLE)
# What some studies have: whatever is written there is listed, so that a new output is listed too, ...
OUTPUTS = (
    "architectures/*.py",
    "architectures/*.json",
    "tables/*.csv",
    "tables/*.parquet",
    "tables/*.json",
    "figures/*.svg",
    "figures/*.json",
    REPORT,
)
# ... unless it is one of these, whose bytes depend on clocks and machines.
NEVER_LISTED = (RUNS_TABLE, "figures/*.png")


def trial_file(trial: str, framework: str) -> str:
    """The result of a trial on a framework."""
    return f"{TRIALS_FOLDER}/{trial}/{framework}.h5"


def run_record(trial: str, framework: str) -> str:
    """What the training that made a trial file took, and where it ran."""
    return run_record_beside(trial_file(trial, framework)).as_posix()


def run_record_beside(trial_file: str | PurePath) -> Path:
    """The run record of a trial file."""
    return Path(trial_file).with_suffix(".json")


def views_file(trial: str, framework: str) -> str:
    """What the training of a trial file has carried for other rows, if any needed it."""
    return views_beside(trial_file(trial, framework)).as_posix()


def views_beside(trial_file: str | PurePath) -> Path:
    """The views that the training of a trial file has carried."""
    return Path(trial_file).with_suffix(".views.h5")


def trial_beside(views_file: str | PurePath) -> Path:
    """The trial file whose training has carried views."""
    return Path(str(views_file).removesuffix(".views.h5") + ".h5")


def checkpoint_beside(trial_file: str | PurePath) -> Path:
    """The checkpoint from which a trial file's training goes on, while it is not done."""
    return Path(trial_file).with_suffix(".checkpoint.h5")


def lock_beside(trial_file: str | PurePath) -> Path:
    """What is locked while a trial file's training runs."""
    return Path(trial_file).with_suffix(".job")


def preflight(framework: str) -> str:
    """What was found of driver and card before a framework's trainings on GPUs; of this machine, so never listed."""
    return f"preflight/{framework}.json"


def suggestion(trial: str) -> str:
    """In a search, a trial's row and what it was suggested by."""
    return f"{TRIALS_FOLDER}/{trial}/row.json"


def architecture_file(name: str) -> str:
    """The file of an architecture of the study's own, as a text."""
    return f"architectures/{name}.py"


def architecture_statement(name: str) -> str:
    """What others need to know of an architecture of the study's own without running its file."""
    return f"architectures/{name}.json"


def figure(name: str, kind: str = "svg") -> str:
    """A figure by its name."""
    return f"{FIGURES_FOLDER}/{name}.{kind}"


def log(name: str) -> str:
    """What a job of the build said."""
    return f"logs/{name}.log"


def dataset_file(name: str) -> str:
    """A dataset, relative to the folder in which the studies' folders lie."""
    return f"{DATASETS_FOLDER}/{name}.h5"


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
    return path.parent.parent.name == TRIALS_FOLDER and path.name in {f"{framework}.h5" for framework in FRAMEWORKS}


def is_views_file(path: str | PurePath) -> bool:
    """Whether a name or path is that of views."""
    path = PurePath(path)
    return path.parent.parent.name == TRIALS_FOLDER and path.name.endswith(".views.h5")


def datasets(folder: Path) -> Path:
    """The folder of the datasets, which a study shares with those beside it."""
    return folder if folder.name == DATASETS_FOLDER else folder.parent / DATASETS_FOLDER


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
