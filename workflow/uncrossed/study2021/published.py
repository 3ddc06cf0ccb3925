"""The published study (2021): its result tables as a manifest, and as a reference to set rebuilt trials beside.

The tables are CSV files of another repository, pinned by commit and SHA-256. The originals hold somebody's access key
and account: of a table only the `READ_COLUMNS` are ever kept, and no error quotes a value long enough to be a key.
"""

import csv
import io
import json
import math
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from http.client import HTTPException
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from uncrossed.common.errors import InputError
from uncrossed.common.files import complete, parsing, reading, write_text
from uncrossed.common.remote import whole
from uncrossed.datasets.definition import BUILT_IN_DATASETS
from uncrossed.results.tables import AGAIN
from uncrossed.study import layout, manifest
from uncrossed.study.architectures import PACKAGED
from uncrossed.study.mechanisms import resolve, spell
from uncrossed.study.trial import FRAMEWORKS, Trial

BASE_URL = "https://raw.githubusercontent.com/maxzvyagin/crossedwires"
COMMIT = "220035c5b7252de1d83019945e36f6178eee11e0"
FOLDER = "src/crossedwires/cifar10"
HYPERPARAMETERS = ("learning_rate", "batch_size", "adam_epsilon", "epochs")
LOSSES = ("pt_average_training_loss", "pt_latest_training_loss", "tf_training_loss")
# All that is read of a table.
READ_COLUMNS = ("Name", *HYPERPARAMETERS, "pt_test_acc", "tf_test_acc", "accuracy_diff", "State", "Runtime", *LOSSES)
SEMANTICS = "published"
RUN_STATES = ("finished", "running", "crashed", "failed", "killed")
# `Runtime` goes up to 20 times a table's median with the batch size; above this the run stood still.
LONG = 25
# Two accuracies and their difference, each rounded to nine decimals.
ROUNDED_BY = 2e-9
TEST_EXAMPLES = BUILT_IN_DATASETS["cifar10"].test_examples


@dataclass(frozen=True)
class Source:
    """One published table.

    Attributes:
        architecture: of all its trials.
        path: below `FOLDER` in the repository.
        original: the SHA-256 of the published file.
        cleaned: the SHA-256 of the copy without the columns of keys and accounts.
    """

    architecture: str
    path: str
    original: str
    cleaned: str

    @property
    def name(self) -> str:
        """The file's name."""
        return self.path.rpartition("/")[2]


SOURCES = (
    Source(
        "vgg16",
        "vgg16/vgg_cifar10_wandb_export.csv",
        "33d8ab04ac3c809026b8f51fb1c778817b7b8b0310f110922c4ae36a26dfae9f",
        "a003bd10946db414504681cb78cbb83769adee86ed57a7e2278744f94cbcf074",
    ),
    Source(
        "resnet50",
        "resnet50/resnet_cifar10_wandb_export.csv",
        "6b8a403976cdb663cda03f5520074958c3cb9200ccecc46f9b4740dc2bb46534",
        "f6c696bbcb4af7b8d0c6c03480bd815012bdbd5ab2288216498842b9967e396d",
    ),
    Source(
        "densenet121",
        "densenet121/densenet_cifar10_wandb_export.csv",
        "451f45b14286cac658ad8dd62b469c65b4289c9a8e4d18ad3d6ceb2a0b4285b4",
        "685bcbf8e4f5377ccdd7575d6cf4cfe6244ba380d9bd381355e2205d06555e1d",
    ),
)


