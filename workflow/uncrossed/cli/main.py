"""The command `uncrossed`: one function per command; the rules of the workflow call it too.

Exit codes: 0; 1 when a command found a fault or a difference, or could not read, look or finish; 2 for bad input.
"""

import argparse
import contextlib
import json
import math
import os
import platform
import signal
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Collection
from pathlib import Path
from typing import Any

from uncrossed.common import environment
from uncrossed.common.errors import InputError, UnreadableError, nearest, need_linux
from uncrossed.datasets.dataset_file import BUILT_IN, Definition
from uncrossed.study import manifest
from uncrossed.study.semantics import ARCHITECTURES
from uncrossed.study.trial import FRAMEWORKS, Job

STARTED = time.monotonic()


def main(arguments: list[str] | None = None) -> None:
    """Run the command line; ends the process with its exit code."""
    if arguments is None:
        environment.renew(sys.argv[1:])
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:  # whoever started us closed it
            setattr(sys, name, open(os.devnull, "w"))  # noqa: SIM115 - it stays open
        elif hasattr(getattr(sys, name), "reconfigure"):
            # What a terminal's encoding lacks is escaped, and no reason to fail.
            getattr(sys, name).reconfigure(errors="backslashreplace")
    options = parser().parse_args(arguments)
    try:
        code = options.run(options)
        sys.stdout.flush()
    except UnreadableError as error:
        sys.exit(_fail(error, 1))
    except InputError as error:
        sys.exit(_fail(error, 2))
    except BrokenPipeError:
        # The reader of our output has gone, as in `uncrossed show | head`.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except OSError as error:
        sys.exit(_fail(error, 1))
    sys.exit(code or 0)


def _fail(error: Exception | str, code: int) -> int:
    # What was printed before it comes before it, also where both streams go into one file.
    with contextlib.suppress(BrokenPipeError):
        sys.stdout.flush()
    print(f"uncrossed: {' '.join(str(error).split())}", file=sys.stderr)
    return code


