"""What trial files alone can say: how two models' predictions and weights differ, and what each takes for what."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from tqdm import tqdm

from uncrossed.common.errors import InputError
from uncrossed.results import architectures, trial_file
from uncrossed.results.trials_table import DIFFERENCE
from uncrossed.study import layout
from uncrossed.study.trial import FRAMEWORKS
from uncrossed.training.arrays import Layer, to_pytorch
from uncrossed.training.checkpoint import Arrays

BINS = 15
# With more classes than that a table of disagreement has no recalls.
RECALLED = 1000
# A confusion matrix of more classes than WHOLE shows the MOST_CONFUSED, and all others together.
WHOLE, MOST_CONFUSED = 20, 10


class Size(NamedTuple):
    """How large a dataset is."""

    train_examples: int
    test_examples: int
    classes: int


def size(folder: Path, trials: Iterable[str]) -> Size | None:
    """The size of a study's dataset, as the first of its trial files says it; None where there is no trial file.

    Args:
        folder: the study's.
        trials: the names of its trials.

    Raises:
        InputError: a damaged trial file.
    """
    for trial in trials:
        for framework in FRAMEWORKS:
            path = folder / layout.trial_file(trial, framework)
            if path.is_file():
                dataset = trial_file.read_attributes(path)["dataset"]
                with trial_file.opened(path) as file:
                    classes = file["predictions/logits"].shape[1]
                return Size(dataset["train_examples"], dataset["test_examples"], classes)
    return None


class Predictions(NamedTuple):
    """What a model said of the test examples.

    Attributes:
        logits: examples x classes.
        labels: the examples' true classes.
    """

    logits: np.ndarray
    labels: np.ndarray


def read(path: Path) -> Predictions:
    """The predictions in a trial file.

    Raises:
        InputError: a missing or damaged file, or a label that is no class.
    """
    with trial_file.opened(path) as file:
        names = (f"predictions/{name}" for name in Predictions._fields)
        found = Predictions(*(trial_file.read_array(file, name, path) for name in names))
    classes = found.logits.shape[1]
    if found.labels.size and found.labels.max() >= classes:
        raise InputError(f"{path}: label {found.labels.max()}, but {classes} classes")
    return found


def _last_weights(path: Path) -> Arrays:
    with trial_file.opened(path) as file:
        return trial_file.read_weights(file, trial_file.kept_epochs(file)[-1], path)


def compare(folder: Path, trials: pd.DataFrame, partial: bool = False) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Compare the two models of each pair by their trial files.

    Args:
        folder: the study's.
        trials: what `statistics.prepared` returns.
        partial: leave out pairs without files instead of refusing.

    Returns:
        One row per pair that completed: what `disagreement` says. And for pairs that started from the same weights one
        row per array: what `distances` says.

    Raises:
        InputError: a missing or damaged trial file, or two that were tested on different examples.
    """
    compared, apart = [], []
    known = trials[trials[DIFFERENCE].notna()]
    for row in tqdm(known.to_dict("records"), desc="predictions", unit="trial", disable=None):
        paths = [folder / layout.trial_file(row["trial"], framework) for framework in FRAMEWORKS]
        if partial and not all(path.is_file() for path in paths):
            continue
        about = {name: row[name] for name in ("trial", "architecture", "semantics")}
        pytorch, tensorflow = (read(path) for path in paths)
        if not np.array_equal(pytorch.labels, tensorflow.labels):
            raise InputError(f"{paths[1]}: its test labels are not those of {paths[0].name}; build both again")
        compared.append(about | disagreement(pytorch.logits, tensorflow.logits, pytorch.labels))
        attributes = trial_file.read_attributes(paths[0])
        if attributes["row"]["semantics"].get("initial_weights") == "shared":
            weights = [_last_weights(path) for path in paths]
            layers = architectures.name_map(folder, row["architecture"], attributes["dataset"])
            apart += [about | found for found in distances(layers, *weights)]
    return pd.DataFrame(compared), pd.DataFrame(apart)


def disagreement(pytorch: np.ndarray, tensorflow: np.ndarray, labels: np.ndarray) -> dict[str, float]:
    """How two models' predictions of the same examples differ.

    Args:
        pytorch: logits, examples x classes.
        tensorflow: the same.
        labels: the examples' classes.

    Returns:
        agreement: share of examples with the same prediction.
        kappa: Cohen's (1960), agreement beyond that of independent predictions with the same frequencies of classes.
        churn: 1 - agreement - |difference of accuracies|: disagreement beyond the least that the accuracies allow.
        Of each model the expected calibration error and, of up to RECALLED classes, the recall of each. NaN where
        logits are not finite, and of classes that do not occur.
    """
    classes = pytorch.shape[1]
    finite = np.isfinite(pytorch).all() and np.isfinite(tensorflow).all()
    guesses = [logits.argmax(axis=1) for logits in (pytorch, tensorflow)]
    right = [guess == labels for guess in guesses]
    agreement = (guesses[0] == guesses[1]).mean()
    shares = [np.bincount(guess, minlength=classes) / len(labels) for guess in guesses]
    expected = float(shares[0] @ shares[1])
    found = {
        "agreement": float(agreement),
        "kappa": float((agreement - expected) / (1 - expected)) if expected < 1 else np.nan,
        "churn": float(1 - agreement - abs(right[0].mean() - right[1].mean())),
    }
    for framework, logits in zip(FRAMEWORKS, (pytorch, tensorflow), strict=True):
        found[f"{framework}_calibration_error"] = calibration_error(logits, labels) if finite else np.nan
    if classes <= RECALLED:
        for framework, correct in zip(FRAMEWORKS, right, strict=True):
            for label, recall in enumerate(_recalls(correct, labels, classes)):
                found[f"{framework}_recall_{label}"] = float(recall)
    return found if finite else dict.fromkeys(found, np.nan)


