"""What both models compute with shared weights in float64, and where they part.

Keras' model is run once in each mode. PyTorch's is run again and again: first as it is, then with differences taken
away (`actions`), or with Keras' values put in the place of its own.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import torch

from uncrossed.explain.differences import actions, keras_calls, pytorch_calls
from uncrossed.explain.differences.calls import Pass
from uncrossed.explain.differences.configuration import Difference
from uncrossed.explain.differences.operations import Model
from uncrossed.explain.differences.pairing import Pair, Pairs
from uncrossed.explain.differences.sharing import Shared, flattened, to_keras

# What rounding may do beyond what it does to PyTorch's own numbers when each weight moves by its last digit.
LEAST, TIMES, ULP = 1e-11, 1000, 2.0**-52
# Larger arrays are left as they are in that: the others show it, and copies of these would fill the memory.
LARGE = 20_000_000
OUTPUT = "the output"


@dataclass(frozen=True)
class Parting:
    """Where two models part.

    Attributes:
        place: the number of the pair in the order of PyTorch's execution.
        pair: the operations.
        size: the largest difference over the largest number; infinite where shapes differ or PyTorch's ends early.
        what: what was compared there.
    """

    place: float
    pair: Pair
    size: float
    what: str = ""


class Comparison:
    """Both models with shared weights, and what each gives."""

    def __init__(
        self,
        models: tuple[Any, Any],
        inputs: tuple[np.ndarray, np.ndarray],
        sides: tuple[Model, Model],
        pairs: Pairs,
        entries: Sequence[Shared],
        unshared: Iterable[str],
    ):
        """Run both as they are.

        Args:
            models: PyTorch's and Keras', with their weights.
            inputs: for either.
            sides: their operations.
            pairs: the pairs of operations.
            entries: the arrays that both have.
            unshared: Keras' arrays that could not be given PyTorch's numbers.

        `errors` says what ended PyTorch's pass early in each mode, `floors` how exact numbers can be, and `logits` is
        what it gives.
        """
        self.models, self.inputs, self.sides, self.pairs = models, inputs, sides, pairs
        self.entries, self.unshared = entries, set(unshared)
        self.places = {id(ours): place for place, (ours, _) in enumerate(pairs.pairs)}
        # Kernels are large, and none of them is asked for.
        self.weights = {v.path: v.numpy() for v in models[1].weights if len(v.shape) <= 1}
        self.last: tuple[Any, Pass] | None = None  # PyTorch's last pass alone, as passes are large
        self.wanted = [{operation.key for operation in side.operations} for side in sides]
        keras_evaluation = keras_calls.record(models[1], inputs[1], wanted=self.wanted[1])
        self.keras = {"evaluation": keras_evaluation}
        if keras_evaluation.logits is not None:
            self.projection = np.random.default_rng(7).normal(size=keras_evaluation.logits.shape)
            self.keras["training"] = keras_calls.record(
                models[1], inputs[1], True, lambda out: keras.ops.sum(out * self.projection), self.wanted[1]
            )
        self.errors: dict[str, tuple[str, str] | None] = {}
        self.logits: dict[str, np.ndarray | None] = {}  # PyTorch's outputs as they are
        self.floors = {mode: self._floor(mode) for mode in self.keras}

    # Passes.

    def pytorch(self, mode: str, taken_away: Sequence[Difference] = (), put: Sequence[Pair] = ()) -> Pass:
        """PyTorch's pass with differences taken away, and with Keras' values put in the place of some operations'."""
        key = mode, tuple(map(id, taken_away)), tuple(id(ours) for ours, _ in put)
        if self.last is None or self.last[0] != key:
            self.last = None
            self.last = key, self._pass(mode, taken_away, put)
        return self.last[1]

    def forget(self, mode: str) -> None:
        """What Keras' layers gave in a mode is not asked for any more."""
        self.keras[mode].values.clear()

    def _pass(self, mode: str, taken_away: Sequence[Difference] = (), put: Sequence[Pair] = (), **more: Any) -> Pass:
        training = mode == "training"
        plan = actions.plan(taken_away, self.pairs, self.sides, self.weights, training)
        for ours, theirs in put:
            values = self.keras[mode].values[theirs.key]
            plan[ours.key] = actions.given(
                lambda shape, near, values=values: min(_as(values, shape), key=lambda b: _size(near, b), default=None)
            )
        loss = self._loss if training and not put else None
        return pytorch_calls.record(self.models[0], self.inputs[0], training, plan, loss, self.wanted[0], **more)

    def _loss(self, out: torch.Tensor) -> torch.Tensor:
        found = _as(self.projection, tuple(out.shape))
        if not found:
            raise ValueError(f"outputs of shapes {tuple(out.shape)} and {self.projection.shape}")
        return (out * torch.from_numpy(np.ascontiguousarray(found[0]))).sum()

    def _floor(self, mode: str) -> dict[str, dict[str, float]]:
        """How far PyTorch's own numbers move when each weight moves by about its last digit."""
        first, random = self.pytorch(mode), np.random.default_rng(3)
        self.errors[mode], self.logits[mode] = first.error, first.logits
        floating = [p for p in self.models[0].parameters() if p.is_floating_point() and p.numel() < LARGE]
        before = [parameter.detach().clone() for parameter in floating]

        def moved(key: str, out: torch.Tensor) -> float:
            return _size(first.values[key], out.detach().numpy()) if key in first.values else 0.0

        with torch.no_grad():
            for parameter in floating:
                parameter.mul_(torch.from_numpy(1 + ULP * random.choice([-1.0, 1.0], tuple(parameter.shape))))
            second = self._pass(mode, kept_of=moved)  # not its values, which are large
            for parameter, values in zip(floating, before, strict=True):
                parameter.copy_(values)
        both = first.gradients.keys() & second.gradients.keys()
        gradients = {name: _size(first.gradients[name], second.gradients[name]) for name in both}
        return {"values": second.values, "gradients": gradients}

    # Comparisons.

    def values_part(self, mode: str, taken_away: Sequence[Difference], put: Sequence[Pair]) -> Parting | None:
        """The first operation whose values are apart."""
        ours, theirs = self.pytorch(mode, taken_away, put), self.keras[mode]
        done = {id(pair[0]) for pair in put}
        for number, pair in enumerate(self.pairs.pairs):
            if id(pair[0]) in done or pair[1].key not in theirs.values:
                continue
            a, b = ours.values.get(pair[0].key), theirs.values[pair[1].key]
            if a is None:
                if ours.error:
                    return Parting(number, pair, float("inf"), ours.error[0])
                continue
            size = apart(a, b, pair)
            if not size <= self.limit(mode, pair[0].key):
                return Parting(number, pair, size)
        pair, number = self.ends, len(self.pairs.pairs)
        if ours.error:
            return Parting(number, pair, float("inf"), ours.error[0])
        if id(pair[0]) in done or (id(pair[0]) in self.places and self.pairs.of_pytorch(pair[0]) is pair[1]):
            return None
        size = self._outputs_apart(mode, ours.logits)
        return Parting(number, pair, size, OUTPUT) if size > self.limit(mode, pair[0].key) else None

    def limit(self, mode: str, key: str, of: str = "values") -> float:
        """How far numbers may be apart by rounding."""
        return max(LEAST, TIMES * self.floors[mode][of].get(key, 0.0))

    def _ended(self, ours: Pass) -> Parting:
        """Where PyTorch's pass ended early."""
        text, key = ours.error or ("", "")
        place = next((k for k, (operation, _) in enumerate(self.pairs.pairs) if key in operation.calls), 0)
        return Parting(place, self.pairs.pairs[place], float("inf"), text)

    def statistics_part(self, taken_away: Sequence[Difference], put: Sequence[Pair]) -> Parting | None:
        """The first batch normalisation whose statistics are apart after a step in training."""
        ours = self.pytorch("training", taken_away, put)
        if ours.error:
            return self._ended(ours)
        return next((found for found, limit in self._statistics(ours) if found.size > limit), None)

    def _statistics(self, ours: Pass) -> Iterator[tuple[Parting, float]]:
        """How far apart each array of statistics is, and how far rounding may bring it."""
        theirs = self.keras["training"]
        for entry in self.entries:
            if entry.pair[0].kind == "batchnorm" and entry.parts[0].startswith("running"):
                a, b = ours.statistics.get(entry.pytorch[0]), theirs.statistics.get(entry.keras)
                place = self.places[id(entry.pair[0])] + (0.5 if entry.parts[0] == "running_var" else 0)
                if a is not None and b is not None:
                    limit = self.limit("training", entry.pair[0].key)
                    yield Parting(place, entry.pair, _size(a, b), entry.parts[0]), limit

    def gradients_part(self, taken_away: Sequence[Difference], put: Sequence[Pair]) -> Parting | None:
        """The last layer, the first on the way back, whose gradients are apart."""
        ours = self.pytorch("training", taken_away, put)
        if ours.error:
            return self._ended(ours)
        return next((found for found, limit in self._gradients(ours) if found.size > limit), None)

    def _gradients(self, ours: Pass) -> Iterator[tuple[Parting, float]]:
        """How far apart each array's gradients are, the last layer's first, and how far rounding may bring them."""
        theirs = self.keras["training"]
        largest = max((float(np.abs(g).max()) for g in ours.gradients.values()), default=0.0)
        for entry in sorted(self.entries, key=lambda entry: -self.places[id(entry.pair[0])]):
            a, b = ours.gradients.get(entry.pytorch[0]), theirs.gradients.get(entry.keras)
            if entry.keras in self.unshared or a is None or b is None:
                continue  # without the same weights, or trained on one side at most
            others = [ours.gradients[name] for name in entry.pytorch[1:]]
            if b.ndim == 1:  # of a sum the first summand's gradient is the sum's
                others = [np.zeros_like(a) for _ in others]
            try:
                a = to_keras(entry, [a, *others], b.shape)
            except ValueError:
                continue
            scale = max(float(np.abs(a).max()), 1e-6 * largest)
            size = float(np.abs(a - b).max()) / scale if scale else 0.0
            limit = max(self.limit("training", entry.pytorch[0], "gradients"), 1e-9)
            yield Parting(self.places[id(entry.pair[0])], entry.pair, size, entry.part), limit

    def left(self, stage: str, taken_away: Sequence[Difference], put: Sequence[Pair]) -> float:
        """How far apart is what a stage compares: of values the outputs, else the worst array."""
        ours = self.pytorch("evaluation" if stage == "evaluation" else "training", taken_away, put)
        if stage in ("statistics", "gradients"):
            compared = self._statistics(ours) if stage == "statistics" else self._gradients(ours)
            return max((found.size for found, _ in compared), default=0.0)
        return self._outputs_apart(stage, ours.logits)

    def _outputs_apart(self, mode: str, ours: np.ndarray | None) -> float:
        theirs = self.keras[mode].logits
        if ours is None or theirs is None:
            return float("inf")
        return min((_size(ours, b) for b in _as(theirs, ours.shape)), default=float("inf"))

    @property
    def ends(self) -> Pair:
        """What makes both models' outputs."""
        return self.sides[0].output, self.sides[1].output

    def agree(self) -> bool:
        """Whether both models' outputs agree as they are, in every mode."""
        key = self.ends[0].key
        return all(self._outputs_apart(mode, self.logits[mode]) <= self.limit(mode, key) for mode in self.logits)

    def moved(self, mode: str) -> float:
        """How far PyTorch's outputs are apart in two passes, between which weights move by about their last digit."""
        return self.floors[mode]["values"].get(self.ends[0].key, 0.0)


