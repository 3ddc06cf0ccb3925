"""Commands about a study's results: `tables`, `checksums`, `show`, `compare`, `verify`."""

import argparse
from pathlib import Path
from typing import Any

from uncrossed.cli.words import add_own_architectures, counted, json_object, own_architectures
from uncrossed.common.errors import InputError, nearest


def add_commands(commands: Any) -> None:
    """Add them to the command line's grammar."""
    command = commands.add_parser("tables", help="make the tables of a study from its results")
    command.add_argument("folder", type=Path, help="results/STUDY")
    command.add_argument("--partial", action="store_true", help="list missing results instead of refusing")
    command.add_argument("--expected", help="settings, dataset and SHA-256 of the rows that all must have, as JSON")
    command.set_defaults(run=make_tables)

    command = commands.add_parser("checksums", help="write a study's SHA256SUMS")
    command.add_argument("folder", type=Path, help="results/STUDY")
    command.set_defaults(run=write_checksums)

    command = commands.add_parser("show", help="print a study's pairs, or one pair")
    command.add_argument("trial", nargs="?")
    command.add_argument("--study", type=Path, default=Path("results/cifar10"), help="its folder (%(default)s)")
    command.set_defaults(run=show)

    command = commands.add_parser("compare", help="compare two trial files; exit 1 when their results differ")
    command.add_argument("first", type=Path)
    command.add_argument("second", type=Path)
    command.set_defaults(run=compare_files)

    command = commands.add_parser(
        "verify",
        help="check a study's files; exit 1 and name each fault",
        epilog="exit codes: 0 when all is as it should be, 1 with a fault or when something could not be checked, "
        "2 when nothing can be, as of a place without a study",
    )
    command.add_argument("place", help="results/STUDY, or the URL of a study or release: https://..., gs://...")
    command.add_argument("--quarantine", action="store_true", help="move damaged files aside, to be built again")
    command.add_argument(
        "--ignore-missing", action="store_true", help="check what is there, as of a copy of some trials"
    )
    command.add_argument("--recompute", action="store_true", help="compute logits again from the weights, too")
    command.add_argument("--dataset", type=Path, help="the dataset's file for that; default: beside the study")
    add_own_architectures(command)
    command.set_defaults(run=verify_study)


def make_tables(options: argparse.Namespace) -> None:
    """Make the tables of a study."""
    from uncrossed.results import tables, trials_table
    from uncrossed.study import layout

    expected = json_object(options.expected, "--expected") if options.expected else None
    table = tables.make(options.folder, options.partial, expected)
    lacking = table[list(trials_table.STATUSES)].eq("missing").any(axis=1).sum()
    without = f", {lacking} of them without both results" if lacking else ""
    print(f"{options.folder / layout.TABLES_FOLDER}: {len(table)} trials{without}")


def write_checksums(options: argparse.Namespace) -> None:
    """Write a study's checksum list."""
    from uncrossed.results import checksums

    checksums.make(options.folder)


def show(options: argparse.Namespace) -> None:
    """Print the table of a study, or all that is known of one pair."""
    from uncrossed.results import tables

    table = tables.read(options.study)
    if options.trial is None:
        print(tables.printed(table))
        return
    rows = table[table["trial"] == options.trial]
    if rows.empty:
        raise InputError(f"{options.study}: no trial '{options.trial}'; {nearest(options.trial, table['trial'])}")
    print(tables.printed_pair(options.study, rows.iloc[0]))


def compare_files(options: argparse.Namespace) -> int:
    """Print how two trial files differ."""
    from uncrossed.results.compare import compare

    compared = compare(options.first, options.second)
    print(compared.verdict)
    for line in compared.explanations:
        print(f"  {line}")
    for name, difference in compared.differences.items():
        print(f"  {name}: {difference if isinstance(difference, str) else f'largest difference {difference:.3g}'}")
    return 1 if compared.verdict == "different" else 0


def verify_study(options: argparse.Namespace) -> int:
    """Name each fault of a study's files, and what could not be checked."""
    from uncrossed.results.verify import verify

    files = own_architectures(options)
    seen = verify(options.place, options.quarantine, options.recompute, options.dataset, options.ignore_missing, files)
    for fault in seen.faults:
        print(fault)
    for warning in seen.warnings:
        print(f"warning: {warning}")
    for what in (*seen.unchecked, *seen.skipped):
        print(f"not checked: {what}")
    if seen.faults:
        said = counted(seen.faults, "fault")
    elif seen.unchecked:
        said = "no fault in what could be checked, but that is not all"
    elif options.ignore_missing:
        said = "all files are as they should be that are there"
    else:
        said = "all files are as they should be"
    print(f"{options.place}: {said}" + (f", {counted(seen.warnings, 'warning')}" if seen.warnings else ""))
    return 1 if seen.faults or seen.unchecked else 0
