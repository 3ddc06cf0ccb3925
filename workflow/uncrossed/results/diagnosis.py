"""Diagnosis: what became of a training, and of a pair, by one rule for every dataset.

How much was learnt is measured from 0, as by guessing one of C classes, to 1: by a loss as 1 - loss / ln C, by an
accuracy as (accuracy - 1/C) / (1 - 1/C). What a training *learnt* is the larger of the two on the training examples, as
far as they are known; what it *shows* is that of its test accuracy. It is *at chance* where its test accuracy is not
above the 99 % binomial interval of guessing. A training is the first of these that holds after its last epoch:

- `missing`: there is no result;
- `diverged`: a training loss was not finite; or it is at chance and has learnt less than a twentieth, though it had
  learnt more after an earlier epoch;
- `plateau`: it is at chance and has learnt less than a twentieth: its training loss is near ln C, or above it;
- `evaluation failure`: it has learnt a twentieth or more, but is at chance, or shows less than a tenth of what it
  learnt;
- `unknown`: it is at chance, and nothing is known of the training examples;
- `slow`: it has neither learnt nor shows as much as half;
- `trained`: it has.

A pair is what the worse of its sides is: what comes first in this list.
"""

import functools
import math
from bisect import bisect_left
from collections.abc import Sequence
from itertools import accumulate

MISSING, DIVERGED, PLATEAU, EVALUATION_FAILURE = "missing", "diverged", "plateau", "evaluation failure"
UNKNOWN, SLOW, TRAINED = "unknown", "slow", "trained"
# From the worst on.
DIAGNOSES = (MISSING, DIVERGED, PLATEAU, EVALUATION_FAILURE, UNKNOWN, SLOW, TRAINED)
CHANCE_CONFIDENCE = 0.99
# Of what there is to learn: what counts as something, and what as most. Of what was learnt: what a test has to show.
SOMETHING, MOST, SHOWN = 0.05, 0.5, 0.1


def of_side(
    test_accuracy: float,
    train_loss: Sequence[float],
    train_accuracy: Sequence[float],
    classes: int,
    test_examples: int,
    diverged: bool = False,
) -> str:
    """The diagnosis of one training that has a result.

    Args:
        test_accuracy: after the last epoch, a share of 1.
        train_loss: the mean cross-entropy of the training examples in each epoch, in nats; empty where it is not known.
        train_accuracy: the share of right answers on them, likewise.
        classes: of the dataset, equally frequent.
        test_examples: of the dataset.
        diverged: whether the training stopped at a loss that was not finite.

    Returns:
        One of DIAGNOSES, but not `missing`.
    """
    if diverged or not all(map(math.isfinite, train_loss)):
        return DIVERGED
    by_epoch = _learnt(train_loss, train_accuracy, classes)
    shows = _by_accuracy(test_accuracy, classes)
    at_chance = test_accuracy <= chance_interval(test_examples, classes)[1]
    if not by_epoch and at_chance:
        return UNKNOWN
    learnt = by_epoch[-1] if by_epoch else shows
    if at_chance and learnt < SOMETHING:
        return DIVERGED if max(by_epoch) >= SOMETHING else PLATEAU
    if learnt >= SOMETHING and (at_chance or shows < SHOWN * learnt):
        return EVALUATION_FAILURE
    return TRAINED if max(learnt, shows) >= MOST else SLOW


def of_pair(*sides: str) -> str:
    """The diagnosis of a pair, from those of its sides."""
    return min(sides, key=DIAGNOSES.index)


def _learnt(train_loss: Sequence[float], train_accuracy: Sequence[float], classes: int) -> list[float]:
    """How much was learnt after each epoch; empty where neither is known."""
    measures = []
    if len(train_loss):
        measures.append([1 - loss / math.log(classes) for loss in train_loss])
    if len(train_accuracy):
        measures.append([_by_accuracy(accuracy, classes) for accuracy in train_accuracy])
    return [max(of_epoch) for of_epoch in zip(*measures, strict=True)]


def _by_accuracy(accuracy: float, classes: int) -> float:
    return (accuracy - 1 / classes) / (1 - 1 / classes)


@functools.cache
def chance_interval(test_examples: int, classes: int) -> tuple[float, float]:
    """Between which accuracies guessing one of the classes falls with probability CHANCE_CONFIDENCE.

    Binomial, with equal tails; the classes are equally frequent among the test examples. Without SciPy, which whoever
    verifies a study need not have.
    """

    def probability(right: int) -> float:
        wrong = test_examples - right
        ways = math.lgamma(test_examples + 1) - math.lgamma(right + 1) - math.lgamma(wrong + 1)
        return math.exp(ways - right * math.log(classes) + wrong * math.log1p(-1 / classes))

    below = list(accumulate(map(probability, range(test_examples + 1))))
    tail = (1 - CHANCE_CONFIDENCE) / 2
    low, high = (bisect_left(below, share) / test_examples for share in (tail, 1 - tail))
    return low, high
