"""The report: a study as one HTML file that stands alone. `report.html`, `.css` and `.js` beside this are its parts.

It shows what the study's tables, figures and trial files say, and works out nothing new but medians, means and counts.
Nothing in it depends on clock, host, path or what a run took, so equal results make equal reports.
"""

import html
import json
import math
import os
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from string import Template
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pandas as pd
from tqdm import tqdm

from uncrossed.common.errors import InputError, UnreadableError
from uncrossed.common.files import ours, parsing, write_text
from uncrossed.results import tables, trial_file, trials_table
from uncrossed.study.semantics import ARCHITECTURES, resolve, spell, variants
from uncrossed.study.trial import FRAMEWORKS

NAMES = {"pytorch": "PyTorch", "tensorflow": "TensorFlow"}
MEASURED = [
    *(f"{framework}_{name}" for name in ("status", *trial_file.CURVES) for framework in FRAMEWORKS),
    *("difference", "both_completed"),
]
# Captions of the figures that this package draws, where figures/captions.json has none.
CAPTIONS = {
    "attribution": "How far the two frameworks are apart in each ablated trial: with native semantics, with one "
    "mechanism aligned alone, with all but one aligned, and with all aligned. Bars are 95% bootstrap intervals over "
    "seeds.",
    "search-progress": "The best objective that the search had found after each trial.",
    "search-box": "Where in the box the search looked, and what it found there.",
}
# What tables/summary.csv calls what a `Group` has.
STATISTICS = {
    "mean": "difference_mean",
    "median": "difference_median",
    "apart": "absolute_difference_mean",
    "trained": "trained_difference_mean",
    "seed_floor": "seed_floor",
    "rounding_floor": "rounding_floor",
}
RESAMPLES = 2000
UNKNOWN = (math.nan, math.nan, math.nan)
GENERIC_ROWS = 100


@dataclass
class Study:
    """What a report is made of.

    Attributes:
        name: the study's.
        trials: the table of trials, one row per pair; columns that a report needs are there.
        pairs: for each trial, in the table's order, what is known of each framework's side.
        environments: what devices and versions the trial files name, in words.
        semantics: the different settings of mechanisms that the trial files name.
        missing: files that are not there, cannot be read or are damaged, and what is the matter with them.
        common: settings and dataset, as the trial files name them.
    """

    name: str
    trials: pd.DataFrame
    pairs: list[dict[str, Any]] = field(default_factory=list)
    environments: list[str] = field(default_factory=list)
    semantics: list[dict[str, str]] = field(default_factory=list)
    missing: dict[str, str] = field(default_factory=dict)
    common: dict[str, Any] = field(default_factory=dict)


def make(folder: str | os.PathLike[str], partial: bool = False) -> Path:
    """Write `report.html` of a study.

    Args:
        folder: the study's folder, with its tables.
        partial: list what is missing or damaged in the report instead of refusing.

    Returns:
        The report's path.

    Raises:
        InputError: no table of trials; a missing or damaged trial file, table or figure.
    """
    folder = Path(folder)
    study = read(folder, partial)
    summary = _optional(folder / "tables/summary.csv", ["architecture", "semantics", "statistic", "value"])
    attribution = _optional(
        folder / "tables/attribution.csv", ["base", "architecture", "variant", "mechanism", "share"]
    )
    here = Path(__file__)
    template = Template(here.with_suffix(".html").read_text(encoding="utf-8"))
    head, rows, data = _table(study)
    path = folder / "report.html"
    count = len(study.trials)
    architectures = sorted(study.trials["architecture"].unique())
    page = template.substitute(
        study=_e(study.name),
        css=here.with_suffix(".css").read_text(encoding="utf-8"),
        js=here.with_suffix(".js").read_text(encoding="utf-8"),
        about=_about(study),
        missing=_missing(study),
        summary=_summary(study, summary, attribution),
        figures=_figures(folder),
        reading=_reading(study),
        architectures="".join(f"<option>{_e(name)}</option>" for name in architectures),
        count=f"{count} pairs",
        head=head,
        rows=rows,
        more=_more(folder),
        made=_made(folder, study),
        # In a script element only `<` could end it.
        data=json.dumps(data, separators=(",", ":"), allow_nan=False).replace("<", "\\u003c"),
    )
    write_text(path, page)
    return path


# --- What is read