def read(folder: str | os.PathLike[str] | None = None, url: str | None = None) -> pd.DataFrame:
    """Fetch and check the published tables.

    Args:
        folder: takes the files from here, originals or cleaned copies, instead of downloading them.
        url: a mirror of `BASE_URL`: the files lie at `{url}/{COMMIT}/{FOLDER}/`.

    Returns:
        One row per published run: `trial`, `architecture`, the hyperparameters, `pytorch_test_accuracy` and
        `tensorflow_test_accuracy` from 0 to 1, their `difference` (PyTorch - TensorFlow), `accuracy_diff` as
        published, `state`, `runtime_seconds` of both frameworks together, and `LOSSES`: lists with one loss per
        epoch, None where there is none.

    Raises:
        InputError: a file that is missing, cannot be downloaded or has another SHA-256; a missing column; a value
            that cannot be parsed; a run that stands in a table twice.
    """
    tables = []
    for source in SOURCES:
        local = folder is not None
        place = str(Path(folder) / source.name) if local else f"{url or BASE_URL}/{COMMIT}/{FOLDER}/{source.path}"
        content = _content(place, local)
        found = sha256(content).hexdigest()
        if found not in (source.original, source.cleaned):
            raise InputError(
                f"{place}: found SHA-256 {found} ({len(content)} bytes); allowed: {source.original}, "
                f"the published table, or {source.cleaned}, its cleaned copy"
            )
        tables.append(parse(content, source.architecture, place))
    return pd.concat(tables, ignore_index=True)


def parse(content: bytes, architecture: str, place: str) -> pd.DataFrame:
    """Read the `READ_COLUMNS` of one published table, and nothing else.

    Args:
        content: the file's bytes.
        architecture: of all its trials.
        place: what errors call the file.

    Returns:
        As `read`.

    Raises:
        InputError: as `read`, naming file, row and column.
    """
    try:
        lines = list(csv.reader(io.StringIO(content.decode("utf-8-sig"), newline=""), strict=True))
    except (UnicodeDecodeError, csv.Error):
        # Python's own message may quote the file, which may hold a key.
        raise InputError(f"{place}: not a well-formed CSV file in UTF-8") from None
    header = lines[0] if lines else []
    for name in READ_COLUMNS:
        if header.count(name) != 1:
            fault = "missing column" if name not in header else "twice in the header: column"
            raise InputError(f"{place}: {fault} '{name}'; required, once each: {', '.join(READ_COLUMNS)}")
    rows: dict[str, dict[str, Any]] = {}
    for number, values in enumerate(lines[1:], start=1):
        where = f"{place}: row {number}"
        if len(values) != len(header):
            raise InputError(f"{where}: found {len(values)} values; the header has {len(header)} columns")
        row = _row({name: values[header.index(name)].strip() for name in READ_COLUMNS}, architecture, where)
        if row["trial"] in rows:
            raise InputError(f"{where}, column 'Name': the run of {row['trial']} stands in the table twice")
        rows[row["trial"]] = row
    if not rows:
        raise InputError(f"{place}: no rows below the header")
    return pd.DataFrame(rows.values())


def _content(place: str, local: bool) -> bytes:
    try:
        if local:
            with reading(place) as stream:
                return stream.readall()
        with whole(place) as response:
            return response.read()
    except FileNotFoundError as error:
        names = ", ".join(source.name for source in SOURCES)
        raise InputError(f"{place}: no such file; allowed: a folder with {names}") from error
    except InputError:
        raise
    except (OSError, ValueError, HTTPException) as error:
        raise InputError(f"{place}: cannot be downloaded ({error})") from error


def _row(values: Mapping[str, str], architecture: str, where: str) -> dict[str, Any]:
    def refused(column: str, allowed: str) -> InputError:
        text = values[column]
        found = repr(text) if len(text) <= 24 else f"a text of {len(text)} characters"
        return InputError(f"{where}, column '{column}': found {found}; allowed: {allowed}")

    def number(column: str, kind: type = float) -> Any:
        try:
            return kind(values[column])
        except ValueError:
            raise refused(column, "an integer" if kind is int else "a number") from None

    def losses(column: str) -> list[float] | None:
        if not values[column]:
            return None
        try:
            found = json.loads(values[column])
            if not isinstance(found, list):
                raise TypeError
            return [float(loss) for loss in found]
        except (ValueError, TypeError, OverflowError, RecursionError):
            raise refused(column, "a list of numbers, or empty") from None

    run = re.fullmatch("dual_train_([0-9A-Za-z]{1,16})", values["Name"])
    if not run:
        raise refused("Name", "dual_train_ and up to 16 letters and digits")
    if values["State"] not in RUN_STATES:
        raise refused("State", f"one of {', '.join(RUN_STATES)}")
    pytorch, tensorflow = number("pt_test_acc"), number("tf_test_acc")
    return {
        "trial": f"{architecture}-{run[1].lower()}",
        "architecture": architecture,
        **{name: number(name, int if name in ("batch_size", "epochs") else float) for name in HYPERPARAMETERS},
        "pytorch_test_accuracy": pytorch,
        "tensorflow_test_accuracy": tensorflow,
        "difference": pytorch - tensorflow,
        "accuracy_diff": number("accuracy_diff"),
        "state": values["State"],
        "runtime_seconds": number("Runtime"),
        **{name: losses(name) for name in LOSSES},
    }


