"""Manifests: CSV files with one trial a row. Read, check, write, sample."""

import csv
import hashlib
import io
import os
import re
from collections.abc import Iterable, Mapping
from itertools import pairwise
from pathlib import Path

from uncrossed.common.errors import InputError, nearest, shown
from uncrossed.common.files import read_text, write_text
from uncrossed.study.architectures import PACKAGED, Architectures
from uncrossed.study.mechanisms import resolve, spell
from uncrossed.study.space import PUBLISHED, Space
from uncrossed.study.trial import NOTES, Settings, Trial

QUOTES = "'\"`\u2018\u2019\u201c\u201d"
COLUMNS = tuple(Trial.model_fields)
REQUIRED = tuple(name for name, field in Trial.model_fields.items() if field.is_required())


def read(
    path: str | os.PathLike[str],
    semantics: Mapping[str, str] | None = None,
    examples: int | None = None,
    architectures: Architectures | None = PACKAGED,
    settings: Settings | None = None,
) -> dict[str, Trial]:
    """Read and check a manifest.

    Args:
        path: a CSV file, UTF-8, with a header.
        semantics: a study's own names for semantics.
        examples: the number of training examples, to check batch sizes against.
        architectures: what rows may name; None takes any name.
        settings: the study's, to check semantics against.

    Returns:
        The rows by trial name, in the file's order.

    Raises:
        InputError: the first fault, naming file, row, column, what was found and what is allowed.
    """
    if Path(path).suffix in (".yaml", ".yml", ".json"):
        raise InputError(f"{path}: a manifest is a CSV file; a study is given with --study")
    text = read_text(path).removeprefix("\ufeff")
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        lines = [(reader.line_num, values) for values in reader if any(value.strip() for value in values)]
    except csv.Error as error:
        raise InputError(f"{path}: line {reader.line_num}: not well-formed CSV ({error})") from error
    if not lines:
        raise InputError(f"{path}: empty; a manifest has a header with the columns {', '.join(REQUIRED)}")
    header = [name.strip() for name in lines[0][1]]
    _check_header(header, path)
    if len(lines) == 1:
        raise InputError(f"{path}: no rows below the header; a manifest has at least one trial")
    rows: dict[str, Trial] = {}
    places: dict[str, str] = {}
    for number, (line, values) in enumerate(lines[1:], start=1):
        place = f"row {number} (line {line})"
        if len(values) != len(header):
            raise InputError(
                f"{path}: {place}: found {len(values)} values; the header has {len(header)} columns"
                + _why_other_count(values, len(header))
            )
        row = _parse(dict(zip(header, (value.strip() for value in values), strict=True)), f"{path}: {place}", semantics)
        if row.trial in rows:
            raise InputError(f"{path}: {place}, column 'trial': '{row.trial}' is already in {places[row.trial]}")
        try:
            if architectures is not None and row.architecture not in architectures:
                allowed = nearest(row.architecture, list(architectures))
                raise InputError(f"column 'architecture': found '{row.architecture}'; {allowed}")
            if architectures is not None and examples is not None:
                row.check_examples(examples, architectures[row.architecture])
            if architectures is not None and settings is not None:
                settings.check_semantics(row.semantics, architectures[row.architecture])
        except InputError as error:
            raise InputError(f"{path}: {place}, {error}") from error
        rows[row.trial], places[row.trial] = row, place
    return rows


def _why_other_count(values: list[str], columns: int) -> str:
    if len(values) < columns:
        return ""
    if not any(value.strip() for value in values[columns:]):
        return ": the line ends in a comma too many"
    return ": a comma too many, as in a number with a decimal comma (allowed: 0.1), or text with commas without quotes"


