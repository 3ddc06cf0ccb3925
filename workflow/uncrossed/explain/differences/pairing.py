"""Which operation of PyTorch's model is which of Keras': by kind, shapes of arrays, and order.

Both models are walked from their output to their input in the same way, so that branches that are executed in another
order come in one order; the two lists are then aligned so that as much as possible agrees. Where another alignment
agrees as much, the pair is ambiguous, and the user's word settles it.
"""

import re
from collections.abc import Mapping, Set
from dataclasses import dataclass

import numpy as np

from uncrossed.explain.differences.operations import Model, Operation

Pair = tuple[Operation, Operation]
# So many sums of even branches are tried both ways.
TURNED = 12


@dataclass
class Pairs:
    """The pairs of operations.

    Attributes:
        pairs: in the order of PyTorch's execution.
        only_pytorch: operations without counterpart in Keras' model.
        only_keras: operations without counterpart in PyTorch's.
        ambiguous: layers with arrays that could be paired otherwise as well.
    """

    pairs: list[Pair]
    only_pytorch: list[Operation]
    only_keras: list[Operation]
    ambiguous: list[Pair]

    def of_pytorch(self, operation: Operation | None) -> Operation | None:
        """Keras' counterpart."""
        return next((theirs for ours, theirs in self.pairs if ours is operation), None)

    def of_keras(self, operation: Operation | None) -> Operation | None:
        """PyTorch's counterpart."""
        return next((ours for ours, theirs in self.pairs if theirs is operation), None)


def pair(ours: Model, theirs: Model, shapes: Mapping[str, tuple[int, ...]], settled: Mapping[str, str]) -> Pairs:
    """Pair two models' operations.

    Args:
        ours: PyTorch's.
        theirs: Keras'.
        shapes: of all arrays of both, in one layout, by `PART of OPERATION` as `sharing.form` gives them.
        settled: Keras' layers by PyTorch's, as the user says.
    """
    left = _walked(ours, {}, set())
    places = {id(operation): place for place, operation in enumerate(left)}
    fixed: dict[int, Operation] = {}
    for operation in left:
        wanted = settled.get(operation.name)
        for other in theirs.operations:
            if wanted in names(other) and id(other) not in fixed:
                fixed[id(other)] = operation
                break
    known = {id(operation): other for other, operation in fixed.items()}
    order = {key: places[id(operation)] for key, operation in fixed.items()}

    def scored(turned: set[int]) -> tuple[float, list[Operation], np.ndarray]:
        right = _walked(theirs, order, turned)
        score = np.zeros((len(left), len(right)))
        for i, a in enumerate(left):
            for j, b in enumerate(right):
                if id(a) in known or id(b) in fixed:
                    score[i, j] = 1000.0 if known.get(id(a)) == id(b) else 0.0
                elif a.kind == b.kind and a.known == b.known:
                    score[i, j] = _score(a, b, shapes)
        return _best(score)[0, 0], right, score

    turned: set[int] = set()
    total, right, score = scored(turned)
    either: list[Operation] = []
    for merge in _even(theirs)[:TURNED]:
        other_total, *other = scored(turned | {id(merge)})
        if other_total > total:
            turned.add(id(merge))
            total, right, score = other_total, *other
        elif other_total == total and not any(_settled(source, order) < np.inf for source in merge.inputs if source):
            either += _branches(merge)
    first, last = _aligned(score), _from_the_end(score)
    paired_left, paired_right = {i for i, _ in first}, {j for _, j in first}
    executed = {id(operation): place for place, operation in enumerate(ours.operations)}
    pairs = sorted(((left[i], right[j]) for i, j in first), key=lambda found: executed[id(found[0])])
    other_last = dict(last)
    ambiguous = [
        (left[i], right[j])
        for i, j in first
        if left[i].weighted and id(left[i]) not in known and (other_last.get(i) != j or right[j] in either)
    ]
    return Pairs(
        pairs,
        [operation for i, operation in enumerate(left) if i not in paired_left],
        [operation for j, operation in enumerate(right) if j not in paired_right],
        ambiguous,
    )


def names(operation: Operation) -> set[str]:
    """All names of an operation: with the layers that it lies in or without, or those of its arrays."""
    found = {operation.name, operation.call.name, *(path.rpartition("/")[0] for path in operation.arrays.values())}
    parts = [name.split("/") for name in found]
    return {"/".join(words[k:]) for words in parts for k in range(len(words))} - {""}


