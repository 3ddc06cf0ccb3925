"""Commands that say what a study's pairs say together: `attribution`, `analyse`, `published`, `report`."""

import argparse
from pathlib import Path
from typing import Any

from uncrossed.datasets.definition import BUILT_IN


def add_commands(commands: Any) -> None:
    """Add them to the command line's grammar."""
    command = commands.add_parser("attribution", help="how much each mechanism explains, in an ablation study")
    command.add_argument("folder", type=Path, help="results/STUDY")
    command.set_defaults(run=attribute)

    command = commands.add_parser("analyse", help="summarise a study: statistics with bounds, and figures")
    command.add_argument("folder", type=Path, help="results/STUDY, with its tables")
    command.add_argument("--partial", action="store_true", help="leave out missing results instead of refusing")
    command.add_argument(
        "--reference", type=Path, help="published pairs to set beside: FILE.parquet of import-published"
    )
    command.add_argument(
        "--examples", type=int, nargs=2, metavar=("TRAIN", "TEST"), help="the dataset's; default: what trial files say"
    )
    command.add_argument(
        "--classes", type=int, default=10, help="the dataset's, where no trial file says it (%(default)s)"
    )
    command.set_defaults(run=analyse)

    command = commands.add_parser("published", help="analyse the published tables of 2021, without any training")
    command.add_argument("--folder", type=Path, help="take its tables from here instead of downloading them")
    command.add_argument("--url", help="a mirror to download from")
    command.add_argument("--output", type=Path, default=Path("results/published"), help="(%(default)s)")
    command.set_defaults(run=analyse_published)

    command = commands.add_parser("report", help="write a study as one HTML file that stands alone")
    command.add_argument("folder", type=Path, help="results/STUDY, with its tables")
    command.add_argument(
        "--partial", action="store_true", help="list what is missing in the report instead of refusing"
    )
    command.set_defaults(run=write_report)


def attribute(options: argparse.Namespace) -> None:
    """Write and print the attribution of an ablation study."""
    from uncrossed.analysis import attribution

    shares, bases = attribution.make(options.folder)
    print(attribution.printed(shares, bases))


def analyse(options: argparse.Namespace) -> None:
    """Write a study's summary and figures, and print the main numbers."""
    from uncrossed.analysis.analyse import make, printed

    examples = tuple(options.examples) if options.examples else None
    summary = make(options.folder, options.partial, examples, options.classes)
    print(printed(summary))
    if options.reference:
        from uncrossed.study2021 import published

        print(published.write_beside(options.folder, options.reference, summary))


def analyse_published(options: argparse.Namespace) -> None:
    """Write the published pairs as a study, analyse them, and make their report."""
    from uncrossed.analysis.analyse import make, printed
    from uncrossed.report import report
    from uncrossed.study2021 import published

    table = published.read(options.folder, options.url)
    for defect in published.defects(table):
        print(defect)
    published.study(table, options.output)
    data = BUILT_IN["cifar10"]
    summary = make(options.output, examples=(data.train_examples, data.test_examples), classes=data.classes)
    print(printed(summary))
    print(f"{report.make(options.output)}")


def write_report(options: argparse.Namespace) -> None:
    """Write the report of a study."""
    from uncrossed.report import report

    print(report.make(options.folder, options.partial))
