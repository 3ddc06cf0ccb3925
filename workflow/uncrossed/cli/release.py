"""Commands that publish a study: `release`, `publish`."""

import argparse
from pathlib import Path
from typing import Any

from uncrossed.cli.words import fail
from uncrossed.common.errors import InputError


def add_commands(commands: Any) -> None:
    """Add them to the command line's grammar."""
    command = commands.add_parser("release", help="write what a study needs to be published: card, metadata, list")
    command.add_argument("folder", type=Path, help="results/STUDY, with its SHA256SUMS")
    command.set_defaults(run=make_release)

    command = commands.add_parser("publish", help="upload a released study; the same command finishes what was begun")
    command.add_argument("folder", type=Path, help="results/STUDY, with its RELEASE_SHA256SUMS")
    command.add_argument("destination", help="gs://BUCKET/PREFIX or file:///FOLDER")
    command.add_argument("--receipt", type=Path, help="list each object here, last; needed without --dry-run")
    command.add_argument("--dry-run", action="store_true", help="check everything, list what would be created")
    command.add_argument(
        "--allow",
        action="append",
        default=[],
        metavar="'FILE: PLACE: WHAT'",
        help="a line that was reported and is a false alarm; may be repeated, and is recorded in the receipt",
    )
    command.set_defaults(run=upload)


def make_release(options: argparse.Namespace) -> None:
    """Write a study's card, metadata and list of all that is released."""
    from uncrossed.release import release
    from uncrossed.study import layout

    names = release.make(options.folder)
    print(f"{options.folder / layout.RELEASE_CHECKSUMS}: {len(names)} files")


def upload(options: argparse.Namespace) -> int:
    """Upload a released study."""
    if not options.receipt and not options.dry_run:
        raise InputError("--receipt: missing; needed without --dry-run")
    try:
        from uncrossed.release.upload import publish

        receipt = None if options.dry_run else options.receipt
        where = publish(options.folder, options.destination, receipt, allow=options.allow)
    except ModuleNotFoundError as error:
        return fail(f"{error}; install it with pip install -e '.[workflow]'", 1)
    print(f"would publish {where}" if options.dry_run else f"published {where}")
    return 0
