"""The command that looks at a machine: `doctor`."""

import argparse
import json
from typing import Any

from uncrossed.common.errors import need_linux
from uncrossed.study.trial import FRAMEWORKS


def add_commands(commands: Any) -> None:
    """Add them to the command line's grammar."""
    command = commands.add_parser("doctor", help="what each framework sees here, what is wrong, and what to do")
    command.add_argument("--probe", choices=FRAMEWORKS, help=argparse.SUPPRESS)
    command.set_defaults(run=run_doctor)


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
        print(f"\n{len(problems)} {'problem' if len(problems) == 1 else 'problems'}")
    elif unseen:
        print("\nno problems in what could be examined")
    else:
        print("\nno problems")
    for what in unseen:
        print(f"not examined: {what}")
    return 1 if problems else 0