def parser() -> argparse.ArgumentParser:
    """The command line's grammar."""
    top = argparse.ArgumentParser(prog="uncrossed", description="Build, check, explain and publish pairs of models.")
    commands = top.add_subparsers(required=True, metavar="COMMAND")

    group = commands.add_parser("manifest", help="check and make manifests").add_subparsers(required=True, metavar="DO")
    command = group.add_parser("check", help="check a manifest, or a study and its manifest")
    command.add_argument("file", type=Path, nargs="?", help="default: the study's")
    command.add_argument("--study", type=Path, help="a study file whose dataset and names of semantics apply")
    command.set_defaults(run=manifest_check)
    command = group.add_parser("row", help="print one row as JSON, all defaults filled in")
    command.add_argument("file", type=Path)
    command.add_argument("trial")
    command.add_argument("--study", type=Path, help="a study file whose dataset and names of semantics apply")
    command.set_defaults(run=manifest_row)
    command = group.add_parser("sample", help="draw a manifest from the published search box and its 16 subspaces")
    command.add_argument("--architectures", default="vgg16,resnet50,densenet121", help="comma-separated (%(default)s)")
    command.add_argument("--per-subspace", type=int, default=25, help="rows per subspace (%(default)s)")
    command.add_argument("--seed", type=int, default=0, help="the same seed draws the same rows (%(default)s)")
    command.add_argument("--output", type=Path, required=True)
    command.set_defaults(run=manifest_sample)

    command = group.add_parser(
        "ablate", help="cross trials with semantics (each mechanism alone, all but one) and seeds"
    )
    command.add_argument("file", type=Path)
    command.add_argument("--trials", help="comma-separated; default: all")
    command.add_argument("--seeds", default="0,1,2", help="comma-separated (%(default)s)")
    command.add_argument("--study", type=Path, help="a study file whose dataset and names of semantics apply")
    command.add_argument("--output", type=Path, required=True)
    command.set_defaults(run=manifest_ablate)

    command = group.add_parser(
        "import-published", help="make a manifest of the 2021 study's trials, and name its defects"
    )
    command.add_argument("--folder", type=Path, help="take its tables from here instead of downloading them")
    command.add_argument("--url", help="a mirror to download from (raw.githubusercontent.com/maxzvyagin/crossedwires)")
    command.add_argument("--reference", type=Path, help="write what was measured too: FILE.parquet or FILE.csv")
    command.add_argument("--output", type=Path, required=True)
    command.set_defaults(run=manifest_import_published)

    command = group.add_parser("keep", help="write what a study is built from beside its results, as the workflow does")
    command.add_argument("folder", type=Path, help="results/STUDY")
    command.add_argument("--study", required=True, help="a study file, or the study as JSON")
    command.add_argument("--rows", help="SHA-256 of the rows that the build was planned with")
    command.set_defaults(run=manifest_keep)

    command = commands.add_parser("dataset", help="fetch, verify and write a dataset")
    command.add_argument("definition", help="a built-in name, or a definition as JSON")
    command.add_argument("--output", type=Path, required=True)
    command.set_defaults(run=dataset)

    command = commands.add_parser("train", help="train one trial on one framework")
    command.add_argument("framework", choices=FRAMEWORKS)
    command.add_argument("--row", nargs="?", help="a manifest row as JSON, or a file that holds it or a suggestion")
    command.add_argument("--settings", help="settings as JSON, or a file that holds them (the defaults)")
    command.add_argument("--job", help="row, settings and dataset identity as one JSON object, as the workflow does")
    command.add_argument("--dataset", type=Path, required=True, help="a dataset file")
    command.add_argument("--output", type=Path, required=True, help="FILE.h5; the run record goes beside it")
    command.add_argument("--twin", type=Path, nargs="?", help="a trial file to copy from if it is of the same training")
    command.add_argument("--checkpoint-seconds", type=float, help="instead of the setting")
    command.add_argument(
        "--patience",
        type=float,
        default=600,
        help="end it where a step takes more seconds than this and 100 times the longest before (%(default)s)",
    )
    command.set_defaults(run=train)

    group = commands.add_parser("search", help="suggest, check and show the trials of a search")
    group = group.add_subparsers(required=True, metavar="DO")
    for name, help_text in (
        ("suggest", "make the row of one trial from the finished ones that it may see"),
        ("check", "ask the algorithm again for every suggestion that was made; exit 1 when one differs"),
        ("trajectory", "write the trajectory's table, JSON and figures"),
        ("best", "print the best trials"),
    ):
        command = group.add_parser(name, help=help_text)
        if name == "suggest":
            command.add_argument("trial")
        command.add_argument("--study", required=True, help="a study file with a search, or the study as JSON")
        command.add_argument("--results", type=Path, help="default: results/STUDY")
        if name == "best":
            command.add_argument("--count", type=int, default=5, help="of each architecture (%(default)s)")
        command.set_defaults(run=search, do=name)

    command = commands.add_parser("tables", help="make the tables of a study from its results")
    command.add_argument("folder", type=Path, help="results/STUDY")
    command.add_argument("--partial", action="store_true", help="list missing results instead of refusing")
    command.add_argument("--expected", help="settings, dataset and SHA-256 of the rows that all must have, as JSON")
    command.set_defaults(run=tables)
    command = commands.add_parser("checksums", help="write a study's SHA256SUMS")
    command.add_argument("folder", type=Path, help="results/STUDY")
    command.set_defaults(run=checksums)
    command = commands.add_parser("release", help="write what a study needs to be published: card, metadata, list")
    command.add_argument("folder", type=Path, help="results/STUDY, with its SHA256SUMS")
    command.set_defaults(run=release)
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
    command.set_defaults(run=publish)

    command = commands.add_parser("attribution", help="how much each mechanism explains, in an ablation study")
    command.add_argument("folder", type=Path, help="results/STUDY")
    command.set_defaults(run=attribution)

    command = commands.add_parser("analyse", help="summarise a study: statistics with bounds, and figures")
    command.add_argument("folder", type=Path, help="results/STUDY, with its tables")
    command.add_argument("--partial", action="store_true", help="leave out missing results instead of refusing")
    command.add_argument(
        "--reference", type=Path, help="published pairs to set beside: FILE.parquet of import-published"
    )
    command.add_argument(
        "--examples", type=int, nargs=2, metavar=("TRAIN", "TEST"), help="the dataset's; default: what trial files say"
    )
    command.add_argument(
        "--classes", type=int, default=10, help="the dataset's, where no trial file says it (%(default)s)"
    )
    command.set_defaults(run=analyse)

    command = commands.add_parser("published", help="analyse the published tables of 2021, without any training")
    command.add_argument("--folder", type=Path, help="take its tables from here instead of downloading them")
    command.add_argument("--url", help="a mirror to download from")
    command.add_argument("--output", type=Path, default=Path("results/published"), help="(%(default)s)")
    command.set_defaults(run=published)
    command = commands.add_parser("report", help="write a study as one HTML file that stands alone")
    command.add_argument("folder", type=Path, help="results/STUDY, with its tables")
    command.add_argument(
        "--partial", action="store_true", help="list what is missing in the report instead of refusing"
    )
    command.set_defaults(run=report)

    command = commands.add_parser("speeds", help="put what a study's trainings took into the table of speeds")
    command.add_argument("folder", type=Path, help="results/speeds: trials of several batch sizes per architecture")
    command.set_defaults(run=speeds)

    command = commands.add_parser("show", help="print a study's pairs, or one pair")
    command.add_argument("trial", nargs="?")
    command.add_argument("--study", type=Path, default=Path("results/cifar10"), help="its folder (%(default)s)")
    command.set_defaults(run=show)
    command = commands.add_parser("compare", help="compare two trial files; exit 1 when their results differ")
    command.add_argument("first", type=Path)
    command.add_argument("second", type=Path)
    command.set_defaults(run=compare)

    command = commands.add_parser(
        "verify",
        help="check a study's files; exit 1 and name each fault",
        epilog="exit codes: 0 when all is as it should be, 1 with a fault or when something could not be checked, "
        "2 when nothing can be, as of a place without a study",
    )
    command.add_argument("place", help="results/STUDY, or the URL of a study or release: https://..., gs://...")
    command.add_argument("--quarantine", action="store_true", help="move damaged files aside, to be built again")
    command.add_argument(
        "--ignore-missing", action="store_true", help="check what is there, as of a copy of some trials"
    )
    command.add_argument("--recompute", action="store_true", help="compute logits again from the weights, too")
    command.add_argument("--dataset", type=Path, help="the dataset's file for that; default: beside the study")
    command.set_defaults(run=verify)
    command = commands.add_parser(
        "bench", help="images per second beside the bare step and the plain program; start-up"
    )
    command.add_argument("--framework", action="append", choices=FRAMEWORKS, help="default: both")
    command.add_argument("--architecture", action="append", choices=ARCHITECTURES, help="default: all")
    command.add_argument("--batch-size", action="append", type=int, help="default: 10, 128 and 1000")
    command.add_argument("--device", choices=("cpu", "gpu"), default="cpu", help="(%(default)s)")
    command.add_argument("--threads", type=int, default=2, help="CPU threads (%(default)s)")
    command.add_argument("--rounds", type=int, default=3, help="medians are over these (%(default)s)")
    command.add_argument("--seconds", type=float, default=2, help="of each measurement (%(default)s)")
    command.add_argument("--deterministic-only", action="store_true", help="do not measure what determinism costs")
    command.add_argument("--json", type=Path, metavar="FILE", help="write all figures there")
    command.set_defaults(run=bench)
    command = commands.add_parser("doctor", help="what each framework sees here, what is wrong, and what to do")
    command.add_argument("--probe", choices=FRAMEWORKS, help=argparse.SUPPRESS)
    command.set_defaults(run=doctor)

    command = commands.add_parser("trace", help="find the first step and layer where a row's two sides part, and why")
    command.add_argument("--row", help="a manifest row as JSON, or a file that holds it")
    command.add_argument("--settings", help="settings as JSON, or a file that holds them (the defaults, float64)")
    command.add_argument("--dataset", type=Path, help="a dataset file")
    command.add_argument("--steps", type=int, default=10, help="optimizer steps (%(default)s)")
    command.add_argument("--output", type=Path, required=True, help="a folder for what both sides record")
    command.add_argument("--record", choices=FRAMEWORKS, help="record this side only, in its own environment")
    command.add_argument("--compare", action="store_true", help="compare what is recorded; needs no framework")
    command.set_defaults(run=trace)

    command = commands.add_parser("prove", help="prove that nothing is left when every mechanism is aligned")
    command.add_argument("--architecture", action="append", choices=list(ARCHITECTURES), help="default: all")
    command.add_argument("--threads", type=int, default=1)
    command.add_argument("--json", type=Path, help="write all gates here too")
    command.set_defaults(run=prove)
    return top


