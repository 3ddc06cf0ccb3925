"""What a report shows: read from a study's tables, figures and trial files, or worked out by the analysis.

Nothing in it depends on clock, host, path or what a run took.
"""

import base64
import json
import math
import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pandas as pd
from tqdm import tqdm

from uncrossed.analysis.contributions import COLUMNS, Attribution, attributions
from uncrossed.analysis.groups import NAMES_IN_SUMMARY, Group, comparisons, groups, leading
from uncrossed.analysis.predictions import Predictions, confusion, shown_classes
from uncrossed.analysis.predictions import read as read_predictions
from uncrossed.analysis.recalibration import WITHOUT, recalibration
from uncrossed.common.errors import InputError, UnreadableError
from uncrossed.common.files import ours, parsing
from uncrossed.common.parquet import read_parquet
from uncrossed.datasets.definition import DatasetIdentity
from uncrossed.report.causes import Lag, Plan, lags, plans
from uncrossed.results import tables, trial_file, trials_table
from uncrossed.results.trials_table import (
    ACCURACIES,
    BOTH_COMPLETED,
    DIAGNOSIS,
    DIFFERENCE,
    POINT,
    SIDE_DIAGNOSES,
    STATUSES,
    curve_column,
)
from uncrossed.study import layout
from uncrossed.study.study import Study
from uncrossed.study.trial import FRAMEWORKS, ORIGIN, RANDOM

# How the groups of random published rows end.
RANDOM_ROWS = f"({RANDOM} rows)"
RESULT_COLUMNS = {*STATUSES, DIFFERENCE, BOTH_COMPLETED, DIAGNOSIS, *SIDE_DIAGNOSES}
RESULT_COLUMNS |= {curve_column(framework, name) for framework in FRAMEWORKS for name in trial_file.CURVES}
# Besides the architecture, columns by which pairs can be chosen, where they have from two to so many values.
CHOICES, MOST_CHOICES = ("semantics", "origin"), 40
# The curves that a pair shows.
CURVES = ("test_accuracy", "train_accuracy", "train_loss")
PUBLISHED_LOSSES = ("pt_average_training_loss", "tf_training_loss")
# Captions of the figures that this package draws, where figures/captions.json has none.
DEFAULT_CAPTIONS = {
    layout.ATTRIBUTION_FIGURE: "What each factor contributes to the gap between the frameworks, and what remains when "
    "all are aligned.",
    layout.SEARCH_PROGRESS_FIGURE: "The best objective that the search had found after each trial.",
    layout.SEARCH_BOX_FIGURE: "Where in the box the search looked, and what it found there.",
}
# Of a trial its nearest in hyperparameters: name, difference, and how far it is away.
Neighbours = list[tuple[str, float, float]]
SVG = "{http://www.w3.org/2000/svg}svg"
# In points, of a figure that does not say it.
WIDTH = 600.0


@dataclass
class Figure:
    """A figure.

    Attributes:
        name: its file's, without suffix.
        caption: what it shows.
        address: the file as a `data:` address. A browser draws it as an image: nothing in it can run, ask for anything
            or change the page.
        width: its natural width in points.
    """

    name: str
    caption: str
    address: str
    width: float


