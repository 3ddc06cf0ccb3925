"""The commands of a job: `train` makes one trial file, `preflight` shows that a GPU suits before any is made."""

import argparse
import math
import os
import platform
import sys
import time
from pathlib import Path
from typing import Any

from uncrossed.cli.words import fail, is_json, json_object, without_suggestion
from uncrossed.common.errors import InputError, need_linux
from uncrossed.study.architectures import given as given_architecture
from uncrossed.study.trial import FRAMEWORKS, Job, Settings

# Nearly the process's beginning: a run record says how long the whole process took.
STARTED = time.monotonic()


def add_commands(commands: Any) -> None:
    """Add them to the command line's grammar."""
    command = commands.add_parser("train", help="train one trial on one framework")
    command.add_argument("framework", choices=FRAMEWORKS)
    command.add_argument("--row", nargs="?", help="a manifest row as JSON, or a file that holds it or a suggestion")
    command.add_argument("--settings", help="settings as JSON, or a file that holds them (the defaults)")
    command.add_argument("--job", help="row, settings and dataset identity as one JSON object, as the workflow does")
    command.add_argument("--dataset", type=Path, required=True, help="a dataset file")
    command.add_argument("--output", type=Path, required=True, help="FILE.h5; the run record goes beside it")
    command.add_argument("--architecture", type=Path, help="the file of the row's architecture, if it is a user's own")
    command.add_argument(
        "--twin",
        type=Path,
        nargs="?",
        help="a trial file to take it from, if it is of the same training or has its view",
    )
    command.add_argument(
        "--views",
        action="store_true",
        help="carry what rows are taken from that differ in evaluation mechanisms alone: FILE.views.h5",
    )
    command.add_argument("--checkpoint-seconds", type=float, help="instead of the setting")
    command.add_argument(
        "--patience",
        type=float,
        default=600,
        help="end it where a step takes more seconds than this and 100 times the longest before (%(default)s)",
    )
    command.set_defaults(run=train)
    command = commands.add_parser("preflight", help="do driver and card suit a framework, and does one step run?")
    command.add_argument("framework", choices=FRAMEWORKS)
    command.add_argument("--device", choices=("cpu", "gpu"), default="gpu", help="(%(default)s)")
    command.add_argument("--threads", type=int, default=1, help="CPU threads (%(default)s)")
    command.add_argument("--output", type=Path, required=True, metavar="FILE", help="what was found, as JSON")
    command.set_defaults(run=preflight)


def train(options: argparse.Namespace) -> int:
    """Train, write the run record and then the trial file."""
    need_linux("training needs")
    from uncrossed.job import signals, training
    from uncrossed.training.backends import DeviceError

    # A log may hold several attempts.
    began = f"{time.strftime('%Y-%m-%d %H:%M:%S %z')} on {platform.node()}, process {os.getpid()}"
    print(f"training of {options.output} begun {began}", file=sys.stderr, flush=True)
    job = _job(options)
    architecture = given_architecture(job.row.architecture, options.architecture)
    if options.output.suffix != ".h5":
        raise InputError(f"--output {options.output}: allowed: a name that ends in .h5")
    if options.output.is_dir():
        raise InputError(f"--output {options.output}: is a folder; allowed: a file")
    interval = job.settings.checkpoint_seconds if options.checkpoint_seconds is None else options.checkpoint_seconds
    if not 0 <= interval < math.inf:
        raise InputError(f"--checkpoint-seconds: found {interval}; allowed: a number >= 0")
    if not 0 < options.patience < math.inf:
        raise InputError(f"--patience: found {options.patience}; allowed: a number > 0")
    written = {os.path.realpath(path) for path in training.written(options.output)}
    for name in ("row", "settings", "job", "dataset", "architecture", "twin"):
        given = str(getattr(options, name) or "")
        if given and not is_json(given) and os.path.realpath(given) in written:
            raise InputError(f"--output {options.output}: would overwrite --{name} {given}; allowed: another name")
    try:
        training.train(
            options.framework,
            job,
            architecture,
            options.dataset,
            options.output,
            twin=options.twin,
            with_views=options.views,
            checkpoint_seconds=interval,
            patience=options.patience,
            started=STARTED,
        )
    except (DeviceError, ModuleNotFoundError) as error:
        return fail(error, 1)
    except signals.Interrupted as error:
        fail(error, 1)
        signals.die(error.number)
        return 1
    return 0


def preflight(options: argparse.Namespace) -> int:
    """Write what was found; exit 1 where something does not suit, with one line that says what to do."""
    need_linux("training needs")
    from uncrossed.common import files
    from uncrossed.job import preflight
    from uncrossed.training.backends import DeviceError

    settings = Settings.check({"device": options.device, "threads": options.threads}, "preflight")
    try:
        found = preflight.check(options.framework, settings)
    except (DeviceError, ModuleNotFoundError) as error:
        return fail(f"{options.framework} cannot train here: {error}", 1)
    options.output.parent.mkdir(parents=True, exist_ok=True)
    files.write_json(options.output, found)
    print(f"{options.framework} can train on {found['device']}: {options.output}", file=sys.stderr)
    return 0


def _job(options: argparse.Namespace) -> Job:
    values = json_object(options.job, "--job") if options.job else {}
    for name in ("row", "settings"):
        given = getattr(options, name)
        if given:
            values[name] = json_object(given, f"--{name}")
    if isinstance(values.get("row"), dict):
        values["row"] = without_suggestion(values["row"])
    if "row" not in values:
        raise InputError("a training needs --row or --job")
    return Job.check(values, "--job" if options.job else f"--row {options.row}"[:80])
