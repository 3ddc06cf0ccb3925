"""Which difference explains which parting: one after another is taken away, until both models agree.

A difference explains a parting if, without it, the two agree up to a later layer, or to the end. Where none does,
Keras' values are put in the place of PyTorch's, so that what comes after is still compared.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from uncrossed.explain.differences.actions import EXACT, ROUNDING
from uncrossed.explain.differences.configuration import INSERTED, Difference, place
from uncrossed.explain.differences.formulas import FORMULAS
from uncrossed.explain.differences.function import OUTPUT, Comparison, Parting
from uncrossed.explain.differences.pairing import Pair

# Where a library keeps constants in float32, or computes in it, also in float64, numbers move by less than this.
ROUNDED = 1e-6
# Where these differ, the two cannot be given the same weights.
UNSHARED = ("conv.groups", "conv_transpose.groups")
# So many differences are tried for one parting, and so many together; so many times Keras' values are put in.
TRIED, TOGETHER, PUT = 12, 6, 20
# The differences that can explain a parting, by what is compared.
ACTING = {
    "evaluation": ("arrays", "evaluation"),
    "training": ("arrays", "evaluation", "training"),
    "statistics": ("statistics", "evaluation"),
    "gradients": ("gradients", "evaluation", "training"),
}
VALUES = ("evaluation", "training")
UNSEEN = "no effect on the numbers that were tried"
Measure = Callable[[Sequence[Difference], Sequence[Pair]], Parting | None]


@dataclass
class Explanation:
    """What the comparison by function found.

    Attributes:
        comparison: of the two models.
        found: the differences that were read.
        partings: PyTorch's and Keras' layer, the mode, how far apart, and the causes that explain it.
        unexplained: the partings that nothing explains, as differences of their own.
        agreed: what agrees in the end, with how much is left of the outputs or of the worst array.
        notes: what could not be compared.
        taken: the differences that were taken away.
        granted: those that cannot be, and are blamed for a parting.
        put: the pairs of operations where Keras' values were put in.
        cancelled: what stands in another place on either side, without effect on the outputs.
    """

    comparison: Comparison
    found: Sequence[Difference]
    partings: list[dict[str, Any]] = field(default_factory=list)
    unexplained: list[Difference] = field(default_factory=list)
    agreed: dict[str, float] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    taken: list[Difference] = field(default_factory=list)
    granted: list[Difference] = field(default_factory=list)
    put: list[Pair] = field(default_factory=list)
    cancelled: list[Difference] = field(default_factory=list)

    def run(self) -> "Explanation":
        """Explain all partings, and say of each difference what was seen of it."""
        comparison = self.comparison
        for mode, seen in comparison.keras.items():
            for side, error in (("Keras'", seen.error), ("PyTorch's", comparison.errors[mode])):
                if error:
                    text, key = error
                    self.notes.append(f"{side} model in {mode} ends at {key.partition('|')[0]}: {text}")
        if comparison.keras["evaluation"].error:
            return self
        if (moved := comparison.moved("evaluation")) > ROUNDED:
            # What is random hides all else.
            self.unexplained.append(self._unknown("evaluation", Parting(0, comparison.ends, moved, OUTPUT)))
            self.notes.append(
                "PyTorch's model gives other numbers in each pass, also in evaluation: it draws at random"
            )
        else:
            self._stages()
        for difference in self.found:
            if not difference.seen and difference.where in ACTING:
                blurred = "its effect was not seen apart from what is not explained"
                difference.seen.append(blurred if self.unexplained else UNSEEN)
        return self

    def _stages(self) -> None:
        comparison = self.comparison
        self._stage("evaluation", lambda taken, put: comparison.values_part("evaluation", taken, put))
        comparison.forget("evaluation")
        if not self.put and comparison.agree() and (moved := self._moved()):
            self.cancelled = moved
            for difference in moved:
                where = " / ".join(name for name in difference.layers[0] if name)
                self.notes.append(f"{where}: {difference.what}: without effect on the outputs, which agree as they are")
        if "training" in comparison.keras and (random := comparison.moved("training")) > ROUNDED:
            self.unexplained.append(self._unknown("training", Parting(0, comparison.ends, random, OUTPUT)))
            self.notes.append("PyTorch's model draws at random in training, besides dropout: training was not compared")
        elif "training" in comparison.keras and not comparison.keras["training"].error:
            self._stage("training", lambda taken, put: comparison.values_part("training", taken, put))
            self._stage("statistics", comparison.statistics_part)
            if self.put:
                self.notes.append(
                    "gradients were not compared, as Keras' values stand in the place of PyTorch's somewhere before"
                )
            else:
                self._stage("gradients", comparison.gradients_part)

    def _moved(self) -> list[Difference]:
        """What either side alone has in one place, and the other side in another."""
        missing = [difference for difference in self.taken if difference.setting == "missing"]
        if not missing:
            return []
        alone = [operations for difference in missing for operations in difference.pairs]
        ours, theirs = (Counter(f"{o.kind} {o.settings}" for o in side if o) for side in zip(*alone, strict=True))
        return missing if ours == theirs else []

    def _stage(self, stage: str, measure: Measure) -> None:
        parting = measure(self.taken, self.put)
        while parting is not None:
            chosen, after = self._chosen(stage, measure, parting)
            if not chosen and parting.size < ROUNDED:
                rounded, after = self._round(stage, measure, parting)
                if rounded:
                    parting = after
                    continue
            self.partings.append(
                {
                    "mode": stage,
                    "pytorch": parting.pair[0].name,
                    "tensorflow": parting.pair[1].name,
                    "apart": parting.size,
                    "array": parting.what or None,
                    "causes": [difference.cause for difference in chosen],
                    "then": None if after is None else after.pair[0].name,
                }
            )
            if chosen:
                for difference in chosen:
                    difference.seen.append(_sentence(stage, parting, after, len(chosen)))
                self.taken += chosen
                parting = after
                continue
            if blocked := self._blocked(stage, parting):
                self.partings[-1]["causes"] = [difference.cause for difference in blocked]
                for difference in blocked:
                    difference.seen.append(_sentence(stage, parting, None, 0))
                self.granted += blocked
            else:
                self.unexplained.append(self._unknown(stage, parting))
            if stage not in VALUES or len(self.put) > PUT or parting.what == OUTPUT:
                return
            self.put.append(parting.pair)
            following = measure(self.taken, self.put)
            if following is not None and following.place <= parting.place:
                return
            parting = following
        left = self.comparison.left(stage, self.taken, self.put)
        if left < float("inf"):  # of one shape
            self.agreed[stage] = left

    def _round(self, stage: str, measure: Measure, parting: Parting) -> tuple[bool, Parting | None]:
        """Take away what single precision does to an operation, and all like it; whether it was that, what parts then.

        On the way back it may be what PyTorch's own activations do: these are computed by their formulas.
        """
        (ours, theirs), back = parting.pair, stage == "gradients"
        alike = [
            (a, b)
            for a, b in self.comparison.pairs.pairs
            if (a.kind == b.kind == "activation" if back else a.kind == ours.kind)
            and (back or (a.settings == ours.settings and b.settings == theirs.settings))
        ]
        rounding = Difference(EXACT if back else ROUNDING, "", list(alike), None, None, "", "", "evaluation")
        after = measure([*self.taken, rounding], self.put)
        if _better(stage, parting, after):
            self.taken.append(rounding)
        elif stage in VALUES:
            self.put.append(parting.pair)
            after = measure(self.taken, self.put)
        else:
            return False, None
        more = " and what is like it" if len(alike) > 1 and not back else ""
        where = (
            "an activation's gradient is computed in single precision"
            if back
            else "one side computes in single precision"
        )
        self.notes.append(
            f"{ours.name} / {theirs.name}{more}: {where} here, also in float64; in {stage} they are apart by "
            f"{parting.size:.1e}, which is rounding"
        )
        return True, after

    def _chosen(self, stage: str, measure: Measure, parting: Parting) -> tuple[list[Difference], Parting | None]:
        """The difference that explains a parting, or those of one layer together, and what parts without them."""
        # On the way back everything lies before.
        limit = len(self.comparison.pairs.pairs) if stage == "gradients" else parting.place
        open_ = [d for d in self.found if d not in self.taken and d.where in ACTING[stage] and _acts(d)]
        positions = [(self._position(difference, limit), difference) for difference in open_]
        near = [d for at, d in sorted(positions, key=lambda entry: -entry[0]) if at > -1][:TRIED]

        def without(differences: list[Difference]) -> tuple[bool, Parting | None]:
            after = measure([*self.taken, *differences], self.put)
            return _better(stage, parting, after), after

        for together in [[d] for d in near] + [near[:size] for size in range(2, min(len(near), TOGETHER) + 1)]:
            better, after = without(together)
            if not better:
                continue
            # Those without which this parting is explained too are not needed for it.
            for difference in together if len(together) > 1 else ():
                fewer = [other for other in together if other is not difference]
                better, again = without(fewer)
                if better:
                    together, after = fewer, again
            return together, after
        return [], None

    def _position(self, difference: Difference, limit: float) -> float:
        """The last place, at most `limit`, where a difference acts; -1 where it acts later only."""
        pairs, places = self.comparison.pairs, self.comparison.places
        found = [place(ours, theirs, pairs, places) for ours, theirs in difference.pairs]
        return max((one for one in found if one <= limit), default=-1)

    def _blocked(self, stage: str, parting: Parting) -> list[Difference]:
        """Differences right before a parting that cannot be taken away in PyTorch's model: its likely cause."""
        positions = [
            (self._position(difference, parting.place), difference)
            for difference in self.found
            if difference.where in ACTING[stage] and not _acts(difference)
        ]
        last = max((at for at, _ in positions), default=-1)
        near = [difference for at, difference in positions if at == last > -1]
        return [difference for difference in near if difference not in self.granted] or near[:1]

    def _unknown(self, stage: str, parting: Parting) -> Difference:
        ours, theirs = parting.pair
        pairs = self.comparison.pairs
        between = [f"PyTorch's {operation.name}" for operation in pairs.only_pytorch if not operation.known]
        between += [f"Keras' {operation.name}" for operation in pairs.only_keras if not operation.known]
        between += [] if ours.known else [f"{ours.name} / {theirs.name}"]
        among = f"; not compared by configuration: {', '.join(between[:6])}" if between else ""
        error = f" ({parting.what})" if parting.size == float("inf") and parting.what else ""
        what = f"{stage}: the two part here, and no configuration that is compared says why{among}"
        look, measured = "look at what stands before this layer", f"apart by {_number(parting.size)}{error}"
        return Difference(f"unexplained.{stage}", what, [(ours, theirs)], None, None, look, look, stage, [measured])


