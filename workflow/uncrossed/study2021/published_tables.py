"""The result tables of the study that was published in 2021: fetched, checked and read.

The tables are CSV files of another repository, pinned by commit and SHA-256. The originals hold somebody's access key
and account: of a table only the `READ_COLUMNS` are ever kept, and no error quotes a value long enough to be a key.
"""

import csv
import io
import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from http.client import HTTPException
from pathlib import Path
from typing import Any

import pandas as pd

from uncrossed.common.errors import InputError
from uncrossed.common.files import reading
from uncrossed.common.servers import whole
from uncrossed.datasets.definition import BUILT_IN_DATASETS
from uncrossed.results import diagnosis
from uncrossed.results.trials_table import ACCURACIES, DIAGNOSIS, DIFFERENCE, diagnosis_column
from uncrossed.study.hyperparameters import HYPERPARAMETERS
from uncrossed.study.trial import FRAMEWORKS
from uncrossed.study2021 import sampling

BASE_URL = "https://raw.githubusercontent.com/maxzvyagin/crossedwires"
COMMIT = "220035c5b7252de1d83019945e36f6178eee11e0"
FOLDER = "src/crossedwires/cifar10"
# Each framework's training losses: PyTorch's are those of an epoch's last batch, TensorFlow's means over an epoch.
TRAINING_LOSSES = ("pt_average_training_loss", "tf_training_loss")
LOSSES = ("pt_average_training_loss", "pt_latest_training_loss", "tf_training_loss")
# All that is read of a table, in which hyperparameters have the names that they have here.
READ_COLUMNS = ("Name", *HYPERPARAMETERS, "pt_test_acc", "tf_test_acc", "accuracy_diff", "State", "Runtime", *LOSSES)
RUN_STATES = ("finished", "running", "crashed", "failed", "killed")


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
        epoch, None where there is none; the diagnoses of both sides and of the pair (`results.diagnosis`); `origin`,
        `point` and `box`, as `sampling.origins` finds them.

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
    table = pd.DataFrame(rows.values())
    return pd.concat([table, _diagnoses(table), sampling.origins(table)], axis=1)


def _diagnoses(table: pd.DataFrame) -> pd.DataFrame:
    """What became of each side and pair; of accuracies that are no share of right answers nothing is said."""
    data = BUILT_IN_DATASETS["cifar10"]
    found = {
        diagnosis_column(framework): [
            diagnosis.of_side(value, losses or [], [], data.classes, data.test_examples)
            for value, losses in zip(table[accuracy], table[loss], strict=True)
        ]
        for framework, accuracy, loss in zip(FRAMEWORKS, ACCURACIES, TRAINING_LOSSES, strict=True)
    }
    sides = zip(*found.values(), strict=True)
    return pd.DataFrame({**found, DIAGNOSIS: [diagnosis.of_pair(*pair) for pair in sides]}, index=table.index)


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
        **{name: number(name, int if known.integer else float) for name, known in HYPERPARAMETERS.items()},
        **dict(zip(ACCURACIES, (pytorch, tensorflow), strict=True)),
        DIFFERENCE: pytorch - tensorflow,
        "accuracy_diff": number("accuracy_diff"),
        "state": values["State"],
        "runtime_seconds": number("Runtime"),
        **{name: losses(name) for name in LOSSES},
    }
