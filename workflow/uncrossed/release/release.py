"""What a study needs before it is published: its card, its metadata, where it comes from, and the list of all files.

    README.md           the dataset card: what it is, how it was made, numbers, known defects, licence, citation
    croissant.json      Croissant JSON-LD, which mlcroissant and dataset search engines read
    provenance.json     the study's keys, identities of rows, dataset and code, versions and devices
    RELEASE_SHA256SUMS  the checksums of everything that is released, in the form that `sha256sum -c` reads

Nothing in them depends on clock, host or path: equal results have equal metadata.
"""

import ast
import functools
import getpass
import html
import itertools
import os
import platform
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import h5py
import pandas as pd
import pyarrow.parquet as pq
from tqdm import tqdm

from uncrossed.analysis import predictions, statistics
from uncrossed.common.errors import InputError
from uncrossed.common.files import read_checksums, sha256, write_json, write_text
from uncrossed.reading.reader import RUNS, listable
from uncrossed.results import tables, trial_file
from uncrossed.study import manifest
from uncrossed.study.study import Study
from uncrossed.study.trial import FRAMEWORKS

LIST = "RELEASE_SHA256SUMS"
METADATA = ("README.md", "croissant.json", "provenance.json")
LICENCE = "https://creativecommons.org/licenses/by/4.0/"
TITLE = "CrossedWires: A Dataset of Syntactically Equivalent but Semantically Disparate Deep Learning Models"
CITATION = f"""@article{{crossedwires,
  title = {{{TITLE}}},
  author = {{Zvyagin, Max and Brettin, Thomas and Ramanathan, Arvind and Jha, Sumit Kumar}},
  journal = {{arXiv:2108.12768}},
  year = {{2021}}
}}"""


def make(folder: str | os.PathLike[str]) -> list[str]:
    """Write the metadata of a built study, and the list of all that is released.

    Args:
        folder: `results/STUDY`, with its SHA256SUMS and its study.json.

    Returns:
        The names in the list.

    Raises:
        InputError: a missing or damaged file, one that is not what SHA256SUMS lists, or a trial file of another study.
    """
    folder = Path(folder)
    study = Study.read_built(folder)
    listed = built(folder)
    trials = sorted(manifest.read(folder / "manifest.csv"))
    provenance = _provenance(folder, study, listed)
    size = predictions.size(folder, trials)
    table = statistics.prepared(tables.read(folder), *size, folder)
    write_json(folder / "provenance.json", provenance)
    write_json(folder / "croissant.json", _croissant(study, table, listed))
    write_text(folder / "README.md", _card(study, table, size.classes))
    names = [*listed, "SHA256SUMS", RUNS, *METADATA]
    names += [f"trials/{trial}/{framework}.json" for trial in trials for framework in FRAMEWORKS]
    names += [f"trials/{trial}/row.json" for trial in trials if study.search]
    made = (folder / "SHA256SUMS").stat().st_mtime_ns

    def line(name: str) -> str:
        path = folder / name
        try:
            # What is older than its checksum needs no other; it is hashed again when it is uploaded.
            known = listed.get(name) if path.stat().st_mtime_ns <= made else None
            found = known or sha256(path)
        except OSError as error:
            raise InputError(f"{path}: cannot be read ({error.strerror}); build the study first") from error
        if listed.get(name, found) != found:
            raise InputError(f"{path}: another than SHA256SUMS lists; run `uncrossed verify {folder}`")
        return f"{found}  {name}\n"

    with ThreadPoolExecutor(max_workers=4) as pool:
        lines = list(tqdm(pool.map(line, names), desc="release", total=len(names), unit="file", disable=None))
    write_text(folder / LIST, "".join(lines))
    return names


def built(folder: Path) -> dict[str, str]:
    """Names and SHA-256 in a study's SHA256SUMS; raises as `read_list` does, and where a file of it is not listed."""
    path = folder / "SHA256SUMS"
    listed = read_list(path)
    for name in listable(manifest.read(folder / "manifest.csv")):
        if name not in listed:
            raise InputError(f"{path}: does not list {name}; run `uncrossed checksums {folder}`")
    return listed


def read_list(path: str | os.PathLike[str]) -> dict[str, str]:
    """Names and SHA-256 of a list of checksums.

    Raises:
        InputError: it is missing or damaged, or a name leads out of the list's folder.
    """
    try:
        text = Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: missing or damaged ({error}); build the study first") from error
    return read_checksums(text, path)