def _recalls(correct: np.ndarray, labels: np.ndarray, classes: int) -> np.ndarray:
    """Of each class the share of its examples that a model got right; NaN of one without examples."""
    occurring = np.bincount(labels, minlength=classes)
    right = np.bincount(labels[correct], minlength=classes)
    return np.divide(right, occurring, out=np.full(classes, np.nan), where=occurring > 0)


def calibration_error(logits: np.ndarray, labels: np.ndarray) -> float:
    """Expected calibration error: Σ over bins of confidence, share of examples times |accuracy - mean confidence|.

    Guo, Pleiss, Sun & Weinberger (2017), equation 3, with BINS bins of equal width; confidence is the largest softmax.

    Args:
        logits: examples x classes.
        labels: the examples' classes.
    """
    shifted = logits.astype(float) - logits.max(axis=1, keepdims=True)
    confidence = 1 / np.exp(shifted).sum(axis=1)
    right = logits.argmax(axis=1) == labels
    # Bins are open below and closed above.
    bins = np.clip(np.ceil(confidence * BINS).astype(int) - 1, 0, BINS - 1)
    return float(np.abs(np.bincount(bins, right - confidence, minlength=BINS)).sum() / len(labels))


def shown_classes(sides: Sequence[Predictions]) -> np.ndarray:
    """Which classes the confusion matrices of a pair show: all, or of more than WHOLE the MOST_CONFUSED.

    These are the classes that all sides together take for each other most often, either for the other.
    """
    classes = sides[0].logits.shape[1]
    if classes <= WHOLE:
        return np.arange(classes)
    errors = []
    for side in sides:
        guesses, labels, _ = _guesses(side)
        both = np.sort(np.column_stack([guesses, labels])[guesses != labels], axis=1)
        errors.append(both[:, 0] * classes + both[:, 1])
    codes, counts = np.unique(np.concatenate(errors), return_counts=True)
    codes = codes[np.argsort(-counts, kind="stable")]
    ordered = np.column_stack([codes // classes, codes % classes]).ravel()
    # Where there are too few errors, the first classes fill up.
    distinct = dict.fromkeys([*ordered.tolist(), *range(MOST_CONFUSED)])
    return np.sort(list(distinct)[:MOST_CONFUSED])


def confusion(side: Predictions, shown: np.ndarray) -> tuple[np.ndarray, int]:
    """How often which class was taken for which.

    Args:
        side: one model's predictions.
        shown: the classes that have a row and a column of their own, in order.

    Returns:
        Counts, true x predicted class; where not all classes are shown, a last row and column are all others together.
        And how many examples are not in it, because their logits are not finite.
    """
    classes = side.logits.shape[1]
    guesses, labels, skipped = _guesses(side)
    edge = len(shown) + (len(shown) < classes)
    place = np.full(classes, len(shown))
    place[shown] = np.arange(len(shown))
    counts = np.bincount(place[labels] * edge + place[guesses], minlength=edge * edge)
    return counts.reshape(edge, edge), skipped


def _guesses(side: Predictions) -> tuple[np.ndarray, np.ndarray, int]:
    """Predicted and true classes of the examples with finite logits, and how many others there are."""
    finite = np.isfinite(side.logits).all(axis=1)
    guesses, labels = side.logits[finite].argmax(axis=1), side.labels[finite].astype(np.int64)
    return guesses, labels, int((~finite).sum())


def distances(layers: Iterable[Layer], pytorch: Arrays, tensorflow: Arrays) -> Iterator[dict[str, Any]]:
    """How far two models' arrays are apart, in model order, of the arrays that both have.

    Args:
        layers: the name map.
        pytorch: arrays by PyTorch's names.
        tensorflow: arrays by Keras' paths.

    Yields:
        layer, array, elements, and distance = ‖p - t‖ / √((‖p‖² + ‖t‖²)/2): 0 for equal arrays, √2 for orthogonal ones.
    """
    theirs = to_pytorch(layers, tensorflow)
    for name, array in pytorch.items():
        if name not in theirs:
            continue
        sides = [side.astype(float) for side in (array, theirs[name])]
        scale = np.sqrt(sum((side**2).sum() for side in sides) / 2)
        distance = float(np.linalg.norm(sides[0] - sides[1]) / scale) if scale else 0.0
        layer, part = name.rsplit(".", 1)
        yield {"layer": layer, "array": part, "elements": array.size, "distance": distance}