def _check_header(header: list[str], path: str | os.PathLike[str]) -> None:
    for separator, name in ((";", "semicolons"), ("\t", "tabs"), ("|", "bars")):
        if len(header) == 1 and separator in header[0]:
            raise InputError(f"{path}: the header is separated by {name}; allowed: commas")
    if not header[0] or header[0].startswith("Unnamed: "):
        raise InputError(
            f"{path}: the first column has no name, as an index that pandas wrote; leave it out: write with index=False"
        )
    for number, name in enumerate(header, start=1):
        if not any(header[number - 1 :]):
            raise InputError(f"{path}: the header ends in a comma; leave out the commas at the ends of the lines")
        if name not in COLUMNS:
            found = f"unknown column {shown(name)}" if name else f"column {number} has no name"
            raise InputError(f"{path}: {found}; {nearest(name, COLUMNS)}")
        if header.count(name) > 1:
            raise InputError(f"{path}: column '{name}' stands twice in the header")
    for name in REQUIRED:
        if name not in header:
            raise InputError(f"{path}: missing column '{name}'; required: {', '.join(REQUIRED)}")


def _parse(values: dict[str, str], where: str, semantics: Mapping[str, str] | None) -> Trial:
    filled: dict[str, object] = {name: value for name, value in values.items() if value or name in REQUIRED}
    if "semantics" in filled:
        try:
            filled["semantics"] = resolve(str(filled["semantics"]), semantics)
        except InputError as error:
            raise InputError(f"{where}, column 'semantics': {error}") from error
    try:
        return Trial.check(filled, where, "column")
    except InputError as error:
        raise InputError(f"{error}{_advice(values.values())}") from error


def _advice(values: Iterable[str]) -> str:
    """What to change where programs write numbers otherwise than CSV has them."""
    if any(value[:1] in QUOTES for value in values if value):
        return "; write numbers and names without quotes in their value"
    if any(re.fullmatch(r"[-+]?\d*,\d+([eE][-+]?\d+)?", value) for value in values):
        return "; write numbers with a decimal point"
    return ""


def text(rows: Iterable[Trial]) -> str:
    """Rows as a manifest, sorted by trial name, semantics spelled without a study's own names.

    Raises:
        InputError: two rows of one name.
    """
    rows = sorted(rows, key=lambda row: row.trial)
    for row, after in pairwise(rows):
        if row.trial == after.trial:
            raise InputError(f"trial '{row.trial}' would be in the manifest twice")
    noted = [name for name in NOTES if any(getattr(row, name) is not None for row in rows)]
    columns = [name for name in COLUMNS if name not in NOTES or name in noted]
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(columns)
    for row in rows:
        values = {**dict(row), "semantics": spell(row.semantics)}
        writer.writerow(["" if values[name] is None else values[name] for name in columns])
    return stream.getvalue()


def write(path: str | os.PathLike[str], rows: Iterable[Trial]) -> None:
    """Write rows as a manifest that builds the same results; see `text`."""
    write_text(path, text(rows))


def sha256(rows: Iterable[Trial]) -> str:
    """The identity of a set of rows, whatever their order."""
    return hashlib.sha256(text(rows).encode()).hexdigest()


def sample(architectures: Iterable[str], per_subspace: int, seed: int, space: Space = PUBLISHED) -> list[Trial]:
    """Draw rows at random from each subspace of a search box.

    Args:
        architectures: each gets rows of its own.
        per_subspace: rows for each architecture and subspace.
        seed: from 0; the same seed gives the same rows with any version of NumPy.
        space: the box and its split.

    Returns:
        Rows named `{architecture}-s{subspace}-{number}`, each with a seed of its own.
    """
    rows = []
    for architecture in architectures:
        for number, subspace in enumerate(space.subspaces()):
            random = space.stream(seed, architecture, number)
            for k in range(per_subspace):
                point = {name: interval.draw(random) for name, interval in subspace.items()}
                trial = f"{architecture}-s{number:02d}-{k:02d}"
                values = {"trial": trial, "architecture": architecture, "space": number, "seed": random.integer(2**32)}
                rows.append(Trial.check({**values, **point}, f"sampled row {trial}"))
    return rows
