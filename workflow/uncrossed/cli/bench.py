"""The command that measures speed: `bench`."""

import argparse
import math
import sys
from pathlib import Path
from typing import Any

from uncrossed.common.errors import InputError, need_linux
from uncrossed.study.architectures import PACKAGED
from uncrossed.study.trial import FRAMEWORKS


def add_commands(commands: Any) -> None:
    """Add them to the command line's grammar."""
    command = commands.add_parser(
        "bench", help="images per second beside the bare step and the plain program; start-up"
    )
    command.add_argument("--framework", action="append", choices=FRAMEWORKS, help="default: both")
    command.add_argument("--architecture", action="append", choices=list(PACKAGED), help="default: all")
    command.add_argument("--batch-size", action="append", type=int, help="default: 10, 128 and 1000")
    command.add_argument("--device", choices=("cpu", "gpu"), default="cpu", help="(%(default)s)")
    command.add_argument("--threads", type=int, default=2, help="CPU threads (%(default)s)")
    command.add_argument("--rounds", type=int, default=3, help="medians are over these (%(default)s)")
    command.add_argument("--seconds", type=float, default=2, help="of each measurement (%(default)s)")
    command.add_argument("--order", choices=("dataset", "shuffled"), default="dataset", help="(%(default)s)")
    command.add_argument("--deterministic-only", action="store_true", help="do not measure what determinism costs")
    command.add_argument("--json", type=Path, metavar="FILE", help="write all figures there")
    command.set_defaults(run=run_bench)


def run_bench(options: argparse.Namespace) -> int:
    """Measure, print tables, and write all figures; exit 1 when a case failed."""
    need_linux("bench needs")
    from uncrossed.bench import BATCH_SIZES, bench, table
    from uncrossed.common import files

    if options.rounds < 1 or not 0 < options.seconds < math.inf:
        raise InputError("--rounds and --seconds: allowed: numbers > 0")
    measured = bench(
        options.framework or FRAMEWORKS,
        options.architecture or list(PACKAGED),
        options.batch_size or BATCH_SIZES,
        (True,) if options.deterministic_only else (True, False),
        options.device,
        options.threads,
        options.rounds,
        options.seconds,
        options.order,
        report=lambda line: print(line, file=sys.stderr, flush=True),
    )
    print(table(measured))
    if options.json:
        files.write_json(options.json, measured)
    return 1 if measured["failed"] else 0
