"""The words and numbers of one pair: what became of its two trainings, and what recalibrating them does."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from uncrossed.report.causes import Plan
from uncrossed.report.data import Page
from uncrossed.report.sentences import FRAMEWORK_NAMES, NONE, number
from uncrossed.results import diagnosis
from uncrossed.results.trials_table import ACCURACIES, DIFFERENCE, SIDE_DIAGNOSES, curve_column
from uncrossed.study import layout
from uncrossed.study.trial import FRAMEWORKS
from uncrossed.training.views import EVALUATION

# Two sides did equally well whose accuracies are not further apart.
EQUAL = 0.05
# What recalibrating the models of 2021 takes: their bucket, and the dataset.
BUCKET, CIFAR10 = "gs://crossed-wires-dataset", f"results/{layout.dataset_file('cifar10')}"


@dataclass
class Side:
    """One framework's training, as far as it is known: NaN is unknown."""

    name: str
    diagnosis: str
    test_accuracy: float
    train_accuracy: float
    train_loss: float
    recalibrated: float

    @property
    def learnt(self) -> str:
        """How well it knows the training examples."""
        if math.isfinite(self.train_accuracy):
            return f" (training accuracy {number(self.train_accuracy)})"
        return f" (training loss {number(self.train_loss)})" if math.isfinite(self.train_loss) else ""

    @property
    def clause(self) -> str:
        """What became of it."""
        match self.diagnosis:
            case diagnosis.TRAINED:
                return f"{self.name} trained{self.learnt}"
            case diagnosis.SLOW:
                return f"{self.name} learnt slowly{self.learnt}"
            case diagnosis.EVALUATION_FAILURE:
                return f"{self.name} learnt{self.learnt}, but its test accuracy fails, {number(self.test_accuracy)}"
            case diagnosis.PLATEAU:
                return f"{self.name} learnt nothing{self.learnt}"
            case diagnosis.DIVERGED:
                return f"{self.name} diverged"
            case diagnosis.UNKNOWN:
                return f"{self.name} tests at chance, {number(self.test_accuracy)}, for no known reason"
        return f"{self.name} has no result"


def sides(row: Mapping[str, Any], pair: Mapping[str, Any]) -> tuple[Side, Side]:
    """Both sides of a pair.

    Args:
        row: of the table of trials.
        pair: of `Page.pairs`.
    """
    first, second = (
        Side(
            FRAMEWORK_NAMES[framework],
            row.get(column, diagnosis.UNKNOWN),
            float(row[accuracy]),
            _last(row, pair, framework, "train_accuracy"),
            _last(row, pair, framework, "train_loss"),
            float(pair.get(framework, {}).get("recalibrated", math.nan)),
        )
        for framework, column, accuracy in zip(FRAMEWORKS, SIDE_DIAGNOSES, ACCURACIES, strict=True)
    )
    return first, second


def _last(row: Mapping[str, Any], pair: Mapping[str, Any], framework: str, curve: str) -> float:
    """What a curve ends at, by the table or the pair's own curves."""
    value = row.get(curve_column(framework, curve))
    if value is None:
        value = (pair.get(framework, {}).get(curve) or [None])[-1]
    return math.nan if value is None else float(value)


def words(row: Mapping[str, Any], pair: Mapping[str, Any]) -> str:
    """What became of a pair."""
    both = sides(row, pair)
    if not {*SIDE_DIAGNOSES} <= {*row}:
        each = " and ".join(f"{number(side.test_accuracy)} in {side.name}" for side in both)
        return f"The test accuracy is {each}.{_recalibrated(row, pair, both)}"
    learnt = {side.diagnosis for side in both} <= {diagnosis.TRAINED, diagnosis.EVALUATION_FAILURE}
    if not learnt or not abs(both[0].train_accuracy - both[1].train_accuracy) <= EQUAL:
        return f"{'; '.join(side.clause for side in both)}.{_recalibrated(row, pair, both)}"
    training, test = (
        " and ".join(number(getattr(side, name)) for side in both) for name in ("train_accuracy", "test_accuracy")
    )
    failed = [side for side in both if side.diagnosis == diagnosis.EVALUATION_FAILURE]
    what, but = "learnt the training examples", f", but their test accuracies are {test}"
    if failed:
        fails = (f"{side.name}'s test accuracy fails, {number(side.test_accuracy)}" for side in failed)
        but = f", but {' and '.join(fails)}"
    elif abs(both[0].test_accuracy - both[1].test_accuracy) <= EQUAL:
        what, but = "trained", ""
    return f"Both {what} equally well (training accuracy {training}){but}.{_recalibrated(row, pair, both)}"


def _recalibrated(row: Mapping[str, Any], pair: Mapping[str, Any], both: tuple[Side, Side]) -> str:
    known = [side for side in both if math.isfinite(side.recalibrated)]
    if not known:
        return ""
    each = " and ".join(f"{number(side.recalibrated)} in {side.name}" for side in known)
    said = f" With exact running statistics the test accuracy is {each}"
    if "gap" not in pair:
        return f"{said}."
    gap, explained = number(pair["gap"], True), number(pair["explained"], True)
    here = "" if gap == number(float(row[DIFFERENCE]), True) else ", as the weights give it here,"
    return f"{said}: {explained} of the difference of {gap}{here} is the running statistics."


def numbers(row: Mapping[str, Any], pair: Mapping[str, Any]) -> list[list[str]]:
    """The numbers of a pair, line by line: label, PyTorch, TensorFlow, difference."""
    first, second = sides(row, pair)
    lines = []
    for label, name in (
        ("test accuracy", "test_accuracy"),
        ("recalibrated", "recalibrated"),
        ("training accuracy", "train_accuracy"),
        ("training loss", "train_loss"),
    ):
        values = getattr(first, name), getattr(second, name)
        if any(map(math.isfinite, values)):
            apart = values[0] - values[1]
            cells = [number(value) if math.isfinite(value) else NONE for value in values]
            # Losses of the published tables are measured in different ways.
            compared = name != "train_loss" and math.isfinite(apart)
            lines.append([label, *cells, number(apart, True) if compared else ""])
    lines.append(["diagnosis", first.diagnosis, second.diagnosis, ""])
    return lines


def cost(plan: Plan) -> str:
    """What it takes to tell why a pair differs."""
    counts = [f"{plan.trainings[framework]} {name}" for framework, name in FRAMEWORK_NAMES.items()]
    return f"{' and '.join(counts)} trainings, about {plan.time} one after the other"


def recalibrate(page: Page, plan: Plan, pair: Mapping[str, Any]) -> str:
    """What says without any training how much is running statistics; empty where they are no difference, or it did.

    Args:
        page: the pair's.
        plan: the pair's.
        pair: of `Page.pairs`.
    """
    if not {*EVALUATION} & {*plan.factors} or "gap" in pair:
        return ""
    if not page.published:
        return f"uncrossed recalibrate results/{page.study} --trials {plan.trial}"
    return (
        f"uncrossed dataset cifar10 --output {CIFAR10}\n"
        f"uncrossed recalibrate {BUCKET} --published --trials {plan.trial} --dataset {CIFAR10}"
    )