def read(folder: Path, partial: bool = False) -> Study:
    """Read a study's tables and what a report needs of its trial files.

    Raises:
        InputError: as `make`.
    """
    trials = tables.read(folder)
    needed = ["trial", "architecture", *(f"{framework}_test_accuracy" for framework in FRAMEWORKS)]
    for name in needed:
        if name not in trials:
            raise InputError(f"{folder}/tables/trials.parquet: no column '{name}'")
    accuracies = [trials[name].astype(float) for name in needed[2:]]
    defaults: dict[str, Any] = {"semantics": "native", "difference": accuracies[0] - accuracies[1]}
    defaults |= {f"{framework}_status": "completed" for framework in FRAMEWORKS}
    defaults["both_completed"] = accuracies[0].notna() & accuracies[1].notna()
    trials = trials.assign(**{name: value for name, value in defaults.items() if name not in trials})
    study = Study(folder.resolve().name, trials.reset_index(drop=True))
    # A published table alone has no trial files.
    with_files = (folder / "trials").is_dir()
    curves = _curves(folder, with_files and not partial, study)
    environments: dict[str, int] = {}
    semantics: dict[str, int] = {}
    for trial in tqdm(study.trials["trial"], desc="report", unit="trial", disable=None):
        pair: dict[str, Any] = {}
        for framework in FRAMEWORKS:
            side = dict(curves.get((trial, framework), {}))
            name = f"trials/{trial}/{framework}.h5"
            try:
                attributes = _side(folder / name, trial, framework, side) if with_files else None
            except InputError as error:
                if not partial:
                    raise
                fault = "cannot be read" if isinstance(error, UnreadableError) else "damaged"
                study.missing[name] = fault if os.path.lexists(folder / name) else "missing"
                attributes = None
            if attributes:
                words = f"{attributes['device']}; {_versions(attributes['versions'])}"
                side["environment"] = environments.setdefault(words, len(environments))
                setting = json.dumps(attributes["row"].get("semantics", {}), sort_keys=True)
                pair["semantics"] = semantics.setdefault(setting, len(semantics))
                study.common = study.common or {key: attributes[key] for key in ("settings", "dataset")}
            if side:
                pair[framework] = side
        study.pairs.append(pair)
    study.environments = list(environments)
    study.semantics = [json.loads(setting) for setting in semantics]
    return study


def _curves(folder: Path, needed: bool, study: Study) -> dict[tuple[str, str], dict[str, list[float | None]]]:
    path = folder / "tables/curves.parquet"
    if not path.is_file():
        if needed:
            raise InputError(f"{path}: missing; build the tables again")
        return {}
    with parsing(path, tables.AGAIN) as stream:
        columns = ["trial", "framework", "epoch", "test_accuracy", "train_loss"]
        table = pd.read_parquet(stream)
        if table.empty:
            return {}
        table = table[columns].sort_values("epoch", kind="stable")
    return {
        key: {"accuracy": _short(rows["test_accuracy"]), "loss": _short(rows["train_loss"])}
        for key, rows in table.groupby(["trial", "framework"], sort=False)
    }


def _side(path: Path, trial: str, framework: str, side: dict[str, Any]) -> dict[str, Any]:
    """Put a trial file's confusion matrix and identity into `side`; return the file's attributes."""
    attributes = trial_file.read_attributes(path)
    found = attributes["row"].get("trial"), attributes["framework"]
    if found != (trial, framework):
        raise InputError(f"{path}: of trial {found[0]} and {found[1]}; build it again")
    arrays = {}
    with trial_file.opened(path) as file:
        for name in ("logits", "labels"):
            dataset = file[f"predictions/{name}"]
            arrays[name] = dataset[:]
            if trial_file.array_sha256(arrays[name]) != dataset.attrs["sha256"]:
                raise InputError(f"{path}: array 'predictions/{name}' does not match its sha256")
    logits, labels = arrays["logits"], arrays["labels"].astype(np.int64)
    finite = np.isfinite(logits).all(axis=1)
    size = logits.shape[1]
    if labels.size and labels.max() >= size:
        raise InputError(f"{path}: label {labels.max()}, but {size} classes")
    cells = labels[finite] * size + logits[finite].argmax(axis=1)
    side["confusion"] = np.bincount(cells, minlength=size * size).tolist()
    if not finite.all():
        side["skipped"] = int((~finite).sum())
    side |= {"sha": attributes["content_sha256"], "status": attributes["status"]}
    return attributes