def trials(
    table: pd.DataFrame, examples: int = BUILT_IN_DATASETS["cifar10"].train_examples
) -> tuple[list[Trial], list[str]]:
    """The published runs as rows of a manifest: seed 0, semantics `published`.

    The published initial weights were drawn without a seed: a rebuilt pair is another draw. Runs of equal
    hyperparameters all become rows, and a build trains them once.

    Args:
        table: of `read`.
        examples: training examples, to check batch sizes against.

    Returns:
        The rows, and why each other run is refused.
    """
    rows, refused = [], []
    for values in table[["trial", "architecture", *HYPERPARAMETERS]].to_dict("records"):
        where = values["trial"]
        try:
            row = Trial.check({**values, "seed": 0, "semantics": SEMANTICS}, where, "column")
        except InputError as error:
            refused.append(str(error))
            continue
        try:
            row.check_examples(examples, PACKAGED[row.architecture])
        except InputError as error:
            refused.append(f"{where}: {error}")
            continue
        rows.append(row)
    return rows, refused


def write_manifest(rows: Iterable[Trial], path: str | os.PathLike[str]) -> None:
    """Write rows of `trials` as a manifest that calls their semantics by name."""
    spelled = spell(resolve(SEMANTICS))
    write_text(path, manifest.text(rows).replace(f",{spelled}\n", f",{SEMANTICS}\n"))


def defects(table: pd.DataFrame) -> list[str]:
    """What is wrong with the published runs, one line each: first of whole tables, then of runs."""
    lines = []
    for architecture, rows in table.groupby("architecture", sort=False):
        lines += (f"{architecture}: {line}" for line in _table_defects(rows))
    for _, rows in table.groupby("architecture", sort=False):
        lines += _duplicates(rows)
        median = rows["runtime_seconds"].median()
        for row in rows.to_dict("records"):
            lines += (f"{row['trial']}: {line}" for line in _run_defects(row, median))
    return lines


def _table_defects(rows: pd.DataFrame) -> Iterator[str]:
    pytorch = rows["pytorch_test_accuracy"]
    if (pytorch.round(9) == pytorch).all():
        rates = (rows["learning_rate"].round(9) == rows["learning_rate"]).sum()
        yield f"all accuracies and {rates} of {len(rows)} learning rates are rounded to 9 decimals"
    broken = sum(not _is_exact(value) for value in pytorch)
    if broken:
        yield (
            f"PyTorch's accuracy is no multiple of 1/{TEST_EXAMPLES} in {broken} of {len(rows)} runs: "
            "an unweighted mean of batch accuracies, in which a smaller last batch weighs too much"
        )
    there = rows[rows["pt_average_training_loss"].notna()]
    if len(there) and (there["pt_average_training_loss"] == there["pt_latest_training_loss"]).all():
        yield (
            f"PyTorch's average and latest training losses are equal in all {len(there)} runs that have them: "
            "not comparable with TensorFlow's mean over an epoch"
        )


def _duplicates(rows: pd.DataFrame) -> Iterator[str]:
    for _, equal in rows.groupby(list(HYPERPARAMETERS), sort=False):
        if len(equal) > 1:
            differences = ", ".join(f"{difference:+.4f}" for difference in equal["difference"])
            yield (
                f"{', '.join(equal['trial'])}: the same hyperparameters, differences {differences}: "
                "draws of unseeded weights; all are kept, and a build trains them once"
            )


