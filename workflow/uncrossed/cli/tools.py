"""Commands about the machine: `speeds`, `bench`, `doctor`."""

import argparse
import json
import math
import sys
from pathlib import Path
from typing import Any

from uncrossed.common.errors import InputError, need_linux
from uncrossed.study.architectures import PACKAGED
from uncrossed.study.trial import FRAMEWORKS


def add_commands(commands: Any) -> None:
    """Add them to the command line's grammar."""
    command = commands.add_parser("speeds", help="write what a study's trainings took, for the resources of others")
    command.add_argument("folder", type=Path, help="results/speeds: trials of several batch sizes per architecture")
    command.add_argument(
        "--output", type=Path, default=Path("config/speeds.csv"), help="beside the studies that it is for (%(default)s)"
    )
    command.set_defaults(run=update_speeds)

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
    command.add_argument("--deterministic-only", action="store_true", help="do not measure what determinism costs")
    command.add_argument("--json", type=Path, metavar="FILE", help="write all figures there")
    command.set_defaults(run=run_bench)

    command = commands.add_parser("doctor", help="what each framework sees here, what is wrong, and what to do")
    command.add_argument("--probe", choices=FRAMEWORKS, help=argparse.SUPPRESS)
    command.set_defaults(run=run_doctor)


def update_speeds(options: argparse.Namespace) -> None:
    """Measure speeds from a study's run records, and put them into the package's table."""
    from uncrossed.results import tables
    from uncrossed.study import resources

    measured = resources.measure(*tables.read_runs(options.folder))
    resources.update(measured, options.output)
    print(f"{options.output}: {len(measured)} lines measured")


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
        report=lambda line: print(line, file=sys.stderr, flush=True),
    )
    print(table(measured))
    if options.json:
        files.write_json(options.json, measured)
    return 1 if measured["failed"] else 0


def run_doctor(options: argparse.Namespace) -> int:
    """Print facts and problems; exit 1 when there is a problem."""
    need_linux("doctor is about trainings, which need")
    from uncrossed import doctor

    if options.probe:
        print(json.dumps(doctor.probe(options.probe)))
        return 0
    facts, problems, unseen = doctor.examine()
    for name, value in facts:
        print(f"{name:12} {value}")
    for problem in problems:
        print(f"\nPROBLEM: {problem}")
    if problems:
        print(f"\n{len(problems)} problems")
    elif unseen:
        print("\nno problems in what could be examined")
    else:
        print("\nno problems")
    for what in unseen:
        print(f"not examined: {what}")
    return 1 if problems else 0
