"""The proof: with every mechanism aligned both frameworks compute the same training, with any one flipped back not.

A free run multiplies rounding at the network's own rate, so that no fixed tolerance after k steps can tell right from
wrong. The gates are therefore: the same initial weights and arrays; initial logits and first gradients; one step from a
copied state; a free run against runs of one framework that start as far apart as the two frameworks' first gradients
are; batch-normalisation statistics and evaluation logits; and the loss where it saturates. All in float64 on a CPU.

Other optimizers than Adam see no architecture, only arrays and gradients: they are proven with one architecture, by
steps from copied states.

Of a free run the median over its steps counts: where the input of one ReLU passes zero in one of two runs and not in
the other, their gradients jump apart. Runs of one framework do so too, at the same steps, but not all of them.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from types import ModuleType
from typing import Any

import numpy as np

from uncrossed.datasets.definition import BUILT_IN_DATASETS
from uncrossed.explain.gradients import watched
from uncrossed.study.hyperparameters import (
    ADAM_EPSILON,
    BATCH_SIZE,
    EPOCHS,
    LEARNING_RATE,
    MOMENTUM,
    RHO,
    RMSPROP_EPSILON,
    WEIGHT_DECAY,
)
from uncrossed.study.mechanisms import MECHANISMS, flipped, resolve
from uncrossed.study.trial import OPTIMIZERS_COLUMNS, Settings, Trial
from uncrossed.training import backends, optimizers
from uncrossed.training.architectures import Architecture, Network
from uncrossed.training.arrays import to_pytorch, to_tensorflow
from uncrossed.training.loop import batches

EXAMPLES, BATCH = 40, 16  # two whole batches and a partial one
SELF_RUNS = 5
LIKE = BUILT_IN_DATASETS["cifar10"]
# The free run is judged from this step on; the state is copied after these numbers of steps.
JUDGED_FROM, COPIED_AFTER = 5, (1, 5, 12, 19)
# Of other optimizers than Adam after this number; the next batch is whole.
OTHERS_AFTER = (4,)
# Relative differences that rounding may cause. Between what is measured with all aligned and with one flipped back.
GATE_LIMITS = {
    "arrays without counterpart": 0.0,
    "initial weights": 0.0,
    "initial logits": 1e-12,
    "first gradients": 1e-9,
    "step from copied state": 1e-11,
    "weights after it": 1e-11,
    "optimizer's state after it": 1e-11,
    "statistics after it": 1e-11,
    "evaluation logits after it": 1e-11,
    "free run over self-runs": 10.0,
    "free run over a one-ulp run": float("inf"),  # reported, not judged
    "saturated loss": 1e-12,
}
# A gate for a flip that none can detect, as all of them fail already with everything aligned; its value is then 0.
NO_GATE = "arrays without counterpart"
# A tiny and a large epsilon of Adam, each with a learning rate that trains.
EPSILONS = {1e-8: 1e-4, 0.5: 0.05}
# With this architecture all optimizers are proven, with all that they take.
OF_OPTIMIZERS = "smallcnn"
OPTIMIZERS: tuple[dict[str, Any], ...] = (
    {ADAM_EPSILON: 1e-8, LEARNING_RATE: 1e-4, WEIGHT_DECAY: 0.1},
    {"optimizer": "adamw", ADAM_EPSILON: 1e-8, LEARNING_RATE: 1e-4, WEIGHT_DECAY: 0.1},
    {"optimizer": "sgd", LEARNING_RATE: 0.05, WEIGHT_DECAY: 0.01, MOMENTUM: 0.9, "nesterov": True},
    {"optimizer": "rmsprop", LEARNING_RATE: 1e-4, RHO: 0.9, RMSPROP_EPSILON: 1e-7, WEIGHT_DECAY: 0.1, MOMENTUM: 0.9},
)

Arrays = dict[str, np.ndarray]


@dataclass(frozen=True)
class Gate:
    """One measured difference and the largest that rounding may cause; a flipped gate passes when it is far above.

    Attributes:
        optimizer: its name and what it takes.
        flipped: the mechanism that is native while all others are aligned, or empty.
    """

    architecture: str
    semantics: str
    optimizer: str
    flipped: str
    gate: str
    value: float
    limit: float

    @property
    def passed(self) -> bool:
        """Whether the proof holds here."""
        return self.value > 100 * self.limit if self.flipped else self.value <= self.limit


class Pair:
    """Both frameworks' learners of one row, on the same images, with everything seen in PyTorch's names and layouts."""

    def __init__(self, row: Trial, network: Network, sides: Mapping[str, ModuleType], settings: Settings):
        """Build both."""
        random = np.random.default_rng(0)
        self.row, self.network, self.sides, self.settings = row, network, sides, settings
        shape, splits = (EXAMPLES, *network.shape), ("train", "test")
        self.images = {split: random.integers(0, 256, shape, dtype=np.uint8) for split in splits}
        self.labels = {split: random.integers(0, network.classes, EXAMPLES).astype(np.uint16) for split in splits}
        self.pytorch, self.tensorflow = self.learner("pytorch"), self.learner("tensorflow")
        self.gradients = {name: watched(name, getattr(self, name)) for name in ("pytorch", "tensorflow")}
        self.names = [name for name in self.tensorflow_weights() if name in self.pytorch.weights()]
        self.statistics = [name for name in self.names if "running" in name]
        self.trained = [name for name in self.names if "running" not in name]
        # Batch normalisation cancels the biases of the convolutions before it: their exact gradient is zero, and Adam
        # turns the rounding that is left of it into steps as large as a tiny epsilon allows.
        normalised = network.architecture.BATCHNORM is not None
        cancelled = {
            f"{layer.pytorch}.bias" for layer in network.layers if normalised and layer.kind in ("conv", "depthwise")
        }
        self.moving = [name for name in self.trained if name not in cancelled]
        self.cancelled = [name for name in self.trained if name in cancelled]

    def learner(self, framework: str) -> Any:
        """A learner of the row."""
        return self.sides[framework].Learner(self.row, self.network, self.settings, self.images, self.labels)

    def batch(self, step: int) -> list[tuple[int, int]]:
        """The batch of a step, counted from 0, going through the examples again and again."""
        order = batches(EXAMPLES, self.row.batch_size)
        return [order[step % len(order)]]

    def tensorflow_weights(self) -> Arrays:
        """TensorFlow's weights as PyTorch's."""
        return to_pytorch(self.network.layers, self.tensorflow.weights())

    def tensorflow_state(self) -> dict[str, Arrays]:
        """TensorFlow's optimizer's arrays by slot, as PyTorch's."""
        scales = optimizers.load(self.row.optimizer).scales(self.row)
        return {
            slot: {name: array / scales.get(slot, 1) for name, array in to_pytorch(self.network.layers, arrays).items()}
            for slot, arrays in self.tensorflow.optimizer_state().items()
        }

    def copy(self, steps: int, weights: Arrays, state: Mapping[str, Arrays]) -> None:
        """Give TensorFlow the state of a PyTorch training."""
        layers = self.network.layers
        self.tensorflow.set_weights(to_tensorflow(layers, weights))
        scales = optimizers.load(self.row.optimizer).scales(self.row)
        theirs = {
            slot: {name: array * scales.get(slot, 1) for name, array in to_tensorflow(layers, arrays).items()}
            for slot, arrays in state.items()
        }
        self.tensorflow.set_optimizer_state(steps, theirs)

    def logits(self, learner: Any) -> np.ndarray:
        """Logits in evaluation mode."""
        return learner.predict([(0, EXAMPLES)])


