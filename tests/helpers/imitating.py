"""What PyTorch trains in the place of both frameworks, for the rows of `config/published-explained.yaml`."""

from pathlib import Path

from uncrossed.study import manifest
from uncrossed.study.architectures import PACKAGED
from uncrossed.study.trial import FRAMEWORKS, Trial
from uncrossed.study2021.published_study import SEMANTICS

REPOSITORY = Path(__file__).resolve().parents[2]
MANIFEST = REPOSITORY / "config/manifests/published-explained.csv"
KEPT = REPOSITORY / "docs/published-explained/imitation.csv"
ACCURACY, MOMENTUM = "test_accuracy", "batchnorm_momentum"


def imitating(row: Trial, side: str) -> Trial:
    """The row by which PyTorch trains one side of another."""
    if side == FRAMEWORKS[0]:
        return row
    semantics = {name: side if setting == "native" else setting for name, setting in row.semantics.items()}
    return row.model_copy(update={"semantics": semantics})


def training(row: Trial, side: str) -> str:
    """What determines the weights of a side that PyTorch trains: where it is equal, one training is enough."""
    return imitating(row, side).training(FRAMEWORKS[0], PACKAGED[row.architecture].touching, evaluation=False)


def first_rows() -> dict[str, tuple[str, str]]:
    """Of each training the first trial and side that it is of, pairs as they were published before all others."""
    rows = list(manifest.read(MANIFEST).values())
    # Second seeds after all first ones.
    rows.sort(key=lambda row: (row.spelled() != SEMANTICS, row.seed % 2))
    found: dict[str, tuple[str, str]] = {}
    for row in rows:
        for side in FRAMEWORKS:
            found.setdefault(training(row, side), (row.trial, side))
    return found
