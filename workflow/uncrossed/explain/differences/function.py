"""What the differences do: with the same weights in float64, where the two models part, and because of what.

Keras' model is run once in each mode. PyTorch's is run again and again: first as it is, then with one difference after
another taken away, by computing that operation as Keras does. A difference explains a parting if, without it, the two
agree up to a later layer, or to the end. Where none explains it, Keras' values are put in the place of PyTorch's, so
that what comes after is still compared.
"""

import functools
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

from uncrossed.explain.differences import keras_calls, pytorch_calls
from uncrossed.explain.differences.calls import Pass
from uncrossed.explain.differences.configuration import INSERTED, Difference, partner_before, place, same_start
from uncrossed.explain.differences.formulas import FORMULAS
from uncrossed.explain.differences.kinds import KINDS
from uncrossed.explain.differences.operations import Model, Operation
from uncrossed.explain.differences.pairing import Pair, Pairs
from uncrossed.explain.differences.sharing import Shared, flattened, to_keras

# What rounding may do beyond what it does to PyTorch's own numbers when each weight moves by its last digit.
LEAST, TIMES, ULP = 1e-11, 1000, 2.0**-52
# Where a library keeps constants in float32, or computes in it, also in float64, numbers move by less than this.
OUTPUT = "the output"
ROUNDING, ROUNDED = "rounding", 1e-6
# Where these differ, the two cannot be given the same weights.
UNSHARED = ("conv.groups", "conv_transpose.groups")
# How many differences are tried for one parting.
TRIED = 12


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


