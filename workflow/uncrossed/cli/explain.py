"""Commands that say why two models differ, or whether they do.

These are `diff`, `architecture`, `explain`, `trace`, `prove`, `recalibrate`.
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from uncrossed.cli.words import add_own_architectures, fail, json_object, own_architectures, without_suggestion
from uncrossed.common import environment
from uncrossed.common.errors import InputError
from uncrossed.datasets.definition import BUILT_IN_DATASETS
from uncrossed.study.architectures import PACKAGED
from uncrossed.study.architectures import given as given_architecture
from uncrossed.study.layout import RECALIBRATION_TABLE
from uncrossed.study.resources import OWN_SPEEDS
from uncrossed.study.trial import FRAMEWORKS, Job


def add_commands(commands: Any) -> None:
    """Add them to the command line's grammar."""
    command = commands.add_parser(
        "diff", help="say what differs between a PyTorch model and its Keras counterpart, and what to write"
    )
    command.add_argument(
        "models",
        nargs="+",
        metavar="FILE",
        help="FILE.py with pytorch() and tensorflow(); or two functions as package.module:function, PyTorch's first",
    )
    command.add_argument("--shape", type=int, nargs="+", metavar="N", help="of one input, as Keras takes it (32 32 3)")
    command.add_argument("--classes", type=int, help="outputs, where the functions are told (10)")
    command.add_argument("--vocabulary", type=int, metavar="N", help="inputs are whole numbers below N")
    command.add_argument(
        "--channels-first",
        action=argparse.BooleanOptionalAction,
        default=None,
        help="whether PyTorch's inputs are so (default: yes, for images)",
    )
    command.add_argument(
        "--map", action="store_true", help="print which layer is which, as an architecture's file has it"
    )
    command.add_argument("--json", type=Path, help="write all that is found here too")
    command.add_argument("--threads", type=int, help="CPU threads (as many as there are, at most 4)")
    command.set_defaults(run=diff)

    group = commands.add_parser("architecture", help="write or check an architecture of one's own")
    group = group.add_subparsers(required=True, metavar="DO")
    command = group.add_parser("new", help="write a file with a tiny pair and comments, to begin with")
    command.add_argument("file", type=Path, help="FILE.py, which must not be there")
    command.set_defaults(run=new_architecture)
    command = group.add_parser("check", help="build both sides and name what is missing or wrong, in order")
    command.add_argument("file", help="FILE.py, or a name of the package's")
    like = BUILT_IN_DATASETS["cifar10"]
    command.add_argument(
        "--shape",
        type=int,
        nargs=3,
        default=like.shape,
        metavar=("HEIGHT", "WIDTH", "CHANNELS"),
        help="of the images that it is tried with (%(default)s)",
    )
    command.add_argument("--classes", type=int, default=like.classes, help="(%(default)s)")
    command.set_defaults(run=check_architecture)

    command = commands.add_parser("explain", help="say what would tell why a pair differs, and what that takes")
    command.add_argument("trial", help="the pair's")
    command.add_argument("--study", type=Path, required=True, help="its study file, or results/STUDY")
    command.add_argument("--seeds", type=int, help="replicates (5)")
    command.add_argument("--output", type=Path, help="write the study that tells it: FILE.yaml, and FILE.csv beside it")
    command.set_defaults(run=explain_pair)

    command = commands.add_parser("trace", help="find the first step and layer where a row's two trainings part")
    command.add_argument("--row", help="a manifest row as JSON, or a file that holds it or a suggestion")
    command.add_argument("--settings", help="settings as JSON, or a file that holds them (the defaults, float64)")
    command.add_argument("--dataset", type=Path, help="a dataset file")
    command.add_argument("--architecture", type=Path, help="the file of the row's architecture, if it is a user's own")
    command.add_argument("--steps", type=int, default=10, help="optimizer steps (%(default)s)")
    command.add_argument("--output", type=Path, required=True, help="a folder for what both sides record")
    command.add_argument("--record", choices=FRAMEWORKS, help="record this side only, in its own environment")
    command.add_argument("--compare", action="store_true", help="compare what is recorded; needs no framework")
    command.set_defaults(run=trace_row)

    command = commands.add_parser("prove", help="prove that both frameworks train alike with all mechanisms aligned")
    command.add_argument("--architecture", action="append", metavar="NAME", help="or FILE.py; default: all")
    command.add_argument("--threads", type=int, default=1)
    command.add_argument("--json", type=Path, help="write all gates here too")
    command.set_defaults(run=prove)

    command = commands.add_parser(
        "recalibrate",
        help="evaluate trained models with exact running statistics: how much of a gap is due to the stored ones",
    )
    command.add_argument("place", help="results/STUDY or one trial file FILE.h5, or the URL of either")
    command.add_argument(
        "--published", action="store_true", help="PLACE has the files of 2021: gs://crossed-wires-dataset, or a copy"
    )
    command.add_argument("--trials", nargs="+", default=(), metavar="TRIAL", help="these alone")
    command.add_argument("--framework", choices=FRAMEWORKS, help="that one's models alone; default: both")
    command.add_argument("--dataset", type=Path, help="the dataset's file; default: beside the study")
    command.add_argument(
        "--output", type=Path, metavar="FILE.csv", help=f"the table; default: in a local study {RECALIBRATION_TABLE}"
    )
    command.add_argument("--device", choices=("cpu", "gpu"), default="cpu", help="(%(default)s)")
    command.add_argument("--threads", type=int, help="CPU threads; default: those of a model's training")
    add_own_architectures(command)
    command.set_defaults(run=recalibrate)


