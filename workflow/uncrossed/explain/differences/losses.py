"""Both sides' losses: what they take, how they are reduced, and how often a softmax is applied, found by their values.

A loss is tried on a few outputs that are valid as logits and as probabilities alike, so its value says what it takes
them for.
"""

import warnings
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from uncrossed.explain.differences.configuration import Difference
from uncrossed.explain.differences.operations import Operation

SIDES, EXAMPLES, CLASSES = ("pytorch", "keras"), 6, 4
CLOSE = 1e-5
# A function of outputs and targets (examples x classes), whose values are one a number or, for cross-entropies over
# classes, one an example.
Formula = Callable[[np.ndarray, np.ndarray], np.ndarray]


def _log_softmax(x: np.ndarray) -> np.ndarray:
    shifted = x - x.max(axis=1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))


def _binary(p: np.ndarray, t: np.ndarray) -> np.ndarray:
    return -(t * np.log(p) + (1 - t) * np.log(1 - p))


# By name, and what is taken for what.
CROSS_ENTROPIES: dict[tuple[str, str], Formula] = {
    ("cross-entropy", "logits"): lambda o, t: -(t * _log_softmax(o)).sum(1),
    ("cross-entropy", "probabilities"): lambda o, t: -(t * np.log(o / o.sum(1, keepdims=True))).sum(1),
    ("cross-entropy", "log-probabilities"): lambda o, t: -(t * o).sum(1),
}
OTHERS: dict[tuple[str, str], Formula] = {
    ("binary cross-entropy", "logits"): lambda o, t: _binary(1 / (1 + np.exp(-o)), t),
    ("binary cross-entropy", "probabilities"): _binary,
    ("squared error", "values"): lambda o, t: (o - t) ** 2,
    ("absolute error", "values"): lambda o, t: np.abs(o - t),
}


def _of_examples(reduce: Callable[..., Any], v: np.ndarray) -> np.ndarray:
    return reduce(v, axis=1) if v.ndim > 1 else v


REDUCTIONS: dict[str, Callable[[np.ndarray], Any]] = {
    "mean": np.mean,
    "sum": np.sum,
    "sum over examples of means": lambda v: _of_examples(np.mean, v).sum(),
    "mean over examples of sums": lambda v: _of_examples(np.sum, v).mean(),
    "none": lambda v: v,
    "none, means of examples": lambda v: _of_examples(np.mean, v),
}


def read(side: str, loss: Callable[..., Any]) -> dict[str, Any] | None:
    """What a loss is: `name`, `takes`, `reduction`, `smoothing`; None where no known one has its values."""
    samples = [_sample(seed) for seed in (5, 6)]
    for form in (1, 2):  # labels, or one-hot
        values = [_value(side, loss, sample[0], sample[form]) for sample in samples]
        if any(value is None for value in values):
            continue
        for (name, takes), formula in CROSS_ENTROPIES.items():
            for reduction, reduce in REDUCTIONS.items():
                shares = [
                    _smoothing(value, reduce(formula(outputs, hot)), reduce(_even(formula, outputs)))
                    for value, (outputs, _, hot) in zip(values, samples, strict=True)
                ]
                # One number is a share of any two others; the same share twice is none by chance.
                if None not in shares and abs(shares[0] - shares[1]) < 1e-5:
                    return _found(name, takes, reduction, shares[0])
    outputs = samples[0][0]
    targets = _targets(outputs)
    value = _value(side, loss, outputs, targets)
    for (name, takes), formula in OTHERS.items():
        for reduction, reduce in REDUCTIONS.items():
            expected = reduce(formula(outputs, targets))
            if value is not None and np.shape(value) == np.shape(expected) and np.allclose(value, expected, CLOSE):
                return _found(name, takes, reduction, 0.0)
    return None


def _found(name: str, takes: str, reduction: str, smoothing: float) -> dict[str, Any]:
    return {"name": name, "takes": takes, "reduction": reduction, "smoothing": smoothing}