# Layouts and sizes.


def _as(values: np.ndarray, shape: tuple[int, ...]) -> list[np.ndarray]:
    """Keras' values in every layout that has PyTorch's shape."""
    found = [values]
    if values.ndim > 2:
        found.append(np.moveaxis(values, -1, 1))
    if len(shape) != values.ndim and [n for n in values.shape if n != 1] == [n for n in shape if n != 1]:
        found.append(values.reshape(shape))
    if len(shape) == 3 and values.ndim == 4:  # positions in one axis
        count, channels = values.shape[0], values.shape[-1]
        found += [np.moveaxis(values, -1, 1).reshape(count, channels, -1), values.reshape(count, -1, channels)]
    return [one for one in found if one.shape == shape]


def apart(a: np.ndarray, b: np.ndarray, pair: Pair) -> float:
    """The largest difference of two operations' values over the largest of PyTorch's."""
    found = [_size(a, candidate) for candidate in _as(b, a.shape)]
    if a.ndim == 3 and b.ndim == 2 and a[:, -1].shape == b.shape:
        found.append(_size(a[:, -1], b))  # what a recurrent layer gives last
    images = flattened(pair)
    if a.ndim == 2 and a.shape == b.shape and images is not None and a.shape[1] == np.prod(images):
        channels, height, width = images
        moved = b.reshape(-1, height, width, channels).transpose(0, 3, 1, 2).reshape(a.shape)
        found.append(_size(a, moved))
    return min(found, default=float("inf"))


def _size(a: np.ndarray, b: np.ndarray) -> float:
    if a.shape != b.shape:
        return float("inf")
    if not a.size:
        return 0.0
    largest = max(float(np.abs(a).max()), float(np.finfo(float).tiny))
    size = float(np.abs(a - b).max()) / largest
    return size if np.isfinite(size) else float("inf")
