"""The first screen of a report: how far the frameworks are apart, in which pairs, and because of what.

Each answer is a sentence or two and a small table. What was not measured is one line below them.
"""

import math
from dataclasses import dataclass

import pandas as pd
from markupsafe import Markup

from uncrossed.analysis.groups import FEW, Group
from uncrossed.analysis.intervals import SIGNIFICANCE, Estimate, exactly
from uncrossed.report.data import Page
from uncrossed.report.sentences import (
    FRAMEWORK_NAMES,
    NONE,
    Column,
    Grid,
    joined,
    listed,
    number,
    percent,
    sizes,
    spaced,
)
from uncrossed.results.diagnosis import DIAGNOSES, EVALUATION_FAILURE, TRAINED
from uncrossed.results.trials_table import BOTH_COMPLETED, DIAGNOSIS, DIFFERENCE, SIDE_DIAGNOSES
from uncrossed.study2021.points import MEANT

# So many architectures are named in a sentence.
NAMED = 4
KINDS = dict(
    zip(
        DIAGNOSES,
        (
            "without a result",
            "in which a model diverged",
            "in which a model learnt nothing",
            "in which a test accuracy fails",
            "in which a model is at chance for no known reason",
            "in which a model is slow",
            "in which both trained",
        ),
        strict=True,
    )
)


@dataclass
class Answer:
    """An answer: the question, sentences, and a table."""

    question: str
    sentence: str
    grid: Grid
    note: str = ""


def answers(page: Page) -> list[Answer]:
    """The answers that a study has."""
    if not page.leading:
        return []
    return [answer for answer in (_apart(page), _kinds(page), _causes(page)) if answer]


def unmeasured(page: Page) -> str:
    """What the study did not measure; nothing where it measured all."""
    lacking = []
    if not _noise(page.leading):
        lacking.append("how far another seed alone puts a pair apart")
    if not page.attributions and not page.lags:
        lacking.append("what the differences come from")
    return f"Not measured in this study: {listed(lacking)}." if lacking else ""


# --- How far


def _apart(page: Page) -> Answer:
    found = page.leading
    first, *others = found[:NAMED]
    lines = [
        Markup("On average pairs of {} are <strong>{}</strong> apart{}.").format(
            first.architecture,
            number(first.apart[0]),
            "".join(f", of {one.architecture} {number(one.apart[0])}" for one in others),
        )
    ]
    lines += _tested(page)
    noise = _noise(found)
    if noise:
        lines.append(noise.sentence)
    pairs, ahead, behind = (sum(getattr(one, name) for one in found) for name in ("pairs", "ahead", "behind"))
    leader, count = ("PyTorch", ahead) if ahead >= behind else ("TensorFlow", behind)
    lines.append(f"{leader} is ahead in {count:,} of {pairs:,} pairs.")
    semantics = listed(sorted({one.semantics for one in found}))
    left = page.trials[~page.trials["trial"].isin(page.spoken["trial"])]
    if len(left) and {*left["semantics"]} <= {one.semantics for one in found}:
        lines.append(f"Of {listed(sorted({*left['architecture']}))} no pair completed.")
    elif len(left):
        lines.append(f"These are the pairs with {semantics} semantics; the study has {len(page.trials):,}.")
    elif semantics != "native":
        lines.append(f"All have {semantics} semantics.")
    few = [one.architecture for one in found if one.configurations < FEW]
    if few and len(found) > 1:
        lines.append(
            f"Warning: {listed(few)} can hardly be compared with others, having fewer than {FEW} configurations."
        )
    columns = [Column("architecture"), Column("apart", True), Column("difference", True)]
    rows = []
    for one in found:
        name = _below(one.architecture, sizes(one))
        rows.append([name, _bounded(one.apart), _bounded(one.mean, True)])
    if noise:
        columns.append(Column("seeds apart, further", True))
        for row, cell in zip(rows, noise.cells, strict=True):
            row.append(cell)
    note = "Apart is the mean of |difference|; the difference is PyTorch minus TensorFlow."
    if any(math.isfinite(one.apart[1]) for one in found):
        note += f" In brackets: {f'intervals, {MEANT}' if page.published else '95% intervals'}."
    return Answer("How far are they apart?", joined(lines), Grid(columns, rows), note)