def _sample(seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Outputs that are valid as logits and as probabilities, labels, and labels as one-hot rows."""
    random = np.random.default_rng(seed)
    labels = random.integers(0, CLASSES, EXAMPLES)
    return _softmax(random.normal(size=(EXAMPLES, CLASSES))), labels, np.eye(CLASSES)[labels]


def _targets(outputs: np.ndarray) -> np.ndarray:
    """Numbers between zero and one for each output."""
    return np.random.default_rng(7).uniform(0.1, 0.9, outputs.shape)


def _softmax(x: np.ndarray) -> np.ndarray:
    return np.exp(x) / np.exp(x).sum(axis=1, keepdims=True)


def _even(formula: Formula, outputs: np.ndarray) -> np.ndarray:
    """The loss where every class is as right as every other."""
    return formula(outputs, np.full(outputs.shape, 1 / outputs.shape[1]))


def _smoothing(value: Any, sharp: Any, even: Any) -> float | None:
    """The share of the even labels in a loss that is between the two; None where it is not."""
    if np.shape(value) != np.shape(sharp):
        return None
    if np.allclose(value, sharp, rtol=CLOSE):
        return 0.0
    shares = (np.asarray(value) - sharp) / (np.asarray(even) - sharp)
    share = float(np.round(np.mean(shares), 6))
    return share if 0 < share < 1 and np.allclose(shares, share, rtol=1e-4) else None


def _value(side: str, loss: Callable[..., Any], outputs: np.ndarray, given: np.ndarray) -> Any:
    try:
        if side == "pytorch":
            import torch

            with warnings.catch_warnings():
                warnings.simplefilter("error")  # targets of another shape than it takes
                found = loss(torch.from_numpy(outputs), torch.from_numpy(given))
            return found.detach().numpy()
        import tensorflow as tf

        return np.asarray(loss(tf.constant(given), tf.constant(outputs)))
    except Exception:  # it takes other targets
        return None


def differences(
    functions: Mapping[str, Callable[..., Any]], ends: tuple[Operation | None, Operation | None]
) -> tuple[list[Difference], list[str], bool]:
    """What differs between both sides' losses, what could not be compared, and whether they see to the softmax.

    Args:
        functions: `pytorch_loss()` and `tensorflow_loss()`.
        ends: both models' last operations.
    """
    if not {"pytorch_loss", "tensorflow_loss"} <= functions.keys():
        return [], [], False
    losses = functions["pytorch_loss"](), functions["tensorflow_loss"]()
    known = [read(side, loss) for side, loss in zip(SIDES, losses, strict=True)]
    if None not in known:
        ours, theirs = known
        return [*_of_known(ours, theirs, ends)], [], ours["name"] == theirs["name"] == "cross-entropy"
    unknown = [
        f"{side} loss ({getattr(loss, '__name__', type(loss).__name__)}) is none that is known"
        for side, loss, found in zip(("PyTorch's", "Keras'"), losses, known, strict=True)
        if found is None
    ]
    outputs, labels, hot = _sample(5)
    for given in (labels, hot, _targets(outputs)):
        values = [_value(side, loss, outputs, given) for side, loss in zip(SIDES, losses, strict=True)]
        if not any(value is None for value in values):
            same = np.shape(values[0]) == np.shape(values[1]) and np.allclose(*values, CLOSE)
            said = "; both give the same values" if same else ""
            texts = [f"{np.mean(value):.6g} of a sample" for value in values]
            differing = [] if same else [_difference("values", *texts, "the other loss", "the other loss")]
            return differing, [f"{one}{said}" for one in unknown], False
    return [], [f"{one}: losses were not compared" for one in unknown], False


def _of_known(
    ours: dict[str, Any], theirs: dict[str, Any], ends: tuple[Operation | None, Operation | None]
) -> Iterator[Difference]:
    if ours["name"] != theirs["name"]:
        yield _difference("kind", ours["name"], theirs["name"], theirs["name"], ours["name"])
        return
    written = {
        "takes": ("nn.BCEWithLogitsLoss takes logits, nn.BCELoss probabilities", "from_logits=True or False"),
        "reduction": (f"reduction: {theirs['reduction']}", f"reduction: {ours['reduction']}"),
        "smoothing": (
            f"label_smoothing={theirs['smoothing']:g}",
            f"label_smoothing={ours['smoothing']:g} (of CategoricalCrossentropy)",
        ),
    }
    if ours["name"] == "cross-entropy":
        del written["takes"]
        times = [_times(found["takes"], end) for found, end in zip((ours, theirs), ends, strict=True)]
        if times[0] != times[1]:
            yield _difference(
                "softmax",
                *(f"applied {n} times" if n != 1 else "applied once" for n in times),
                "nn.CrossEntropyLoss() takes logits: no softmax at the end of the model",
                "from_logits=True and no softmax at the end of the model; or a softmax there and from_logits=False",
            )
    for name, texts in written.items():
        if ours[name] != theirs[name]:
            yield _difference(name, ours[name], theirs[name], *texts)


def _difference(name: str, ours: Any, theirs: Any, in_pytorch: str, in_keras: str) -> Difference:
    seen = ["found by the losses' values on the same outputs"]
    what = {"takes": "what the loss takes", "softmax": "softmax before the loss"}.get(name, f"{name} of the loss")
    return Difference(f"loss.{name}", what, [], ours, theirs, in_pytorch, in_keras, "loss", seen)


def _times(takes: str, end: Operation | None) -> int:
    """How often a softmax is applied from the model's last layer to the loss."""
    function = end.settings.get("function") if end is not None and end.kind == "activation" else None
    applied = {"softmax": 1, "log_softmax": 1}.get(str(function), 0)
    if takes == "logits":
        # Log-probabilities are logits whose softmax is the one that was taken.
        return 1 if function == "log_softmax" else applied + 1
    if takes == "log-probabilities":
        return 1 if function == "log_softmax" else 0
    return applied