def norm(a: Arrays, b: Arrays | None, names: Iterable[str]) -> float:
    """‖a - b‖, or ‖a‖, over all named arrays together."""
    flat = (np.ravel(a[name] if b is None else a[name] - b[name]) for name in names)
    return float(np.sqrt(sum(np.vdot(values, values) for values in flat)))


def distance(a: Arrays, b: Arrays, names: Iterable[str], reference: Arrays | None = None) -> float:
    """‖a - b‖ over ‖a - reference‖, or over ‖a‖ where there is no reference."""
    names = list(names)
    top, bottom = norm(a, b, names), norm(a, reference, names)
    return top / bottom if bottom else float(np.inf if top else 0)


def prove(
    architectures: Iterable[Architecture],
    report: Callable[[Gate], None],
    sides: Iterable[str] = ("pytorch", "tensorflow"),
    epsilons: Mapping[float, float] = EPSILONS,
    others: Iterable[Mapping[str, Any]] = OPTIMIZERS,
    threads: int = 1,
    shape: tuple[int, int, int] = LIKE.shape,
    classes: int = LIKE.classes,
) -> list[Gate]:
    """All gates: each architecture aligned to each side at each epsilon, then each mechanism flipped back alone.

    And with the architecture OF_OPTIMIZERS, if it is one of them, so each other optimizer.

    Args:
        architectures: the architectures.
        report: called with each gate as it is measured.
        sides: whose semantics both follow.
        epsilons: Adam's epsilons with their learning rates.
        others: the columns of other optimizers.
        threads: CPU threads.
        shape: height, width and channels of the images.
        classes: how many there are.
    """
    settings = Settings(precision="float64", threads=threads)
    # PyTorch first: imported after TensorFlow it crashes the process.
    modules = {name: backends.load(name, settings) for name in ("pytorch", "tensorflow")}
    for module in modules.values():
        module.configure(settings)
    gates: list[Gate] = []

    def measured(row: Trial, name: str, flipped: str, values: Mapping[str, float]) -> None:
        for gate, value in values.items():
            gates.append(Gate(row.architecture, name, _optimizer(row), flipped, gate, value, GATE_LIMITS[gate]))
            report(gates[-1])

    def flip(
        network: Network,
        columns: Mapping[str, Any],
        touching: frozenset[str],
        points: Iterable[int],
        sound: set[str],
    ) -> None:
        name = network.architecture.name
        touching |= _row(name, "aligned", columns).touching
        for mechanism in MECHANISMS:
            if mechanism in touching:
                row = _row(name, flipped(mechanism), columns)
                values = _copied(Pair(row, network, modules, settings), points)
                # A gate that fails with all mechanisms aligned detects nothing.
                gate, value = _worst({gate: value for gate, value in values.items() if gate in sound} or {NO_GATE: 0.0})
                measured(row, "aligned", mechanism, {gate: value})

    for architecture in architectures:
        network = architecture.on(shape, classes)
        sound: set[str] = set()
        for side in sides:
            name = "aligned" if side == "pytorch" else "aligned-tensorflow"
            for epsilon, rate in epsilons.items():
                row = _row(architecture.name, name, {ADAM_EPSILON: epsilon, LEARNING_RATE: rate})
                values = _aligned(Pair(row, network, modules, settings))
                measured(row, name, "", values)
                if (name, epsilon) == ("aligned", next(iter(epsilons))):
                    sound = {gate for gate, value in values.items() if value <= GATE_LIMITS[gate]}
        epsilon, rate = next(iter(epsilons.items()))
        flip(network, {ADAM_EPSILON: epsilon, LEARNING_RATE: rate}, architecture.touching, (1, 5), sound)
        for columns in others if architecture.name == OF_OPTIMIZERS else ():
            for side in sides:
                name = "aligned" if side == "pytorch" else "aligned-tensorflow"
                row = _row(architecture.name, name, columns)
                values = _copied(Pair(row, network, modules, settings), OTHERS_AFTER)
                measured(row, name, "", values)
                if name == "aligned":
                    sound = {gate for gate, value in values.items() if value <= GATE_LIMITS[gate]}
            flip(network, columns, frozenset(), OTHERS_AFTER, sound)
    return gates


