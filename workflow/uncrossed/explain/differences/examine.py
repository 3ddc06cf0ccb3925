"""The whole comparison of one pair, from two functions to a report."""

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from uncrossed.common.errors import InputError
from uncrossed.explain.differences.pair_file import FEW, PairFile, keras_model, told
from uncrossed.study.trial import Settings
from uncrossed.training import backends


@dataclass
class Report:
    """All that is found of one pair.

    Attributes:
        name: of the pair.
        inputs: what one input is, in words.
        parameters: the number of trained parameters of each side.
        pairs: PyTorch's name, Keras' name, kind, and whether it has arrays, of each pair of operations.
        ambiguous: layers that could be paired otherwise as well.
        flattened: dense layers whose inputs the two flatten in another order.
        unknown: operations that are not compared by configuration.
        differences: in the order in which one would mend them.
        partings: where the two part, and because of what.
        agreed: how far apart the outputs are once all differences are taken away.
        notes: what could not be compared.
    """

    name: str
    inputs: str
    parameters: dict[str, int]
    pairs: list[dict[str, Any]]
    ambiguous: list[tuple[str, str]]
    flattened: list[tuple[str, tuple[int, int, int]]]
    unknown: list[dict[str, str]]
    differences: list[Any] = field(default_factory=list)
    partings: list[dict[str, Any]] = field(default_factory=list)
    agreed: dict[str, float] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def plain(self) -> dict[str, Any]:
        """As data for JSON."""
        # JSON has no infinity, which stands for values of another shape.
        partings = [p | {"apart": p["apart"] if np.isfinite(p["apart"]) else None} for p in self.partings]
        agreed = {mode: size if np.isfinite(size) else None for mode, size in self.agreed.items()}
        differences = [difference.plain() for difference in self.differences]
        return vars(self) | {"differences": differences, "partings": partings, "agreed": agreed}


def start(threads: int = 1) -> None:
    """Import and set up both frameworks, for float64 on a CPU.

    Raises:
        InputError: one is not installed.
    """
    settings = Settings(precision="float64", threads=threads)
    # PyTorch first: imported after TensorFlow it crashes the process.
    for framework in ("pytorch", "tensorflow"):
        try:
            backends.load(framework, settings).configure(settings)
        except ModuleNotFoundError as error:
            raise InputError(
                f"{framework} cannot be imported here ({error}): the comparison needs both frameworks in one "
                "environment, as pip install 'uncrossed[pytorch,tensorflow]' makes it"
            ) from error


