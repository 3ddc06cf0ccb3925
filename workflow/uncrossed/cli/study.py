"""Commands about what is to be built: those of `manifest`, and `speeds`."""

import argparse
from collections import Counter
from collections.abc import Collection
from pathlib import Path
from typing import Any

from uncrossed.common.errors import InputError, nearest
from uncrossed.datasets.definition import BUILT_IN_DATASETS
from uncrossed.study import manifest
from uncrossed.study.architectures import PACKAGED
from uncrossed.study.trial import FRAMEWORKS

STUDY_HELP = "a study file whose dataset and names of semantics apply"


def add_commands(commands: Any) -> None:
    """Add them to the command line's grammar."""
    group = commands.add_parser("manifest", help="check and make manifests").add_subparsers(required=True, metavar="DO")

    command = group.add_parser("check", help="check a manifest, or a study and its manifest")
    command.add_argument("file", type=Path, nargs="?", help="default: the study's")
    command.add_argument("--study", type=Path, help=STUDY_HELP)
    command.set_defaults(run=check)

    command = group.add_parser("row", help="print one row as JSON, all defaults filled in")
    command.add_argument("file", type=Path)
    command.add_argument("trial")
    command.add_argument("--study", type=Path, help=STUDY_HELP)
    command.set_defaults(run=print_row)

    command = group.add_parser("sample", help="draw a manifest from the published search box and its 16 subspaces")
    command.add_argument("--architectures", default="vgg16,resnet50,densenet121", help="comma-separated (%(default)s)")
    command.add_argument("--per-subspace", type=int, default=25, help="rows per subspace (%(default)s)")
    command.add_argument("--seed", type=int, default=0, help="the same seed draws the same rows (%(default)s)")
    command.add_argument("--output", type=Path, required=True)
    command.set_defaults(run=sample)

    command = group.add_parser(
        "ablate", help="cross trials with semantics (each mechanism alone, all but one) and seeds"
    )
    command.add_argument("file", type=Path)
    command.add_argument("--trials", help="comma-separated; default: all")
    command.add_argument("--seeds", default="0,1,2", help="comma-separated (%(default)s)")
    command.add_argument("--study", type=Path, help=STUDY_HELP)
    command.add_argument("--output", type=Path, required=True)
    command.set_defaults(run=ablate)

    command = group.add_parser(
        "import-published", help="make a manifest of the 2021 study's trials, and name its defects"
    )
    command.add_argument("--folder", type=Path, help="take its tables from here instead of downloading them")
    command.add_argument("--url", help="a mirror to download from (raw.githubusercontent.com/maxzvyagin/crossedwires)")
    command.add_argument("--reference", type=Path, help="write what was measured too: FILE.parquet or FILE.csv")
    command.add_argument("--output", type=Path, required=True)
    command.set_defaults(run=import_published)

    command = group.add_parser("keep", help="write what a study is built from beside its results, as the workflow does")
    command.add_argument("folder", type=Path, help="results/STUDY")
    command.add_argument("--study", required=True, help="a study file, or the study as JSON")
    command.add_argument("--rows", help="SHA-256 of the rows that the build was planned with")
    command.set_defaults(run=keep)

    command = commands.add_parser("speeds", help="write what a study's trainings took, for the resources of others")
    command.add_argument("folder", type=Path, help="results/speeds: trials of several batch sizes per architecture")
    command.add_argument(
        "--output", type=Path, default=Path("config/speeds.csv"), help="beside the studies that it is for (%(default)s)"
    )
    command.set_defaults(run=update_speeds)


def check(options: argparse.Namespace) -> None:
    """Check a manifest and say what it holds."""
    file = options.file or options.study
    if file and file == options.study and (study := _study(options)).search:
        print(f"{file}: {_of_search(study.search)}")
    else:
        print(f"{file}: {_of_rows(_rows(options).values())}")


