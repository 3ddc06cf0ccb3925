"""The trace of one row: the first step and layer where its two trainings part, and which mechanism does it.

That says what parts a training, whose smallest difference grows, and not what puts the accuracies at its end apart: two
seeds part at once and may end alike. `pair.py` has what tells the latter.

Each side records by itself, so that one environment per framework is enough; the comparison needs neither. Recorded are
the row as it is, the row with all mechanisms aligned, and aligned with each of them flipped back alone. The band of
rounding is the aligned pair's: a difference counts when it is more than ten times that, layer by layer.
"""

import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from uncrossed.common import files
from uncrossed.common.errors import InputError
from uncrossed.datasets.dataset_file import Dataset
from uncrossed.study.mechanisms import MECHANISMS, NATIVE, flipped, resolve
from uncrossed.study.trial import FRAMEWORKS, Settings, Trial
from uncrossed.training.architectures import Architecture, Network
from uncrossed.training.arrays import to_pytorch
from uncrossed.training.backends import load
from uncrossed.training.loop import batches, measure

# How far beyond the aligned pair's difference a layer is said to have left it, and what rounding does to one number.
BEYOND = 10
ROUNDING = {"float32": 1e-6, "float64": 1e-14}


def variants(row: Trial, architecture: Architecture) -> dict[str, Trial]:
    """What is recorded, by label: `row`, `aligned`, and each mechanism in which they differ, flipped back alone."""
    # What does not touch the architecture, or is not native in the row, is not flipped.
    names = [name for name in MECHANISMS if name in architecture.touching]
    texts = {"aligned": "aligned"} | {name: flipped(name) for name in names if row.semantics[name] == NATIVE[name]}
    return {"row": row} | {label: row.model_copy(update={"semantics": resolve(text)}) for label, text in texts.items()}


def record(
    framework: str,
    row: Trial,
    architecture: Architecture,
    settings: Settings,
    dataset: Dataset,
    steps: int,
    folder: str | os.PathLike[str],
    report: Callable[[str], None] = lambda label: None,
) -> None:
    """Record one side: `FRAMEWORK.json`, which names for each variant a file, and the files.

    A file holds `loss` (steps; nats), and for each layer `gradient_norms/LAYER` (steps) and `weights/STEP/ARRAY` in
    PyTorch's names and layouts, step 0 being the initial weights.

    Args:
        framework: `pytorch` or `tensorflow`.
        row: the row.
        architecture: the row's.
        settings: device, threads and precision.
        dataset: the training set; batches are taken in order, again from the start where they run out.
        steps: how many optimizer steps.
        folder: where to write.
        report: called with each label before it is recorded.
    """
    backend = load(framework, settings)
    backend.configure(settings)
    folder = Path(folder)
    recorded: dict[str, str] = {}
    index = {}
    network = architecture.on(dataset.shape, dataset.classes)
    for label, variant in variants(row, architecture).items():
        training = variant.training(framework, architecture.touching)
        if training not in recorded:
            report(label)
            recorded[training] = f"{framework}-{label}.h5"
            learner = backend.Learner(variant, network, settings, dataset.images, dataset.labels)
            _record(folder / recorded[training], framework, variant, network, learner, dataset.labels["train"], steps)
        index[label] = recorded[training]
    about = {"row": row.model_dump(mode="json"), "precision": settings.precision, "steps": steps, "files": index}
    about["layers"] = [layer.pytorch for layer in network.layers]
    files.write_json(folder / f"{framework}.json", about)


