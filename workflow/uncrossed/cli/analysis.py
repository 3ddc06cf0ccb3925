"""Commands that say what a study's pairs say together: `attribution`, `analyse`."""

import argparse
from pathlib import Path
from typing import Any


def add_commands(commands: Any) -> None:
    """Add them to the command line's grammar."""
    command = commands.add_parser("attribution", help="how much each factor contributes to the gap, in a factorial")
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
    command.add_argument("--classes", type=int, help="the dataset's, where no trial file says it")
    command.set_defaults(run=analyse)


def attribute(options: argparse.Namespace) -> None:
    """Write and print the attribution of a study with factorials."""
    from uncrossed.analysis import attribution

    print(attribution.printed(attribution.make(options.folder)))


def analyse(options: argparse.Namespace) -> None:
    """Write a study's summary and figures, and print the main numbers."""
    from uncrossed.analysis.analyse import make, printed
    from uncrossed.analysis.recalibration import brief, recalibration

    examples = tuple(options.examples) if options.examples else None
    summary = make(options.folder, options.partial, examples, options.classes)
    print(printed(summary))
    recalibrated = recalibration(options.folder)
    if recalibrated is not None:
        print(brief(recalibrated))
    if options.reference:
        from uncrossed.study2021 import comparison

        print(comparison.write(options.folder, options.reference))
