"""Commands of a search: `search suggest`, `check`, `trajectory`, `best`."""

import argparse
from pathlib import Path
from typing import Any

from uncrossed.common.errors import InputError


def add_commands(commands: Any) -> None:
    """Add them to the command line's grammar."""
    group = commands.add_parser("search", help="suggest, check and show the trials of a search")
    group = group.add_subparsers(required=True, metavar="DO")
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--study", required=True, help="a study file with a search, or the study as JSON")
    common.add_argument("--results", type=Path, help="default: results/STUDY")

    text = "make the row of one trial from the finished ones that it may see"
    command = group.add_parser("suggest", parents=[common], help=text)
    command.add_argument("trial")
    command.set_defaults(run=suggest)

    text = "ask the algorithm again for every suggestion that was made; exit 1 when one differs"
    command = group.add_parser("check", parents=[common], help=text)
    command.set_defaults(run=check)

    text = "write the trajectory's table, JSON and figures"
    command = group.add_parser("trajectory", parents=[common], help=text)
    command.set_defaults(run=make_trajectory)

    command = group.add_parser("best", parents=[common], help="print the best trials")
    command.add_argument("--count", type=int, default=5, help="of each architecture (%(default)s)")
    command.set_defaults(run=print_best)


def suggest(options: argparse.Namespace) -> None:
    """Write one trial's suggestion."""
    from uncrossed.search import suggestion

    study, results = _searched(options)
    suggestion.keep(results, options.trial, suggestion.suggest(study, options.trial, results))


def check(options: argparse.Namespace) -> int:
    """Name each suggestion that is not what the algorithm suggests."""
    from uncrossed.search import trajectory

    study, results = _searched(options)
    faults = trajectory.check(study, results)
    made = f"{len(study.suggested(results))} of {len(study.trials)} are made"
    print("\n".join(faults) or f"{results}: every suggestion is what the algorithm suggests; {made}")
    return 1 if faults else 0


def make_trajectory(options: argparse.Namespace) -> None:
    """Write the trajectory."""
    from uncrossed.search import trajectory
    from uncrossed.study import layout

    study, results = _searched(options)
    print(f"{results}/{layout.TRAJECTORY_TABLE}: {len(trajectory.make(study, results))} trials")


def print_best(options: argparse.Namespace) -> None:
    """Print the best trials."""
    from uncrossed.search import trajectory

    study, results = _searched(options)
    if options.count < 1:
        raise InputError(f"--count: found {options.count}; allowed: an integer >= 1")
    print(trajectory.best(trajectory.read(results), study.search, options.count).to_string(index=False))


def _searched(options: argparse.Namespace) -> tuple[Any, Path]:
    """The study and its folder of results."""
    from uncrossed.study.study import Study

    study = Study.given(options.study)
    if study.search is None:
        raise InputError(f"{options.study}: has a manifest; allowed: a study with a search")
    return study, options.results or Path("results") / study.name