def _tested(page: Page) -> list[str]:
    """What tests bear out of the first architecture's being furthest apart."""
    first, tested = page.leading[0].architecture, {}
    for row in page.comparisons.to_dict("records"):
        if first in (row["first"], row["second"]) and math.isfinite(row["corrected"]):
            other, sign = (row["second"], 1) if row["first"] == first else (row["first"], -1)
            tested[other] = row["corrected"] < SIGNIFICANCE and sign * row["further"] > 0
    beyond = [name for name, further in tested.items() if further]
    unshown = [name for name in tested if name not in beyond]
    lines = []
    if beyond:
        lines.append(f"That those of {first} are further apart than those of {listed(beyond)} is more than chance.")
    if unshown:
        lines.append(
            f"That those of {first} are further apart than those of {listed(unshown)} is not shown: it may be chance."
        )
    return lines


@dataclass
class Noise:
    """What is known of noise beside distances: a sentence, and the cells of a column."""

    sentence: str
    cells: list[Markup]


def _noise(found: list[Group]) -> Noise | None:
    """How far seeds are apart in groups; nothing where none was repeated."""
    seeds, further = [one.seed_distance for one in found], [one.beyond_seeds for one in found]
    if not any(math.isfinite(values[0]) for values in seeds):
        return None
    each, more = (
        listed([number(value, signed) if math.isfinite(value) else "an unknown distance" for value, _, _ in known])
        for known, signed in ((seeds[:NAMED], False), (further[:NAMED], True))
    )
    sentence = f"Where seeds were repeated, two of one framework are {each} apart, of different ones {more} more."
    cells = [_below(number(seed[0]), number(beyond[0], True)) for seed, beyond in zip(seeds, further, strict=True)]
    return Noise(sentence, cells)


def _below(text: str, small: str) -> Markup:
    """A text with a smaller one below it."""
    return Markup('{} <span class="bounds">{}</span>').format(text, small)


def _bounded(values: Estimate, signed: bool = False) -> Markup:
    """A number with its bounds below it."""
    value, low, high = (number(one, signed) for one in values)
    if not math.isfinite(values[0]):
        return Markup(NONE)
    if not all(map(math.isfinite, values)):
        return Markup("{}").format(value)
    return _below(value, f"[{low}, {high}]")


# --- In which pairs


def _kinds(page: Page) -> Answer | None:
    rows = page.spoken
    if DIAGNOSIS not in rows or not {*SIDE_DIAGNOSES} <= {*rows}:
        return None
    # The difference of a pair that did not complete says nothing.
    rows = rows.assign(**{DIFFERENCE: rows[DIFFERENCE].where(rows[BOTH_COMPLETED].astype(bool))})
    size = rows[DIFFERENCE].abs()
    distance = size.groupby(rows[DIAGNOSIS]).sum() / (size.sum() or 1)
    found = sorted(distance.index, key=lambda name: (-distance[name], DIAGNOSES.index(name)))
    said = [_kind(rows, name, distance[name]) for name in found if distance[name] > 0][:1]
    if said and TRAINED in found and found[0] != TRAINED:
        trained = (rows[DIAGNOSIS] == TRAINED).sum()
        said.append(Markup("{} in the {:,} in which both trained").format(percent(distance[TRAINED]), trained))
    columns = [Column("diagnosis"), *(Column(name, True) for name in ("pairs", "difference", "distance"))]
    grid = []
    for name in found:
        those = rows[rows[DIAGNOSIS] == name]
        mean = those[DIFFERENCE].mean()
        cells = [number(mean, True) if math.isfinite(mean) else NONE, _bar(distance[name]) if distance[name] else NONE]
        grid.append([_named(name, those), f"{len(those):,}", *cells])
    sentence = Markup("; ").join(said) + "." if said else "All pairs are equal."
    note = "A pair is what its worse side is; the small print counts such sides. Distance is the sum of |difference|."
    return Answer("In which pairs?", sentence, Grid(columns, grid), note)


def _kind(rows: pd.DataFrame, name: str, share: float) -> Markup:
    """How many pairs are of a kind, and how much of all distance lies in them."""
    those = rows[rows[DIAGNOSIS] == name]
    text = Markup("<strong>{}</strong> of all distance lies in the {:,} of {:,} pairs {}").format(
        percent(share), len(those), len(rows), KINDS[name]
    )
    if name != EVALUATION_FAILURE:
        return text
    return text + f" ({listed(_sides(name, those, '{}: {:,}'))})"


def _sides(name: str, rows: pd.DataFrame, words: str) -> list[str]:
    """Of which frameworks how many trainings have a diagnosis."""
    counts = [(rows[side] == name).sum() for side in SIDE_DIAGNOSES]
    return [words.format(who, count) for who, count in zip(FRAMEWORK_NAMES.values(), counts, strict=True) if count]


