"""The command that makes one dataset file: `dataset`."""

import argparse
from pathlib import Path
from typing import Any

from uncrossed.cli.words import is_json, json_object
from uncrossed.common.errors import InputError, nearest
from uncrossed.datasets.definition import BUILT_IN_DATASETS, Definition


def add_commands(commands: Any) -> None:
    """Add them to the command line's grammar."""
    command = commands.add_parser("dataset", help="fetch, verify and write a dataset")
    command.add_argument("definition", help="a built-in name, or a definition as JSON")
    command.add_argument("--output", type=Path, required=True)
    command.set_defaults(run=build_dataset)


def build_dataset(options: argparse.Namespace) -> None:
    """Write a dataset file."""
    from uncrossed.datasets.build import build

    if options.definition in BUILT_IN_DATASETS:
        definition = BUILT_IN_DATASETS[options.definition]
    elif is_json(options.definition):
        definition = Definition.check(json_object(options.definition, "definition"), "dataset definition")
    else:
        raise InputError(f"unknown dataset '{options.definition}'; {nearest(options.definition, BUILT_IN_DATASETS)}")
    build(definition, options.output)