def _run_defects(row: Mapping[str, Any], median: float) -> Iterator[str]:
    if row["state"] != "finished":
        yield f"its state is '{row['state']}', not 'finished'"
    if not 0 < row["runtime_seconds"] <= LONG * median:
        yield f"its runtime is {row['runtime_seconds']:g} s; the median of its architecture is {median:g} s"
    accuracies = row["pytorch_test_accuracy"], row["tensorflow_test_accuracy"]
    for name, accuracy in zip(("PyTorch", "TensorFlow"), accuracies, strict=True):
        if not 0 <= accuracy <= 1:
            yield f"{name}'s accuracy is {accuracy:g}, not from 0 to 1"
    if 0 <= accuracies[1] <= 1 and not _is_exact(accuracies[1]):
        yield f"TensorFlow's accuracy {accuracies[1]!r} is no multiple of 1/{TEST_EXAMPLES}"
    if not abs(abs(row["difference"]) - row["accuracy_diff"]) <= ROUNDED_BY:
        yield f"accuracy_diff is {row['accuracy_diff']:g}; its accuracies differ by {abs(row['difference']):g}"
    missing = [name for name in LOSSES if row[name] is None]
    if missing:
        yield f"no curves: {', '.join(missing)}"
    for name in LOSSES:
        losses = row[name] or []
        if row[name] is not None and len(losses) != row["epochs"]:
            yield f"{name} has {len(losses)} values; epochs is {row['epochs']}"
        broken = sum(not math.isfinite(loss) for loss in losses)
        if broken:
            yield f"{name} has {broken} values that are not finite"


def _is_exact(accuracy: float) -> bool:
    """Whether an accuracy, rounded to float32 at worst, is a number of right answers over the test examples."""
    right = accuracy * TEST_EXAMPLES
    return math.isfinite(right) and abs(right - round(right)) < 0.01


def check_reference_path(path: str | os.PathLike[str]) -> None:
    """Refuse a path that `write_reference` cannot write.

    Raises:
        InputError: another suffix than .parquet and .csv.
    """
    if Path(path).suffix not in (".parquet", ".csv"):
        raise InputError(f"--reference {path}: allowed: a name that ends in .parquet or .csv")


def write_reference(table: pd.DataFrame, path: str | os.PathLike[str]) -> None:
    """Write the published runs, without `accuracy_diff` and PyTorch's latest losses, which repeat others.

    Args:
        table: of `read`.
        path: a .parquet file, where curves are lists, or a .csv file, where they are JSON or empty.

    Raises:
        InputError: another suffix.
    """
    check_reference_path(path)
    table = table.drop(columns=["accuracy_diff", "pt_latest_training_loss"])
    if Path(path).suffix == ".parquet":
        with complete(path) as temporary:
            table.to_parquet(temporary, index=False)
        return
    for name in ("pt_average_training_loss", "tf_training_loss"):
        table[name] = [None if losses is None else json.dumps(losses) for losses in table[name]]
    write_text(path, table.to_csv(index=False, lineterminator="\n"))


def study(table: pd.DataFrame, folder: str | os.PathLike[str]) -> None:
    """Write the published pairs as a study's tables, without models: what an analysis and a report need.

    All of the pairs count as completed, as their accuracies are there.

    Args:
        table: the published pairs, as `read` gives them.
        folder: for example `results/published`.
    """
    rows, _ = trials(table)
    folder = Path(folder)
    write_manifest(rows, folder / layout.MANIFEST)
    write_reference(table, folder / layout.REFERENCE_TABLE)
    pairs = table[["trial", "architecture", *HYPERPARAMETERS]].copy()
    pairs["seed"], pairs["semantics"] = 0, "published"
    for framework in FRAMEWORKS:
        pairs[f"{framework}_status"] = "completed"
        pairs[f"{framework}_test_accuracy"] = table[f"{framework}_test_accuracy"]
    pairs["difference"], pairs["both_completed"] = table["difference"], True
    write_text(folder / layout.TRIALS_CSV, pairs.to_csv(index=False, lineterminator="\n"))
    with complete(folder / layout.TRIALS_PARQUET) as temporary:
        pairs.to_parquet(temporary, index=False)