def _optional(path: Path, columns: Iterable[str] = ()) -> pd.DataFrame | None:
    if not path.is_file():
        return None
    with parsing(path, "") as stream:
        table = trials_table.read_csv(stream)
    for name in columns:
        if name not in table:
            raise InputError(f"{path}: no column '{name}'")
        if name in ("value", "share") and table[name].dtype.kind not in "iuf":
            raise InputError(f"{path}: column '{name}' has texts; allowed: numbers, and empty cells for no value")
    return table


# --- Words and numbers


def _e(value: Any) -> str:
    return html.escape(str(value))


def _short(values: Iterable[float]) -> list[float | None]:
    return [float(f"{value:.4g}") if math.isfinite(value) else None for value in values]


def _plain(value: Any) -> Any:
    """A cell as JSON: numbers, text, or nothing."""
    if value is None or value is pd.NA or (isinstance(value, float | np.floating) and not math.isfinite(value)):
        return None
    return value.item() if isinstance(value, np.generic) else value


def _number(value: float, signed: bool = False) -> str:
    if not math.isfinite(value):
        return "unknown"
    text = f"{abs(value):.4f}"
    if not float(text):
        return text
    return ("\u2212" if value < 0 else "+" if signed else "") + text


def _estimate(values: tuple[float, float, float], signed: bool = False) -> str:
    """A value with its bounds, where it has some."""
    text = [_number(value, signed) for value in values]
    return f"{text[0]} [{text[1]}, {text[2]}]" if all(map(math.isfinite, values)) else text[0]


def _versions(versions: dict[str, str]) -> str:
    return ", ".join(f"{name} {version}" for name, version in sorted(versions.items()))


def _shown(value: Any) -> str:
    """A cell as text."""
    value = _plain(value)
    if value is None:
        return ""
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _joined(names: list[str]) -> str:
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def _generic(table: pd.DataFrame) -> str:
    """Any table as HTML in a container that scrolls."""
    numeric = [pd.api.types.is_numeric_dtype(kind) and kind.kind != "b" for kind in table.dtypes]
    classes = [' class="n"' if right else "" for right in numeric]
    head = "".join(
        f'<th scope="col"{kind}>{_e(str(name).replace("_", " "))}</th>'
        for name, kind in zip(table, classes, strict=True)
    )
    rows = "\n".join(
        "<tr>"
        + "".join(f"<td{kind}>{_e(_shown(value))}</td>" for value, kind in zip(row, classes, strict=True))
        + "</tr>"
        for row in table.itertuples(index=False)
    )
    return (
        f'<div class="scroll" tabindex="0" role="region" aria-label="Table"><table><thead><tr>{head}</tr></thead>\n'
        f"<tbody>\n{rows}\n</tbody></table></div>"
    )


# --- The parts of the page


def _about(study: Study) -> str:
    count = len(study.trials)
    names = _joined([_e(name) for name in sorted(study.trials["architecture"].unique())])
    data = study.common.get("dataset") or {}
    on = (
        f" on {_e(data['name'])}, {data['train_examples']:,} training and {data['test_examples']:,} test examples"
        if data
        else ""
    )
    return (
        f"{count:,} {'pair' if count == 1 else 'pairs'} of {names}: each trained with the same hyperparameters once in "
        f"PyTorch and once in TensorFlow{on}. Differences are test accuracies, PyTorch minus TensorFlow."
    )


def _missing(study: Study) -> str:
    absent = study.trials[[f"{framework}_status" for framework in FRAMEWORKS]].eq("missing").any(axis=1).sum()
    if not study.missing and not absent:
        return ""
    items = "".join(f"<li><code>{_e(name)}</code>: {fault}</li>" for name, fault in sorted(study.missing.items()))
    total = len(study.trials) * len(FRAMEWORKS)
    return (
        '<section class="missing" aria-labelledby="missing">\n<h2 id="missing">This report is partial</h2>\n'
        f"<p>{len(study.missing)} of {total} trial files are missing or not usable; {absent} of "
        f"{len(study.trials)} pairs have no result in the tables, and are in none of the numbers below.</p>\n"
        f"<ul>{items}</ul>\n</section>"
    )