def manifest_check(options: argparse.Namespace) -> None:
    """Check a manifest and say what it holds."""
    file = options.file or options.study
    if file and file == options.study and (study := _study(options)).search:
        print(f"{file}: {_searched(study.search)}")
    else:
        print(f"{file}: {_held(_rows(options).values())}")


def _searched(search: Any) -> str:
    names, each = search.architectures, len(search.space.subspaces())
    return (
        f"{len(names) * each} subspaces x {search.trials} trials ({', '.join(f'{each} {name}' for name in names)}), "
        f"{search.start} of each subspace at random, then by {search.algorithm}; {search.objective}"
    )


def _held(rows: Collection[Any]) -> str:
    counts = {name: sum(row.architecture == name for row in rows) for name in ARCHITECTURES}
    return f"{len(rows)} trials ({', '.join(f'{count} {name}' for name, count in counts.items() if count)})"


def manifest_row(options: argparse.Namespace) -> None:
    """Print one row."""
    rows = _rows(options)
    if options.trial not in rows:
        raise InputError(f"{options.file}: no trial '{options.trial}'; {nearest(options.trial, rows)}")
    print(rows[options.trial].model_dump_json(indent=2))


def _rows(options: argparse.Namespace) -> dict[str, Any]:
    if options.study is None:
        if options.file is None:
            raise InputError("manifest check needs a FILE, or --study")
        return manifest.read(options.file, examples=BUILT_IN["cifar10"].train_examples)
    study = _study(options)
    return manifest.read(options.file or study.manifest, study.semantics, study.dataset.train_examples)