@dataclass
class Page:
    """What a report is made of.

    Attributes:
        study: the study's name.
        trials: the table of trials, one row per pair; columns that a report needs are there.
        pairs: for each trial, in the table's order, what the script shows of it: by framework its curves, confusion
            matrix, identity and test accuracy when recalibrated; `gap` and `explained` of the recalibrated pair; the
            classes of the matrices where they are not all; the place of its semantics.
        environments: what devices and versions the trial files name, or else the run records, in words.
        semantics: the different settings of mechanisms that the trial files name.
        unusable: trial files that are missing, cannot be read or are damaged, and what is the matter with them.
        settings: as the trial files name them.
        dataset: as the trial files name it.
        groups: what is said of the pairs of each architecture and semantics.
        leading: the groups that are spoken of first, as `groups.leading` says.
        comparisons: of `leading`, as `groups.comparisons` says.
        spoken: the rows of these groups, completed or not.
        attributions: by architecture what its factorials say.
        lags: by architecture what recalibrated models say.
        plans: by trial what would tell why the pair differs, where that is known.
        neighbours: of some trials the nearest in hyperparameters, as `_neighbours` says.
        summary: `tables/summary.csv`, where there is one.
        figures: in their order.
        tables: other tables that the study has, by the paths of their files in its folder.
        files: the tables' files and the manifest, relative to the study's folder.
    """

    study: str
    trials: pd.DataFrame
    pairs: list[dict[str, Any]] = field(default_factory=list)
    environments: list[str] = field(default_factory=list)
    semantics: list[dict[str, str]] = field(default_factory=list)
    unusable: dict[str, str] = field(default_factory=dict)
    settings: dict[str, Any] = field(default_factory=dict)
    dataset: dict[str, Any] = field(default_factory=dict)
    groups: list[Group] = field(default_factory=list)
    leading: list[Group] = field(default_factory=list)
    comparisons: pd.DataFrame = field(default_factory=pd.DataFrame)
    spoken: pd.DataFrame = field(default_factory=pd.DataFrame)
    attributions: dict[str, list[Attribution]] = field(default_factory=dict)
    lags: dict[str, Lag] = field(default_factory=dict)
    plans: dict[str, Plan] = field(default_factory=dict)
    neighbours: dict[str, Neighbours] = field(default_factory=dict)
    summary: pd.DataFrame | None = None
    figures: list[Figure] = field(default_factory=list)
    tables: dict[str, pd.DataFrame] = field(default_factory=dict)
    files: list[str] = field(default_factory=list)

    @property
    def published(self) -> bool:
        """Whether its pairs are those of 2021."""
        return layout.PUBLISHED_SUMMARY_TABLE in self.tables

    @property
    def architectures(self) -> list[str]:
        """Their names, sorted."""
        return sorted(self.trials["architecture"].unique())

    @property
    def choices(self) -> list[str]:
        """The columns by which pairs can be chosen: the architecture, and others that have few values."""
        few = (name for name in CHOICES if name in self.trials and 1 < self.trials[name].nunique() <= MOST_CHOICES)
        return ["architecture", *few]

    @property
    def classes(self) -> int | None:
        """How many classes the dataset has, where trial files say it."""
        return DatasetIdentity.check(self.dataset, "dataset").classes if self.dataset else None

    @property
    def has_files(self) -> bool:
        """Whether any trial file was read."""
        return any("sha" in pair.get(framework, {}) for pair in self.pairs for framework in FRAMEWORKS)

    @property
    def summary_has_bounds(self) -> bool:
        """Whether the groups' bounds are those of the summary."""
        return self.summary is not None and bool(self.summary["statistic"].eq(NAMES_IN_SUMMARY["mean"]).any())

    @property
    def parameters(self) -> list[str]:
        """The columns of the table of trials that say what a trial is, not how it ended."""
        return [name for name in self.trials if name not in {*RESULT_COLUMNS, "trial", "architecture"}]

    @property
    def columns(self) -> list[str]:
        """The columns of the table that is shown: what matters most first, so that it is in view on a phone too."""
        varied = [name for name in self.parameters if self.trials[name].astype(str).nunique() > 1 and name != "base"]
        completed = self.trials[list(STATUSES)].eq("completed").all(axis=None)
        diagnosed = [name for name in (DIAGNOSIS,) if name in self.trials]
        return ["trial", DIFFERENCE, *ACCURACIES, *diagnosed, "architecture", *varied, *(() if completed else STATUSES)]