@dataclass
class Group:
    """What is said of the pairs of one architecture and semantics; values with bounds are (value, low, high)."""

    architecture: str
    semantics: str
    pairs: int
    left_out: int
    mean: tuple[float, float, float]
    median: tuple[float, float, float]
    apart: tuple[float, float, float]
    largest: float
    largest_trial: str
    above: float
    wins: tuple[int, int, int]
    # Of pairs with neither model at chance.
    trained: tuple[float, float, float] = UNKNOWN
    seed_floor: tuple[float, float, float] = UNKNOWN
    rounding_floor: tuple[float, float, float] = UNKNOWN


def groups(trials: pd.DataFrame, summary: pd.DataFrame | None = None) -> list[Group]:
    """The statistics of each architecture and semantics, over pairs that both completed.

    Args:
        trials: the table of trials.
        summary: `tables/summary.csv`; what it says of means, medians and floors goes before what is worked out here.
    """
    found = []
    for (architecture, semantics), rows in trials.groupby(["architecture", "semantics"], sort=True):
        done = rows[rows["both_completed"].astype(bool)]
        values = done["difference"].to_numpy(float)
        if not values.size:
            unknown = [UNKNOWN] * 3
            found.append(Group(architecture, semantics, 0, len(rows), *unknown, math.nan, "", math.nan, (0, 0, 0)))
            continue
        largest = int(np.abs(values).argmax())
        group = Group(
            architecture,
            semantics,
            len(values),
            len(rows) - len(values),
            _interval(values, np.mean),
            _interval(values, np.median),
            _interval(np.abs(values), np.mean),
            float(values[largest]),
            str(done["trial"].iloc[largest]),
            float((np.abs(values) > 0.1).mean()),
            (int((values > 0).sum()), int((values < 0).sum()), int((values == 0).sum())),
        )
        if summary is not None:
            said = summary[(summary["architecture"] == architecture) & (summary["semantics"] == semantics)]
            for name, statistic in STATISTICS.items():
                line = said[said["statistic"] == statistic]
                if len(line) and math.isfinite(line["value"].iloc[0]):
                    values = (line[side].iloc[0] if side in line else math.nan for side in ("value", "low", "high"))
                    setattr(group, name, tuple(map(float, values)))
        found.append(group)
    return found


def _interval(values: np.ndarray, statistic: Any) -> tuple[float, float, float]:
    """A statistic with its 95% bootstrap bounds."""
    if len(values) < 2:
        return float(statistic(values)), math.nan, math.nan
    drawn = values[np.random.default_rng(0).integers(0, len(values), (RESAMPLES, len(values)))]
    low, high = np.quantile(statistic(drawn, axis=1), (0.025, 0.975))
    return float(statistic(values)), float(low), float(high)


def _summary(study: Study, summary: pd.DataFrame | None, attribution: pd.DataFrame | None) -> str:
    found = groups(study.trials, summary)
    main = {}
    for group in sorted(found, key=lambda g: (g.semantics != "native", -g.pairs)):
        main.setdefault(group.architecture, group)
    if attribution is not None:
        for group in main.values():
            _floors(group, attribution)
    ordered = sorted((g for g in main.values() if g.pairs), key=lambda g: (-g.apart[0], g.architecture))
    if not ordered:
        return "<p>No pair completed in both frameworks, so nothing can be said.</p>"
    parts = [f'<p class="answer">{_answer(ordered, attribution)}</p>']
    for group in ordered:
        parts.append(f"<h3>{_e(group.architecture)}</h3>\n<p>{_sentences(group)}</p>")
        explained = _explained(group.architecture, attribution)
        if explained:
            parts.append(f"<p>{explained}</p>")
    parts.append(_comparison(sorted(found, key=lambda g: (g.architecture, g.semantics != "native", g.semantics))))
    given = summary is not None and summary["statistic"].eq(STATISTICS["mean"]).any()
    parts.append(
        '<p class="soft">In brackets: 95% bounds, '
        + ("as tables/summary.csv has them" if given else "by bootstrap over pairs")
        + ". Pairs are apart by the absolute difference; those that did not complete in both are left out.</p>"
    )
    if summary is not None:
        parts.append(f"<details><summary>All statistics</summary>{_generic(summary)}</details>")
    return "\n".join(parts)


def _floors(group: Group, attribution: pd.DataFrame) -> None:
    """Take floors that the summary does not have from the attribution: the largest of the architecture's trials."""
    rows = attribution[attribution["architecture"] == group.architecture]
    for name in ("seed_floor", "rounding_floor"):
        if name in rows and not math.isfinite(getattr(group, name)[0]) and rows[name].notna().any():
            setattr(group, name, (float(rows[name].max()), math.nan, math.nan))