@dataclass
class Functions:
    """What the comparison by function found.

    Attributes:
        partings: PyTorch's and Keras' layer, the mode, how far apart, and the cause that explains it or None.
        agreed: what agrees in the end, with how much is left.
        notes: what could not be compared.
    """

    partings: list[dict[str, Any]] = field(default_factory=list)
    agreed: dict[str, float] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


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
        """
        self.models, self.inputs, self.sides, self.pairs = models, inputs, sides, pairs
        self.entries, self.unshared = entries, set(unshared)
        self.places = {id(ours): place for place, (ours, _) in enumerate(pairs.pairs)}
        # Kernels are large, and none of them is asked for.
        self.weights = {v.path: v.numpy() for v in models[1].weights if len(v.shape) <= 1}
        self.dropouts = [
            call.key for operation in sides[0].operations if operation.kind == "dropout" for call in [operation.call]
        ]
        self.passes: dict[Any, Pass] = {}
        keras_evaluation = keras_calls.record(models[1], inputs[1], training=False)
        self.keras = {"evaluation": keras_evaluation}
        if keras_evaluation.logits is not None:
            shape = keras_evaluation.logits.shape
            self.projection = np.random.default_rng(7).normal(size=shape)
            self.keras["training"] = keras_calls.record(
                models[1], inputs[1], training=True, loss=functools.partial(_projected, self.projection)
            )
        self.floors = {mode: self._floor(mode) for mode in self.keras}

    # Passes.

    def pytorch(self, mode: str, taken_away: Sequence[Difference] = (), put: Sequence[Pair] = ()) -> Pass:
        """PyTorch's pass with differences taken away, and with Keras' values put in the place of some operations'."""
        key = mode, tuple(map(id, taken_away)), tuple(id(ours) for ours, _ in put)
        if key not in self.passes:
            self.passes = {k: v for k, v in self.passes.items() if not k[1] and not k[2]}  # they are large
            self.passes[key] = self._pass(mode, taken_away, put)
        return self.passes[key]

    def _pass(self, mode: str, taken_away: Sequence[Difference] = (), put: Sequence[Pair] = ()) -> Pass:
        plan = self._plan(taken_away, mode == "training")
        for ours, theirs in put:
            values = self.keras[mode].values[theirs.key]
            plan[ours.key] = functools.partial(_constant, values, (ours, theirs))
        loss = self._loss if mode == "training" and not put else None
        return pytorch_calls.record(self.models[0], self.inputs[0], mode == "training", plan, loss)

    def _loss(self, out: torch.Tensor) -> torch.Tensor:
        projection = next(_as(self.projection, tuple(out.shape)), None)
        if projection is None:
            raise ValueError(f"outputs of shapes {tuple(out.shape)} and {self.projection.shape}")
        return (out * torch.from_numpy(np.ascontiguousarray(projection))).sum()

    def _floor(self, mode: str) -> dict[str, dict[str, float]]:
        """How far PyTorch's own numbers move when each weight moves by about its last digit."""
        first = self.pytorch(mode)
        random, model = np.random.default_rng(3), self.models[0]
        before = {name: parameter.detach().clone() for name, parameter in model.named_parameters()}
        with torch.no_grad():
            for parameter in model.parameters():
                if parameter.is_floating_point():
                    parameter.mul_(torch.from_numpy(1 + ULP * random.choice([-1.0, 1.0], tuple(parameter.shape))))
        second = self._pass(mode)
        with torch.no_grad():
            for name, parameter in model.named_parameters():
                parameter.copy_(before[name])

        def moved(a: Mapping[str, np.ndarray], b: Mapping[str, np.ndarray]) -> dict[str, float]:
            return {name: _size(a[name], b[name]) for name in a if name in b}

        return {"values": moved(first.values, second.values), "gradients": moved(first.gradients, second.gradients)}

    # What happens instead.

    def _plan(self, taken_away: Sequence[Difference], training: bool) -> dict[str, pytorch_calls.Action]:
        plan: dict[str, pytorch_calls.Action] = {}
        if training:
            plan |= dict.fromkeys(self.dropouts, _nothing)
        changed: dict[int, tuple[Operation, Operation, dict[str, Any]]] = {}
        for difference in taken_away:
            for ours, theirs in difference.pairs:
                if difference.cause == ROUNDING and ours is not None and theirs is not None:
                    settings = changed.setdefault(id(ours), (ours, theirs, dict(ours.settings)))[2]
                    settings |= {name: _single(value) for name, value in settings.items()}
                    settings |= {"single": True} if ours.kind == "activation" else {}
                    continue
                if ours is not None and theirs is not None:
                    settings = changed.setdefault(id(ours), (ours, theirs, dict(ours.settings)))[2]
                    if ours.kind == "activation":
                        settings.clear()
                        settings |= theirs.settings
                    else:
                        name = {"ceil_mode": "padding"}.get(difference.setting, difference.setting)
                        settings[name] = theirs.settings.get(name)
                        if name in ("dilation", "size", "stride") and same_start(ours, theirs):
                            settings["padding"] = theirs.settings["padding"]
        for ours, theirs, settings in changed.values():
            if ours.kind in FORMULAS:
                formula = FORMULAS[ours.kind]
                if ours.kind == "batchnorm":
                    formula = functools.partial(formula, training=training)
                added = self._arrays_of_keras(ours, theirs)
                self._replace(plan, ours, functools.partial(_computed, formula, settings, ours, added))
        alone = [pair for difference in taken_away for pair in difference.pairs]
        for ours, theirs in alone:
            if theirs is None and ours is not None:
                self._replace(plan, ours, functools.partial(_skipped, self._kept_input(ours)))
        added = {id(theirs) for ours, theirs in alone if ours is None}
        for theirs in self.sides[1].operations:  # in order: one may stand after another
            if id(theirs) in added:
                self._insert(plan, theirs, training)
        return plan

    def _replace(self, plan: dict[str, Any], operation: Operation, action: pytorch_calls.Action) -> None:
        *before, last = operation.calls
        plan |= dict.fromkeys(before, _nothing)
        plan[last] = action

    def _insert(self, plan: dict[str, Any], theirs: Operation, training: bool) -> None:
        """What Keras alone has is computed where it would stand."""
        if theirs.kind not in INSERTED:
            return
        source = partner_before(theirs.inputs[0] if theirs.inputs else None, self.pairs, ours=False)
        before = None if source is None else self.pairs.of_keras(source)
        parts = KINDS[theirs.kind].parts or {}
        arrays = {
            part: torch.from_numpy(self.weights[theirs.arrays[other]].copy())
            for part, other in parts.items()
            if other in theirs.arrays
        }
        compute = functools.partial(FORMULAS[theirs.kind], arrays=arrays, settings=theirs.settings, operation=None)
        if theirs.kind == "batchnorm":
            compute = functools.partial(compute, training=training)
        users = [operation for operation in self.sides[1].operations if source in operation.inputs]
        if len(users) <= 1:
            key = pytorch_calls.INPUT if before is None else before.key + pytorch_calls.AFTER
            plan[key] = functools.partial(_then, plan.get(key, _as_it_is), compute)
            return
        for user in self.sides[1].operations:
            ours = self.pairs.of_keras(user)
            if theirs in user.inputs and ours is not None and before in ours.inputs:
                index, key = ours.inputs.index(before), ours.calls[0]
                plan[key] = functools.partial(_before, plan.get(key, _as_it_is), compute, index)

    def _kept_input(self, ours: Operation) -> int:
        """Which of its inputs stands for an operation that is skipped."""
        for k, source in enumerate(ours.inputs):
            if source is not None and self.pairs.of_pytorch(source) is not None:
                return k
        return 0

    def _arrays_of_keras(self, ours: Operation, theirs: Operation) -> dict[str, torch.Tensor]:
        """Arrays that Keras alone has."""
        parts = KINDS[ours.kind].parts or {}
        return {
            part: torch.from_numpy(self.weights[theirs.arrays[other]].copy())
            for part, other in parts.items()
            if part not in ours.arrays and other in theirs.arrays
        }

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
        pair, number = (self.sides[0].output, self.sides[1].output), len(self.pairs.pairs)
        if ours.error:
            return Parting(number, pair, float("inf"), ours.error[0])
        if id(pair[0]) in done or (id(pair[0]) in self.places and self.pairs.of_pytorch(pair[0]) is pair[1]):
            return None
        size = min((_size(ours.logits, b) for b in _as(theirs.logits, ours.logits.shape)), default=float("inf"))
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
        ours, theirs = self.pytorch("training", taken_away, put), self.keras["training"]
        if ours.error:
            return self._ended(ours)
        for entry in self.entries:
            if entry.pair[0].kind == "batchnorm" and entry.parts[0].startswith("running"):
                a, b = ours.statistics.get(entry.pytorch[0]), theirs.statistics.get(entry.keras)
                place = self.places[id(entry.pair[0])] + (0.5 if entry.parts[0] == "running_var" else 0)
                if a is not None and b is not None and _size(a, b) > self.limit("training", entry.pair[0].key):
                    return Parting(place, entry.pair, _size(a, b), entry.parts[0])
        return None

    def gradients_part(self, taken_away: Sequence[Difference], put: Sequence[Pair]) -> Parting | None:
        """The last layer, the first on the way back, whose gradients are apart."""
        ours, theirs = self.pytorch("training", taken_away, put), self.keras["training"]
        if ours.error:
            return self._ended(ours)
        largest = max((float(np.abs(g).max()) for g in ours.gradients.values()), default=0.0)
        for entry in sorted(self.entries, key=lambda entry: -self.places[id(entry.pair[0])]):
            a, b = ours.gradients.get(entry.pytorch[0]), theirs.gradients.get(entry.keras)
            if entry.keras in self.unshared or (a is None and b is None):
                continue
            if a is None or b is None:
                continue  # trained on one side alone
            try:
                # Of a sum the first summand's gradient is the sum's.
                zeros = [np.zeros_like(a)] * (len(entry.parts) - 1)
                if len(entry.parts) > 1:
                    zeros = [ours.gradients[name] for name in entry.pytorch[1:]]
                    if b.ndim == 1:
                        zeros = [np.zeros_like(a) for _ in zeros]
                a = to_keras(entry, [a, *zeros], b.shape)
            except ValueError:
                continue
            scale = max(float(np.abs(a).max()), 1e-6 * largest)
            size = float(np.abs(a - b).max()) / scale if scale else 0.0
            if size > max(self.limit("training", entry.pytorch[0], "gradients"), 1e-9):
                return Parting(self.places[id(entry.pair[0])], entry.pair, size, entry.part)
        return None