def _study(options: argparse.Namespace) -> Any:
    from uncrossed.study.study import Study

    return Study.load(options.study)


def manifest_keep(options: argparse.Namespace) -> None:
    """Write manifest.csv and study.json."""
    from uncrossed.study.study import Study

    Study.given(options.study).keep(options.folder, options.rows)


def manifest_sample(options: argparse.Namespace) -> None:
    """Draw and write a manifest."""
    names = options.architectures.split(",")
    for name in names:
        if name not in ARCHITECTURES:
            raise InputError(f"--architectures: unknown architecture '{name}'; {nearest(name, ARCHITECTURES)}")
    if options.per_subspace < 1:
        raise InputError(f"--per-subspace: found {options.per_subspace}; allowed: an integer >= 1")
    rows = manifest.sample(names, options.per_subspace, options.seed)
    manifest.write(options.output, rows)
    print(f"{options.output}: {len(rows)} trials")


def manifest_ablate(options: argparse.Namespace) -> None:
    """Write the manifest of an ablation and say how many trainings it takes."""
    rows = _rows(options)
    names = options.trials.split(",") if options.trials else list(rows)
    for name in names:
        if name not in rows:
            raise InputError(f"--trials: no trial '{name}' in {options.file}; {nearest(name, rows)}")
    try:
        seeds = [int(seed) for seed in options.seeds.split(",")]
    except ValueError as error:
        raise InputError(f"--seeds: found '{options.seeds}'; allowed: integers separated by commas") from error
    made = manifest.ablate((rows[name] for name in names), seeds)
    manifest.write(options.output, made)
    counts = [len({row.training(framework) for row in made}) for framework in FRAMEWORKS]
    print(
        f"{options.output}: {len(made)} trials; {counts[0]} PyTorch and {counts[1]} TensorFlow trainings, "
        f"as {2 * len(made) - sum(counts)} of {2 * len(made)} have the same weights as another"
    )


def manifest_import_published(options: argparse.Namespace) -> None:
    """Write the published trials as a manifest; print the defects of their tables and what is refused."""
    from uncrossed.study2021 import published

    if options.reference:
        published.check_reference_path(options.reference)
    table = published.read(options.folder, options.url)
    rows, refused = published.trials(table)
    if not rows:
        raise InputError(f"all {len(table)} published trials are refused, the first as {refused[0]}")
    # Before anything is printed, for who reads it may not read all of it.
    if options.reference:
        published.write_reference(table, options.reference)
    published.write_manifest(rows, options.output)
    for line in (*published.defects(table), *(f"refused: {line}" for line in refused)):
        print(line)
    if options.reference:
        print(f"{options.reference}: {len(table)} published pairs")
    print(f"{options.output}: {_held(rows)}; {len(refused)} of {len(table)} published ones refused")


def dataset(options: argparse.Namespace) -> None:
    """Write a dataset file."""
    from uncrossed.datasets import dataset_file

    if options.definition in BUILT_IN:
        definition = BUILT_IN[options.definition]
    elif options.definition.lstrip().startswith("{"):
        definition = Definition.check(_json(options.definition, "definition"), "dataset definition")
    else:
        raise InputError(f"unknown dataset '{options.definition}'; {nearest(options.definition, BUILT_IN)}")
    dataset_file.build(definition, options.output)


