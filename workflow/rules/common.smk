import json
import os
import shlex
import sys
from pathlib import Path

from snakemake.exceptions import WorkflowError
from snakemake.settings.types import ExecMode

# The package in this tree is the one that plans and, by the prefix, the one that every job runs, with or without conda.
# Packages in the home folder would come before those of a conda environment.
PACKAGE = Path(workflow.basedir) / "workflow"
sys.path.insert(0, str(PACKAGE))
PATHS = f"PYTHONNOUSERSITE=1 PYTHONPATH={shlex.quote(str(PACKAGE))}"
shell.prefix(
    f"set -euo pipefail; export {PATHS}; ".replace("{", "{{").replace("}", "}}")
)

from uncrossed.study import factorial, layout, manifest, resources
from uncrossed.common.checked import NAME
from uncrossed.common.errors import InputError
from uncrossed.common.files import ours
from uncrossed.job import snakemake_records, twins
from uncrossed.job.preflight import BUILDS
from uncrossed.results import trial_file
from uncrossed.study.identity import code_sha256
from uncrossed.study.study import Study
from uncrossed.study.trial import FRAMEWORKS

if len(workflow.configfiles) > 1:
    raise WorkflowError(
        f"a study file stands alone; found {len(workflow.configfiles)}: "
        + ", ".join(map(str, workflow.configfiles))
    )

# Of the two pairs of environments that which a profile chooses. It is no part of the study: a result's versions name it.
ENVIRONMENTS = config.pop("environments", "cuda13")
if ENVIRONMENTS not in BUILDS:
    raise WorkflowError(
        f"environments: found {ENVIRONMENTS!r}; allowed: {', '.join(BUILDS)}"
    )

try:
    # Snakemake takes the last of two equal keys, and more from --config: the file alone says what the study is.
    STUDY = Study.load(workflow.configfiles[0])
    if Study(config, STUDY.path).configuration != STUDY.configuration:
        raise InputError(
            f"{STUDY.path}: --config changes it; allowed: a study file that stands alone"
        )
    STUDY.trials
    DATASET = f"results/{layout.dataset_file(STUDY.dataset.name)}"
    STUDY.check_dataset_file(DATASET)
    RESULTS = f"results/{STUDY.name}"
    # Rows as far as they are known: of a search those that it has suggested.
    ROWS = STUDY.suggested(RESULTS) if STUDY.search else STUDY.rows
except InputError as error:
    raise WorkflowError(str(error))

NAMES = sorted(
    STUDY.search.architectures
    if STUDY.search
    else {row.architecture for row in STUDY.rows.values()}
)
# A user's own measurements.
SPEEDS = STUDY.path.parent / "speeds.csv"
GPUS = 1 if STUDY.settings.device == "gpu" else 0
try:
    if workflow.exec_mode == ExecMode.DEFAULT:
        for line in resources.unmeasured(NAMES, STUDY.settings.device, SPEEDS):
            print(line, file=sys.stderr)
    FACTORIAL = bool(
        factorial.designs(
            STUDY.rows.values(),
            {name: STUDY.architectures[name].touching for name in NAMES},
        )
    )
    PLANS = {
        framework: twins.plan(STUDY, framework, RESULTS) for framework in FRAMEWORKS
    }
except InputError as error:
    raise WorkflowError(str(error))
TWINS = {framework: PLANS[framework].twins for framework in FRAMEWORKS}


def at(name):
    """Where a file of the study lies, by its name of `layout`."""
    return f"{RESULTS}/{name}"


def log_of(name):
    """Where the log of a job lies."""
    return at(layout.log(name))


wildcard_constraints:
    trial=NAME,


def job(wildcards):
    """The one parameter that decides a training's result: its canonical JSON; a search's row is in a file."""
    if STUDY.search:
        return json.dumps(STUDY.common, sort_keys=True, separators=(",", ":"))
    try:
        return STUDY.job(wildcards.trial).canonical()
    except InputError as error:
        raise WorkflowError(str(error))


def expected(wildcards):
    """What all results of the study have in common, the identity of its rows, and of the code by architecture."""
    rows = {} if STUDY.search else {"rows": manifest.sha256(STUDY.rows.values())}
    code = {
        f"{name} {optimizer} {framework} code_sha256": code_sha256(
            framework, STUDY.architectures[name], optimizer
        )
        for name, optimizer in sorted(
            {(row.architecture, row.optimizer) for row in STUDY.kinds}
        )
        for framework in FRAMEWORKS
    }
    return json.dumps(STUDY.common | rows | code, sort_keys=True)


def architecture(wildcards):
    """The architecture of a trial."""
    if STUDY.search:
        try:
            return STUDY.architectures[STUDY.search.place(wildcards.trial).architecture]
        except InputError as error:
            raise WorkflowError(str(error))
    return STUDY.architectures[STUDY.rows[wildcards.trial].architecture]


def code(framework):
    """The identity of the code that decides a training's bits, as a function of wildcards."""
    return lambda wildcards: code_sha256(
        framework,
        architecture(wildcards),
        (
            STUDY.kinds[0].optimizer
            if STUDY.search
            else STUDY.rows[wildcards.trial].optimizer
        ),
    )


def own_architecture(wildcards, output):
    """The option that names a user's own architecture; what is in the file is tracked by `code`, not where it lies."""
    found = architecture(wildcards)
    return (
        ["--architecture", found.path] if found.name in STUDY.architectures.own else []
    )