def explain(comparison: Comparison, found: Sequence[Difference]) -> tuple[Functions, list[Difference]]:
    """Say of each parting which difference explains it.

    Returns:
        What was seen, and the partings that nothing explains as differences of their own.
    """
    functions = Functions()
    unexplained: list[Difference] = []
    taken: list[Difference] = []
    taken_for_granted: list[Difference] = []
    put: list[Pair] = []
    for side, passes in (
        ("Keras'", comparison.keras),
        ("PyTorch's", {m: comparison.pytorch(m) for m in comparison.keras}),
    ):
        for mode, one in passes.items():
            if one.error:
                functions.notes.append(
                    f"{side} model in {mode} ends at {one.error[1].partition('|')[0]}: {one.error[0]}"
                )
    if comparison.keras["evaluation"].error:
        return functions, unexplained
    steps: list[tuple[str, Callable[..., Parting | None], tuple[str, ...]]] = [
        ("evaluation", functools.partial(comparison.values_part, "evaluation"), ("arrays", "evaluation")),
    ]
    if "training" in comparison.keras and not comparison.keras["training"].error:
        steps += [
            (
                "training",
                functools.partial(comparison.values_part, "training"),
                ("arrays", "evaluation", "training"),
            ),
            ("statistics", comparison.statistics_part, ("statistics", "evaluation")),
            ("gradients", comparison.gradients_part, ("gradients", "evaluation", "training")),
        ]
    for stage, measure, acting in steps:
        if stage == "gradients" and put:
            functions.notes.append(
                "gradients were not compared, as Keras' values stand in the place of PyTorch's somewhere before"
            )
            continue
        parting = measure(taken, put)
        while parting is not None:
            open_ = [d for d in found if d not in taken and d.where in acting and _acts(d)]
            chosen, after = _chosen(comparison, measure, parting, open_, taken, put)
            if not chosen and parting.size < ROUNDED and stage in ("evaluation", "training"):
                rounded = _rounded(comparison, parting.pair)
                after = measure([*taken, rounded], put)
                if _better(measure, comparison, parting, after):
                    taken.append(rounded)
                else:
                    put.append(parting.pair)
                    after = measure(taken, put)
                names = f"{parting.pair[0].name} / {parting.pair[1].name}"
                functions.notes.append(
                    f"{names}{' and what is like it' if len(rounded.pairs) > 1 else ''}: one side computes in single "
                    f"precision here, also in float64; {stage} differs by {parting.size:.1e}, which is rounding"
                )
                parting = after
                continue
            record = {
                "mode": stage,
                "pytorch": parting.pair[0].name,
                "tensorflow": parting.pair[1].name,
                "apart": parting.size,
                "array": parting.what or None,
                "causes": [d.cause for d in chosen],
                "then": None if after is None else after.pair[0].name,
            }
            functions.partings.append(record)
            if chosen:
                for difference in chosen:
                    difference.seen.append(_sentence(stage, parting, after, len(chosen)))
                taken += chosen
                parting = after
                continue
            if blocked := _blocked(comparison, parting, found, acting, taken_for_granted):
                record["causes"] = [difference.cause for difference in blocked]
                for difference in blocked:
                    difference.seen.append(_sentence(stage, parting, None, 1, "with Keras' values put in there"))
                taken_for_granted += blocked
            else:
                unexplained.append(_unexplained(stage, parting, comparison))
            if stage not in ("evaluation", "training") or len(put) > 20 or parting.what == OUTPUT:
                break
            put.append(parting.pair)
            following = measure(taken, put)
            if following is not None and following.place <= parting.place:
                break
            parting = following
        else:
            functions.agreed[stage] = _left(comparison, stage, taken, put)
    for difference in found:
        if not difference.seen and difference.where in ("evaluation", "training", "statistics", "gradients"):
            if unexplained:
                difference.seen.append("its effect was not seen apart from what is not explained")
            else:
                difference.seen.append("no effect on the numbers that were tried")
    return functions, unexplained