def _row(architecture: str, semantics: str, columns: Mapping[str, Any]) -> Trial:
    values = {BATCH_SIZE: BATCH, EPOCHS: 1, "seed": 1, **columns}
    return Trial(trial="proof", architecture=architecture, semantics=resolve(semantics), **values)


def _optimizer(row: Trial) -> str:
    values = {name: getattr(row, name) for name in OPTIMIZERS_COLUMNS}
    return " ".join([row.optimizer, *(f"{name}={value:g}" for name, value in values.items() if value is not None)])


def _copied(pair: Pair, points: Iterable[int], trajectory: list[Arrays] | None = None) -> dict[str, float]:
    """The gates that need no free run; PyTorch is left after the last point's step.

    Args:
        pair: fresh learners.
        points: after how many steps the state is copied.
        trajectory: is filled with PyTorch's weights after each step, those of steps that are not judged left out.
    """
    points = list(points)
    gates = _initial(pair) | {"saturated loss": _saturated(pair.sides)}
    steps, rates, weights, states, statistics, logits = {}, [], [], [], [], []
    for step in range(max(points) + 1):
        if step in points:
            steps[step] = pair.pytorch.weights(), pair.pytorch.optimizer_state()
        pair.pytorch.train(pair.batch(step))
        after = pair.pytorch.weights()
        if trajectory is not None:
            trajectory.append(after if step + 1 >= JUDGED_FROM else {})
        if step == 0:
            gates["first gradients"] = _first_gradients(pair)
        if step in points:
            before, state = steps.pop(step)
            pair.copy(step, before, state)
            pair.tensorflow.train(pair.batch(step))
            found = pair.tensorflow_weights()
            rates.append(distance(after, found, pair.moving, before))
            weights.append(distance(after, found, pair.trained))
            slots = pair.tensorflow_state()
            ours = pair.pytorch.optimizer_state()
            states.append(max((distance(ours[slot], slots[slot], pair.trained) for slot in slots), default=0.0))
            statistics.append(distance(after, found, pair.statistics))
            # Evaluation does not cancel those biases at once, for running means lag behind: give both the same.
            biases = {name: after[name] for name in pair.cancelled}
            pair.tensorflow.set_weights(to_tensorflow(pair.network.layers, biases))
            logits.append(_relative(pair.logits(pair.pytorch), pair.logits(pair.tensorflow)))
    return gates | {
        "step from copied state": max(rates),
        "weights after it": max(weights),
        "optimizer's state after it": max(states),
        "statistics after it": max(statistics),
        "evaluation logits after it": max(logits),
    }