def diff(options: argparse.Namespace) -> int:
    """Print what differs between two models; exit 1 when something does."""
    from uncrossed.common import cpus, files
    from uncrossed.explain.differences import pair_file

    models = tuple(options.models)
    pair_file.check_named(models)
    if options.threads is not None and options.threads < 1:
        raise InputError(f"--threads: found {options.threads}; allowed: an integer >= 1")
    if options.json and (options.json.is_dir() or not options.json.absolute().parent.is_dir()):
        raise InputError(f"--json {options.json}: allowed: a file in a folder that is there")
    shape = tuple(options.shape) if options.shape else None
    pair_file.start(options.threads or max(1, min(4, int(cpus.usable()))))
    pair = pair_file.load(models, shape, options.classes, options.vocabulary, options.channels_first)

    def report(step: str) -> None:
        print(f"{step} ...", file=sys.stderr, flush=True)

    # What needs both frameworks.
    from uncrossed.explain.differences.examine import examine
    from uncrossed.explain.differences.printed import printed

    found = examine(pair, report)
    print(printed(found, options.map))
    if options.json:
        files.write_json(options.json, found.plain())
    return 1 if found.differences else 0


def new_architecture(options: argparse.Namespace) -> int:
    """Write a file to begin with."""
    from uncrossed.explain import skeleton

    skeleton.write(options.file)
    print(f"{options.file}: a tiny pair, to be replaced by yours; look at it by\n  uncrossed diff {options.file}")
    return 0


def check_architecture(options: argparse.Namespace) -> int:
    """Print what is wrong with an architecture; exit 1 when something is."""
    from uncrossed.explain.check import check

    architecture = given_architecture(options.file)
    faults = list(check(architecture, tuple(options.shape), options.classes))
    for fault in faults:
        print(f"{architecture.path}: {fault}")
    if not faults:
        touching = ", ".join(sorted(architecture.touching))
        print(f"{architecture.name}: {architecture.description}\nboth sides agree once these are aligned: {touching}")
    return 1 if faults else 0


def explain_pair(options: argparse.Namespace) -> None:
    """Print the smallest factorial that can decide, or write it as a study."""
    from uncrossed.explain import pair

    seeds = pair.SEEDS if options.seeds is None else options.seeds
    if seeds < 2:
        raise InputError(f"--seeds: found {seeds}; allowed: an integer >= 2, as a single replicate decides nothing")
    study, rows = pair.rows(options.study)
    row = pair.find(rows, options.trial, options.study)
    # Results lie elsewhere than what was measured for the studies of this folder.
    plan = pair.plan(study, row, options.study, seeds, OWN_SPEEDS if study.built else None)
    counts = f"{plan.trainings['pytorch']} PyTorch and {plan.trainings['tensorflow']} TensorFlow trainings"
    print(
        f"{row.trial} ({row.architecture}): {'half of the' if plan.half else 'all'} combinations of "
        f"{', '.join(plan.factors)}, {seeds} fresh seeds: {counts}, about {plan.time} one after the other on a "
        f"{study.settings.device}"
    )
    if options.output:
        pair.write(study, row, options.output, seeds)
        print(f"{options.output}: the study; {options.output.with_suffix('.csv')}: its manifest; build it with")
        print(f"    {pair.build(study, options.output)}")
        return
    print(f"    {plan.command}\n    {plan.build}")
    if plan.hint:
        print(plan.hint)
    print(f"Then results/{pair.name_of(row)}/report.html says what each factor contributes to the gap.")