def read(folder: Path, partial: bool = False) -> Page:
    """Read and work out what the report of a study shows.

    Args:
        folder: the study's.
        partial: name what is missing or damaged instead of refusing.

    Raises:
        InputError: no table of trials; a missing or damaged trial file, table or figure.
    """
    name = Study.read_built(folder).name if (folder / layout.STUDY_STATEMENT).is_file() else folder.resolve().name
    page = Page(name, _trials(folder))
    _read_trial_files(page, folder, partial)
    page.summary = _optional(folder / layout.SUMMARY_TABLE, ["architecture", "semantics", "statistic", "value"])
    trials = _by_origin(page, folder)
    page.groups = groups(trials, page.summary)
    _add_noise(page)
    page.leading = leading(one for one in page.groups if trials is page.trials or one.semantics.endswith(RANDOM_ROWS))
    page.spoken = _of(trials, page.leading)
    page.comparisons = comparisons(page.spoken[page.spoken[BOTH_COMPLETED].astype(bool)])
    attribution, recalibrated = _optional(folder / layout.ATTRIBUTION_TABLE, COLUMNS), recalibration(folder)
    _add_recalibrated(page, recalibrated)
    for one in attributions(attribution) if attribution is not None else ():
        page.attributions.setdefault(one.architecture, []).append(one)
    page.lags = lags(recalibrated, page.spoken["trial"])
    page.plans = plans(folder, page.trials["trial"], page.published)
    page.neighbours = _neighbours(folder / layout.PUBLISHED_EXTREMES_TABLE)
    page.figures = _figures(folder)
    others = {name: _optional(folder / name) for name in (layout.TRAJECTORY_TABLE, layout.PUBLISHED_TABLE)}
    others = {layout.ATTRIBUTION_TABLE: attribution, layout.RECALIBRATION_TABLE: recalibrated, **others}
    page.tables |= {name: table for name, table in others.items() if table is not None}
    page.environments = page.environments or _environments_of_runs(folder / layout.RUNS_TABLE)
    paths = ours(folder / layout.TABLES_FOLDER, "*.csv", "*.parquet", "*.json")
    names = [layout.MANIFEST, *(path.relative_to(folder).as_posix() for path in paths)]
    page.files = [name for name in names if (folder / name).is_file()]
    return page


def plain(value: Any) -> Any:
    """A cell of a table as JSON has it: a number, a text, or nothing."""
    if value is None or value is pd.NA or (isinstance(value, float | np.floating) and not math.isfinite(value)):
        return None
    return value.item() if isinstance(value, np.generic) else value


def _trials(folder: Path) -> pd.DataFrame:
    trials = tables.read(folder)
    for name in ("trial", "architecture", *ACCURACIES):
        if name not in trials:
            raise InputError(f"{folder}/{layout.TRIALS_PARQUET}: no column '{name}'")
    pytorch, tensorflow = (trials[name].astype(float) for name in ACCURACIES)
    filled: dict[str, Any] = {"semantics": "native", DIFFERENCE: pytorch - tensorflow}
    filled |= dict.fromkeys(STATUSES, "completed")
    filled[BOTH_COMPLETED] = pytorch.notna() & tensorflow.notna()
    return trials.assign(**{name: value for name, value in filled.items() if name not in trials}).reset_index(drop=True)


def _by_origin(page: Page, folder: Path) -> pd.DataFrame:
    """The page's trials; of the published study random rows and those that a search chose are groups of their own.

    There the page's summary is that of these groups, and the random rows' configurations are their points.
    """
    names = (layout.PUBLISHED_SUMMARY_TABLE, layout.PUBLISHED_NOISE_TABLE, layout.PUBLISHED_EFFECTS_TABLE)
    found = {name: _optional(folder / name) for name in (*names, layout.PUBLISHED_EXTREMES_TABLE)}
    summary, trials = found[layout.PUBLISHED_SUMMARY_TABLE], page.trials
    if ORIGIN not in trials or summary is None or found[layout.PUBLISHED_NOISE_TABLE] is None:
        return trials
    page.tables |= {name: table for name, table in found.items() if table is not None}
    page.summary = summary.assign(semantics=trials["semantics"].iloc[0] + " (" + summary[ORIGIN] + " rows)")
    origins = trials["semantics"] + " (" + trials[ORIGIN] + " rows)"
    return trials.assign(semantics=origins, configuration=trials[POINT].fillna(0).astype(int))


def _add_noise(page: Page) -> None:
    """Put what bounds the noise of published rows into their groups."""
    noise = page.tables.get(layout.PUBLISHED_NOISE_TABLE)
    if noise is None:
        return
    bounds = noise.set_index("architecture")[["noise_share", "low", "high"]]
    for group in page.groups:
        if group.architecture in bounds.index:
            share, low, high = bounds.loc[group.architecture]
            group.noise_share = share, low, high