def train(options: argparse.Namespace) -> int:
    """Train, write the run record and then the trial file."""
    need_linux("training needs")
    from tqdm import tqdm

    from uncrossed.common import cpus
    from uncrossed.datasets import dataset_file
    from uncrossed.job import interrupted
    from uncrossed.job.checkpoint import Checkpoint
    from uncrossed.job.watchdog import Watchdog
    from uncrossed.study.identity import code_sha256
    from uncrossed.training import backends
    from uncrossed.training.loop import EpochReport, Stopped, run

    # A log may hold several attempts.
    began = f"{time.strftime('%Y-%m-%d %H:%M:%S %z')} on {platform.node()}, process {os.getpid()}"
    print(f"training of {options.output} begun {began}", file=sys.stderr, flush=True)
    job = _job(options)
    if options.output.suffix != ".h5":
        raise InputError(f"--output {options.output}: allowed: a name that ends in .h5")
    if options.output.is_dir():
        raise InputError(f"--output {options.output}: is a folder; allowed: a file")
    interval = job.settings.checkpoint_seconds if options.checkpoint_seconds is None else options.checkpoint_seconds
    if not 0 <= interval < math.inf:
        raise InputError(f"--checkpoint-seconds: found {interval}; allowed: a number >= 0")
    if not 0 < options.patience < math.inf:
        raise InputError(f"--patience: found {options.patience}; allowed: a number > 0")
    checkpoint = Checkpoint(options.output, interval)
    written = {
        os.path.realpath(path) for path in (options.output, options.output.with_suffix(".json"), checkpoint.path)
    }
    for name in ("row", "settings", "job", "dataset", "twin"):
        given = str(getattr(options, name) or "")
        if given and not _is_json(given) and os.path.realpath(given) in written:
            raise InputError(f"--output {options.output}: would overwrite --{name} {given}; allowed: another name")
    if options.twin and _copy_twin(options, job):
        return 0
    # Before the training, for the files may change while it runs.
    code = code_sha256(options.framework)
    options.output.parent.mkdir(parents=True, exist_ok=True)
    if not os.access(options.output.parent, os.W_OK):
        raise InputError(f"--output {options.output}: its folder cannot be written to")
    data = dataset_file.read(options.dataset, job.dataset)
    try:
        job.row.check_examples(len(data.labels["train"]))
    except InputError as error:
        raise InputError(f"row {job.row.trial}: {error}") from error

    def report(epoch: EpochReport) -> None:
        values = ", ".join(f"{name} {value:.4f}" for name, value in epoch.values.items())
        tqdm.write(f"epoch {epoch.epoch}/{epoch.epochs}: {values}, {epoch.seconds:.1f} s", file=sys.stderr)

    def progress(batches: list[tuple[int, int]], epoch: int) -> Any:
        return tqdm(batches, desc=f"epoch {epoch}", unit="batch", leave=False, disable=None)

    def hangs(why: str) -> None:
        # Whoever should read the message may hang, too.
        threading.Timer(5, os._exit, [1]).start()
        interrupted.job_file(options.output).unlink(missing_ok=True)
        again = "run again it goes on from its checkpoint"
        _fail(f"{options.output}: {why}: the training hangs and is ended; {again}", 1)
        sys.stderr.flush()
        os._exit(1)

    if job.settings.threads > (usable := cpus.usable()):
        few = f"this job may use {usable:g} CPUs: it is slower than with as many threads as CPUs"
        print(f"warning: the study has `threads: {job.settings.threads}`, and {few}", file=sys.stderr)
    stop, watchdog = _Stop(), Watchdog(options.patience, hangs)

    def asked() -> bool:
        watchdog.step()
        return stop()

    with interrupted.alone(options.output):
        resumed = checkpoint.path.exists()
        try:
            with watchdog:
                backend = backends.load(options.framework, job.settings)
                result, seconds = run(job, backend, data, code, checkpoint, asked, progress, report)
        except (backends.DeviceError, ModuleNotFoundError) as error:
            return _fail(error, 1)
        except Stopped as error:
            _fail(f"{signal.Signals(stop.signal).name}: {error}", 1)
        else:
            spent = {"seconds_per_epoch": [round(value, 3) for value in seconds], "resumed": resumed}
            _write(options.output, result, **spent)
            checkpoint.remove()
            return 0
    _die(stop.signal)
    return 1


class _Stop:
    """Whether SIGTERM or SIGINT has come; before this is first asked nothing is to save, and they end the process."""

    def __init__(self) -> None:
        self.signal: int | None = None
        self.asked = False
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._handle)

    def __call__(self) -> bool:
        self.asked = True
        return self.signal is not None

    def _handle(self, number: int, frame: Any) -> None:
        # Slurm sends SIGTERM twice; who presses Ctrl-C twice is in a hurry.
        if not self.asked or (number == signal.SIGINT and self.signal == signal.SIGINT):
            _die(number)
        self.signal = number


