"""The words of a report: its sentences, numbers and cells, as text or, where a word is emphasised or a link, as markup.

Markup is only made by `Markup.format`, which escapes what it is given: no name from a study is ever read as HTML.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import pandas as pd
from markupsafe import Markup

from uncrossed.analysis.contributions import Attribution
from uncrossed.analysis.groups import FEW, LARGE, Group
from uncrossed.analysis.intervals import FEWEST, SIGNIFICANCE, Estimate
from uncrossed.report.data import Page, plain
from uncrossed.results.trials_table import ACCURACIES, DIFFERENCE, STATUSES
from uncrossed.study import layout
from uncrossed.study.trial import FRAMEWORKS

FRAMEWORK_NAMES = {"pytorch": "PyTorch", "tensorflow": "TensorFlow"}
MINUS, NONE = "\u2212", "\u2013"
# Of a table that is shown as it is.
MOST_ROWS = 100
# Decimals of an accuracy in a sentence, and in the table of trials.
DIGITS, ALL_DIGITS = 3, 4
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


def number(value: float, signed: bool = False, digits: int = DIGITS) -> str:
    """A number with a true minus."""
    if not math.isfinite(value):
        return "unknown"
    text = f"{abs(value):.{digits}f}"
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


def share(values: Estimate) -> str:
    """A share with its bounds, where it has some."""
    value, low, high = values
    bounds = f" [{percent(low)}, {percent(high)}]" if math.isfinite(low) and math.isfinite(high) else ""
    return percent(value) + bounds


def cell(value: Any) -> str:
    """Any cell of a table."""
    value = plain(value)
    if value is None:
        return ""
    return f"{value:.6g}" if isinstance(value, float) else str(value)


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


def _listed(names: list[str]) -> str:
    """Names as one text; where they are markup, it is."""
    between = Markup if any(isinstance(name, Markup) for name in names) else str
    if len(names) < 2:
        return between().join(names)
    return between(" and ").join([between(", ").join(names[:-1]), names[-1]])


def _joined(lines: Iterable[str]) -> Markup:
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
        f"{count:,} {'pair' if count == 1 else 'pairs'} of {_listed(page.architectures)}: each trained with the same "
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


def answer(page: Page) -> str:
    """How far the architectures' pairs are apart, how much of that is noise, and because of what."""
    if not page.leading:
        return "No pair completed in both frameworks, so nothing can be said."
    first = page.leading[0]
    if len(page.leading) == 1:
        start = Markup("The {pairs} of {name} {verb} {apart} apart in test accuracy.").format(
            name=Markup("<strong>{}</strong>").format(first.architecture),
            pairs=_sizes(first),
            verb="is" if first.pairs == 1 else "are on average",
            apart=estimate(first.apart),
        )
    else:
        start = _ranking(page)
    why = (
        causes(page, first.architecture)
        or "What causes it is not told: that takes a factorial, and all of its results."
    )
    return _joined([start, _noise(first), why])


def _sizes(one: Group) -> str:
    """How many pairs a group has, and of how many configurations, where these are fewer."""
    text = f"{one.pairs} {'pair' if one.pairs == 1 else 'pairs'}"
    return text if one.configurations == one.pairs else f"{text} of {one.configurations} configurations"


def _ranking(page: Page) -> str:
    """The architectures by how far their pairs are apart, and what of that order tests bear out."""
    first, *others = page.leading
    lines = [
        Markup("Furthest apart in test accuracy are the pairs of {}, on average {} ({}); {}.").format(
            Markup("<strong>{}</strong>").format(first.architecture),
            estimate(first.apart),
            _sizes(first),
            "; ".join(f"of {one.architecture} {estimate(one.apart)} ({_sizes(one)})" for one in others),
        )
    ]
    tested = {}
    for row in page.comparisons.to_dict("records"):
        pair = {row["first"], row["second"]}
        if first.architecture in pair and math.isfinite(row["corrected"]):
            (tested_name,) = pair - {first.architecture}
            tested[tested_name] = row["corrected"]
    beyond = [name for name, p_value in tested.items() if p_value < SIGNIFICANCE]
    unshown = [name for name in tested if name not in beyond]
    if beyond:
        lines.append(f"That they are further apart than those of {_listed(beyond)} is more than chance.")
    if unshown:
        lines.append(f"That they are further apart than those of {_listed(unshown)} is not shown: it may be chance.")
    few = [one.architecture for one in page.leading if one.configurations < FEW]
    if few:
        lines.append(
            f"Warning: {_listed(few)} can hardly be compared with others, having fewer than {FEW} configurations."
        )
    return _joined(lines)


