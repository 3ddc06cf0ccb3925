"""The models that were published in 2021, to be evaluated again."""

import math
import os
from collections.abc import Iterable, Sequence
from functools import partial

from uncrossed.datasets.definition import BUILT_IN_DATASETS
from uncrossed.explain.recalibration import Stored
from uncrossed.results.trials_table import ACCURACIES
from uncrossed.study.trial import FRAMEWORKS, Settings
from uncrossed.study2021.published_files import open_published, trained_by


def stored_models(
    place: str | os.PathLike[str] | None, trials: Sequence[str] = (), frameworks: Iterable[str] = FRAMEWORKS
) -> list[Stored]:
    """The published models, whose weights are read, and downloaded, when they are evaluated.

    The files hold weights alone, without logits or a hash of the dataset: it has to be CIFAR-10 as it is built here.

    Args:
        place: as `open_published` takes it.
        trials: these alone, by any of their names; else all.
        frameworks: of these frameworks alone.

    Raises:
        InputError: as `open_published`, and `Published.trial`.
    """
    published = open_published(place)
    dataset, models = BUILT_IN_DATASETS["cifar10"].identity(), []
    for pair in map(published.trial, trials or published.trials["trial"]):
        weights = {
            "pytorch": partial(getattr, pair.pytorch, "weights"),
            "tensorflow": pair.tensorflow.keras_weights,
        }
        for framework in frameworks:
            model = Stored(
                where=f"{pair.name} ({framework})",
                framework=framework,
                row=trained_by(pair.row),
                settings=Settings(),
                dataset=dataset,
                dataset_sha256=None,
                dataset_file=None,
                architecture=None,
                completed=True,
                scores=(math.nan, float(pair.row[ACCURACIES[FRAMEWORKS.index(framework)]])),
                content_sha256="",
                weights=weights[framework],
                logits=None,
            )
            models.append(model)
    return models