def _provenance(folder: Path, study: Study, listed: dict[str, str]) -> dict[str, Any]:
    code: dict[str, set[str]] = {name: set() for name in FRAMEWORKS}
    devices: dict[str, set[str]] = {name: set() for name in FRAMEWORKS}
    versions: dict[str, dict[str, set[str]]] = {name: {} for name in FRAMEWORKS}
    datasets = set()
    files = [name for name in listed if name.startswith("trials/")]
    for name in tqdm(files, desc="provenance", unit="file", disable=None):
        found = trial_file.read_attributes(folder / name)
        if fault := study.contradiction(found):
            raise InputError(f"{folder / name}: {fault}; build the study again")
        framework = Path(name).stem
        code[framework].add(found["code_sha256"])
        devices[framework].add(found["device"])
        datasets.add(found["dataset_sha256"])
        for package, text in found["versions"].items():
            versions[framework].setdefault(package, set()).add(text)
    return {
        "study": study.statement(),
        "manifest_sha256": listed["manifest.csv"],
        "dataset": study.dataset.identity().model_dump(mode="json"),
        "dataset_sha256": sorted(datasets),
        "uncrossed": _version(),
        "code_sha256": {name: sorted(found) for name, found in code.items()},
        "devices": {name: sorted(found) for name, found in devices.items()},
        "versions": {
            framework: {name: sorted(texts) for name, texts in sorted(found.items())}
            for framework, found in versions.items()
        },
    }


def _version() -> str:
    try:
        return version("uncrossed")
    except PackageNotFoundError:
        return "0"


def _described(study: Study) -> str:
    data = study.dataset
    return (
        f"Pairs of models of one architecture and one set of hyperparameters, trained on {data.name} "
        f"({data.train_examples} training and {data.test_examples} test examples), once in PyTorch and once in "
        "TensorFlow: hyperparameters, learning curves, predictions and weights."
    )


COLUMNS = {
    "trial": "the trial's name, and its folder in trials/",
    "semantics": "which differences between the frameworks are aligned; native: each does what it ships with",
    "space": "the subspace of the search box that the row was drawn from",
    "base": "the trial that the row was made from",
    "difference": "PyTorch's test accuracy minus TensorFlow's",
    "both_completed": "false where a side diverged or is missing: leave these pairs out",
}
TYPES = {"b": "sc:Boolean", "i": "sc:Integer", "u": "sc:Integer", "f": "sc:Float"}


def _croissant(study: Study, table: pd.DataFrame, listed: dict[str, str]) -> dict[str, Any]:
    def file(name: str, kind: str, about: str) -> dict[str, Any]:
        found = {"@type": "cr:FileObject", "@id": name, "name": name, "description": about, "contentUrl": name}
        return found | {"encodingFormat": kind, "sha256": listed[name]}

    def records(name: str, about: str, source: str, fields: dict[str, str]) -> dict[str, Any]:
        made = [
            {
                "@type": "cr:Field",
                "@id": f"{name}/{column}",
                "name": column,
                "description": COLUMNS.get(column, column.replace("_", " ")),
                "dataType": kind,
                "source": {"fileObject": {"@id": source}, "extract": {"column": column}},
            }
            for column, kind in fields.items()
        ]
        return {"@type": "cr:RecordSet", "@id": name, "name": name, "description": about, "field": made}

    # Of the analysis' own columns none is in the file.
    columns = [name for name in table if name not in ("steps", "state")]
    trials = {name: TYPES.get(getattr(table[name].dtype, "kind", "O"), "sc:Text") for name in columns}
    curves = {"trial": "sc:Text", "framework": "sc:Text", "epoch": "sc:Integer"}
    curves |= dict.fromkeys(trial_file.CURVES, "sc:Float")
    models = {"@type": "cr:FileSet", "@id": "models", "name": "models", "encodingFormat": "application/x-hdf5"}
    models |= {"description": "one HDF5 file per trial and framework", "includes": "trials/*/*.h5"}
    return {
        "@context": CONTEXT,
        "@type": "sc:Dataset",
        "name": f"crossedwires-{study.name}",
        "description": _described(study),
        "conformsTo": "http://mlcommons.org/croissant/1.0",
        "license": LICENCE,
        "citeAs": CITATION,
        "url": "https://arxiv.org/abs/2108.12768",
        "version": _version(),
        "distribution": [
            # Its types are the table's: in CSV a trial named `001` or `null` is a number or nothing to most readers.
            file("tables/trials.parquet", "application/x-parquet", "one row per trial"),
            file("tables/curves.parquet", "application/x-parquet", "one row per trial, framework and epoch"),
            file("manifest.csv", "text/csv", "the rows that were built, ready to be built again"),
            models,
        ],
        "recordSet": [
            records("trials", "one record per trial", "tables/trials.parquet", trials),
            records("curves", "one record per trial, framework and epoch", "tables/curves.parquet", curves),
        ],
    }