def _beyond(group: Group) -> str:
    """How far pairs are apart beyond seed noise."""
    if not math.isfinite(group.seed_floor[0]):
        return "Seed noise was not measured in this study, so how much of that is noise cannot be said."
    excess = group.apart[0] - group.seed_floor[0]
    noise = f"two seeds of the same framework are on average {_estimate(group.seed_floor)} apart"
    if excess <= 0:
        return f"That is not beyond seed noise: {noise}."
    return f"That is {_number(excess)} beyond seed noise: {noise}."


def _answer(ordered: list[Group], attribution: pd.DataFrame | None) -> str:
    """Which architecture differs most, by how much beyond seed noise, because of what."""
    first = ordered[0]
    name = f"<strong>{_e(first.architecture)}</strong>"
    pairs = "one pair" if first.pairs == 1 else f"{first.pairs} pairs"
    verb = "is" if first.pairs == 1 else "are on average"
    start = f"{name} differs most: its {pairs} {verb}" if len(ordered) > 1 else f"The {pairs} of {name} {verb}"
    lines = [f"{start} {_estimate(first.apart)} apart in test accuracy.", _beyond(first)]
    lines.append(
        _explained(first.architecture, attribution, brief=True)
        or "What explains it was not measured in this study; an ablation would."
    )
    return " ".join(lines)


def _sentences(group: Group) -> str:
    ahead, behind, ties = group.wins
    leader = "PyTorch" if ahead > behind else "TensorFlow" if behind > ahead else ""
    counts = f"PyTorch in {ahead} and TensorFlow in {behind} of {group.pairs} pairs"
    counts += f", {ties} {'is a tie' if ties == 1 else 'are ties'}" if ties else ""
    lines = [
        f"With {_e(group.semantics)} semantics the mean difference, PyTorch minus TensorFlow, of {group.pairs} "
        f"{'pair' if group.pairs == 1 else 'pairs'} is {_estimate(group.mean, True)}, the "
        f"median {_estimate(group.median, True)}.",
        f"Pairs are {_estimate(group.apart)} apart on average.",
        *([_beyond(group)] if math.isfinite(group.seed_floor[0]) else []),
        f"At most they are {_number(abs(group.largest))} apart ({_link(group.largest_trial)}); "
        f"{group.above:.0%} differ by more than 0.1.",
        f"{leader} is more often ahead: {counts}." if leader else f"Neither is more often ahead: {counts}.",
    ]
    if math.isfinite(group.trained[0]):
        lines.append(f"Where neither model is at chance the mean difference is {_estimate(group.trained, True)}.")
    if math.isfinite(group.rounding_floor[0]):
        lines.append(
            f"Rounding in float32 alone puts fully aligned pairs {_estimate(group.rounding_floor)} apart on average."
        )
    if group.left_out:
        lines.append(f"{group.left_out} more did not complete in both frameworks and are left out.")
    return " ".join(lines)


def _link(trial: str) -> str:
    return f'<a href="#trial={_e(trial)}">{_e(trial)}</a>'


def _explained(architecture: str, attribution: pd.DataFrame | None, brief: bool = False) -> str:
    """What the ablation says of an architecture: per base trial the mechanism that explains most alone.

    In brief of the trial with the largest difference only.
    """
    if attribution is None:
        return ""
    lines = []
    mine = attribution[attribution["architecture"] == architecture]
    if brief and "native_gap" in mine and mine["native_gap"].notna().any():
        mine = mine[mine["base"] == mine.loc[mine["native_gap"].abs().idxmax(), "base"]]
    for base, rows in mine.groupby("base", sort=True):
        alone = rows[(rows["variant"] == "only") & rows["share"].notna()].sort_values("share", ascending=False)
        first = rows.iloc[0]
        gap = f" of {_number(float(first['native_gap']), True)}" if "native_gap" in rows else ""
        if alone.empty:
            lines.append(f"In the trial {_e(base)} the difference{gap} is within the floors, so nothing is attributed.")
            continue
        best = alone.iloc[0]
        share, low, high = (float(best.get(name, math.nan)) for name in ("share", "share_low", "share_high"))
        bounds = f" [{low:.0%}, {high:.0%}]" if math.isfinite(low) and math.isfinite(high) else ""
        mechanism = _e(str(best["mechanism"]).replace("_", " "))
        if share <= 0 or low <= 0:
            lines.append(
                f"In the trial {_e(base)} no mechanism alone explains the difference{gap} beyond its bounds; the "
                f"largest share is that of <strong>{mechanism}</strong>, {share:.0%}{bounds}."
            )
            continue
        seeds = f" over {int(first['seeds'])} seeds" if "seeds" in rows else ""
        line = (
            f"In the trial {_e(base)}{seeds} <strong>{mechanism}</strong> explains {share:.0%}{bounds} of the "
            f"difference{gap} when it alone is aligned"
        )
        other = rows[(rows["variant"] == "without") & (rows["mechanism"] == best["mechanism"]) & rows["share"].notna()]
        if len(other) and not brief:
            kept = other.iloc[0]
            inner = (float(kept.get(name, math.nan)) for name in ("share_low", "share_high"))
            edges = " [{:.0%}, {:.0%}]".format(*inner) if {"share_low", "share_high"} <= set(rows) else ""
            line += f"; when all others are aligned and it is not, {kept['share']:.0%}{edges} of the difference is left"
        lines.append(line + ".")
    return _minus(" ".join(lines))


