"""The whole comparison of one pair, from two functions to a report; `pair_file.start` has imported both frameworks."""

import contextlib
import difflib
from collections.abc import Callable, Iterator, Mapping, Sequence

import keras
import numpy as np
import torch

from uncrossed.common.errors import InputError
from uncrossed.explain.differences import (
    configuration,
    initial,
    keras_calls,
    losses,
    optimizers,
    pairing,
    pytorch_calls,
    recognise,
    regularizers,
    sharing,
    simplify,
    variances,
)
from uncrossed.explain.differences.calls import Pass
from uncrossed.explain.differences.configuration import Difference
from uncrossed.explain.differences.explanation import UNSEEN, Explanation
from uncrossed.explain.differences.function import Comparison
from uncrossed.explain.differences.operations import Model, Operation
from uncrossed.explain.differences.pair_file import FEW, SIDES, PairFile, keras_model, told
from uncrossed.explain.differences.pairing import Pairs
from uncrossed.explain.differences.report import Report
from uncrossed.explain.differences.sharing import Shared

Models = tuple[torch.nn.Module, keras.Model]


def examine(pair: PairFile, report: Callable[[str], None] = lambda step: None) -> Report:
    """Compare a pair.

    Args:
        pair: the pair.
        report: called with each step before it is taken.

    Raises:
        InputError: a side cannot be built or run, or is no model of its framework.
    """
    report("both models are built")
    torch.manual_seed(0)
    ours = pair.model("pytorch")
    if not isinstance(ours, torch.nn.Module):
        raise InputError(f"{pair.name}: pytorch() gives {type(ours).__name__}; allowed: a torch.nn.Module")
    models = ours.double(), keras_model(pair)
    x, y = pair.inputs()
    report("both are run and read")
    with _told(pair, "pytorch", x.shape[1:]):
        seen = _ended(pytorch_calls.record(models[0], x[:FEW]))
    with _told(pair, "tensorflow", y.shape[1:]):
        other = _ended(keras_calls.record(models[1], y[:FEW]))
    arrays, weights = _arrays(models[0]), {variable.path: variable.numpy() for variable in models[1].weights}
    trained = [name for name, _ in models[0].named_parameters()], [v.path for v in models[1].trainable_variables]
    parameters = {
        "pytorch": sum(arrays[name].size for name in trained[0]),
        "tensorflow": sum(weights[path].size for path in trained[1]),
    }
    sides = (
        recognise.read(seen, "pytorch", arrays, trained[0]),
        recognise.read(other, "keras", weights, trained[1]),
    )
    for side, read in zip(SIDES, sides, strict=True):
        if read.output is None:
            raise InputError(f"{pair.name}: {side}() gives a model that computes nothing; allowed: one that does")
    shapes = {name: tuple(array.shape) for name, array in [*arrays.items(), *weights.items()]}
    _check_settled(pair, sides)
    pairs, forms = _paired(sides, shapes, {**pair.mapped, **pair.pairs})
    entries = sharing.shared(pairs.pairs, shapes)
    training, training_notes, softmax = _of_training(pair, sides, models[1])

    report("initial weights are drawn and measured")
    initials = initial.differences(pair, entries, arrays, weights)
    del arrays, weights  # they may be large

    report("both are given the same weights")
    unshared = _share(models, entries, trained)
    comparison = Comparison(models, (x, y), sides, pairs, entries, unshared)
    variances.measure(comparison)
    found = configuration.differences(pairs, forms)

    report("partings are looked for and explained")
    explained = Explanation(comparison, found).run()
    sure = [
        difference for difference in _sure(found, explained, pairs) if not (softmax and _of_ends(difference, sides))
    ]
    found = [*sure, *explained.unexplained, *initials, *training]
    places = {id(operation): place for place, (operation, _) in enumerate(pairs.pairs)}

    def order(difference: Difference) -> tuple[int, float]:
        stage = configuration.STAGES.index(difference.where)
        return stage, min((configuration.place(a, b, pairs, places) for a, b in difference.pairs), default=0)

    return Report(
        pair.name,
        f"{' x '.join(map(str, pair.shape))}" + (f", numbers below {pair.vocabulary}" if pair.vocabulary else ""),
        parameters,
        [{"pytorch": a.name, "tensorflow": b.name, "kind": _kind(b), "arrays": a.weighted} for a, b in pairs.pairs],
        [(a.name, b.name) for a, b in pairs.ambiguous],
        [(a.name, shape) for a, b in pairs.pairs if a.kind == "dense" and (shape := sharing.flattened((a, b)))],
        _unknown(pairs),
        sorted(found, key=order),
        explained.partings,
        explained.agreed,
        [*explained.notes, *training_notes, *_not_compared(sides, pairs, entries, unshared)],
    )


def _kind(theirs: Operation) -> str:
    """The kind, as a name map has it."""
    return "depthwise" if theirs.call.function.startswith("depthwise") else theirs.kind


# Reading, pairing and sharing.


def _ended(seen: Pass) -> Pass:
    if seen.error:
        raise RuntimeError(f"{seen.error[0]} (at {seen.error[1].partition('|')[0] or 'its start'})")
    return seen


@contextlib.contextmanager
def _told(pair: PairFile, side: str, shape: tuple[int, ...]) -> Iterator[None]:
    try:
        yield
    except RuntimeError as error:
        raise InputError(
            f"{pair.name}: {side}() cannot be run on inputs of {shape} ({told(error)}); SHAPE, --shape says another"
        ) from error


