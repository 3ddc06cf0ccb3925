"""How much Keras' running statistics lose by their beginning, and how much by lagging behind the weights.

    python tests/benchmarks/beginning.py results/published-explained

A running mean begins with 0 and a running variance with 1, and after n steps they still hold momentumⁿ of it. Keras
lets it stay, where Adam takes it out of its own averages (Kingma & Ba 2015, section 3). Here it is taken out of what
TensorFlow's models are stored with, and they are tested again. Nothing is trained: training does not use running
statistics. What is lost then is lost by averages that lag.

The models are the native ones with batch normalisation of the published pairs that are kept (`published_explained.py`).
Each gets a line of `docs/published-explained/beginning.csv`. Lines that are there stay.
"""

import argparse
import math
import sys
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
from tqdm import tqdm

REPOSITORY = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(REPOSITORY / "tests"))

from helpers.explained import BEGINNING, TRIALS, joined, natives, read, rows, write  # noqa: E402
from uncrossed.common.errors import InputError  # noqa: E402
from uncrossed.datasets import dataset_file  # noqa: E402
from uncrossed.explain import recalibration  # noqa: E402
from uncrossed.reading.stored_models import stored_models  # noqa: E402
from uncrossed.study import layout  # noqa: E402
from uncrossed.study.architectures import PACKAGED  # noqa: E402
from uncrossed.training import loop  # noqa: E402

# Keras' default, by which each step keeps so much of the average that there was.
MOMENTUM = 0.99
BEGINNINGS = {"moving_mean": 0.0, "moving_variance": 1.0}


def without_beginning(weights: Mapping[str, np.ndarray], steps: int) -> dict[str, np.ndarray]:
    """The running statistics among a Keras model's weights as averages of the steps alone; float64, channels.

    After n steps a statistic is momentumⁿ × its beginning and 1 - momentumⁿ times a weighted mean over the steps, which
    is returned.
    """
    left = MOMENTUM**steps
    found = {}
    for name, values in weights.items():
        if (kind := name.rpartition("/")[2]) in BEGINNINGS:
            found[name] = (values.astype(np.float64) - left * BEGINNINGS[kind]) / (1 - left)
            if kind == "moving_variance":  # which float32 may have rounded to less than its beginning
                found[name] = found[name].clip(min=0)
    return found


def main() -> None:
    """Test the models that have no line yet."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("study", type=Path, help="the study's folder in results/")
    folder, every = parser.parse_args().study, rows()
    if not folder.is_dir():
        sys.exit(f"{Path(__file__).name}: {folder}: no such folder; allowed: the folder of a build, in results/")
    kept = read("beginning.csv", BEGINNING)
    names = [
        name
        for name in natives(read("trials.csv", TRIALS), every)["trial"]
        if name not in set(kept["trial"])
        and PACKAGED[every[name].architecture].BATCHNORM
        and (folder / layout.trial_file(name, "tensorflow")).is_file()
    ]
    if not names:
        return
    try:
        models, _ = stored_models(folder, names, ["tensorflow"])
        dataset = dataset_file.read(models[0].dataset_file)
        labels = dataset.labels["test"]
        for model in tqdm(models, unit="model", disable=None):
            row = model.row
            learner = recalibration.load(model, PACKAGED[row.architecture].path, model.settings, dataset)
            steps = row.epochs * math.ceil(len(dataset.labels["train"]) / row.batch_size)
            learner.set_weights(without_beginning(learner.weights(), steps))
            other_loss, other_accuracy = loop.measure(
                learner.predict(loop.batches(len(labels), loop.TEST_BATCH)), labels
            )
            loss, accuracy = model.scores
            line = [row.trial, steps, accuracy, other_accuracy, loss, other_loss]
            kept = joined(kept, pd.DataFrame([line], columns=BEGINNING), BEGINNING[:1])
            write("beginning.csv", kept)
    except InputError as error:
        sys.exit(f"{Path(__file__).name}: {error}")


if __name__ == "__main__":
    main()