def print_row(options: argparse.Namespace) -> None:
    """Print one row."""
    rows = _rows(options)
    if options.trial not in rows:
        raise InputError(f"{options.file}: no trial '{options.trial}'; {nearest(options.trial, rows)}")
    print(rows[options.trial].model_dump_json(indent=2))


def sample(options: argparse.Namespace) -> None:
    """Draw and write a manifest."""
    names = options.architectures.split(",")
    for name in names:
        PACKAGED.find(name)
    if options.per_subspace < 1:
        raise InputError(f"--per-subspace: found {options.per_subspace}; allowed: an integer >= 1")
    rows = manifest.sample(names, options.per_subspace, options.seed)
    manifest.write(options.output, rows)
    print(f"{options.output}: {len(rows)} trials")


def ablate(options: argparse.Namespace) -> None:
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
    architectures = _study(options).architectures if options.study else PACKAGED
    made = manifest.ablate((rows[name] for name in names), seeds, architectures)
    manifest.write(options.output, made)
    counts = [
        len({row.training(framework, architectures[row.architecture].touching, evaluation=False) for row in made})
        for framework in FRAMEWORKS
    ]
    print(
        f"{options.output}: {len(made)} trials; {counts[0]} PyTorch and {counts[1]} TensorFlow trainings, as "
        f"{2 * len(made) - sum(counts)} of {2 * len(made)} train the same weights as another or are views of it"
    )


def import_published(options: argparse.Namespace) -> None:
    """Write the published trials as a manifest; print the defects of their tables and what is refused."""
    from uncrossed.study2021 import defects, published_study, published_tables

    if options.reference:
        published_study.check_reference_path(options.reference)
    table = published_tables.read(options.folder, options.url)
    rows, refused = published_study.rows(table)
    if not rows:
        raise InputError(f"all {len(table)} published trials are refused, the first as {refused[0]}")
    # Before anything is printed, for who reads it may not read all of it.
    if options.reference:
        published_study.write_reference(table, options.reference)
    published_study.write_manifest(rows, options.output)
    for line in (*defects.find(table), *(f"refused: {line}" for line in refused)):
        print(line)
    if options.reference:
        print(f"{options.reference}: {len(table)} published pairs")
    print(f"{options.output}: {_of_rows(rows)}; {len(refused)} of {len(table)} published ones refused")


def keep(options: argparse.Namespace) -> None:
    """Write manifest.csv and study.json."""
    from uncrossed.study.study import Study

    Study.given(options.study).keep(options.folder, options.rows)


def _study(options: argparse.Namespace) -> Any:
    from uncrossed.study.study import Study

    return Study.load(options.study)


def _rows(options: argparse.Namespace) -> dict[str, Any]:
    if options.study is None:
        if options.file is None:
            raise InputError("manifest check needs a FILE, or --study")
        return manifest.read(options.file, examples=BUILT_IN_DATASETS["cifar10"].train_examples)
    study = _study(options)
    examples = study.dataset.train_examples
    return manifest.read(options.file or study.manifest, study.semantics, examples, study.architectures)


def _of_search(search: Any) -> str:
    names, each = search.architectures, len(search.space.subspaces())
    return (
        f"{len(names) * each} subspaces x {search.trials} trials ({', '.join(f'{each} {name}' for name in names)}), "
        f"{search.start} of each subspace at random, then by {search.algorithm}; {search.objective}"
    )


def _of_rows(rows: Collection[Any]) -> str:
    counts = Counter(row.architecture for row in rows)
    return f"{len(rows)} trials ({', '.join(f'{count} {name}' for name, count in sorted(counts.items()))})"


def update_speeds(options: argparse.Namespace) -> None:
    """Measure speeds from a study's run records, and put them into the package's table."""
    from uncrossed.results import tables
    from uncrossed.study import resources

    measured = resources.measure(*tables.read_runs(options.folder))
    resources.update(measured, options.output)
    print(f"{options.output}: {len(measured)} lines measured")