_TERMS = (
    *(
        "citeAs",
        "column",
        "conformsTo",
        "equivalentProperty",
        "extract",
        "field",
        "fileObject",
        "fileProperty",
        "fileSet",
        "format",
    ),
    *("includes", "isLiveDataset", "jsonPath", "key", "md5", "parentField", "path", "recordSet", "references"),
    *("regex", "repeated", "replace", "samplingRate", "separator", "source", "subField", "transform"),
)
CONTEXT = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "cr": "http://mlcommons.org/croissant/",
    "dct": "http://purl.org/dc/terms/",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "sc": "https://schema.org/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "examples": {"@id": "cr:examples", "@type": "@json"},
    **{term: f"cr:{term}" for term in _TERMS},
    "conformsTo": "dct:conformsTo",
}


def _card(study: Study, table: pd.DataFrame, classes: int) -> str:
    states = "\n".join(f"| {state} | {(table['state'] == state).sum()} |" for state in statistics.STATES)
    names = "\n".join(
        f"| {architecture} | {semantics} | {count} |"
        for (architecture, semantics), count in table.groupby(["architecture", "semantics"]).size().items()
    )
    differences = table["difference"].abs().dropna()
    largest = f"The largest difference of test accuracies is {differences.max():.4f}. " if len(differences) else ""
    low, high = statistics.chance_interval(study.dataset.test_examples, classes)
    return f"""---
license: cc-by-4.0
pretty_name: "CrossedWires: {study.name}"
---

# CrossedWires: {study.name}

{_described(study)}
{largest}Why they differ is what the dataset is for.

## How it was made

By `uncrossed`, a Snakemake workflow, from `manifest.csv` and the study in `provenance.json`. A row, the study's
settings and the dataset determine a trial file byte for byte on the same software and kind of device: build it again
and compare `SHA256SUMS`. The order of examples, what a loss and an accuracy are, and what is stored are the same code
for both frameworks; models, initial weights and Adam are the frameworks' own, save what a row's `semantics` aligns.

## Numbers

{len(table)} pairs:

| architecture | semantics | pairs |
|---|---|---|
{names}

## Files

| file | what it is |
|---|---|
| `trials/{{trial}}/{{framework}}.h5` | a trained model: weights, curves, predictions, and all that determined them |
| `trials/{{trial}}/{{framework}}.json` | the run: seconds, memory, device, versions |
| `tables/trials.csv`, `.parquet` | one row per trial: hyperparameters, accuracies, losses, statuses, `difference` |
| `tables/curves.parquet`, `runs.parquet` | one row per trial, framework and epoch; one per run |
| `manifest.csv`, `provenance.json` | what it was built from |
| `croissant.json` | this description for machines |
| `RELEASE_SHA256SUMS` | checksums of everything here: `sha256sum -c RELEASE_SHA256SUMS` |

```python
import h5py

with h5py.File("trials/TRIAL/pytorch.h5") as file:
    accuracy = file["curves/test_accuracy"][:]  # one value per epoch
    logits = file["predictions/logits"][:]  # test examples x classes, after the last epoch
    weights = file["weights"][max(file["weights"])]  # PyTorch's names and layouts; in tensorflow.h5 Keras' own
```

Curves are means over examples, defined alike on both sides. The semantics `native` leaves each framework as it ships.

## Known defects

| pairs | count |
|---|---|
{states}

A model is at chance where its test accuracy is not above {high:.4f}, the upper end of the 99 % interval of guessing
({low:.4f} to {high:.4f}). Where a training loss was not finite a model `diverged`: it stopped there, its accuracy
means nothing, and `both_completed` is false.

## Licence and citation

CC-BY-4.0. Cite the original study:

```bibtex
{CITATION}
```
"""