def _check_settled(pair: PairFile, sides: tuple[Model, Model]) -> None:
    """Refuse pairs of layers that are not there."""
    there = (
        {operation.name for operation in sides[0].operations},
        set[str]().union(*map(pairing.names, sides[1].operations)),
    )
    for said in pair.pairs.items():
        for name, known, side in zip(said, there, ("PyTorch's", "Keras'"), strict=True):
            if name not in known:
                close = ", ".join(difflib.get_close_matches(name, known, 3, 0) or sorted(known)[:3])
                raise InputError(f"{pair.name}: PAIRS names '{name}', no layer of {side} model; near it: {close}")


def _arrays(model: torch.nn.Module) -> dict[str, np.ndarray]:
    """All arrays of PyTorch's model, by name: not copies."""
    return {name: tensor.detach().numpy() for name, tensor in [*model.named_parameters(), *model.named_buffers()]}


def _paired(
    sides: tuple[Model, Model], shapes: Mapping[str, tuple[int, ...]], settled: Mapping[str, str]
) -> tuple[Pairs, dict[str, tuple[int, ...]]]:
    """The pairs, and the arrays' shapes in one layout; what is left alone may be a dense layer, and is tried as one."""

    def paired() -> tuple[Pairs, dict[str, tuple[int, ...]]]:
        forms: dict[str, tuple[int, ...]] = {}
        for model, side in zip(sides, ("pytorch", "keras"), strict=True):
            for operation in model.operations:
                forms |= sharing.form(operation, side, shapes)
        return pairing.pair(*sides, forms, settled), forms

    pairs, forms = paired()
    dense = [simplify.as_dense(pairs.only_pytorch, "pytorch"), simplify.as_dense(pairs.only_keras, "keras")]
    return paired() if any(dense) else (pairs, forms)


def _share(models: Models, entries: Sequence[Shared], trained: tuple[list[str], list[str]]) -> list[str]:
    """Draw numbers for both models, and put PyTorch's into Keras'; the arrays that have another shape there."""
    arrays, found, unshared = _arrays(models[0]), {entry.keras: entry for entry in entries}, []
    for name, array in arrays.items():
        if (values := sharing.drawn(name, array, name in trained[0])) is not None:
            array[...] = values
    for variable in models[1].weights:
        path = variable.path
        if path in found:
            try:
                parts = [arrays[name] for name in found[path].pytorch]
                variable.assign(sharing.to_keras(found[path], parts, tuple(variable.shape)))
                continue
            except ValueError:
                unshared.append(path)
        if (values := sharing.drawn(path, variable.numpy(), path in trained[1])) is not None:
            variable.assign(values)
    return unshared


# What counts.


def _sure(found: Sequence[Difference], explained: Explanation, pairs: Pairs) -> list[Difference]:
    """The differences that count: what one side alone has is none where the other does the same in unknown words."""
    sure = []
    unknown = any(not operation.known for operation in [*pairs.only_pytorch, *pairs.only_keras])
    for difference in found:
        missing = difference.setting == "missing" and difference.where == "evaluation"
        if missing and unknown and not explained.unexplained and difference.seen == [UNSEEN]:
            explained.notes.append(f"{difference.what}: without effect, as the other side does it in other words")
        elif difference not in explained.cancelled:
            sure.append(difference)
    return sure


def _of_training(
    pair: PairFile, sides: tuple[Model, Model], model: keras.Model
) -> tuple[list[Difference], list[str], bool]:
    """What differs in optimizers and losses, what could not be compared, and whether the losses see to a softmax."""
    decay, added, notes = regularizers.read(model, "pytorch_optimizer" in pair.training)
    try:
        optimizer, optimizer_notes = optimizers.differences(pair.training, decay)
        loss, loss_notes, softmax = losses.differences(pair.training, (sides[0].output, sides[1].output))
    except Exception as error:  # whatever its author's code raises
        names = ", ".join(pair.training)
        raise InputError(f"{pair.name}: of {names} one cannot be used ({told(error)})") from error
    return [*optimizer, *added, *loss], [*notes, *optimizer_notes, *loss_notes], softmax


def _of_ends(difference: Difference, sides: tuple[Model, Model]) -> bool:
    """Whether a difference is a softmax at the end of one model alone, which the losses see to."""
    both = [operation for pair in difference.pairs for operation in pair if operation is not None]
    named = all(operation.settings.get("function") in ("softmax", "log_softmax") for operation in both)
    ends = [side.output for side in sides]
    return difference.cause == "activation.missing" and named and all(operation in ends for operation in both)


def _unknown(pairs: Pairs) -> list[dict[str, str]]:
    def named(side: str, layer: str, operation: Operation) -> dict[str, str]:
        return {"side": side, "layer": layer, "kind": operation.call.source or operation.kind}

    found = [named("pytorch", o.name, o) for o in pairs.only_pytorch if not o.known]
    found += [named("tensorflow", o.name, o) for o in pairs.only_keras if not o.known]
    return found + [named("both", f"{a.name} / {b.name}", a) for a, b in pairs.pairs if not sharing.alike(a, b)]


def _not_compared(
    sides: tuple[Model, Model], pairs: Pairs, entries: Sequence[Shared], unshared: Sequence[str]
) -> Iterator[str]:
    given = {entry.keras for entry in entries} - set(unshared)
    for a, b in pairs.pairs:
        trained = {b.arrays[part] for part in b.call.trained}
        if not sharing.alike(a, b) and trained - given:
            why = f"how {len(trained - given)} of {len(trained)} arrays correspond is not known"
            yield f"{a.name} / {b.name}: {why}, so they were not given the same numbers"
    for side, model in zip(("PyTorch's", "Keras'"), sides, strict=True):
        for name in model.unused:
            yield f"{side} {name} is not used in evaluation, and was not compared"