def _die(number: int) -> None:
    """End as the signal would have ended the process, so that the caller sees it."""
    sys.stderr.flush()
    signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)


def _write(output: Path, result: Any, **record: Any) -> None:
    """Write the run record and then the trial file: where that exists, the training is complete."""
    import resource  # which Linux has

    from uncrossed.common import files
    from uncrossed.results import trial_file

    attributes = result.attributes
    about = {"run": uuid.uuid4().hex, "device": attributes["device"], "versions": attributes["versions"]}
    about["seconds"] = round(time.monotonic() - STARTED, 3)
    about["peak_memory_mb"] = round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
    files.write_json(output.with_suffix(".json"), about | record)
    trial_file.write(output, result)


def _copy_twin(options: argparse.Namespace, job: Job) -> bool:
    """Make a trial file from that of a trial which trains to the same weights; False where it does not."""
    from uncrossed.job.checkpoint import Checkpoint
    from uncrossed.results import trial_file
    from uncrossed.study.identity import code_sha256
    from uncrossed.study.trial import Trial

    result = trial_file.read(options.twin)
    theirs, ours = result.attributes, job.row
    row = Trial.check(theirs["row"], f"{options.twin}: row")
    for what, found, wanted in (
        ("framework", theirs["framework"], options.framework),
        ("row", row.training(options.framework), ours.training(options.framework)),
        ("settings", theirs["settings"], job.settings.model_dump(mode="json")),
        ("dataset", theirs["dataset"], job.dataset.model_dump(mode="json") if job.dataset else theirs["dataset"]),
        ("code", theirs["code_sha256"], code_sha256(options.framework)),
    ):
        if found != wanted:
            print(f"not the same training as {row.trial}: another {what}; it is trained", file=sys.stderr)
            return False
    theirs["row"] = ours.deciding()
    _write(options.output, result, twin=row.trial, seconds_per_epoch=[], resumed=False)
    Checkpoint(options.output, 0).remove()
    print(f"the same training as {row.trial}: copied from {options.twin}", file=sys.stderr)
    return True


def _job(options: argparse.Namespace) -> Job:
    values = _json(options.job, "--job") if options.job else {}
    for name in ("row", "settings"):
        given = getattr(options, name)
        if given:
            values[name] = _json(given, f"--{name}")
    if isinstance(values.get("row"), dict) and "search_sha256" in values["row"]:
        values["row"] = values["row"].get("row")
    if "row" not in values:
        raise InputError("a training needs --row or --job")
    return Job.check(values, "--job" if options.job else f"--row {options.row}"[:80])


def _is_json(text: str) -> bool:
    """Whether an option's value is an object itself, not the path of one."""
    return text.lstrip().startswith("{")


def _json(text: str, option: str) -> dict[str, Any]:
    where = option
    if not _is_json(text):
        where = f"{option} {text}"
        try:
            text = Path(text).read_text(encoding="utf-8")
        except (OSError, ValueError) as error:
            raise InputError(f"{where}: neither a JSON object nor a readable file ({error})") from error
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{where}: not well-formed JSON ({error})") from error
    if not isinstance(value, dict):
        raise InputError(f"{where}: found {type(value).__name__}; allowed: a JSON object")
    return value


def search(options: argparse.Namespace) -> int:
    """What a search asks for or shows."""
    from uncrossed.search.suggestion import suggest, suggestion_path, write_suggestion
    from uncrossed.study.semantics import resolve
    from uncrossed.study.study import Study

    study = Study.given(options.study)
    if study.search is None:
        raise InputError(f"{options.study}: has a manifest; allowed: a study with a search")
    results = options.results or Path("results") / study.name
    if options.do == "suggest":
        semantics = resolve(study.search.semantics, study.semantics)
        made = suggest(study.search, options.trial, results, study.dataset.train_examples, semantics)
        write_suggestion(suggestion_path(results, options.trial), made)
        return 0
    from uncrossed.search import trajectory

    if options.do == "check":
        faults = trajectory.check(study, results)
        made = f"{len(study.suggested(results))} of {len(study.trials)} are made"
        print("\n".join(faults) or f"{results}: every suggestion is what the algorithm suggests; {made}")
        return 1 if faults else 0
    if options.do == "trajectory":
        print(f"{results}/tables/trajectory.csv: {len(trajectory.make(study, results))} trials")
        return 0
    if options.count < 1:
        raise InputError(f"--count: found {options.count}; allowed: an integer >= 1")
    print(trajectory.best(trajectory.read(results), study.search, options.count).to_string(index=False))
    return 0