def _rounded(comparison: Comparison, pair: Pair) -> Difference:
    """A pair's operation, and all like it, with Keras' constants in single precision."""
    alike = [
        (ours, theirs)
        for ours, theirs in comparison.pairs.pairs
        if ours.kind == pair[0].kind and ours.settings == pair[0].settings and theirs.settings == pair[1].settings
    ]
    return Difference(ROUNDING, "", [], None, None, "", "", "evaluation", pairs=list(alike))


def _single(value: Any) -> Any:
    if isinstance(value, tuple):
        return tuple(map(_single, value))
    return float(np.float32(value)) if isinstance(value, float) else value


def _acts(difference: Difference) -> bool:
    """Whether a difference can be taken away."""
    for ours, theirs in difference.pairs:
        if ours is None and (theirs is None or theirs.kind not in INSERTED):
            return False
        if ours is not None and theirs is not None and (ours.kind not in FORMULAS or difference.cause in UNSHARED):
            return False
        if difference.setting == "shape":
            return False
        if theirs is None and ours is not None and ours.kind == "concat":
            return False
    return True


def _position(comparison: Comparison, difference: Difference, limit: float) -> float:
    """The last place, at most `limit`, where a difference acts; -1 where it acts later only."""
    places = [place(ours, theirs, comparison.pairs, comparison.places) for ours, theirs in difference.pairs]
    return max((one for one in places if one <= limit), default=-1)