def _of(trials: pd.DataFrame, chosen: list[Group]) -> pd.DataFrame:
    """The rows of some groups."""
    names = {(one.architecture, one.semantics) for one in chosen}
    return trials[[place in names for place in zip(trials["architecture"], trials["semantics"], strict=True)]]


def _add_recalibrated(page: Page, table: pd.DataFrame | None) -> None:
    """Put into each pair what its models' test accuracies are when they are recalibrated, and what that explains.

    The gap is that of the table: of a published model the accuracy that its weights give, not what was published.
    """
    places = dict(zip(page.trials["trial"], page.pairs, strict=True))
    for line in [] if table is None else table.to_dict("records"):
        accuracy, pair = line["recalibrated_test_accuracy"], places.get(line["trial"])
        if pair is None or line["state"] == WITHOUT or not math.isfinite(accuracy):
            continue
        pair.setdefault(line["framework"], {})["recalibrated"] = accuracy
        if math.isfinite(line["gap"]):
            pair |= {"gap": line["gap"], "explained": line["explained"]}


def _neighbours(path: Path) -> dict[str, Neighbours]:
    """Of the published trials with extreme differences the nearest: name, difference, and how far they are apart."""
    table = _optional(path, ["trial", "neighbour_trial", "neighbour_difference", "distance"])
    found: dict[str, Neighbours] = {}
    for line in [] if table is None else table.to_dict("records"):
        neighbour = str(line["neighbour_trial"]), float(line["neighbour_difference"]), float(line["distance"])
        found.setdefault(line["trial"], []).append(neighbour)
    return found


def _read_trial_files(page: Page, folder: Path, partial: bool) -> None:
    """Fill in what the trial files and the table of curves say; of a published table alone there are none."""
    with_files = (folder / layout.TRIALS_FOLDER).is_dir()
    curves = _published_curves(folder / layout.REFERENCE_TABLE)
    curves |= _curves(folder / layout.CURVES_TABLE, with_files and not partial)
    environments: dict[str, int] = {}
    semantics: dict[str, int] = {}
    for trial in tqdm(page.trials["trial"], desc="report", unit="trial", disable=None):
        pair: dict[str, Any] = {}
        predictions: dict[str, Predictions] = {}
        for framework in FRAMEWORKS:
            if (trial, framework) in curves:
                pair[framework] = curves[trial, framework]
            if not with_files:
                continue
            name = layout.trial_file(trial, framework)
            try:
                attributes = _attributes(folder / name, trial, framework)
                predictions[framework] = read_predictions(folder / name)
            except InputError as error:
                if not partial:
                    raise
                fault = "cannot be read" if isinstance(error, UnreadableError) else "damaged"
                page.unusable[name] = fault if os.path.lexists(folder / name) else "missing"
                continue
            side = pair.setdefault(framework, {})
            side |= {"sha": attributes["content_sha256"], "status": attributes["status"]}
            words = f"{attributes['device']}; {_versions(attributes['versions'])}"
            side["environment"] = environments.setdefault(words, len(environments))
            setting = json.dumps(attributes["row"].get("semantics", {}), sort_keys=True)
            pair["semantics"] = semantics.setdefault(setting, len(semantics))
            if not page.dataset:
                page.settings, page.dataset = attributes["settings"], attributes["dataset"]
        _add_confusion(pair, predictions)
        page.pairs.append(pair)
    page.environments = list(environments)
    page.semantics = [json.loads(setting) for setting in semantics]


def _attributes(path: Path, trial: str, framework: str) -> dict[str, Any]:
    attributes = trial_file.read_attributes(path)
    found = attributes["row"].get("trial"), attributes["framework"]
    if found != (trial, framework):
        raise InputError(f"{path}: of trial {found[0]} and {found[1]}; build it again")
    return attributes