def _minus(line: str) -> str:
    """A true minus before numbers."""
    return re.sub(r"(?<=[\s\[])-(?=\d)", "\u2212", line)


def _comparison(found: list[Group]) -> str:
    """The groups side by side."""
    names = ["architecture", "semantics", "pairs", "mean", "median", "apart", "maximum", "above 0.1", "ahead"]
    floors = any(math.isfinite(group.seed_floor[0]) for group in found)
    rounding = any(math.isfinite(group.rounding_floor[0]) for group in found)
    names += ["seed floor"] * floors + ["rounding floor"] * rounding
    head = "".join(f'<th scope="col"{" class=n" if k > 1 else ""}>{name}</th>' for k, name in enumerate(names))
    lines = []
    for group in found:
        cells = [str(group.pairs), *["\u2013"] * 6]
        if group.pairs:
            cells[1:] = [
                *(_estimate(values, True) for values in (group.mean, group.median)),
                *(_estimate(group.apart), _number(group.largest, True), f"{group.above:.0%}"),
                f"PyTorch {group.wins[0]}, TensorFlow {group.wins[1]}",
            ]
        for shown, value in ((floors, group.seed_floor), (rounding, group.rounding_floor)):
            if shown:
                cells.append(_estimate(value) if math.isfinite(value[0]) else "\u2013")
        numbers = "".join(f'<td class="n">{cell}</td>' for cell in cells)
        lines.append(f'<tr><th scope="row">{_e(group.architecture)}</th><td>{_e(_label(group))}</td>{numbers}</tr>')
    body = "\n".join(lines)
    return (
        '<h3>Side by side</h3>\n<div class="scroll" tabindex="0" role="region" aria-label="Summary of all groups">'
        f"<table><thead><tr>{head}</tr></thead>\n<tbody>\n{body}\n</tbody></table></div>"
    )


def _label(group: Group) -> str:
    """A group's semantics as an ablation calls them, where it has them."""
    if group.architecture not in ARCHITECTURES:
        return group.semantics
    labels = {spell(resolve(text)): label for label, text in variants(group.architecture).items()}
    label = labels.get(group.semantics, group.semantics)
    kind, _, mechanism = label.partition("-")
    return {"only": f"{mechanism} aligned alone", "without": f"all aligned but {mechanism}"}.get(kind, label)


def _figures(folder: Path) -> str:
    captions: dict[str, str] = {}
    path = folder / "figures/captions.json"
    if path.is_file():
        with parsing(path, "") as stream:
            captions = {str(k).removesuffix(".svg"): str(v) for k, v in json.loads(stream.readall()).items()}
    drawn = {path.stem: path for path in ours(folder / "figures", "*.svg")}
    for name in captions:
        if name not in drawn:
            raise InputError(f"{folder}/figures/{name}.svg: missing, but captions.json has a caption for it")
    order = [*captions, *(name for name in drawn if name not in captions)]
    parts = []
    for number, name in enumerate(order, 1):
        caption = captions.get(name) or CAPTIONS.get(name) or name.replace("-", " ")
        image, width = inline_svg(drawn[name], f"figure{number}-", caption)
        parts.append(
            f'<figure><div class="paper" tabindex="0" style="max-width: {width}px">{image}</div>\n'
            f'<figcaption><a href="figures/{_e(name)}.svg">Figure {number}</a>. {_e(caption)}</figcaption></figure>'
        )
    if not parts:
        return ""
    body = "\n".join(parts)
    return f'<section aria-labelledby="figures">\n<h2 id="figures">Figures</h2>\n{body}\n</section>'