def beside(
    trials: pd.DataFrame, reference: pd.DataFrame, seed_floors: Mapping[str, float] | None = None
) -> pd.DataFrame:
    """Set rebuilt trials beside the published pairs of the same names.

    The published initial weights were drawn without a seed, so a rebuilt pair can match only as well as two seeds do.
    What else makes them differ: PyTorch's published accuracy is an unweighted mean of batch accuracies, in which a
    smaller last batch weighs too much, while ours is the share of right answers; and the published versions were torch
    1.6 and tensorflow 2.4.

    Args:
        trials: a study's table of trials (`tables.read`); its accuracies are from 0 to 1.
        reference: the published pairs (`read`, or what `write_reference` wrote).
        seed_floors: for each architecture the distance between the differences of two seeds that 95 % stay within:
            1.96 times the standard deviation of one seed's difference minus another's.

    Returns:
        One row per trial of `trials`, in its order: `trial`, `architecture`, accuracies and `difference` (PyTorch -
        TensorFlow), the same with the prefix `published_`, `published_state`, `apart` (how far the two differences are
        from each other), `seed_floor` and `verdict`: `within seeds`, `outside seeds`, or `unknown` without a floor, a
        published pair, or an accuracy.

    Raises:
        InputError: a trial whose hyperparameters are not those of the published pair of its name.
    """
    values = ["pytorch_test_accuracy", "tensorflow_test_accuracy", "difference"]
    fixed = ["architecture", *HYPERPARAMETERS]
    published = reference[["trial", *fixed, *values, "state"]]
    published = published.rename(columns={name: f"published_{name}" for name in published if name != "trial"})
    table = trials[["trial", *fixed, *values]].merge(published, on="trial", how="left", validate="many_to_one")
    for name in fixed:
        ours, theirs = table[name], table[f"published_{name}"]
        # CSV files are not always read to the last digit.
        equal = ours == theirs if name == "architecture" else np.isclose(ours, theirs.astype(float), rtol=1e-12, atol=0)
        other = table[theirs.notna() & ~equal]
        if not other.empty:
            row = other.iloc[0]
            raise InputError(
                f"trial '{row['trial']}': found {name}={row[name]}; the published pair of this name has "
                f"{row[f'published_{name}']}"
            )
    table["apart"] = (table["difference"] - table["published_difference"]).abs()
    table["seed_floor"] = table["architecture"].map(dict(seed_floors or {})).astype(float)
    known = table["apart"].notna() & table["seed_floor"].notna()
    within = (table["apart"] <= table["seed_floor"]).map({True: "within seeds", False: "outside seeds"})
    table["verdict"] = within.where(known, "unknown")
    columns = ["trial", "architecture", *values, *(f"published_{name}" for name in (*values, "state"))]
    return table[[*columns, "apart", "seed_floor", "verdict"]]


def write_beside(folder: str | os.PathLike[str], reference: str | os.PathLike[str], summary: pd.DataFrame) -> str:
    """Write `tables/published.csv`: a study's trials beside the published pairs of their names.

    The seed floor of an architecture follows from the study's own repeats: for normal noise with the mean distance m
    between two seeds of one framework, the difference of a pair moves between two seeds with standard deviation
    sqrt(2) sqrt(pi / 2) m, and 1.96 times that holds 95 %.

    Args:
        folder: the study's, with its tables.
        reference: what `write_reference` wrote.
        summary: of the study's analysis, with `seed_floor`.

    Returns:
        How many verdicts of each kind there are, as a line.

    Raises:
        UnreadableError: the operating system does not give a table.
        InputError: a table is missing or damaged, or as `beside`.
    """
    with parsing(reference, "make it by `uncrossed manifest import-published --reference`") as stream:
        pairs = pd.read_parquet(stream)
    with parsing(Path(folder) / layout.TRIALS_PARQUET, AGAIN) as stream:
        trials = pd.read_parquet(stream)
    rows = summary[(summary["statistic"] == "seed_floor") & summary["value"].notna()]
    floors = rows.groupby("architecture")["value"].max() * 1.96 * math.sqrt(2) * math.sqrt(math.pi / 2)
    table = beside(trials, pairs, floors.to_dict())
    path = Path(folder) / layout.PUBLISHED_TABLE
    write_text(path, table.to_csv(index=False, lineterminator="\n"))
    counts = table["verdict"].value_counts()
    return f"{path}: " + ", ".join(f"{count} {verdict}" for verdict, count in counts.items())