def _record(
    path: Path, framework: str, row: Trial, network: Network, learner: Any, labels: np.ndarray, steps: int
) -> None:
    def ours(arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        return to_pytorch(network.layers, arrays) if framework == "tensorflow" else arrays

    order = batches(len(labels), row.batch_size)
    loss, norms = [], {layer.pytorch: [] for layer in network.layers}
    with files.new_hdf5(path) as file:
        for step in range(steps + 1):
            for name, array in ours(learner.weights()).items():
                file[f"weights/{step}/{name}"] = array
            if step == steps:
                break
            before = ours(learner.optimizer_state()["first"])
            start, stop = order[step % len(order)]
            loss.append(measure(learner.train([(start, stop)]), labels[start:stop])[0])
            # Adam's first moment m becomes 0.9 m + 0.1 gradient.
            gradients = {
                name: (m - 0.9 * before.get(name, 0)) / 0.1
                for name, m in ours(learner.optimizer_state()["first"]).items()
            }
            for layer, values in norms.items():
                parts = [np.square(g).sum() for name, g in gradients.items() if name.rpartition(".")[0] == layer]
                values.append(float(np.sqrt(sum(parts))))
        file["loss"] = loss
        for layer, values in norms.items():
            file[f"gradient_norms/{layer}"] = values


@dataclass(frozen=True)
class Trace:
    """How one variant's two sides part.

    Attributes:
        label: `row`, or the mechanism that is flipped back.
        differences: steps + 1 x layers: norm of the difference of a layer's weights and statistics over their norm.
        losses: difference of the losses per step.
        step: the first step after which a layer is out of the band, 0 for the initial weights; None if there is none.
        layer: the layer that is furthest out at that step.
    """

    label: str
    differences: np.ndarray
    losses: np.ndarray
    step: int | None
    layer: str | None


def compare(folder: str | os.PathLike[str]) -> tuple[Trial, list[Trace]]:
    """Compare what both sides recorded.

    Returns:
        The row, and a trace for it and for each mechanism flipped back.

    Raises:
        InputError: a side is missing, or the two recorded different things.
    """
    folder = Path(folder)
    sides = []
    for framework in FRAMEWORKS:
        with files.parsing(folder / f"{framework}.json", "record that side first") as stream:
            side = json.loads(stream.readall())
            sides.append({key: side[key] for key in ("row", "precision", "steps", "files", "layers")})
    for key in ("row", "precision", "steps"):
        if sides[0][key] != sides[1][key]:
            raise InputError(
                f"{folder}: the sides recorded different things: {key} {sides[0][key]} and {sides[1][key]}"
            )
    row = Trial.check(sides[0]["row"], str(folder))
    layers = sides[0]["layers"]
    measured = {
        label: _differences(*(folder / side["files"][label] for side in sides), layers) for label in sides[0]["files"]
    }
    floor = np.maximum.accumulate(measured["aligned"][0], axis=0) + ROUNDING[sides[0]["precision"]]
    traces = []
    for label, (differences, losses) in measured.items():
        beyond = differences / floor
        out = np.flatnonzero((beyond > BEYOND).any(axis=1))
        step = int(out[0]) if out.size else None
        layer = None if step is None else layers[int(beyond[step].argmax())]
        if label != "aligned":
            traces.append(Trace(label, differences, losses, step, layer))
    return row, traces


def _differences(first: Path, second: Path, layers: list[str]) -> tuple[np.ndarray, np.ndarray]:
    try:
        with files.hdf5(first) as a, files.hdf5(second) as b:
            steps = len(a["loss"])
            found = np.zeros((steps + 1, len(layers)))
            for step in range(steps + 1):
                left, right = a[f"weights/{step}"], b[f"weights/{step}"]
                shared = [name for name in left if name in right]
                for k, layer in enumerate(layers):
                    names = [name for name in shared if name.rpartition(".")[0] == layer]
                    top = sum(float(np.square(left[n][()].astype(float) - right[n][()]).sum()) for n in names)
                    bottom = sum(float(np.square(left[n][()].astype(float)).sum()) for n in names)
                    found[step, k] = np.sqrt(top / bottom) if bottom else 0
            return found, np.abs(a["loss"][:] - b["loss"][:])
    except InputError:
        raise
    except files.DAMAGE as error:
        raise InputError(f"{first}, or {second.name}: missing or damaged ({error}); record that side again") from error


def printed(row: Trial, traces: list[Trace]) -> str:
    """The traces as text, and the mechanisms that part the row's two trainings first."""
    own, *flips = traces

    def where(trace: Trace) -> str:
        if trace.step is None:
            return "never leaves the band of rounding"
        at = "before the first step" if trace.step == 0 else f"after step {trace.step}"
        return f"{at} in {trace.layer}"

    lines = [f"{row.trial} ({row.architecture}) as it is: {where(own)}"]
    lines.append(f"{'aligned, but native':20} {'first leaves the band':44} {'then':>9} {'at the end':>10} {'loss':>9}")
    for trace in sorted(flips, key=lambda trace: (trace.step is None, trace.step or 0)):
        then = 0 if trace.step is None else trace.differences[trace.step].max()
        numbers = f"{then:9.1e} {trace.differences[-1].max():10.1e} {trace.losses[-1]:9.1e}"
        lines.append(f"{trace.label:20} {where(trace):44} {numbers}")
    causes = [trace.label for trace in flips if trace.step is not None and trace.step == own.step]
    if own.step is not None:
        lines.append(f"what parts the two trainings first: {', '.join(causes) or 'no mechanism alone'}")
        lines.append(
            f"what puts their accuracies apart is another question: `uncrossed explain {row.trial} --study ...`"
        )
    return "\n".join(lines)