def tables(options: argparse.Namespace) -> None:
    """Make the tables of a study."""
    from uncrossed.results import tables

    expected = _json(options.expected, "--expected") if options.expected else None
    table = tables.make(options.folder, options.partial, expected)
    lacking = table[[f"{framework}_status" for framework in FRAMEWORKS]].eq("missing").any(axis=1).sum()
    print(
        f"{options.folder / 'tables'}: {len(table)} trials"
        + f", {lacking} of them without both results" * bool(lacking)
    )


def checksums(options: argparse.Namespace) -> None:
    """Write a study's checksum list."""
    from uncrossed.results import tables

    tables.checksums(options.folder)


def release(options: argparse.Namespace) -> None:
    """Write a study's card, metadata and list of all that is released."""
    from uncrossed.release import release

    names = release.make(options.folder)
    print(f"{options.folder / release.LIST}: {len(names)} files")


def publish(options: argparse.Namespace) -> int:
    """Upload a released study."""
    if not options.receipt and not options.dry_run:
        raise InputError("--receipt: missing; needed without --dry-run")
    try:
        from uncrossed.release.upload import publish

        receipt = None if options.dry_run else options.receipt
        where = publish(options.folder, options.destination, receipt, allow=options.allow)
    except ModuleNotFoundError as error:
        return _fail(f"{error}; install it with pip install -e '.[workflow]'", 1)
    print(f"would publish {where}" if options.dry_run else f"published {where}")
    return 0


def attribution(options: argparse.Namespace) -> None:
    """Write and print the attribution of an ablation study."""
    from uncrossed.analysis import attribution

    found, bases = attribution.make(options.folder)
    print(attribution.printed(found, bases))


def analyse(options: argparse.Namespace) -> None:
    """Write a study's summary and figures, and print the main numbers."""
    from uncrossed.analysis.analyse import make, printed

    examples = tuple(options.examples) if options.examples else None
    summary = make(options.folder, options.partial, examples, options.classes)
    print(printed(summary))
    if options.reference:
        from uncrossed.study2021 import published

        print(published.write_beside(options.folder, options.reference, summary))


def published(options: argparse.Namespace) -> None:
    """Write the published pairs as a study, analyse them, and make their report."""
    from uncrossed.analysis.analyse import make, printed
    from uncrossed.report import report
    from uncrossed.study2021 import published

    table = published.read(options.folder, options.url)
    for defect in published.defects(table):
        print(defect)
    published.study(table, options.output)
    data = BUILT_IN["cifar10"]
    summary = make(options.output, examples=(data.train_examples, data.test_examples), classes=published.CLASSES)
    print(printed(summary))
    print(f"{report.make(options.output)}")


def report(options: argparse.Namespace) -> None:
    """Write the report of a study."""
    from uncrossed.report import report

    print(report.make(options.folder, options.partial))


def speeds(options: argparse.Namespace) -> None:
    """Measure speeds from a study's run records, and put them into the package's table."""
    from uncrossed.results import tables
    from uncrossed.study import resources

    measured = resources.measure(*tables.read_runs(options.folder))
    print(f"{resources.update(measured)}: {len(measured)} lines measured")


def show(options: argparse.Namespace) -> None:
    """Print the table of a study, or all that is known of one pair."""
    from uncrossed.results import tables

    table = tables.read(options.study)
    if options.trial is None:
        print(tables.printed(table))
        return
    rows = table[table["trial"] == options.trial]
    if rows.empty:
        raise InputError(f"{options.study}: no trial '{options.trial}'; {nearest(options.trial, table['trial'])}")
    print(tables.printed_pair(options.study, rows.iloc[0]))


def compare(options: argparse.Namespace) -> int:
    """Print how two trial files differ."""
    from uncrossed.results.compare import compare

    found = compare(options.first, options.second)
    print(found.verdict)
    for line in found.explanations:
        print(f"  {line}")
    for name, difference in found.differences.items():
        print(f"  {name}: {difference if isinstance(difference, str) else f'largest difference {difference:.3g}'}")
    return 1 if found.verdict == "different" else 0