# What must not be published, by what it is called.
SECRETS = {
    "a home path": r"[/\\](?:home|Users)[/\\]+\w",
    "an AWS key": r"(?<![A-Za-z0-9])(?:AKIA|ASIA)[0-9A-Z]{16}(?![A-Za-z0-9])"
    r"|(?i:aws_?(?:secret|session)_?\w*\W{1,5}[0-9a-z/+=]{16})",
    "a Google key": r"(?<![\w-])(?:AIza[\w-]{35}|ya29\.[\w-]{20,}|GOCSPX-[\w-]{20,})|\"private_key(?:_id)?\"",
    "a private key": r"-----BEGIN [A-Z ]*PRIVATE KEY-----",
    "a GitHub token": r"(?<!\w)(?:gh[pousr]_[A-Za-z0-9]{30,}|github_pat_\w{22,})",
    # Bare, 40 hexadecimal digits are as likely a commit.
    "a wandb key": r"(?i:wandb|key|token|secret|password)[^\n]{0,80}?(?<![0-9a-f])[0-9a-f]{40}(?![0-9a-f])"
    r"|(?<!\w)wandb_v\d_\w{20,}",
    "a Hugging Face token": r"(?<!\w)hf_[A-Za-z0-9]{30,}",
    "an access token": r"(?<![\w-])(?:sk-[\w-]{32,}|xox[abeoprs]-[\w-]{20,}|eyJ[\w-]{10,}\.eyJ[\w-]{10,}\.)",
    "a password in a URL": r"://[^/\s:@\"'<>]{1,64}:[^/\s:@\"'<>]{3,64}@",
}


def scan(folder: str | os.PathLike[str], names: list[str]) -> list[str]:
    """Where files tell who built them: host, user, home path, keys. What was found is never repeated.

    Args:
        folder: `results/STUDY`, whose own name is published too.
        names: of files in it: of HDF5 files all attributes, names and texts are read, of Parquet tables all names,
            metadata and texts, and all other files whole, whatever they are. Where a name counts: see `_of_name`.

    Returns:
        One line for each place, `FILE: PLACE: what it is`.
    """
    folder = Path(folder).resolve()
    patterns = {what: re.compile(pattern) for what, pattern in (SECRETS | _own()).items()}

    def faults(name: str, place: str, text: str) -> list[str]:
        # As it is, and without the escapes of JSON, URLs and HTML.
        plain = html.unescape(unquote(re.sub(r"\\u00([0-7][0-9a-fA-F])", r"%\1", text).replace("\\/", "/")))
        texts = {text, plain}
        found = (what for what, pattern in patterns.items() if any(map(pattern.search, texts)))
        return [f"{name}: {place}: {what}" for what in found]

    found = faults(folder.name, "the study's name", folder.name)
    for name in tqdm(names, desc="scan", unit="file", disable=None):
        for place, text in _texts(folder / name):
            found += faults(name, place, text)
    return found


def _own() -> dict[str, str]:
    """Patterns of this machine's and this user's names, and of the home path, by what they are called."""
    try:
        user = getpass.getuser()
    except (OSError, KeyError):
        user = ""
    node = platform.node()
    names = {"this machine's name": {node, node.partition(".")[0]}, "this user's name": {user}}
    found = {what: "|".join(map(_of_name, sorted(some - EVERYBODYS))) for what, some in names.items()}
    home = os.path.expanduser("~").rstrip("/").removeprefix("~")  # which is left of a user without one
    found |= {"this user's home path": _anywhere(home) if home else ""}
    return {what: pattern for what, pattern in found.items() if pattern}


# Names that tell nothing of who bears them.
EVERYBODYS = {"", "root", "localhost"}
# Where a name is a name, whatever else the word may mean: in an absolute path, as somebody's home, beside @, as a URL's
# host, and after a word for who or where. A path's lengths have limits, so that long lines are searched in little time.
AS_A_NAME = (
    r"(?:(?<![\w./<}-])/(?!/)|(?<=file:///)|(?<!\w)[A-Za-z]:[/\\]+|(?<![\w\\])\\\\+)"
    r"(?:[^/\\\s<>\"']{1,255}+[/\\]+){0,40}NAME(?![\w-])",
    r"(?<!\w)~NAME(?![\w-])",
    r"(?<![\w.-])NAME(?=@\w)",
    r"(?<=\w@)NAME(?![\w-])",
    r"(?<=://)NAME(?![\w.-])",
    r"(?<![A-Za-z])(?i:(?:user|host|node)(?:_?name|_?list)?|log_?in|log_?name|owner|account|machine|server)"
    r"[ \t\"'\[\](:=>]{1,8}NAME(?![\w-])",
)


