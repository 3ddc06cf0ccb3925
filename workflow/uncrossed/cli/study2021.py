"""The command about the published study of 2021: `published`."""

import argparse
from pathlib import Path
from typing import Any


def add_commands(commands: Any) -> None:
    """Add them to the command line's grammar."""
    command = commands.add_parser("published", help="analyse the published tables of 2021, without any training")
    command.add_argument("--folder", type=Path, help="take its tables from here instead of downloading them")
    command.add_argument("--url", help="a mirror to download from")
    command.add_argument("--output", type=Path, default=Path("results/published"), help="(%(default)s)")
    command.set_defaults(run=analyse_published)


def analyse_published(options: argparse.Namespace) -> None:
    """Write the published pairs as a study, analyse them, and make their report."""
    from uncrossed.report import report
    from uncrossed.study2021 import analysis, defects, published_tables

    table = published_tables.read(options.folder, options.url)
    for defect in defects.find(table):
        print(defect)
    print(analysis.printed(analysis.make(table, options.output)))
    print(f"{report.make(options.output)}")
