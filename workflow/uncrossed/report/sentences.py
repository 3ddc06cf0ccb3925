"""The words of a report: its sentences, numbers and cells, as text or, where a word is emphasised or a link, as markup.

Markup is only made by `Markup.format`, which escapes what it is given: no name from a study is ever read as HTML.
"""

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd
from markupsafe import Markup

from uncrossed.analysis.contributions import Attribution
from uncrossed.analysis.groups import LARGE, Group
from uncrossed.analysis.intervals import FEWEST, Estimate
from uncrossed.report.causes import Lag
from uncrossed.report.data import Neighbours, Page, plain
from uncrossed.results.diagnosis import DIAGNOSES
from uncrossed.results.trials_table import ACCURACIES, DIAGNOSIS, DIFFERENCE, STATUSES
from uncrossed.study import layout
from uncrossed.study.trial import FRAMEWORKS
from uncrossed.study2021.points import MEANT

FRAMEWORK_NAMES = {"pytorch": "PyTorch", "tensorflow": "TensorFlow"}
MINUS, NONE = "\u2212", "\u2013"
# Of a table that is shown as it is.
MOST_ROWS = 100
# Decimals of accuracies.
DIGITS = 3


# What is known of noise in a `Group`, and what a table calls it.
NOISE = {
    "seed_distance": "seeds of one framework apart",
    "beyond_seeds": "of different ones further",
    "seed_floor": "95% of seed noise below",
    "rounding_floor": "95% of rounding below",
}


@dataclass
class Column:
    """A column of a table: its heading, and whether it holds numbers."""

    label: str
    numeric: bool = False


@dataclass
class Grid:
    """A table as text."""

    columns: list[Column]
    rows: list[list[str]]


# --- Numbers and cells


def number(value: float, signed: bool = False) -> str:
    """An accuracy or a difference of accuracies, with a true minus."""
    if not math.isfinite(value):
        return "unknown"
    text = f"{abs(value):.{DIGITS}f}"
    if not float(text):
        return text
    return (MINUS if value < 0 else "+" if signed else "") + text


def percent(value: float) -> str:
    """A share as per cent with a true minus."""
    return f"{value:.0%}".replace("-", MINUS)


def estimate(values: Estimate, signed: bool = False) -> str:
    """A number with its bounds, where it has some."""
    value, low, high = (number(one, signed) for one in values)
    return f"{value} [{low}, {high}]" if all(map(math.isfinite, values)) else value


def cell(value: Any) -> str:
    """Any cell of a table."""
    value = plain(value)
    if value is None:
        return ""
    if not isinstance(value, float):
        return str(value)
    return f"{value:.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def setting(value: Any) -> str:
    """A setting of a study or dataset."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if value is None or value == []:
        return "none"
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def spaced(name: Any) -> str:
    """A name of the code in words."""
    return str(name).replace("_", " ")


def listed(names: list[str]) -> str:
    """Names as one text; where they are markup, it is."""
    between = Markup if any(isinstance(name, Markup) for name in names) else str
    if len(names) < 2:
        return between().join(names)
    return between(" and ").join([between(", ").join(names[:-1]), names[-1]])


def joined(lines: Iterable[str]) -> Markup:
    """Sentences as one text; those that are no markup are escaped."""
    return Markup(" ").join(lines)


# --- The head of the page


def about(page: Page) -> str:
    """What the study is."""
    count, data = len(page.trials), page.dataset
    on = (
        f" on {data['name']}, {data['train_examples']:,} training and {data['test_examples']:,} test examples"
        if data
        else ""
    )
    return (
        f"{count:,} {'pair' if count == 1 else 'pairs'} of {listed(page.architectures)}: each trained with the same "
        f"hyperparameters once in PyTorch and once in TensorFlow{on}. Differences are test accuracies, PyTorch minus "
        "TensorFlow."
    )


def partial(page: Page) -> str:
    """What is missing; nothing where all is there."""
    absent = page.trials[list(STATUSES)].eq("missing").any(axis=1).sum()
    if not page.unusable and not absent:
        return ""
    return (
        f"{len(page.unusable)} of {len(page.trials) * len(FRAMEWORKS)} trial files are missing or not usable; {absent} "
        f"of {len(page.trials)} pairs have no result in the tables, and are in none of the numbers below."
    )


# --- What the pairs say


def group(one: Group, neighbours: Mapping[str, Neighbours]) -> str:
    """What is said of a group; `neighbours` is the page's."""
    leader = "PyTorch" if one.ahead > one.behind else "TensorFlow" if one.behind > one.ahead else ""
    ties = one.pairs - one.ahead - one.behind
    counts = f"PyTorch in {one.ahead} and TensorFlow in {one.behind} of {one.pairs} pairs"
    counts += f", {ties} {'is a tie' if ties == 1 else 'are ties'}" if ties else ""
    lines = [
        f"With {one.semantics} semantics the mean difference, PyTorch minus TensorFlow, of {sizes(one)} is "
        f"{estimate(one.mean, True)}, the median {estimate(one.median, True)}.",
        f"Pairs are {estimate(one.apart)} apart on average.",
    ]
    if noise(one):
        lines.append(noise(one))
    link = Markup('<a href="#trial={0}">{0}</a>').format(one.largest_trial)
    near = [number(difference, True) for _, difference, _ in neighbours.get(one.largest_trial, [])]
    beside = f"; in its nearest neighbours it is {listed(near)}" if near else ""
    lines += [
        Markup("The largest difference is {} ({}){}; {} are further apart than {:g}.").format(
            number(one.largest, True), link, beside, percent(one.above[0]), LARGE
        ),
        f"{leader} is more often ahead: {counts}." if leader else f"Neither is more often ahead: {counts}.",
    ]
    if math.isfinite(one.trained[0]):
        lines.append(f"Where neither model is at chance the mean difference is {estimate(one.trained, True)}.")
    for floor, what in ((one.seed_floor, "another seed"), (one.rounding_floor, "rounding in float32")):
        if math.isfinite(floor[0]):
            lines.append(f"Of differences that are nothing but {what} 95% stay below {estimate(floor)}.")
    if one.left_out:
        lines.append(f"{one.left_out} more did not complete in both frameworks and are left out.")
    return joined(lines)