def trace_row(options: argparse.Namespace) -> int:
    """Record one side or both, and compare."""
    from uncrossed.datasets import dataset_file
    from uncrossed.explain import trace
    from uncrossed.training.backends import DeviceError

    if options.compare:
        print(trace.printed(*trace.compare(options.output)))
        return 0
    if not options.row or not options.dataset:
        raise InputError("a trace needs --row and --dataset, or --compare")
    if options.steps < 1:
        raise InputError(f"--steps: found {options.steps}; allowed: an integer >= 1")
    settings = json_object(options.settings, "--settings") if options.settings else {"precision": "float64"}
    row = without_suggestion(json_object(options.row, "--row"))
    job = Job.check({"row": row, "settings": settings}, "--row or --settings")
    data = dataset_file.read(options.dataset)
    architecture = given_architecture(job.row.architecture, options.architecture)
    job.row.check_examples(len(data.labels["train"]), architecture)
    if options.record:

        def report(label: str) -> None:
            print(f"{options.record}: {label}", file=sys.stderr)

        try:
            trace.record(
                options.record, job.row, architecture, job.settings, data, options.steps, options.output, report
            )
        except (DeviceError, ModuleNotFoundError) as error:
            return fail(error, 1)
        return 0
    common = ["--row", options.row, "--settings", json.dumps(settings), "--dataset", options.dataset]
    common += ["--architecture", options.architecture] if options.architecture else []
    common += ["--steps", options.steps, "--output", options.output]
    for framework in FRAMEWORKS:
        command = [sys.executable, "-m", "uncrossed", "trace", "--record", framework, *map(str, common)]
        if subprocess.run(command, env=environment.of_jobs()).returncode:
            return fail(f"trace: recording {framework} failed", 1)
    print(trace.printed(*trace.compare(options.output)))
    return 0


def prove(options: argparse.Namespace) -> int:
    """Print the table of all gates; exit 1 when one fails."""
    from uncrossed.common import files
    from uncrossed.explain import proof
    from uncrossed.training.backends import DeviceError

    if options.threads < 1:
        raise InputError(f"--threads: found {options.threads}; allowed: an integer >= 1")

    def report(gate: proof.Gate) -> None:
        state = "passed" if gate.passed else "FAILED"
        flipped = f" {gate.flipped} flipped:" if gate.flipped else ""
        where = f"{gate.architecture} {gate.semantics} {gate.optimizer}:{flipped}"
        print(f"{state} {where} {gate.gate} {gate.value:.2e}, limit {gate.limit:g}", file=sys.stderr, flush=True)

    try:
        gates = proof.prove(
            [given_architecture(text) for text in options.architecture or PACKAGED], report, threads=options.threads
        )
    except DeviceError as error:
        return fail(error, 1)
    print(proof.table(gates))
    if options.json:
        files.write_json(options.json, proof.as_json(gates))
    return 0 if gates and all(gate.passed for gate in gates) else 1


def recalibrate(options: argparse.Namespace) -> None:
    """Write and print the table of recalibrated models."""
    from uncrossed.analysis.recalibration import printed
    from uncrossed.explain import recalibration
    from uncrossed.reading import stored_models
    from uncrossed.study import layout
    from uncrossed.study2021 import published_models

    if options.threads is not None and options.threads < 1:
        raise InputError(f"--threads: found {options.threads}; allowed: an integer >= 1")
    frameworks = (options.framework,) if options.framework else FRAMEWORKS
    own = own_architectures(options)
    if options.published:
        models, folder = published_models.stored_models(options.place, options.trials, frameworks), None
    else:
        models, folder = stored_models.stored_models(options.place, options.trials, frameworks, own)
    output = options.output or (folder and folder / layout.RECALIBRATION_TABLE)
    print(printed(recalibration.make(models, output, options.dataset, options.device, options.threads)))