def group(one: Group) -> str:
    """What is said of a group."""
    leader = "PyTorch" if one.ahead > one.behind else "TensorFlow" if one.behind > one.ahead else ""
    ties = one.pairs - one.ahead - one.behind
    counts = f"PyTorch in {one.ahead} and TensorFlow in {one.behind} of {one.pairs} pairs"
    counts += f", {ties} {'is a tie' if ties == 1 else 'are ties'}" if ties else ""
    lines = [
        f"With {one.semantics} semantics the mean difference, PyTorch minus TensorFlow, of {_sizes(one)} is "
        f"{estimate(one.mean, True)}, the median {estimate(one.median, True)}.",
        f"Pairs are {estimate(one.apart)} apart on average.",
    ]
    if math.isfinite(one.seed_distance[0]) or math.isfinite(one.noise_share[0]):
        lines.append(_noise(one))
    link = Markup('<a href="#trial={0}">{0}</a>').format(one.largest_trial)
    lines += [
        Markup("The largest difference is {} ({}); {} are further apart than {:g}.").format(
            number(one.largest, True), link, percent(one.above), LARGE
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
    return _joined(lines)


def causes(page: Page, architecture: str) -> str:
    """What the factorials of an architecture say; nothing where there are none."""
    return _joined(map(_cause, page.attributions.get(architecture, [])))


def _noise(one: Group) -> str:
    """How far pairs are apart beyond seed noise."""
    if math.isfinite(one.noise_share[0]):
        return (
            "No seed was repeated, but rows with nearly equal hyperparameters bound the noise: where such rows lie it "
            f"is at most {share(one.noise_share)} of the mean squared difference."
        )
    if not math.isfinite(one.seed_distance[0]):
        return "Seed noise was not measured in this study, so how much of that is noise cannot be said."
    value, low, _ = one.beyond_seeds
    text = f"Two seeds of the same framework are on average {estimate(one.seed_distance)} apart"
    if math.isfinite(value):
        text += f", two seeds of different frameworks by {estimate(one.beyond_seeds, True)} further"
    if math.isfinite(low):
        return f"{text}: {'that is' if low > 0 else 'that is not shown to be'} beyond seed noise."
    return f"{text}; of fewer than {FEWEST} configurations with several seeds, so that nothing is said of others."


def _cause(one: Attribution) -> Markup:
    """What the factors contribute to a gap, in points that add up to it."""
    over = f"Over {one.configurations} configurations" if one.configurations > 1 else "In one configuration"
    line = Markup("{} as {} the gap is {}.").format(over, one.semantics, estimate(one.gap, True))
    name = Markup("<strong>{}</strong>")
    parts = sorted(one.contributions, key=lambda part: -abs(part.points[0]))
    claimed = [
        Markup("{} contributes {}").format(name.format(spaced(part.factor)), estimate(part.points, True))
        for part in parts
        if part.significant
    ]
    others = _listed([f"{spaced(part.factor)} {estimate(part.points, True)}" for part in parts if not part.significant])
    said = Markup("Of it {}.").format(_listed(claimed)) if claimed else ""
    rest = f"Not told from chance: {others}." if one.interval else f"Of one seed nothing is claimed: {others}."
    left = f"With all aligned {estimate(one.remaining, True)} remains."
    assumed = "The contributions rest on half of the combinations." if one.half else ""
    kind = f"In brackets: {one.interval}." if one.interval else ""
    return _joined(filter(None, [line, said, rest if others else "", left, assumed, kind]))


def bounds(page: Page) -> str:
    """Where the bounds come from, and of what the numbers are."""
    if layout.PUBLISHED_SUMMARY_TABLE in page.tables:
        return (
            f"In brackets: 95% intervals, as {layout.PUBLISHED_SUMMARY_TABLE} has them, over the points that the "
            "random rows come from. The other rows were chosen by a search because it expected a large difference "
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
            cells += [number(one.largest, True), percent(one.above)]
            cells += [f"PyTorch {one.ahead}, TensorFlow {one.behind}"]
        known = [getattr(one, name) for name in noise]
        cells += [estimate(value) if math.isfinite(value[0]) else NONE for value in known]
        rows.append([one.architecture, one.semantics, str(one.pairs), str(one.configurations), *cells])
    return Grid(columns, rows)


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
            texts.append(["" if value is None else number(value, name == DIFFERENCE, ALL_DIGITS) for value in values])
        else:
            texts.append([cell(value) for value in values])
    return Grid(columns, [list(row) for row in zip(*texts, strict=True)])


def reading(page: Page) -> str:
    """How to use the table of trials."""
    shown = "its curves, confusion matrices, hyperparameters and files" if page.has_files else "its hyperparameters"
    return f"Click a heading to sort, and a row to open its pair: {shown}."


def grid(table: pd.DataFrame) -> Grid:
    """Any table as it is."""
    numeric = [pd.api.types.is_numeric_dtype(kind) and kind.kind != "b" for kind in table.dtypes]
    columns = [Column(spaced(name), right) for name, right in zip(table, numeric, strict=True)]
    return Grid(columns, [[cell(value) for value in row] for row in table.itertuples(index=False)])


def rows(table: pd.DataFrame) -> str:
    """How many rows of a table are shown: of a long one the first MOST_ROWS."""
    return f"{len(table)} rows" if len(table) <= MOST_ROWS else f"the first {MOST_ROWS} of {len(table)} rows"