def causes(page: Page, architecture: str) -> str:
    """What the gaps of an architecture are made of; nothing where that was not measured."""
    lag = page.lags.get(architecture)
    return joined([*map(_cause, page.attributions.get(architecture, [])), *([_lag(lag)] if lag else [])])


def noise(one: Group) -> str:
    """How far pairs are apart beyond seed noise; nothing where that was not measured."""
    if math.isfinite(one.noise_share[0]):
        value, low, high = map(percent, one.noise_share)
        return (
            "No seed was repeated, but rows with nearly equal hyperparameters bound the noise: where such rows lie, "
            f"mostly where the search looked, noise of {one.architecture} is at most {value} [{low}, {high}] of the "
            "mean squared difference."
        )
    if not math.isfinite(one.seed_distance[0]):
        return ""
    value, low, _ = one.beyond_seeds
    text = f"Where seeds were repeated, two of the same framework are on average {estimate(one.seed_distance)} apart"
    if math.isfinite(value):
        text += f", two of different frameworks by {estimate(one.beyond_seeds, True)} further"
    if math.isfinite(low):
        return f"{text}: {'that is' if low > 0 else 'that is not shown to be'} beyond seed noise."
    return f"{text}; this has no interval, so that nothing is said of other configurations."


def _cause(one: Attribution) -> Markup:
    """What the factors contribute to a gap, in shares of accuracy that add up to it."""
    over = f"Over {one.configurations} configurations" if one.configurations > 1 else "In one configuration"
    line = Markup("{} as {} the gap is {}.").format(over, one.semantics, estimate(one.gap, True))
    name = Markup("<strong>{}</strong>")
    parts = sorted(one.contributions, key=lambda part: -abs(part.points[0]))
    claimed = [
        Markup("{} contributes {}").format(name.format(spaced(part.factor)), estimate(part.points, True))
        for part in parts
        if part.significant
    ]
    others = listed([f"{spaced(part.factor)} {estimate(part.points, True)}" for part in parts if not part.significant])
    said = Markup("Of it {}.").format(listed(claimed)) if claimed else ""
    rest = f"Not told from chance: {others}." if one.interval else f"Of one seed nothing is claimed: {others}."
    left = f"With all aligned {estimate(one.remaining, True)} remains."
    assumed = "The contributions rest on half of the combinations." if one.half else ""
    kind = f"In brackets: {one.interval}." if one.interval else ""
    return joined(filter(None, [line, said, rest if others else "", left, assumed, one.left_out, kind]))