def first_gates(pair: Pair) -> dict[str, float]:
    """The gates before and of the first step, of fresh learners."""
    gates = _initial(pair)
    pair.pytorch.train(pair.batch(0))
    return gates | {"first gradients": _first_gradients(pair)}


def _initial(pair: Pair) -> dict[str, float]:
    initial, other = pair.pytorch.weights(), pair.tensorflow_weights()
    return {
        "arrays without counterpart": float(
            len({n for n in initial.keys() ^ other.keys() if not n.endswith("num_batches_tracked")})
        ),
        "initial weights": distance(initial, other, pair.names),
        "initial logits": _relative(pair.logits(pair.pytorch), pair.logits(pair.tensorflow)),
    }


def _first_gradients(pair: Pair) -> float:
    """How far the first gradients are apart, once PyTorch has taken its first step."""
    pair.tensorflow.train(pair.batch(0))
    theirs = to_pytorch(pair.network.layers, pair.gradients["tensorflow"]())
    return distance(pair.gradients["pytorch"](), theirs, pair.trained)


def _aligned(pair: Pair) -> dict[str, float]:
    """All gates of an aligned pair."""
    initial = pair.pytorch.weights()
    trajectory: list[Arrays] = []
    gates = _copied(pair, COPIED_AFTER, trajectory)
    pair.copy(0, initial, {})

    def away(train: Callable[[list[tuple[int, int]]], Any], weights: Callable[[], Arrays]) -> np.ndarray:
        # How far a free run is from PyTorch's, after each judged step.
        found = []
        for step, reference in enumerate(trajectory):
            train(pair.batch(step))
            if reference:
                found.append(norm(reference, weights(), pair.trained))
        return np.array(found)

    def perturbed(size: float, seed: int) -> Any:
        random = np.random.default_rng(seed)
        learner = pair.learner("pytorch")
        factors = {name: 1 + size * random.uniform(-1, 1, initial[name].shape) for name in pair.trained}
        learner.set_weights({name: initial[name] * factor for name, factor in factors.items()})
        return learner

    def first_gradients(learner: Any) -> Arrays:
        gradients = watched("pytorch", learner)
        learner.train(pair.batch(0))
        return gradients()

    def self_run(size: float, seed: int) -> np.ndarray:
        learner = perturbed(size, seed)
        return away(learner.train, learner.weights)

    # How large a perturbation moves the first gradients as far as the frameworks' are apart.
    ulp, known = float(np.finfo(np.float64).eps), 1e-9
    gradients = first_gradients(pair.learner("pytorch"))
    answer = distance(gradients, first_gradients(perturbed(known, 99)), pair.trained)
    size = max(ulp, known * gates["first gradients"] / answer if answer else 0)
    largest = np.max([self_run(size, seed) for seed in range(SELF_RUNS)], axis=0)
    across = away(pair.tensorflow.train, pair.tensorflow_weights)
    gates["free run over self-runs"] = float(np.median(across / largest))
    gates["free run over a one-ulp run"] = float(np.median(across / self_run(ulp, SELF_RUNS)))
    return gates