SVG, XLINK = "http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"


def inline_svg(path: Path, prefix: str, label: str) -> tuple[str, int]:
    """An SVG file as an element of a page: ids get a prefix; scripts, links to elsewhere and metadata are left out.

    Returns:
        The element and its natural width in pixels.

    Raises:
        InputError: not an SVG file.
    """
    ElementTree.register_namespace("", SVG)
    ElementTree.register_namespace("xlink", XLINK)
    with parsing(path, "") as stream:
        root = ElementTree.fromstring(stream.readall())
    if root.tag != f"{{{SVG}}}svg":
        raise InputError(f"{path}: not an SVG file")
    left_out = ("script", "metadata", "foreignObject")
    for parent in list(root.iter()):
        for child in list(parent):
            if child.tag.removeprefix(f"{{{SVG}}}") in left_out:
                parent.remove(child)
    for element in root.iter():
        for name, value in list(element.attrib.items()):
            plain = name.rpartition("}")[2]
            if plain.startswith("on") or (plain == "href" and not re.match(r"#|data:image/", value)):
                del element.attrib[name]
            elif plain == "id":
                element.set(name, prefix + value)
            elif plain == "href" and value.startswith("#"):
                element.set(name, f"#{prefix}{value[1:]}")
            elif "url(" in value:
                element.set(name, _own_urls(value, prefix))
        if element.tag == f"{{{SVG}}}style" and element.text:
            # In a page a rule holds everywhere; matplotlib's one rule is for all elements.
            rules = re.sub(r"@import[^;]*;?", "", _own_urls(element.text, prefix))
            element.text = re.sub(r"(^|\})\s*([^{}]+)\{", lambda m: f"{m[1]}{_scoped(m[2], prefix)}{{", rules)
    width = float(re.match(r"[\d.]*", root.attrib.pop("width", ""))[0] or 600)
    height = float(re.match(r"[\d.]*", root.attrib.pop("height", ""))[0] or width * 2 / 3)
    if "viewBox" not in root.attrib:
        root.set("viewBox", f"0 0 {width:g} {height:g}")
    # Points are a third larger than pixels. On a narrow screen the figure scrolls before its text is too small.
    root.set("style", f"min-width: {min(width, 520):.0f}px")
    root.attrib |= {"id": f"{prefix}svg", "role": "img", "aria-label": label}
    return ElementTree.tostring(root, encoding="unicode"), round(width * 4 / 3)


def _own_urls(text: str, prefix: str) -> str:
    return re.sub(
        r"url\(\s*(['\"]?)([^)]*?)\1\s*\)", lambda m: f"url(#{prefix}{m[2][1:]})" if m[2][:1] == "#" else "none", text
    )


def _scoped(selectors: str, prefix: str) -> str:
    return ", ".join(f"#{prefix}svg {selector.strip()}" for selector in selectors.split(","))


def _reading(study: Study) -> str:
    files = any("sha" in pair.get(framework, {}) for pair in study.pairs for framework in FRAMEWORKS)
    shown = "its curves, confusion matrices, hyperparameters and files" if files else "its hyperparameters"
    return f"Click a heading to sort, and a row to open its pair: {shown}."


