"""The command about the published study of 2021: `published`."""

import argparse
from pathlib import Path
from typing import Any

from uncrossed.datasets.definition import BUILT_IN_DATASETS


def add_commands(commands: Any) -> None:
    """Add them to the command line's grammar."""
    command = commands.add_parser("published", help="analyse the published tables of 2021, without any training")
    command.add_argument("--folder", type=Path, help="take its tables from here instead of downloading them")
    command.add_argument("--url", help="a mirror to download from")
    command.add_argument("--output", type=Path, default=Path("results/published"), help="(%(default)s)")
    command.set_defaults(run=analyse_published)


def analyse_published(options: argparse.Namespace) -> None:
    """Write the published pairs as a study, analyse them, and make their report."""
    from uncrossed.analysis.analyse import make, printed
    from uncrossed.report import report
    from uncrossed.study2021 import defects, published_study, published_tables

    table = published_tables.read(options.folder, options.url)
    for defect in defects.find(table):
        print(defect)
    published_study.write(table, options.output)
    data = BUILT_IN_DATASETS["cifar10"]
    summary = make(options.output, examples=(data.train_examples, data.test_examples), classes=data.classes)
    print(printed(summary))
    print(f"{report.make(options.output)}")
