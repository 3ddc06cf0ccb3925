"""A dataset's source: found on disk or downloaded, and identified by one SHA-256 however many files it has."""

import hashlib
import shutil
from collections.abc import Mapping, Sequence
from http.client import HTTPException
from pathlib import Path

from tqdm import tqdm

from uncrossed.common.errors import InputError
from uncrossed.common.files import sha256
from uncrossed.common.servers import whole


def fetch(source: str, files: Sequence[str], folder: Path) -> list[Path]:
    """The paths of a source's files.

    Args:
        source: a URL or a path: of the file, or of the folder of the `files`.
        files: the names of its files; none where the source is one file.
        folder: where downloads are put.

    Raises:
        InputError: a file that is not there or cannot be downloaded.
    """
    if not files:
        return [_fetch(source, folder / "archive")]
    return [_fetch(f"{source.rstrip('/')}/{name}", folder / name) for name in files]


def _fetch(source: str, target: Path) -> Path:
    if "://" not in source:
        if not Path(source).is_file():
            raise InputError(f"dataset source {source}: no such file; allowed: a URL or a path")
        return Path(source)
    try:
        with (
            whole(source) as response,
            open(target, "wb") as stream,
            tqdm.wrapattr(response, "read", total=getattr(response, "length", None), desc=source, disable=None) as body,
        ):
            shutil.copyfileobj(body, stream)
    except (ValueError, HTTPException) as error:
        raise InputError(f"dataset source {source}: {error}; allowed: a URL or a path") from error
    except OSError as error:
        raise InputError(f"dataset source {source}: cannot be downloaded ({error})") from error
    return target


def checksum(paths: Sequence[Path], several: bool) -> str:
    """The SHA-256 that stands for a source: of its file, or of the list of its `several` files."""
    if several:
        return checksum_of_list({path.name: sha256(path) for path in paths})
    (path,) = paths
    return sha256(path)


def checksum_of_list(checksums: Mapping[str, str]) -> str:
    """The SHA-256 of what `sha256sum` prints of files in the order of their names: `sha256sum *.gz | sha256sum`."""
    lines = "".join(f"{checksums[name]}  {name}\n" for name in sorted(checksums))
    return hashlib.sha256(lines.encode()).hexdigest()