def _table(study: Study) -> tuple[str, str, dict[str, Any]]:
    """The head and rows of the table of trials, and the data behind them."""
    trials = study.trials
    parameters = [name for name in trials if name not in {*MEASURED, "trial", "architecture"}]
    varied = [name for name in parameters if trials[name].astype(str).nunique() > 1 and name != "base"]
    # What matters most is in view on a phone too.
    accuracy = [f"{framework}_test_accuracy" for framework in FRAMEWORKS]
    columns = ["trial", "difference", *accuracy, "architecture", *varied]
    labels = {f"{framework}_test_accuracy": NAMES[framework] for framework in FRAMEWORKS}
    states = [f"{framework}_status" for framework in FRAMEWORKS]
    if not trials[states].eq("completed").all(axis=None):
        columns += states
        labels |= {f"{framework}_status": f"{NAMES[framework]} status" for framework in FRAMEWORKS}
    numeric = {name for name in columns if pd.api.types.is_numeric_dtype(trials[name])}
    head = "".join(
        f'<th scope="col" aria-sort="none"{" class=n" if name in numeric else ""}>'
        f'<button type="button">{_e(labels.get(name, name.replace("_", " ")))}</button></th>'
        for name in columns
    )
    values = [[_plain(value) for value in row] for row in trials[columns].itertuples(index=False)]
    rows = []
    for row in values:
        cells = []
        for name, value in zip(columns[1:], row[1:], strict=True):
            if name in (*accuracy, "difference"):
                text = "" if value is None else _number(value, name == "difference")
            else:
                text = _e(_shown(value))
            cells.append(f'<td class="n">{text}</td>' if name in numeric else f"<td>{text}</td>")
        button = f'<button type="button" aria-expanded="false">{_e(row[0])}</button>'
        rows.append(f'<tr class="pair"><th scope="row">{button}</th>{"".join(cells)}</tr>')
    data = {
        "study": study.name,
        # The default study needs no --configfile.
        "configfile": "" if study.name == "cifar10" else f" --configfile config/{study.name}.yaml",
        "trials": list(trials["trial"]),
        "architectures": list(trials["architecture"]),
        "values": values,
        "measured": [[_plain(value) for value in row] for row in trials[accuracy].to_numpy(float)],
        "differences": [_plain(value) for value in trials["difference"]],
        "parameters": parameters,
        "settings": [[_plain(value) for value in row] for row in trials[parameters].itertuples(index=False)],
        "pairs": study.pairs,
        "semantics": study.semantics,
        "environments": study.environments,
    }
    return head, "\n".join(rows), data


def _more(folder: Path) -> str:
    """The other tables that a study may have."""
    parts = []
    titles = (
        ("attribution", "How much each mechanism explains"),
        ("trajectory", "The search"),
        ("published", "The published values"),
    )
    for name, title in titles:
        table = _optional(folder / f"tables/{name}.csv")
        if table is None:
            continue
        link = f'<a href="tables/{name}.csv">tables/{name}.csv</a>'
        count = f"{len(table)} rows" if len(table) <= GENERIC_ROWS else f"the first {GENERIC_ROWS} of {len(table)} rows"
        parts.append(
            f'<section aria-labelledby="{name}">\n<h2 id="{name}">{title}</h2>\n<details><summary>{count}</summary>\n'
            f"{_generic(table.head(GENERIC_ROWS))}</details>\n<p>{link}</p>\n</section>"
        )
    return "\n".join(parts)


def _made(folder: Path, study: Study) -> str:
    environments = study.environments
    path = folder / "tables/runs.parquet"
    if not environments and path.is_file():
        with parsing(path, tables.AGAIN) as stream:
            runs = pd.read_parquet(stream)
        names = [name for name in runs if name.startswith("version_")]
        environments = sorted(
            f"{row.get('device', 'unknown device')}; "
            + _versions({name.removeprefix("version_"): row[name] for name in names if isinstance(row[name], str)})
            for row in runs.drop_duplicates(["device", *names] if "device" in runs else names).to_dict("records")
        )
    parts = []
    if environments:
        items = "".join(f"<li>{_e(words)}</li>" for words in sorted(environments))
        parts.append(f"<p>The trainings ran on these devices with these versions:</p>\n<ul>{items}</ul>")
    for title, values in (("Settings", study.common.get("settings")), ("Dataset", study.common.get("dataset"))):
        if values:
            items = "".join(
                f"<dt>{_e(name.replace('_', ' '))}</dt><dd>{_e(_spelled(value))}</dd>"
                for name, value in sorted(values.items())
            )
            parts.append(f"<h3>{title}</h3>\n<dl>{items}</dl>")
    names = ["manifest.csv", *(f"tables/{name}" for name in _listed(folder / "tables"))]
    links = [f'<li><a href="{_e(name)}">{_e(name)}</a></li>' for name in names if (folder / name).is_file()]
    if study.environments:
        links.append("<li><code>SHA256SUMS</code>: checksums of these and of all trial files, and of this report</li>")
    parts.append(f"<h3>Files</h3>\n<ul>{''.join(links)}</ul>")
    return "\n".join(parts)


def _spelled(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if value is None or value == []:
        return "none"
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _listed(folder: Path) -> list[str]:
    return [path.name for path in ours(folder, "*.csv", "*.parquet", "*.json")]