def _of_name(name: str) -> str:
    """A pattern that finds a name of this machine or user.

    Column names and documents of a study come from this package's sources. A name that is no word of these is found
    wherever it stands as a word. One that is (`adam`, `data`), one of up to three letters, and a number stand in every
    study, whoever built it: they are found only where they are used as names, by AS_A_NAME.
    """
    if len(name) > 3 and not name.isdigit() and name.lower() not in _words():
        return _anywhere(name)
    return "|".join(AS_A_NAME).replace("NAME", re.escape(name))


def _anywhere(name: str) -> str:
    return rf"(?<![\w.-]){re.escape(name)}(?![\w-])"


# Words that the writers of SVG and Parquet files bring.
FORMATS = "butt creator dcmitype defs library mathdefault miter rotate standalone translate tspan xlink xmlns"


@functools.cache
def _words() -> frozenset[str]:
    """The words of FORMATS and of this package's sources in small letters, those joined by - and _ also as a whole.

    Comments and docstrings are left out: they are not in what is written, and name people whom logins may name too.
    """
    package, texts = Path(__file__).parents[1], [FORMATS]
    pages = ("page.html.jinja", "page.css", "page.js")
    texts += ((package / "report" / name).read_text(encoding="utf-8") for name in pages)
    for path in package.rglob("*.py"):
        nodes = list(ast.walk(ast.parse(path.read_bytes())))
        docstrings = {id(node.value) for node in nodes if isinstance(node, ast.Expr)}
        values = (value for node in nodes if id(node) not in docstrings for value in vars(node).values())
        texts += (value for value in values if isinstance(value, str))
    found = (re.findall(kind, text.lower()) for text in texts for kind in (r"[^\W_]+", r"[\w-]+"))
    return frozenset(itertools.chain.from_iterable(found))


def _texts(path: Path) -> Iterator[tuple[str, str]]:
    """The texts of a file, each with its place; what has a name follows that name."""
    if path.suffix == ".h5":
        with trial_file.opened(path) as file:
            places = [file]
            file.visititems(lambda _, node: places.append(node))
            for node in places:
                # With a dot ahead: places in the file are no paths of a machine.
                yield node.name, f".{node.name}"
                if isinstance(node, h5py.Dataset) and node.dtype.kind not in "biufc":
                    yield f"content of {node.name}", f".{node.name}: {_joined(node[()])}"
                for name in node.attrs:
                    yield f"attribute '{name}' of {node.name}", f"{name}: {_joined(node.attrs[name])}"
    elif path.suffix == ".parquet":
        try:
            table, metadata = pd.read_parquet(path), pq.read_schema(path).metadata or {}
        except (OSError, ValueError) as error:
            raise InputError(f"{path}: damaged ({error})") from error
        yield "metadata", "\n".join(f"{_joined(name)}: {_joined(text)}" for name, text in metadata.items())
        for name in table:
            if table[name].dtype.kind not in "biuf":
                yield f"column '{name}'", "\n".join(f"{name}: {text}" for text in set(map(_joined, table[name])))
    else:
        header: list[str] = []
        try:
            lines = path.read_bytes().replace(b"\0", b"").decode(errors="replace").split("\n")
        except OSError as error:
            raise InputError(f"{path}: cannot be read ({error.strerror}); it is not published") from error
        for number, line in enumerate(lines, start=1):
            if path.suffix == ".csv":
                header, cells = header or line.split(","), line.split(",")
                line += "".join(f"\n{name}: {cell}" for name, cell in zip(header, cells, strict=False))
            yield f"line {number}", line


def _joined(value: Any) -> str:
    """A text, or all texts of an array; bytes as they would be read."""
    if isinstance(value, bytes):
        return value.replace(b"\0", b"").decode(errors="replace")
    if getattr(value, "shape", ()):
        return "\n".join(map(_joined, value.ravel().tolist()))
    return str(value)
