"""Where files tell who built them: host, user, home path, keys."""

import ast
import functools
import getpass
import html
import itertools
import os
import platform
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import h5py
import pyarrow.parquet as pq
from plotly.offline import get_plotlyjs
from tqdm import tqdm

from uncrossed.common.files import parsing
from uncrossed.common.parquet import read_parquet
from uncrossed.results import trial_file, views_file
from uncrossed.study import layout

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

    Raises:
        UnreadableError: the operating system does not give a file.
        InputError: a file is missing or damaged.
    """
    folder = Path(folder).resolve()
    patterns = {what: re.compile(pattern) for what, pattern in (SECRETS | own_names()).items()}

    def faults(name: str, place: str, text: str) -> list[str]:
        # As it is, and without the escapes of JSON, URLs and HTML.
        plain = html.unescape(unquote(re.sub(r"\\u00([0-7][0-9a-fA-F])", r"%\1", text).replace("\\/", "/")))
        texts = {text, plain}
        leaks = (what for what, pattern in patterns.items() if any(map(pattern.search, texts)))
        return [f"{name}: {place}: {what}" for what in leaks]

    lines = faults(folder.name, "the study's name", folder.name)
    for name in tqdm(names, desc="scan", unit="file", disable=None):
        for place, text in texts_of(folder / name):
            lines += faults(name, place, text)
    return lines


def own_names() -> dict[str, str]:
    """Patterns of this machine's and this user's names, and of the home path, by what they are called."""
    try:
        user = getpass.getuser()
    except (OSError, KeyError):
        user = ""
    node = platform.node()
    names = {"this machine's name": {node, node.partition(".")[0]}, "this user's name": {user}}
    patterns = {what: "|".join(map(_of_name, sorted(some - EVERYBODYS))) for what, some in names.items()}
    home = os.path.expanduser("~").rstrip("/").removeprefix("~")  # of a user without a home `~` stays as it is
    patterns |= {"this user's home path": _anywhere(home) if home else ""}
    return {what: pattern for what, pattern in patterns.items() if pattern}


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
    if len(name) > 3 and not name.isdigit() and name.lower() not in known_words():
        return _anywhere(name)
    return "|".join(AS_A_NAME).replace("NAME", re.escape(name))


def _anywhere(name: str) -> str:
    return rf"(?<![\w.-]){re.escape(name)}(?![\w-])"


# Words that the writers of SVG and Parquet files bring.
FORMAT_WORDS = (
    "butt creator dcmitype defs library mathdefault miter rotate standalone stroke translate tspan xlink xmlns"
)


@functools.cache
def known_words() -> frozenset[str]:
    """FORMAT_WORDS and the words of this package's sources in small letters, those joined by - and _ also as a whole.

    Comments and docstrings are left out: they are not in what is written, and name people whom logins may name too.
    """
    package, texts = Path(__file__).parents[1], [FORMAT_WORDS]
    for kind in ("html", "jinja", "css", "js"):  # what the report's page is made of
        texts += (path.read_text(encoding="utf-8") for path in package.rglob(f"*.{kind}"))
    for path in package.rglob("*.py"):
        nodes = list(ast.walk(ast.parse(path.read_bytes())))
        docstrings = {id(node.value) for node in nodes if isinstance(node, ast.Expr)}
        values = (value for node in nodes if id(node) not in docstrings for value in vars(node).values())
        texts += (value for value in values if isinstance(value, str))
    words = (re.findall(kind, text.lower()) for text in texts for kind in (r"[^\W_]+", r"[\w-]+"))
    return frozenset(itertools.chain.from_iterable(words))


def texts_of(path: Path) -> Iterator[tuple[str, str]]:
    """The texts of a file, each with its place; a text that belongs to a name stands after it, as in `user: ada`."""
    if path.suffix == ".h5":
        opened = views_file.opened if layout.is_views_file(path) else trial_file.opened
        with opened(path) as file:
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
        with parsing(path, "") as stream:
            table = read_parquet(stream)
        with parsing(path, "") as stream:
            metadata = pq.read_schema(stream).metadata or {}
        yield "metadata", "\n".join(f"{_joined(name)}: {_joined(text)}" for name, text in metadata.items())
        for name in table:
            if table[name].dtype.kind not in "biuf":
                yield f"column '{name}'", "\n".join(f"{name}: {text}" for text in set(map(_joined, table[name])))
    else:
        header: list[str] = []
        with parsing(path, "") as stream:
            text = stream.readall().replace(b"\0", b"").decode(errors="replace")
        if path.suffix == ".html":
            # What a report is drawn with says nothing of who built it.
            library = get_plotlyjs()
            text = text.replace(library, "\n" * library.count("\n"))
        for number, line in enumerate(text.split("\n"), start=1):
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
