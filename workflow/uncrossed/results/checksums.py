"""The lists of checksums of a study, SHA256SUMS and RELEASE_SHA256SUMS, in the form that `sha256sum -c` reads."""

import os
import re
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tqdm import tqdm

from uncrossed.common.errors import InputError
from uncrossed.common.files import is_below, reading, sha256, write_text
from uncrossed.results import built
from uncrossed.study import layout, manifest


def parse(content: bytes, where: object) -> dict[str, str]:
    """Names and SHA-256 of a list.

    Args:
        content: of the list.
        where: what an error calls the list.

    Raises:
        InputError: a line is not a checksum and a name, or a name is there twice or leads out of the list's folder.
    """
    names: dict[str, str] = {}
    for number, line in enumerate(content.decode(errors="replace").splitlines(), start=1):
        digest, _, name = line.partition("  ")
        name = name.removeprefix("./")
        if not re.fullmatch("[0-9a-f]{64}", digest) or not is_below(name) or name in names:
            raise InputError(f"{where}: line {number} is not a checksum and another name in its folder")
        names[name] = digest
    return names


def read(path: str | os.PathLike[str], advice: str) -> tuple[dict[str, str], bytes]:
    """A local list: names and SHA-256, and its bytes.

    Args:
        path: of the list.
        advice: what to do where it is missing.

    Raises:
        UnreadableError: the operating system does not give it.
        InputError: it is missing, or `parse` refuses it.
    """
    try:
        with reading(path) as stream:
            content = stream.readall()
    except FileNotFoundError as error:
        raise InputError(f"{path}: missing; {advice}") from error
    return parse(content, path), content


def write(path: Path, digests: Mapping[str, str]) -> None:
    """Write a list of names and their SHA-256."""
    write_text(path, "".join(f"{digest}  {name}\n" for name, digest in digests.items()))


def make(folder: str | os.PathLike[str]) -> None:
    """Write the SHA256SUMS of a built study.

    Raises:
        InputError: a file that should be there is missing.
    """
    folder = Path(folder)
    names = layout.listed(folder, built.rows(folder))
    missing = [name for name in names if not (folder / name).is_file()]
    if missing:
        raise InputError(f"{folder / missing[0]}: missing, as are {len(missing) - 1} more; build the study first")
    with ThreadPoolExecutor(max_workers=4) as pool:
        hashes = pool.map(sha256, (folder / name for name in names))
        progress = tqdm(hashes, desc="checksums", total=len(names), unit="file", disable=None)
        write(folder / layout.CHECKSUMS, dict(zip(names, progress, strict=True)))


def read_built(folder: str | os.PathLike[str]) -> dict[str, str]:
    """Names and SHA-256 in the SHA256SUMS of a built study.

    Raises:
        UnreadableError: the operating system does not give it.
        InputError: it is missing or damaged, or does not list what it must.
    """
    path = Path(folder) / layout.CHECKSUMS
    digests, _ = read(path, "build the study first")
    for name in layout.must_be_listed(manifest.read(Path(folder) / layout.MANIFEST, architectures=None)):
        if name not in digests:
            raise InputError(f"{path}: does not list {name}; run `uncrossed checksums {folder}`")
    return digests