def examine(pair: PairFile, report: Callable[[str], None] = lambda step: None) -> Report:
    """Compare a pair; `start` was called before.

    Args:
        pair: the pair.
        report: called with each step before it is taken.

    Raises:
        InputError: a side cannot be built or run, or is no model of its framework.
    """
    import torch

    from uncrossed.explain.differences import (
        configuration,
        function,
        initial,
        keras_calls,
        losses,
        operations,
        optimizers,
        pairing,
        pytorch_calls,
        sharing,
    )

    report("both models are built")
    torch.manual_seed(0)
    ours = pair.model("pytorch")
    if not isinstance(ours, torch.nn.Module):
        raise InputError(f"{pair.name}: pytorch() gives {type(ours).__name__}; allowed: a torch.nn.Module")
    ours = ours.double()
    theirs = keras_model(pair)
    x, y = pair.inputs()
    report("both are run and read")
    with _told(pair, "pytorch", x.shape[1:]):
        seen = pytorch_calls.record(ours, x[:FEW], False, {}, None)
        _raise(seen)
    with _told(pair, "tensorflow", y.shape[1:]):
        other = keras_calls.record(theirs, y[:FEW], False)
        _raise(other)
    arrays = {name: tensor.detach().numpy() for name, tensor in [*ours.named_parameters(), *ours.named_buffers()]}
    trained = [name for name, _ in ours.named_parameters()]
    weights = {variable.path: variable.numpy() for variable in theirs.weights}
    trained_there = [variable.path for variable in theirs.trainable_variables]
    left = operations.read(seen, "pytorch", arrays, trained)
    right = operations.read(other, "keras", weights, trained_there)
    shapes = {name: tuple(array.shape) for name, array in [*arrays.items(), *weights.items()]}

    def paired() -> tuple[Any, dict[str, tuple[int, ...]]]:
        forms: dict[str, tuple[int, ...]] = {}
        for model, side in ((left, "pytorch"), (right, "keras")):
            for operation in model.operations:
                forms |= sharing.form(operation, side, shapes)
        return pairing.pair(left, right, forms, pair.pairs), forms

    pairs, forms = paired()
    alone = [operations.as_dense(o, side) for o, side in ((pairs.only_pytorch, "pytorch"), (pairs.only_keras, "keras"))]
    if any(alone):
        pairs, forms = paired()
    entries = sharing.shared(pairs.pairs, shapes)

    report("initial weights are drawn and measured")
    initials = initial.differences(pair, entries, arrays, weights)

    report("both are given the same weights")
    unshared = _share(ours, theirs, entries, arrays, trained, weights, trained_there)
    parameters = {
        "pytorch": sum(arrays[name].size for name in trained),
        "tensorflow": sum(weights[name].size for name in trained_there),
    }
    del arrays, weights  # they may be large
    comparison = function.Comparison((ours, theirs), (x, y), (left, right), pairs, entries, unshared)
    measured_variances(comparison)
    found = configuration.differences(pairs, forms)
    report("partings are looked for and explained")
    functions, unexplained = function.explain(comparison, found)
    found = [*_sure(found, functions, pairs, unexplained), *unexplained, *initials]
    try:
        optimizer, optimizer_notes = optimizers.differences(pair.training)
        loss, loss_notes, softmax = losses.differences(pair.training, (left.output, right.output))
    except Exception as error:  # whatever its author's code raises
        names = ", ".join(pair.training)
        raise InputError(f"{pair.name}: of {names} one cannot be used ({told(error)})") from error
    if softmax:
        found = _without_softmax(found, left.output, right.output)
    found += [*optimizer, *loss]
    functions.notes += [*optimizer_notes, *loss_notes]
    places = {id(operation): place for place, (operation, _) in enumerate(pairs.pairs)}

    def order(difference: configuration.Difference) -> tuple[int, float]:
        stage = configuration.STAGES.index(difference.where)
        return stage, min((configuration.place(a, b, pairs, places) for a, b in difference.pairs), default=0)

    notes = list(functions.notes)
    given = {entry.keras for entry in entries} - set(unshared)
    notes += [
        f"{a.name} / {b.name}: how their arrays correspond is not known, so they were not given the same numbers"
        for a, b in pairs.pairs
        if not sharing.alike(a, b) and b.call.trained and not given & set(b.arrays.values())
    ]
    notes += [f"PyTorch's {name} is not used in evaluation, and was not compared" for name in left.unused]
    notes += [f"Keras' {name} is not used in evaluation, and was not compared" for name in right.unused]
    return Report(
        pair.name,
        f"{' x '.join(map(str, pair.shape))}" + (f", numbers below {pair.vocabulary}" if pair.vocabulary else ""),
        parameters,
        [{"pytorch": a.name, "tensorflow": b.name, "kind": _kind(b), "arrays": a.weighted} for a, b in pairs.pairs],
        [(a.name, b.name) for a, b in pairs.ambiguous],
        [(a.name, shape) for a, b in pairs.pairs if a.kind == "dense" and (shape := sharing.flattened((a, b)))],
        _unknown(pairs),
        sorted(found, key=order),
        functions.partings,
        functions.agreed,
        notes,
    )


def _kind(theirs: Any) -> str:
    """The kind, as a name map has it."""
    return "depthwise" if theirs.call.function.startswith("depthwise") else theirs.kind


def _raise(seen: Any) -> None:
    if seen.error:
        raise RuntimeError(f"{seen.error[0]} (at {seen.error[1].partition('|')[0] or 'its start'})")


@contextlib.contextmanager
def _told(pair: PairFile, side: str, shape: tuple[int, ...]) -> Iterator[None]:
    try:
        yield
    except RuntimeError as error:
        raise InputError(
            f"{pair.name}: {side}() cannot be run on inputs of {shape} ({told(error)}); SHAPE, --shape says another"
        ) from error