def _chosen(
    comparison: Comparison,
    measure: Callable[..., Parting | None],
    parting: Parting,
    open_: Sequence[Difference],
    taken: Sequence[Difference],
    put: Sequence[Pair],
) -> tuple[list[Difference], Parting | None]:
    """The difference that explains a parting, or those of one layer together, and what parts without them."""
    # On the way back everything lies before.
    limit = len(comparison.pairs.pairs) if measure == comparison.gradients_part else parting.place
    near = [(difference, _position(comparison, difference, limit)) for difference in open_]
    near = sorted((entry for entry in near if entry[1] > -1), key=lambda entry: -entry[1])[:TRIED]
    for difference, _ in near:
        after = measure([*taken, difference], put)
        if _better(measure, comparison, parting, after):
            return [difference], after
    for size in range(2, min(len(near), 6) + 1):
        together = [difference for difference, _ in near[:size]]
        after = measure([*taken, *together], put)
        if _better(measure, comparison, parting, after):
            # Those without which this parting is explained too are not needed for it.
            for difference in list(together):
                fewer = [other for other in together if other is not difference]
                again = measure([*taken, *fewer], put)
                if _better(measure, comparison, parting, again):
                    together, after = fewer, again
            return together, after
    return [], None


def _better(
    measure: Callable[..., Parting | None], comparison: Comparison, parting: Parting, after: Parting | None
) -> bool:
    if after is None:
        return True
    if after.place == parting.place:
        # What rounding is left of, where a library computes in single precision.
        return after.size < min(ROUNDED, 1e-3 * parting.size)
    return (after.place < parting.place) == (measure == comparison.gradients_part)


def _blocked(
    comparison: Comparison,
    parting: Parting,
    found: Sequence[Difference],
    acting: Sequence[str],
    before: Sequence[Difference],
) -> list[Difference]:
    """Differences right before a parting that cannot be taken away in PyTorch's model: its likely cause."""
    near = [
        (difference, _position(comparison, difference, parting.place))
        for difference in found
        if difference.where in acting and not _acts(difference)
    ]
    near = [entry for entry in near if entry[1] > -1]
    last = max((at for _, at in near), default=-1)
    fresh = [difference for difference, at in near if at == last and difference not in before]
    return fresh or [difference for difference, at in near if at == last][:1]


def _sentence(stage: str, parting: Parting, after: Parting | None, together: int, without: str | None = None) -> str:
    mode = {
        "evaluation": "in evaluation the two part",
        "training": "in training the two part",
        "statistics": f"after one step in training {parting.what} is apart",
        "gradients": f"the gradient of the {parting.what} is apart",
    }[stage]
    with_ = "with this aligned" if together == 1 else f"with these {together} aligned"
    then = (
        "they agree to the end"
        if after is None
        else f"the next parting is at {OUTPUT}"
        if after.what == OUTPUT
        else f"the next parting is at {after.pair[0].name} / {after.pair[1].name}"
    )
    where = OUTPUT if parting.what == OUTPUT else f"{parting.pair[0].name} / {parting.pair[1].name}"
    place = f"{mode} at {where} by {_number(parting.size)}"
    if without:
        return f"{place}; it cannot be taken away alone: what follows was compared {without}"
    return f"{place}; {with_} {then}"


def _number(size: float) -> str:
    return "another shape" if size == float("inf") else f"{size:.1e}"


