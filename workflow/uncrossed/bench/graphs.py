"""PyTorch's steps as CUDA graphs beside eager ones: are the bits equal? That decides whether studies may have them."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

# Full batches in a pass: some more than the eager ones before a capture.
FULL = 12


def same_bits(make: Callable[[bool], Any], order: Sequence[tuple[int, int]]) -> dict[str, Any]:
    """Take two passes over batches in three ways, and compare all bits that a training goes on with.

    `eager`; `graphs`; and `resumed`, which goes on in the middle of the second one, as from its checkpoint.

    Args:
        make: an untrained learner, with CUDA graphs or without.
        order: first and past-the-last example of each batch: full ones, and a smaller last one.

    Returns:
        `same`: whether all bits are equal, and all numbers finite; `sha256` of each way: over weights, moments, random
        generators and the last pass' logits; `difference`: the largest of any weight or logit from the eager one.
    """
    ends = {}
    for name, graphs in (("eager", False), ("graphs", True)):
        learner = make(graphs)
        learner.train(order)
        middle = learner.steps, learner.weights(), learner.optimizer_state(), learner.random()
        ends[name] = _after(learner, order)
    steps, weights, optimizer, random = middle
    learner = make(True)
    learner.set_weights(weights)
    learner.set_optimizer_state(steps, optimizer)
    learner.set_random(random)
    ends["resumed"] = _after(learner, order)
    hashes = {name: _sha256(arrays) for name, arrays in ends.items()}
    numbers = [key for key, array in ends["eager"].items() if array.dtype.kind == "f"]
    differences = [np.abs(ends[name][key] - ends["eager"][key]).max() for name in ends for key in numbers]
    return {
        "same": bool(np.isfinite(differences).all()) and len(set(hashes.values())) == 1,
        "sha256": hashes,
        "difference": float(max(differences)),
    }


def _after(learner: Any, order: Sequence[tuple[int, int]]) -> dict[str, np.ndarray]:
    """All arrays after a pass, by name."""
    arrays = {"logits": learner.train(order)}
    for kind, found in {"weights": learner.weights(), "random": learner.random(), **learner.optimizer_state()}.items():
        arrays |= {f"{kind}/{name}": array for name, array in found.items()}
    return arrays


def _sha256(arrays: Mapping[str, np.ndarray]) -> str:
    digest = hashlib.sha256()
    for name, array in arrays.items():
        digest.update(f"{name} {array.dtype} {array.shape}\n".encode() + array.tobytes())
    return digest.hexdigest()