def dataset_file(wildcards):
    """The dataset as a training's input.

    Snakemake would retrain everything that depends on a file that it has to make, finished or not, `ancient()` or not.
    """
    if not Path(DATASET).exists() and ours(
        Path(RESULTS), layout.trial_file(wildcards.trial, "*")
    ):
        raise WorkflowError(
            f"{DATASET} is missing, but trials that were made with it are there. Make it first, so that they are kept: "
            f"snakemake {DATASET} --cores 1 --configfile {shlex.quote(str(workflow.configfiles[0]))}"
        )
    return DATASET


def twin_file(framework):
    """The trial file to take one from, as a function of wildcards: of a trial that trains to the same weights, if any."""

    def twin(wildcards):
        name = TWINS[framework].get(wildcards.trial)
        return [] if name is None else at(layout.trial_file(name, framework))

    return twin


def views(framework):
    """The option that has a training carry views for others, as a function of wildcards and output.

    A function of the output is not tracked: that others need views is no reason to train again.
    """

    def option(wildcards, output):
        return ["--views"] if wildcards.trial in PLANS[framework].with_views else []

    return option


def environment(framework):
    """The conda environment of a framework's jobs."""
    name = framework if ENVIRONMENTS == "cuda13" else f"{framework}-{ENVIRONMENTS}"
    return f"../../envs/{name}.yaml"


def image(framework):
    """The container image of a framework's jobs, in the clone in which Snakemake runs.

    `apptainer build` makes it of the definition beside it. Snakemake takes no path with a space, as a clone's may be.
    """
    return f"envs/{framework}.sif"


def preflight_files(framework):
    """What has to be there before a training on a GPU, as a function of wildcards.

    That is its framework's preflight, and the other's where both are trained: half of a pair is none. Where it is
    missing finished trainings do not ask for it, since Snakemake would retrain everything that depends on a file that
    it has to make.
    """

    def files(wildcards):
        if GPUS == 0 or wildcards.trial in TWINS[framework]:
            return []
        # A job's own process has no targets by name, and plans nothing.
        planning = workflow.exec_mode == ExecMode.DEFAULT
        asked = {Path(target).stem for target in workflow.dag_settings.targets}
        needed = [framework] if asked == {framework} else FRAMEWORKS
        found = [at(layout.preflight(name)) for name in needed]
        there = [path for path in found if Path(path).exists()]
        kept = there != found and planning and finished(wildcards.trial, framework)
        return there if kept or not planning else found

    return files


def finished(trial, framework):
    """Whether a trial file is there and is what the study asks for."""
    path = at(layout.trial_file(trial, framework))
    try:
        return trial in ROWS and trial_file.is_wanted(
            path, STUDY.attributes(ROWS[trial], framework)
        )
    except InputError as error:
        raise WorkflowError(str(error))


def gpus(framework):
    """The GPUs of a training, as a function of wildcards."""
    return lambda wildcards: 0 if wildcards.trial in TWINS[framework] else GPUS


def minutes(framework):
    """The minutes that a training asks for, as a function of wildcards and attempt; a copy needs few."""

    def asked(wildcards, attempt):
        if wildcards.trial in TWINS[framework]:
            return 10 * attempt
        return attempt * max(minutes for minutes, _ in needs(framework, wildcards))

    return asked


def megabytes(framework):
    """The MB that a training asks for, as a function of wildcards and attempt; a copy needs few."""

    def asked(wildcards, attempt):
        if wildcards.trial in TWINS[framework]:
            return 4000 * attempt
        return attempt * max(megabytes for _, megabytes in needs(framework, wildcards))

    return asked


def needs(framework, wildcards):
    """Minutes and MB of a training; while a search has not suggested its row, of those that would need the most."""
    known = ROWS.get(wildcards.trial)
    try:
        return [
            resources.ask(
                framework,
                row,
                STUDY.settings,
                STUDY.dataset,
                STUDY.architectures[row.architecture],
                SPEEDS,
                with_views=wildcards.trial in PLANS[framework].with_views,
            )
            for row in ([known] if known else STUDY.largest(wildcards.trial))
        ]
    except InputError as error:
        raise WorkflowError(str(error))


def row_file(wildcards):
    """The suggested row as a training's input; without a search there is none."""
    return at(layout.suggestion(wildcards.trial)) if STUDY.search else []


def seen(wildcards):
    """The results that a suggestion sees. One that was made is kept, so it waits for nothing and nothing disturbs it."""
    if Path(at(layout.suggestion(wildcards.trial))).exists():
        return []
    try:
        visible = STUDY.search.visible(wildcards.trial)
    except InputError as error:
        raise WorkflowError(str(error))
    return [
        at(layout.trial_file(trial, framework))
        for trial in visible
        for framework in FRAMEWORKS
    ]


def handed(wildcards, output):
    """The study, as planned, for the commands that need it; a function of the output, so that it is not tracked."""
    return STUDY.handed()


def destination(wildcards):
    """Where a release goes, from the environment: the study is the same wherever it is published."""
    found = os.environ.get("UNCROSSED_DESTINATION")
    if not found:
        raise WorkflowError(
            "publish: set UNCROSSED_DESTINATION to gs://BUCKET/PREFIX or file:///FOLDER"
        )
    return found


def allowed(wildcards):
    """What may be published though it looks like a secret, from the environment: one reported place a line."""
    lines = map(str.strip, os.environ.get("UNCROSSED_ALLOW", "").splitlines())
    return [f"--allow={line}" for line in lines if line]