def _unexplained(stage: str, parting: Parting, comparison: Comparison) -> Difference:
    ours, theirs = parting.pair
    between = [
        f"{side}'s {operation.name}"
        for side, operations in (("PyTorch", comparison.pairs.only_pytorch), ("Keras", comparison.pairs.only_keras))
        for operation in operations
        if not operation.known
    ]
    between += [f"{ours.name} / {theirs.name}"] if not ours.known else []
    among = f"; not compared by configuration: {', '.join(between[:6])}" if between else ""
    error = f" ({parting.what})" if parting.size == float("inf") and parting.what else ""
    return Difference(
        f"unexplained.{stage}",
        f"{stage}: the two part here, and no configuration that is compared says why{among}",
        [(ours.name, theirs.name)],
        None,
        None,
        "look at what stands before this layer",
        "look at what stands before this layer",
        stage,
        [f"apart by {_number(parting.size)}{error}"],
        [(ours, theirs)],
    )


def _left(comparison: Comparison, stage: str, taken: Sequence[Difference], put: Sequence[Pair]) -> float:
    """How far apart the two are where they agree."""
    if stage in ("evaluation", "training"):
        ours, theirs = comparison.pytorch(stage, taken, put).logits, comparison.keras[stage].logits
        if ours is None or theirs is None:
            return float("nan")
        return min((_size(ours, b) for b in _as(theirs, ours.shape)), default=float("nan"))
    return 0.0


# Layouts and sizes.


def _as(values: np.ndarray, shape: tuple[int, ...]) -> Iterable[np.ndarray]:
    """Keras' values in every layout that has PyTorch's shape."""
    if values.shape == shape:
        yield values
    if values.ndim == len(shape) > 2:
        moved = np.moveaxis(values, -1, 1)
        if moved.shape == shape:
            yield moved
    squeezed = tuple(size for size in shape if size != 1)
    if len(shape) != values.ndim and tuple(size for size in values.shape if size != 1) == squeezed:
        yield values.reshape(shape)
    if (
        len(shape) == 3
        and values.ndim == 4
        and np.moveaxis(values, -1, 1).reshape(*values.shape[::3], -1).shape == shape
    ):
        yield np.moveaxis(values, -1, 1).reshape(shape)
    if len(shape) == 3 and values.ndim == 4 and values.reshape(values.shape[0], -1, values.shape[-1]).shape == shape:
        yield values.reshape(shape)


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


# Actions.


def _as_it_is(run: Callable[..., Any], inputs: list[Any], arrays: Any) -> Any:
    return run(inputs)


def _nothing(run: Callable[..., Any], inputs: list[Any], arrays: Any) -> Any:
    return inputs[0]


def _skipped(index: int, run: Callable[..., Any], inputs: list[Any], arrays: Any) -> Any:
    return inputs[min(index, len(inputs) - 1)]


def _computed(
    formula: Callable[..., Any],
    settings: Mapping[str, Any],
    operation: Operation,
    added: Mapping[str, Any],
    run: Callable[..., Any],
    inputs: list[Any],
    arrays: Mapping[str, Any],
) -> Any:
    return formula(inputs[0], {**arrays, **added}, settings, operation)


def _then(
    action: pytorch_calls.Action, compute: Callable[..., Any], run: Callable[..., Any], inputs: list[Any], arrays: Any
) -> Any:
    return compute(action(run, inputs, arrays))


def _before(
    action: pytorch_calls.Action,
    compute: Callable[..., Any],
    index: int,
    run: Callable[..., Any],
    inputs: list[Any],
    arrays: Any,
) -> Any:
    changed = list(inputs)
    changed[index] = compute(changed[index])
    return action(run, changed, arrays)


def _constant(values: np.ndarray, pair: Pair, run: Callable[..., Any], inputs: list[Any], arrays: Any) -> Any:
    out = run(inputs)
    first = out[0] if isinstance(out, tuple) else out
    found = sorted(_as(values, tuple(first.shape)), key=lambda b: _size(first.detach().numpy(), b))
    if not found:
        return out
    tensor = torch.from_numpy(np.ascontiguousarray(found[0]))
    return (tensor, *out[1:]) if isinstance(out, tuple) else tensor


def _projected(projection: np.ndarray, out: Any) -> Any:
    import tensorflow as tf

    return tf.reduce_sum(out * tf.constant(projection))