def _score(a: Operation, b: Operation, shapes: Mapping[str, tuple[int, ...]]) -> float:
    """How much two operations of one kind agree."""
    alike = _words(a.name) == _words(b.name)
    if a.weighted:
        same = shapes.get(f"weight of {a.key}") == shapes.get(f"weight of {b.key}")
        return (20.0 if same else 3.0) + alike
    equal = sum(a.settings.get(name) == value for name, value in b.settings.items())
    return 3.0 + equal / (1 + len(b.settings)) + 0.1 * alike


def _words(name: str) -> tuple[str, ...]:
    return tuple(re.findall(r"[a-z]+|[0-9]+", name.lower()))


def _best(score: np.ndarray) -> np.ndarray:
    """The greatest sums of alignments of what is left of two lists, from each place on."""
    rows, columns = score.shape
    best = np.zeros((rows + 1, columns + 1))
    for i in range(rows - 1, -1, -1):
        # Row by row: what a step down or a pair gives, then the running maximum for steps to the right.
        candidates = np.maximum(best[i + 1, :-1], np.where(score[i] > 0, best[i + 1, 1:] + score[i], -1))
        best[i, :-1] = np.maximum.accumulate(candidates[::-1])[::-1]
    return best


def _aligned(score: np.ndarray) -> list[tuple[int, int]]:
    """The alignment with the greatest sum; of several the one that pairs early."""
    best = _best(score)
    rows, columns = score.shape
    pairs, i, j = [], 0, 0
    while i < rows and j < columns:
        if score[i, j] > 0 and abs(best[i, j] - best[i + 1, j + 1] - score[i, j]) < 1e-9:
            pairs.append((i, j))
            i, j = i + 1, j + 1
        elif abs(best[i, j] - best[i + 1, j]) < 1e-9:
            i += 1
        else:
            j += 1
    return pairs


def _from_the_end(score: np.ndarray) -> list[tuple[int, int]]:
    """Of several alignments the one that pairs late."""
    rows, columns = score.shape
    return sorted((rows - 1 - i, columns - 1 - j) for i, j in _aligned(score[::-1, ::-1]))


def _lengths(model: Model) -> dict[int, int]:
    """How long the longest way from the input to each operation is; one with arrays counts more."""
    lengths: dict[int, int] = {}
    for operation in model.operations:
        before = [lengths[id(source)] for source in operation.inputs if source is not None]
        lengths[id(operation)] = max(before, default=0) + (3 if operation.weighted else 1)
    return lengths


def _turnable(operation: Operation) -> bool:
    return operation.kind == "merge" and operation.settings.get("form") not in ("sub", "div")


def _even(model: Model) -> list[Operation]:
    """Sums and products of two branches of one length: which one comes first is not to be seen from either side."""
    lengths = _lengths(model)

    def even(operation: Operation) -> bool:
        sources = [source for source in operation.inputs if source is not None]
        return _turnable(operation) and len(sources) == 2 and len({lengths[id(source)] for source in sources}) == 1

    return [operation for operation in model.operations if even(operation)]


def _branches(merge: Operation) -> list[Operation]:
    """The operations of both branches, as far as they have one input."""
    found = []
    for source in merge.inputs:
        current = source
        while current is not None and len(current.inputs) == 1:
            found.append(current)
            current = current.inputs[0]
    once = {id(operation): found.count(operation) for operation in found}
    return [operation for operation in found if once[id(operation)] == 1]


def _settled(operation: Operation, places: Mapping[int, int]) -> float:
    """The place that the user's word gives to a branch."""
    current: Operation | None = operation
    while current is not None:
        if id(current) in places:
            return places[id(current)]
        current = current.inputs[0] if len(current.inputs) == 1 else None
    return float("inf")


def _walked(model: Model, places: Mapping[int, int], turned: Set[int]) -> list[Operation]:
    """A model's operations, each after its inputs, in an order that the model's graph alone decides.

    Of the inputs of a sum or product the longer branch comes first; what the user has settled decides before.

    Args:
        model: the model.
        places: of operations that the user has settled.
        turned: sums and products whose inputs are taken the other way round.
    """
    lengths = _lengths(model)
    order: list[Operation] = []
    done: set[int] = set()
    open_: list[tuple[Operation, bool]] = [(model.output, False)] if model.output is not None else []
    while open_:
        operation, visited = open_.pop()
        if visited:
            order.append(operation)
            continue
        if id(operation) in done:
            continue
        done.add(id(operation))
        open_.append((operation, True))
        sources = [source for source in operation.inputs if source is not None]
        if id(operation) in turned:
            sources.reverse()
        if _turnable(operation):
            sources = sorted(sources, key=lambda source: (_settled(source, places), -lengths[id(source)]))
        open_ += [(source, False) for source in reversed(sources) if id(source) not in done]
    return order