def _worst(gates: Mapping[str, float]) -> tuple[str, float]:
    """The gate whose value is the furthest above its limit."""
    return max(gates.items(), key=lambda gate: gate[1] / max(GATE_LIMITS[gate[0]], float(np.finfo(np.float64).tiny)))


def _relative(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.abs(a - b).max() / np.abs(a).max())


def _saturated(sides: Mapping[str, ModuleType]) -> float:
    """The largest difference of either loss's gradient from the exact one, on logits far beyond saturation."""
    logits = np.zeros((6, 10))
    logits[np.arange(6), np.arange(6)] = [-1000, -40, -1, 1, 40, 1000]
    labels = np.arange(6, dtype=np.uint8)
    shifted = np.exp(logits - logits.max(axis=1, keepdims=True))
    exact = (shifted / shifted.sum(axis=1, keepdims=True) - np.eye(10)[labels]) / len(labels)
    return max(float(np.abs(side.loss_gradient(logits, labels) - exact).max()) for side in sides.values())


def table(gates: Iterable[Gate]) -> str:
    """Gates as a Markdown table: the aligned pairs, one line each, then the flipped mechanisms."""
    gates = list(gates)
    columns = list(GATE_LIMITS)
    lines = [
        "| architecture | semantics | optimizer | " + " | ".join(columns) + " |",
        "|---" * (3 + len(columns)) + "|",
    ]
    limits = ["none" if GATE_LIMITS[name] == float("inf") else _number(GATE_LIMITS[name]) for name in columns]
    lines.append("| *limit* | | | " + " | ".join(limits) + " |")
    cases = dict.fromkeys((g.architecture, g.semantics, g.optimizer) for g in gates if not g.flipped)
    for case in cases:
        values = {g.gate: g for g in gates if (g.architecture, g.semantics, g.optimizer) == case and not g.flipped}
        cells = [
            _number(values[name].value) + ("" if values[name].passed else " **failed**") if name in values else ""
            for name in columns
        ]
        lines.append(f"| {case[0]} | {case[1]} | {case[2]} | " + " | ".join(cells) + " |")
    lines += [
        "",
        "| architecture | optimizer | flipped back alone | gate that fails | value | limit | detected |",
        "|---" * 7 + "|",
    ]
    for g in gates:
        if g.flipped:
            cells = (
                g.architecture,
                g.optimizer,
                g.flipped,
                g.gate,
                _number(g.value),
                _number(g.limit),
                "yes" if g.passed else "**no**",
            )
            lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def as_json(gates: Iterable[Gate]) -> list[dict[str, Any]]:
    """Gates as plain data."""
    plain = [asdict(gate) | {"passed": gate.passed} for gate in gates]
    # JSON has no infinity.
    return [values | {"limit": None} if values["limit"] == float("inf") else values for values in plain]


def _number(value: float) -> str:
    return f"{value:.1e}" if value and not 1 <= value < 1e4 else f"{value:.3g}"