def _share(
    ours: Any,
    theirs: Any,
    entries: Any,
    arrays: dict[str, np.ndarray],
    trained: list[str],
    weights: dict[str, np.ndarray],
    trained_there: list[str],
) -> list[str]:
    """Draw numbers for both models, and put PyTorch's into Keras'; the arrays that have another shape there."""
    import torch

    from uncrossed.explain.differences import sharing

    drawn = sharing.drawn(arrays, trained)
    with torch.no_grad():
        for name, tensor in [*ours.named_parameters(), *ours.named_buffers()]:
            if name in drawn:
                tensor.copy_(torch.from_numpy(np.asarray(drawn[name])))
    made, unshared = sharing.drawn(weights, trained_there, seed=5), []
    for entry in entries:
        try:
            parts = [np.asarray(drawn.get(name, arrays[name])) for name in entry.pytorch]
            made[entry.keras] = sharing.to_keras(entry, parts, weights[entry.keras].shape)
        except ValueError:
            unshared.append(entry.keras)
    for variable in theirs.weights:
        if variable.path in made:
            variable.assign(made[variable.path])
    return unshared


def measured_variances(comparison: Any) -> None:
    """Say of each batch normalisation whether it keeps the biased or the unbiased variance, as its step shows."""
    if "training" not in comparison.keras:
        return
    passes = comparison.pytorch("training"), comparison.keras["training"]
    before = ({name: buffer.numpy() for name, buffer in comparison.models[0].named_buffers()}, comparison.weights)
    for pair in comparison.pairs.pairs:
        if pair[0].kind != "batchnorm" or pair[1].kind != "batchnorm":
            continue
        for k, (operation, part) in enumerate(zip(pair, ("running_var", "moving_variance"), strict=True)):
            name = operation.arrays.get(part)
            source = operation.inputs[0] if operation.inputs else None
            values = comparison.inputs[k] if source is None else passes[k].values.get(source.key)
            axis = 1 if k == 0 else -1
            keep = operation.settings.get("momentum")
            if name not in passes[k].statistics or values is None or keep is None or keep == 1:
                continue
            if values.ndim != len(operation.call.x) or values.shape[axis] != before[k][name].size:
                continue
            count = values.size // values.shape[axis]
            axes = tuple(a for a in range(values.ndim) if a != axis % values.ndim)
            seen = values.var(axis=axes)
            best = int(seen.argmax())  # of a channel without variance nothing is seen
            kept = passes[k].statistics[name][best] - keep * before[k][name][best]
            ratio = kept / (1 - keep) / max(seen[best], 1e-300)
            if count > 1:
                unbiased = count / (count - 1)
                operation.settings["variance"] = (
                    "biased"
                    if abs(ratio - 1) < 0.1 * (unbiased - 1)
                    else "unbiased"
                    if abs(ratio - unbiased) < 0.1 * (unbiased - 1)
                    else None
                )
        if None in (pair[0].settings.get("variance"), pair[1].settings.get("variance")):
            for operation in pair:
                operation.settings["variance"] = None


def _sure(found: Any, functions: Any, pairs: Any, unexplained: Any) -> list[Any]:
    """The differences that count: what one side alone has is none where the other does the same in unknown words."""
    unknown = any(not operation.known for operation in [*pairs.only_pytorch, *pairs.only_keras])
    sure = []
    for difference in found:
        cosmetic = (
            difference.setting == "missing"
            and difference.where == "evaluation"
            and unknown
            and not unexplained
            and difference.seen == ["no effect on the numbers that were tried"]
        )
        if cosmetic:
            functions.notes.append(f"{difference.what}: without effect, as the other side does it in other words")
        else:
            sure.append(difference)
    return sure


def _without_softmax(found: Any, *ends: Any) -> list[Any]:
    """Without a softmax at the end of one model alone: with the losses known, it is theirs to say whether it counts."""

    def of_the_loss(difference: Any) -> bool:
        operations = [operation for pair in difference.pairs for operation in pair if operation is not None]
        named = all(operation.settings.get("function") in ("softmax", "log_softmax") for operation in operations)
        return difference.cause == "activation.missing" and named and all(o in ends for o in operations)

    return [difference for difference in found if not of_the_loss(difference)]


def _unknown(pairs: Any) -> list[dict[str, str]]:
    found = []
    for side, operations in (("pytorch", pairs.only_pytorch), ("tensorflow", pairs.only_keras)):
        found += [{"side": side, "layer": o.name, "kind": o.call.source or o.kind} for o in operations if not o.known]
    found += [
        {"side": "both", "layer": f"{a.name} / {b.name}", "kind": a.call.source or a.kind}
        for a, b in pairs.pairs
        if not (a.known and b.known and a.kind == b.kind)
    ]
    return found
