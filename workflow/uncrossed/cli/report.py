"""The command that writes a study as one page: `report`."""

import argparse
from pathlib import Path
from typing import Any


def add_commands(commands: Any) -> None:
    """Add them to the command line's grammar."""
    command = commands.add_parser("report", help="write a study as one HTML file that stands alone")
    command.add_argument("folder", type=Path, help="results/STUDY, with its tables")
    command.add_argument(
        "--partial", action="store_true", help="list what is missing in the report instead of refusing"
    )
    command.set_defaults(run=write_report)


def write_report(options: argparse.Namespace) -> None:
    """Write the report of a study."""
    from uncrossed.report import report

    print(report.make(options.folder, options.partial))