def verify(options: argparse.Namespace) -> int:
    """Name each fault of a study's files, and what could not be checked."""
    from uncrossed.results.verify import verify

    found = verify(options.place, options.quarantine, options.recompute, options.dataset, options.ignore_missing)
    for fault in found.faults:
        print(fault)
    for warning in found.warnings:
        print(f"warning: {warning}")
    for what in (*found.unchecked, *found.unasked):
        print(f"not checked: {what}")
    said = "all files are as they should be" + " that are there" * options.ignore_missing
    if found.unchecked:
        said = "no fault in what could be checked, but that is not all"
    if found.faults:
        said = _count(found.faults, "fault")
    print(f"{options.place}: {said}" + (f", {_count(found.warnings, 'warning')}" if found.warnings else ""))
    return 1 if found.faults or found.unchecked else 0


def _count(lines: list[str], what: str) -> str:
    return f"{len(lines)} {what}{'' if len(lines) == 1 else 's'}"


def bench(options: argparse.Namespace) -> int:
    """Measure, print tables, and write all figures; exit 1 when a case failed."""
    need_linux("bench needs")
    from uncrossed.bench import BATCH_SIZES, bench, table
    from uncrossed.common import files

    if options.rounds < 1 or not 0 < options.seconds < math.inf:
        raise InputError("--rounds and --seconds: allowed: numbers > 0")
    found = bench(
        options.framework or FRAMEWORKS,
        options.architecture or ARCHITECTURES,
        options.batch_size or BATCH_SIZES,
        (True,) if options.deterministic_only else (True, False),
        *(options.device, options.threads, options.rounds, options.seconds),
        report=lambda line: print(line, file=sys.stderr, flush=True),
    )
    print(table(found))
    if options.json:
        files.write_json(options.json, found)
    return 1 if found["failed"] else 0


def doctor(options: argparse.Namespace) -> int:
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
    print(f"\n{len(problems)} problems" if problems else "\nno problems" + " in what could be examined" * bool(unseen))
    for what in unseen:
        print(f"not examined: {what}")
    return 1 if problems else 0


def prove(options: argparse.Namespace) -> int:
    """Print the table of all gates; exit 1 when one fails."""
    from uncrossed.common import files
    from uncrossed.explain import proof
    from uncrossed.training import backends

    if options.threads < 1:
        raise InputError(f"--threads: found {options.threads}; allowed: an integer >= 1")

    def report(gate: proof.Gate) -> None:
        state = "passed" if gate.passed else "FAILED"
        flipped = f" {gate.flipped} flipped:" if gate.flipped else ""
        where = f"{gate.architecture} {gate.semantics} epsilon {gate.adam_epsilon:g}:{flipped}"
        print(f"{state} {where} {gate.gate} {gate.value:.2e}, limit {gate.limit:g}", file=sys.stderr, flush=True)

    try:
        gates = proof.prove(options.architecture or ARCHITECTURES, report, threads=options.threads)
    except backends.DeviceError as error:
        return _fail(error, 1)
    print(proof.table(gates))
    if options.json:
        files.write_json(options.json, proof.as_json(gates))
    return 0 if gates and all(gate.passed for gate in gates) else 1


def trace(options: argparse.Namespace) -> int:
    """Record one side or both, and compare."""
    from uncrossed.datasets import dataset_file
    from uncrossed.explain import trace
    from uncrossed.training import backends

    if options.compare:
        print(trace.printed(*trace.compare(options.output)))
        return 0
    if not options.row or not options.dataset:
        raise InputError("a trace needs --row and --dataset, or --compare")
    if options.steps < 1:
        raise InputError(f"--steps: found {options.steps}; allowed: an integer >= 1")
    settings = _json(options.settings, "--settings") if options.settings else {"precision": "float64"}
    job = Job.check({"row": _json(options.row, "--row"), "settings": settings}, "--row or --settings")
    data = dataset_file.read(options.dataset)
    job.row.check_examples(len(data.labels["train"]))
    if options.record:
        try:
            trace.record(
                *(options.record, job.row, job.settings, data, options.steps, options.output),
                report=lambda label: print(f"{options.record}: {label}", file=sys.stderr),
            )
        except (backends.DeviceError, ModuleNotFoundError) as error:
            return _fail(error, 1)
        return 0
    common = ["--row", options.row, "--settings", json.dumps(settings), "--dataset", options.dataset]
    common += ["--steps", options.steps, "--output", options.output]
    for framework in FRAMEWORKS:
        command = [sys.executable, "-m", "uncrossed", "trace", "--record", framework, *map(str, common)]
        if subprocess.run(command, env=environment.of_jobs()).returncode:
            return _fail(f"trace: recording {framework} failed", 1)
    print(trace.printed(*trace.compare(options.output)))
    return 0