def _lag(one: Lag) -> str:
    """What recalibrated models say."""
    pairs = f"{one.pairs} pair{'s' * (one.pairs != 1)}"
    return (
        f"With exact running statistics, without any training, the mean difference of {pairs} is "
        f"{number(one.remaining, True)} and not {number(one.gap, True)}: "
        f"{number(one.gap - one.remaining, True)} is the running statistics. Of these models alone."
    )


def bounds(page: Page) -> str:
    """Where the bounds come from, and of what the numbers are."""
    if page.published:
        return (
            f"In brackets: intervals, as {layout.PUBLISHED_SUMMARY_TABLE} has them, over the points that the random "
            f"rows come from: {MEANT}. The other rows were chosen by a search because it expected a large difference "
            "there: they are no sample of anything, and have none."
        )
    source = f"as {layout.SUMMARY_TABLE} has them" if page.summary_has_bounds else "of the pairs shown"
    return (
        f"In brackets: 95% intervals over configurations (sets of hyperparameters), {source}; there are none of fewer "
        f"than {FEWEST} configurations. Pairs are apart by the absolute difference; those that did not complete in "
        "both are left out."
    )


def comparison(page: Page) -> Grid:
    """All groups side by side."""
    noise = {
        name: label for name, label in NOISE.items() if any(math.isfinite(getattr(one, name)[0]) for one in page.groups)
    }
    names = ["pairs", "configurations", "mean", "median", "apart", "largest", f"above {LARGE:g}", "ahead"]
    names += noise.values()
    columns = [Column("architecture"), Column("semantics"), *(Column(name, True) for name in names)]
    rows = []
    for one in sorted(page.groups, key=lambda one: (one.architecture, one.semantics != "native", one.semantics)):
        cells = [NONE] * 6
        if one.pairs:
            cells = [estimate(one.mean, True), estimate(one.median, True), estimate(one.apart)]
            cells += [number(one.largest, True), percent(one.above[0])]
            cells += [f"PyTorch {one.ahead}, TensorFlow {one.behind}"]
        known = [getattr(one, name) for name in noise]
        cells += [estimate(value) if math.isfinite(value[0]) else NONE for value in known]
        rows.append([one.architecture, one.semantics, str(one.pairs), str(one.configurations), *cells])
    return Grid(columns, rows)


def sizes(one: Group) -> str:
    """How many pairs a group has, and of how many configurations, where these are fewer."""
    text = f"{one.pairs:,} pair{'s' * (one.pairs != 1)}"
    return text if one.configurations == one.pairs else f"{text} of {one.configurations} configurations"


# --- Tables


def trials(page: Page) -> Grid:
    """The table of trials."""
    labels = dict(zip(ACCURACIES, FRAMEWORK_NAMES.values(), strict=True))
    labels |= {name: f"{word} status" for name, word in zip(STATUSES, FRAMEWORK_NAMES.values(), strict=True)}
    table = page.trials[page.columns]
    columns = [Column(labels.get(name, spaced(name)), pd.api.types.is_numeric_dtype(table[name])) for name in table]
    texts = []
    for name in table:
        values = [plain(value) for value in table[name]]
        if name in (*ACCURACIES, DIFFERENCE):
            texts.append(["" if value is None else number(value, name == DIFFERENCE) for value in values])
        else:
            texts.append([cell(value) for value in values])
    return Grid(columns, [list(row) for row in zip(*texts, strict=True)])


def kinds(page: Page) -> Iterator[tuple[str, int]]:
    """The diagnoses that there are, the best first, with how many pairs have each."""
    counts = page.trials[DIAGNOSIS].value_counts() if DIAGNOSIS in page.trials else {}
    return ((name, counts[name]) for name in reversed(DIAGNOSES) if name in counts)


def reading(page: Page) -> str:
    """How to use the table of trials."""
    shown = "its curves, confusion matrices, hyperparameters and files" if page.has_files else "its hyperparameters"
    return f"Point at a pair to name it; click a point or a row to open it: {shown}. Filters act on both."


def grid(table: pd.DataFrame) -> Grid:
    """Any table as it is."""
    numeric = [pd.api.types.is_numeric_dtype(kind) and kind.kind != "b" for kind in table.dtypes]
    columns = [Column(spaced(name), right) for name, right in zip(table, numeric, strict=True)]
    return Grid(columns, [[cell(value) for value in row] for row in table.itertuples(index=False)])


def rows(table: pd.DataFrame) -> str:
    """How many rows of a table are shown: of a long one the first MOST_ROWS."""
    return f"{len(table)} rows" if len(table) <= MOST_ROWS else f"the first {MOST_ROWS} of {len(table)} rows"
