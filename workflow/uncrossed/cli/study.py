"""Commands about what is to be built: those of `manifest`, and `speeds`."""

import argparse
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

from uncrossed.cli.words import fail
from uncrossed.common.errors import InputError, UnreadableError, nearest
from uncrossed.datasets.definition import BUILT_IN_DATASETS
from uncrossed.study import factorial, manifest, resources, trainings
from uncrossed.study.architectures import PACKAGED
from uncrossed.study.mechanisms import FACTORS, MECHANISMS
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

    command = group.add_parser("stratify", help="take few rows that cover steps and hyperparameters evenly")
    command.add_argument("file", type=Path)
    command.add_argument("--rows", type=int, required=True, help="how many of each architecture")
    command.add_argument("--seed", type=int, default=0, help="the same seed takes the same rows (%(default)s)")
    command.add_argument("--study", type=Path, required=True, help=STUDY_HELP)
    command.add_argument("--output", type=Path, required=True)
    command.set_defaults(run=stratify)

    command = group.add_parser("factorial", help="cross trials with all combinations of aligned mechanisms, or half")
    command.add_argument("file", type=Path, help="the bases: trials whose semantics say what is not crossed")
    command.add_argument("--study", type=Path, required=True, help="the study file that will name the manifest")
    command.add_argument("--trials", help="of the bases only these, comma-separated")
    command.add_argument("--seeds", help="make all of it for each, comma-separated; default: each base's own seed")
    command.add_argument(
        "--fraction",
        metavar="half | ARCHITECTURE=half,...",
        help="of the combinations that take trainings half, for all bases or those of some architectures",
    )
    command.add_argument("--towards", choices=FRAMEWORKS, default="pytorch", help="who is imitated (%(default)s)")
    command.add_argument(
        "--split", default="", help=f"factors to take apart, comma-separated: {', '.join(factorial.SPLIT)}"
    )
    command.add_argument(
        "--repeats", type=int, default=0, help="further seeds of a quarter of the bases, where noise is largest"
    )
    command.add_argument("--output", type=Path, required=True)
    command.set_defaults(run=make_factorial)

    command = group.add_parser(
        "import-published", help="make a manifest of the 2021 study's trials, and name its defects"
    )
    command.add_argument("--folder", type=Path, help="take its tables from here instead of downloading them")
    command.add_argument("--url", help="a mirror to download from (raw.githubusercontent.com/maxzvyagin/crossedwires)")
    command.add_argument("--reference", type=Path, help="write what was measured too: FILE.parquet or FILE.csv")
    command.add_argument("--output", type=Path, required=True)
    command.set_defaults(run=import_published)

    command = group.add_parser(
        "repeat-published", help="make a manifest that repeats some of the 2021 study's trials, with several seeds each"
    )
    command.add_argument("--folder", type=Path, help="take its tables from here instead of downloading them")
    command.add_argument("--url", help="a mirror to download from, as of import-published")
    command.add_argument("--repeats", type=int, default=5, help="seeds of a random row of each point (%(default)s)")
    command.add_argument(
        "--extreme-repeats", type=int, default=39, help="seeds of each architecture's largest difference (%(default)s)"
    )
    command.add_argument("--seed", type=int, default=0, help="the same seed chooses the same rows (%(default)s)")
    command.add_argument("--output", type=Path, required=True)
    command.set_defaults(run=repeat_published)

    command = group.add_parser(
        "explain-published", help="make a manifest that explains some of the 2021 study's trials on two cores"
    )
    command.add_argument("--folder", type=Path, help="take its tables from here instead of downloading them")
    command.add_argument("--url", help="a mirror to download from, as of import-published")
    command.add_argument("--seed", type=int, default=0, help="the same seed draws the same rows (%(default)s)")
    command.add_argument("--study", type=Path, required=True, help="the study file that will name the manifest")
    command.add_argument("--output", type=Path, required=True)
    command.set_defaults(run=explain_published)

    command = group.add_parser("keep", help="write what a study is built from beside its results, as the workflow does")
    command.add_argument("folder", type=Path, help="results/STUDY")
    command.add_argument("--study", required=True, help="a study file, or the study as JSON")
    command.add_argument("--rows", help="SHA-256 of the rows that the build was planned with")
    command.set_defaults(run=keep)

    command = commands.add_parser("speeds", help="write what a study's trainings took, for the resources of others")
    command.add_argument("folder", type=Path, help="results/speeds: trials of several batch sizes per architecture")
    command.add_argument(
        "--output", type=Path, default=resources.OWN_SPEEDS, help="beside the studies that it is for (%(default)s)"
    )
    command.set_defaults(run=update_speeds)


def check(options: argparse.Namespace) -> int:
    """Check a manifest and say what it holds, or every fault of every row."""
    file = options.file or options.study
    if file and file == options.study and (study := _study(options)).search:
        print(f"{file}: {_of_search(study.search)}")
        return 0
    try:
        rows = _rows(options)
    except UnreadableError:
        raise
    except InputError as error:
        for fault in error.faults:
            fail(fault, 2)
        return 2
    print(f"{file}: {_of_rows(rows.values())}")
    return 0


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


def stratify(options: argparse.Namespace) -> None:
    """Take and write a stratified sample."""
    from uncrossed.study.stratified import stratified

    if options.rows < 1:
        raise InputError(f"--rows: found {options.rows}; allowed: an integer >= 1")
    study = _study(options)
    rows = stratified(_rows(options).values(), options.rows, options.seed, study.dataset.train_examples)
    manifest.write(options.output, rows)
    print(f"{options.output}: {_of_rows(rows)}")


