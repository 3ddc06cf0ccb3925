"""The words of a report: its sentences, numbers and cells, as text or, where a word is emphasised or a link, as markup.

Markup is only made by `Markup.format`, which escapes what it is given: no name from a study is ever read as HTML.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import pandas as pd
from markupsafe import Markup

from uncrossed.analysis.attribution import Explanation
from uncrossed.analysis.groups import FLOORS, LARGE, Group
from uncrossed.analysis.intervals import Estimate
from uncrossed.report.data import Page, plain
from uncrossed.results.trials_table import ACCURACIES, DIFFERENCE, STATUSES
from uncrossed.study import layout
from uncrossed.study.mechanisms import NAMED, resolve, spell, variants
from uncrossed.study.trial import FRAMEWORKS

FRAMEWORK_NAMES = {"pytorch": "PyTorch", "tensorflow": "TensorFlow"}
MINUS, NONE = "\u2212", "\u2013"
# Of a table that is shown as it is.
MOST_ROWS = 100


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
    """A number with four decimals and a true minus."""
    if not math.isfinite(value):
        return "unknown"
    text = f"{abs(value):.4f}"
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
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


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
    """Which architecture differs most, by how much beyond seed noise, because of what."""
    if not page.leading:
        return "No pair completed in both frameworks, so nothing can be said."
    first = page.leading[0]
    pairs = "one pair" if first.pairs == 1 else f"{first.pairs} pairs"
    most = "{name} differs most: its {pairs}" if len(page.leading) > 1 else "The {pairs} of {name}"
    start = Markup(most + " {verb} {apart} apart in test accuracy.").format(
        name=Markup("<strong>{}</strong>").format(first.architecture),
        pairs=pairs,
        verb="is" if first.pairs == 1 else "are on average",
        apart=estimate(first.apart),
    )
    found = page.explanations.get(first.architecture, [])
    largest = max((one for one in found if math.isfinite(one.gap)), key=lambda one: abs(one.gap), default=None)
    causes = [_cause(one, brief=True) for one in ([largest] if largest else found)]
    return _joined(
        [start, _noise(first), *(causes or ["What explains it was not measured in this study; an ablation would."])]
    )


def group(one: Group) -> str:
    """What is said of a group."""
    leader = "PyTorch" if one.ahead > one.behind else "TensorFlow" if one.behind > one.ahead else ""
    ties = one.pairs - one.ahead - one.behind
    counts = f"PyTorch in {one.ahead} and TensorFlow in {one.behind} of {one.pairs} pairs"
    counts += f", {ties} {'is a tie' if ties == 1 else 'are ties'}" if ties else ""
    lines = [
        f"With {one.semantics} semantics the mean difference, PyTorch minus TensorFlow, of {one.pairs} "
        f"{'pair' if one.pairs == 1 else 'pairs'} is {estimate(one.mean, True)}, the median "
        f"{estimate(one.median, True)}.",
        f"Pairs are {estimate(one.apart)} apart on average.",
    ]
    if math.isfinite(one.seed_floor[0]):
        lines.append(_noise(one))
    link = Markup('<a href="#trial={0}">{0}</a>').format(one.largest_trial)
    lines += [
        Markup("The largest difference is {} ({}); {} differ by more than {:g}.").format(
            number(one.largest, True), link, percent(one.above), LARGE
        ),
        f"{leader} is more often ahead: {counts}." if leader else f"Neither is more often ahead: {counts}.",
    ]
    if math.isfinite(one.trained[0]):
        lines.append(f"Where neither model is at chance the mean difference is {estimate(one.trained, True)}.")
    if math.isfinite(one.rounding_floor[0]):
        lines.append(
            f"Rounding in float32 alone puts fully aligned pairs {estimate(one.rounding_floor)} apart on average."
        )
    if one.left_out:
        lines.append(f"{one.left_out} more did not complete in both frameworks and are left out.")
    return _joined(lines)


def causes(page: Page, architecture: str) -> str:
    """What an ablation says of an architecture; nothing where there is none."""
    return _joined(_cause(one) for one in page.explanations.get(architecture, []))


def _noise(one: Group) -> str:
    """How far pairs are apart beyond seed noise."""
    if not math.isfinite(one.seed_floor[0]):
        return "Seed noise was not measured in this study, so how much of that is noise cannot be said."
    excess = one.apart[0] - one.seed_floor[0]
    noise = f"two seeds of the same framework are on average {estimate(one.seed_floor)} apart"
    if excess <= 0:
        return f"That is not beyond seed noise: {noise}."
    return f"That is {number(excess)} beyond seed noise: {noise}."


def _cause(one: Explanation, brief: bool = False) -> str:
    """Which mechanism explains most of a base trial's difference; in brief without what is left when it alone stays."""
    gap = f" of {number(one.gap, True)}" if math.isfinite(one.gap) else ""
    if not one.mechanism:
        return f"In the trial {one.base} the difference{gap} is within the floors, so nothing is attributed."
    mechanism = Markup("<strong>{}</strong>").format(spaced(one.mechanism))
    if one.share[0] <= 0 or one.share[1] <= 0:
        return Markup(
            "In the trial {} no mechanism alone explains the difference{} beyond its bounds; the largest share is that "
            "of {}, {}."
        ).format(one.base, gap, mechanism, share(one.share))
    left = ""
    if math.isfinite(one.left[0]) and not brief:
        left = f"; when all others are aligned and it is not, {share(one.left)} of the difference is left"
    return Markup("In the trial {}{} {} explains {} of the difference{} when it alone is aligned{}.").format(
        one.base, f" over {one.seeds} seeds" if one.seeds else "", mechanism, share(one.share), gap, left
    )