def _named(name: str, rows: pd.DataFrame) -> Markup:
    """A diagnosis with its mark and, below it, whose it is."""
    text = Markup('<span class="mark {}">{}</span>').format(name.replace(" ", "-"), name)
    if name == TRAINED:
        return text
    return _below(text, ", ".join(_sides(name, rows, "{} {:,}")))


def _bar(share: float) -> Markup:
    return Markup('<span class="bar" style="--share: {:.3f}"></span><span class="percent">{}</span>').format(
        share, percent(share)
    )


# --- Because of what


def _causes(page: Page) -> Answer | None:
    sums = [one for one in (_sum(page, group.architecture) for group in page.leading) if one]
    if not sums:
        return None
    # Beside each other there is no room for intervals, which stand below with each architecture.
    bounded = len(sums) == 1
    factors = dict.fromkeys(factor for one in sums for factor in one.parts)
    columns = [Column(""), *(Column(one.architecture, True) for one in sums)]
    rows = [["gap", *(_cell(one.gap, bounded) for one in sums)]]
    for factor in factors:
        parts = [one.parts.get(factor) for one in sums]
        rows.append([spaced(factor), *(_cell(part[0], bounded, part[1]) if part else "" for part in parts)])
    rows.append(["remaining", *(_cell(one.remaining, bounded) for one in sums)])
    notes = ["Shares of accuracy; a column adds up to its gap."]
    notes += ["Bold: beyond chance."] if any(one.inferred for one in sums) else []
    notes += [f"In brackets: {sums[0].interval}."] if bounded and sums[0].interval else []
    notes += dict.fromkeys(note for one in sums for note in one.notes)
    sentence = Markup("<br>").join(map(_equation, sums[:NAMED]))
    return Answer("Because of what?", sentence, Grid(columns, rows), " ".join(notes))


@dataclass
class Sum:
    """A gap as a sum.

    Attributes:
        architecture: whose.
        gap: as the pairs are.
        parts: by factor what it contributes, and whether that is claimed.
        remaining: what is left.
        notes: over what it is, and what it rests on.
        interval: what its intervals are; empty where there are none.
        inferred: whether it speaks of others than the models themselves.
    """

    architecture: str
    gap: Estimate
    parts: dict[str, tuple[Estimate, bool]]
    remaining: Estimate
    notes: list[str]
    interval: str = ""
    inferred: bool = True


def _sum(page: Page, architecture: str) -> Sum | None:
    """The gap of an architecture by its factorial, or else by its recalibrated models; nothing without either."""
    if architecture in page.attributions:
        one = page.attributions[architecture][0]
        over = f"{one.configurations} configuration{'s' * (one.configurations != 1)}"
        notes = [f"{architecture}: {over}, {'half' if one.half else 'all'} of the combinations."]
        notes += [] if one.interval else ["Of one seed nothing is claimed."]
        notes += [one.left_out] if one.left_out else []
        parts = {part.factor: (part.points, part.significant) for part in one.contributions}
        return Sum(architecture, one.gap, parts, one.remaining, notes, one.interval)
    if architecture in page.lags:
        one = page.lags[architecture]
        parts = {"running statistics": (exactly(one.gap - one.remaining), False)}
        note = f"{architecture}: {one.pairs} recalibrated pair{'s' * (one.pairs != 1)}, these alone."
        return Sum(architecture, exactly(one.gap), parts, exactly(one.remaining), [note], inferred=False)
    return None


def _equation(one: Sum) -> Markup:
    """A sum in words: what is claimed, all that is not, and what remains; of models alone all parts."""
    named = {factor: points for factor, (points, significant) in one.parts.items() if significant or not one.inferred}
    rest = sum(points[0] for factor, (points, _) in one.parts.items() if factor not in named)
    parts = [
        Markup("<strong>{}</strong> {}" if one.inferred else "{} {}").format(spaced(factor), number(points[0], True))
        for factor, points in sorted(named.items(), key=lambda item: -abs(item[1][0]))
    ]
    if len(named) < len(one.parts):
        parts.append(Markup("{} {}").format("others" if named else "factors not told from chance", number(rest, True)))
    parts.append(Markup("remaining {}").format(number(one.remaining[0], True)))
    text = Markup("{} {} = {}").format(one.architecture, number(one.gap[0], True), Markup(", ").join(parts))
    return text if one.inferred else text + ". Of these models alone."


def _cell(points: Estimate, bounded: bool, claimed: bool = False) -> Markup:
    text = _bounded(points if bounded else exactly(points[0]), True)
    return Markup("<strong>{}</strong>").format(text) if claimed else text