def _add_confusion(pair: dict[str, Any], predictions: dict[str, Predictions]) -> None:
    """Put confusion matrices into a pair, row by row, and which classes they show, where these are not all."""
    if not predictions:
        return
    shown = shown_classes(list(predictions.values()))
    for framework, side in predictions.items():
        counts, skipped = confusion(side, shown)
        pair[framework]["confusion"] = counts.ravel().tolist()
        if skipped:
            pair[framework]["skipped"] = skipped
        classes = side.logits.shape[1]
        if len(shown) < classes:
            pair["classes"] = {"shown": shown.tolist(), "all": classes}


def _curves(path: Path, needed: bool) -> dict[tuple[str, str], dict[str, list[float | None]]]:
    if not path.is_file():
        if needed:
            raise InputError(f"{path}: missing; build the tables again")
        return {}
    with parsing(path, tables.AGAIN) as stream:
        table = read_parquet(stream)
        if table.empty:
            return {}
        table = table[["trial", "framework", "epoch", *CURVES]].sort_values("epoch", kind="stable")
    return {
        key: {name: _rounded(rows[name]) for name in CURVES}
        for key, rows in table.groupby(["trial", "framework"], sort=False)
    }


def _published_curves(path: Path) -> dict[tuple[str, str], dict[str, list[float | None]]]:
    """The training losses that the published tables have."""
    if not path.is_file():
        return {}
    with parsing(path, "") as stream:
        table = read_parquet(stream)
        return {
            (line["trial"], framework): {"train_loss": _rounded(line[column])}
            for line in table.to_dict("records")
            for framework, column in zip(FRAMEWORKS, PUBLISHED_LOSSES, strict=True)
            if line[column] is not None
        }


def _rounded(values: Iterable[float]) -> list[float | None]:
    return [float(f"{value:.4g}") if math.isfinite(value) else None for value in values]


def _optional(path: Path, columns: Iterable[str] = ()) -> pd.DataFrame | None:
    if not path.is_file():
        return None
    with parsing(path, "") as stream:
        table = trials_table.read_csv(stream)
    for name in columns:
        if name not in table:
            raise InputError(f"{path}: no column '{name}'")
        if name in ("value", "share") and len(table) and table[name].dtype.kind not in "iuf":
            raise InputError(f"{path}: column '{name}' has texts; allowed: numbers, and empty cells for no value")
    return table


def _environments_of_runs(path: Path) -> list[str]:
    """What devices and versions the run records name."""
    if not path.is_file():
        return []
    with parsing(path, tables.AGAIN) as stream:
        runs = read_parquet(stream)
    names = [name for name in runs if name.startswith("version_")]
    return sorted(
        f"{row.get('device', 'unknown device')}; "
        + _versions({name.removeprefix("version_"): row[name] for name in names if isinstance(row[name], str)})
        for row in runs.drop_duplicates(["device", *names] if "device" in runs else names).to_dict("records")
    )


def _versions(versions: dict[str, str]) -> str:
    return ", ".join(f"{name} {version}" for name, version in sorted(versions.items()))


def _figures(folder: Path) -> list[Figure]:
    """The figures of a study: those with a caption in the captions' order, then the others by name."""
    captions: dict[str, str] = {}
    path = folder / layout.CAPTIONS
    if path.is_file():
        with parsing(path, "") as stream:
            captions = {
                str(name).removesuffix(".svg"): str(text) for name, text in json.loads(stream.readall()).items()
            }
    drawn = {path.stem: path for path in ours(folder / layout.FIGURES_FOLDER, "*.svg")}
    for name in captions:
        if name not in drawn:
            raise InputError(f"{folder / layout.figure(name)}: missing, but {path.name} has a caption for it")
    captions |= {
        name: captions.get(name) or DEFAULT_CAPTIONS.get(layout.figure(name)) or name.replace("-", " ")
        for name in drawn
    }
    return [_figure(drawn[name], caption) for name, caption in captions.items()]


def _figure(path: Path, caption: str) -> Figure:
    with parsing(path, "") as stream:
        content = stream.readall()
        root = ElementTree.fromstring(content)
    if root.tag != SVG:
        raise InputError(f"{path}: not an SVG file")
    try:
        width = float(root.get("width", "").removesuffix("pt").removesuffix("px"))
    except ValueError:
        width = WIDTH
    return Figure(path.stem, caption, "data:image/svg+xml;base64," + base64.b64encode(content).decode(), width)