def bounds(page: Page) -> str:
    """Where the bounds come from, and of what the numbers are."""
    source = f"as {layout.SUMMARY_TABLE} has them" if page.summary_has_bounds else "by bootstrap over pairs"
    return (
        f"In brackets: 95% bounds, {source}. Pairs are apart by the absolute difference; those that did not complete "
        "in both are left out."
    )


def comparison(page: Page) -> Grid:
    """All groups side by side."""
    floors = {
        name: [getattr(one, name) for one in page.groups]
        for name in FLOORS
        if any(math.isfinite(getattr(one, name)[0]) for one in page.groups)
    }
    names = ["pairs", "mean", "median", "apart", "maximum", f"above {LARGE:g}", "ahead", *map(spaced, floors)]
    columns = [Column("architecture"), Column("semantics"), *(Column(name, True) for name in names)]
    rows = []
    for one in sorted(page.groups, key=lambda one: (one.architecture, one.semantics != "native", one.semantics)):
        cells = [NONE] * 6
        if one.pairs:
            cells = [estimate(one.mean, True), estimate(one.median, True), estimate(one.apart)]
            cells += [number(one.largest, True), percent(one.above)]
            cells += [f"PyTorch {one.ahead}, TensorFlow {one.behind}"]
        known = [getattr(one, name) for name in floors]
        cells += [estimate(floor) if math.isfinite(floor[0]) else NONE for floor in known]
        ablated = bool(page.explanations.get(one.architecture))
        rows.append([one.architecture, _label(one.semantics, ablated), str(one.pairs), *cells])
    return Grid(columns, rows)


def _label(semantics: str, ablated: bool) -> str:
    """Semantics as an ablation calls them, where it has them; outside one a built-in name stays that name."""
    if semantics in NAMED and not ablated:
        return semantics
    labels = {spell(resolve(text)): label for label, text in variants().items()}
    label = labels.get(semantics, semantics)
    kind, _, mechanism = label.partition("-")
    return {"only": f"{mechanism} aligned alone", "without": f"all aligned but {mechanism}"}.get(kind, label)


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