def make_factorial(options: argparse.Namespace) -> None:
    """Write the manifest of a factorial; say of each architecture what is crossed, and what it takes."""
    study, bases = _study(options), _rows(options)
    names = options.trials.split(",") if options.trials else list(bases)
    for name in names:
        if name not in bases:
            raise InputError(f"--trials: no trial '{name}' in {options.file}; {nearest(name, bases)}")
    try:
        seeds = None if options.seeds is None else [int(seed) for seed in options.seeds.split(",")]
    except ValueError as error:
        raise InputError(f"--seeds: found '{options.seeds}'; allowed: integers separated by commas") from error
    split = [name for name in options.split.split(",") if name]
    for name in split:
        if name not in factorial.SPLIT:
            raise InputError(f"--split: found '{name}'; {nearest(name, factorial.SPLIT)}")
    if options.repeats < 0:
        raise InputError(f"--repeats: found {options.repeats}; allowed: an integer >= 0")
    chosen = [bases[name] for name in names]
    halves = _halves(options.fraction, {base.architecture for base in chosen})
    touching = {base.architecture: study.architectures[base.architecture].touching for base in chosen}
    rows = [
        row
        for base in chosen
        for row in factorial.cross(
            base, touching[base.architecture], seeds, options.towards, base.architecture in halves, split
        )
    ]
    rows += factorial.repeats(chosen, options.repeats) if options.repeats else []
    _write_factorial(options.output, rows, touching, study)
    if study.search:
        print(f"{options.study} has a search and does not build it; a study of its own does, whose 'manifest' names it")
    elif Path(study.manifest).resolve() != options.output.resolve():
        print(f"{options.study} builds {study.manifest}, and not {options.output} before its key 'manifest' names it")


def _halves(text: str | None, architectures: Collection[str]) -> Collection[str]:
    """The architectures that are to be crossed in half."""
    if text is None or text == "half":
        return architectures if text else ()
    found = []
    for part in text.split(","):
        name, _, fraction = part.partition("=")
        if name not in architectures or fraction != "half":
            raise InputError(
                f"--fraction: found '{part}'; allowed: half, or ARCHITECTURE=half of {', '.join(sorted(architectures))}"
            )
        found.append(name)
    return found


def _write_factorial(output: Path, rows: Collection[Any], touching: Mapping[str, Collection[str]], study: Any) -> None:
    """Write the manifest of factorials; say what they cross, and what they take."""
    said = list(_of_factorial(rows, touching, study))  # before anything is written: a table of speeds may have a fault
    manifest.write(output, rows)
    print(*said, sep="\n")
    print(f"{output}: {_of_rows(rows)}")


def _of_factorial(rows: Collection[Any], touching: Mapping[str, Collection[str]], study: Any) -> Iterator[str]:
    """What the factorials of each architecture cross, and what they take."""
    total = 0.0
    speeds = study.path.parent / "speeds.csv"
    for name in sorted(touching):
        own = [row for row in rows if row.architecture == name]
        found = factorial.designs(own, touching)
        kinds = Counter((one.semantics, one.factors, len(one.points)) for one in found)
        for (semantics, factors, points), count in sorted(kinds.items()):
            fixed = sorted(
                set(MECHANISMS) & touching[name] - {part for one in factors for part in FACTORS.get(one, (one,))}
            )
            constant = f"; constant: {', '.join(fixed)}" if fixed else ""
            yield (
                f"{name}, {count} {'configuration' if count == 1 else 'configurations'} as {semantics}: "
                f"{points} of {2 ** len(factors)} combinations of {', '.join(factors)}{constant}"
            )
        needed = trainings.needed(own, touching)
        hours = trainings.hours(needed, study.settings, study.dataset, speeds)
        total += hours
        counts = {framework: len(some) for framework, some in needed.items()}
        yield (
            f"{name}: {counts['pytorch']} PyTorch and {counts['tensorflow']} TensorFlow trainings; the other "
            f"{2 * len(own) - sum(counts.values())} of {2 * len(own)} results are twins and views; {hours:.1f} hours"
        )
    yield from resources.unmeasured(touching, study.settings.device, speeds)
    yield f"about {total:.1f} hours in all, one training after the other on a {study.settings.device}"


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
    manifest.write(options.output, rows)
    for line in (*defects.find(table), *(f"refused: {line}" for line in refused)):
        print(line)
    if options.reference:
        print(f"{options.reference}: {len(table)} published pairs")
    print(f"{options.output}: {_of_rows(rows)}; {len(refused)} of {len(table)} published ones refused")


def repeat_published(options: argparse.Namespace) -> None:
    """Write repeats of published trials as a manifest."""
    from uncrossed.study2021 import published_tables, repeats

    for name in ("repeats", "extreme_repeats"):
        if getattr(options, name) < 1:
            raise InputError(f"--{name.replace('_', '-')}: found {getattr(options, name)}; allowed: an integer >= 1")
    table = published_tables.read(options.folder, options.url)
    rows = repeats.rows(table, options.repeats, options.extreme_repeats, options.seed)
    manifest.write(options.output, rows)
    bases = len({row.base for row in rows})
    print(f"{options.output}: {_of_rows(rows)}, of {bases} published ones")


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
    """Measure speeds from a study's run records, and put them into a table of speeds."""
    from uncrossed.results import tables

    measured = resources.measure(*tables.read_runs(options.folder))
    resources.update(measured, options.output)
    print(f"{options.output}: {len(measured)} lines measured")


def explain_published(options: argparse.Namespace) -> None:
    """Write factorials of published trials as a manifest; say what they cross, and what that takes."""
    from uncrossed.study2021 import explained, published_tables

    study = _study(options)
    rows = explained.rows(published_tables.read(options.folder, options.url), options.seed)
    touching = {name: study.architectures[name].touching for name in {row.architecture for row in rows}}
    _write_factorial(options.output, rows, touching, study)