def _acts(difference: Difference) -> bool:
    """Whether a difference can be taken away."""
    for ours, theirs in difference.pairs:
        if ours is None and (theirs is None or theirs.kind not in INSERTED):
            return False
        if ours is not None and theirs is not None and (ours.kind not in FORMULAS or difference.cause in UNSHARED):
            return False
        if theirs is None and ours is not None and ours.kind == "concat":
            return False
    return difference.setting != "shape"


def _better(stage: str, parting: Parting, after: Parting | None) -> bool:
    if after is None:
        return True
    if after.place == parting.place:
        # What rounding is left of, where a library computes in single precision.
        return after.size < min(ROUNDED, 1e-3 * parting.size)
    return (after.place < parting.place) == (stage == "gradients")


def _sentence(stage: str, parting: Parting, after: Parting | None, together: int) -> str:
    where = OUTPUT if parting.what == OUTPUT else f"{parting.pair[0].name} / {parting.pair[1].name}"
    part = {
        "evaluation": "in evaluation the two part",
        "training": "in training the two part",
        "statistics": f"after one step in training {parting.what} is apart",
        "gradients": f"the gradient of the {parting.what} is apart",
    }[stage]
    said = f"{part} at {where} by {_number(parting.size)}"
    if not together:
        return f"{said}; it cannot be taken away alone: what follows was compared with Keras' values put in there"
    if after is None:
        then = "they agree to the end"
    else:
        at = OUTPUT if after.what == OUTPUT else f"{after.pair[0].name} / {after.pair[1].name}"
        then = f"the next parting is at {at}"
    return f"{said}; with {'this' if together == 1 else f'these {together}'} aligned {then}"


def _number(size: float) -> str:
    return "another shape" if size == float("inf") else f"{size:.1e}"
