"""Running `uncrossed publish`, and what has to be at its destination."""

import hashlib
import os
import subprocess
from pathlib import Path
from unittest import mock

from helpers.commands import told, uncrossed
from uncrossed.release import secrets
from uncrossed.results import checksums

LIST = "RELEASE_SHA256SUMS"


def released_files(path: Path) -> dict[str, str]:
    """Names and SHA-256 in a list."""
    return checksums.read(path, "")[0]


def publish(folder, destination, receipt, *options, host="", code=0, **more) -> subprocess.CompletedProcess:
    """Run `uncrossed publish`: in this process, or in one of its own where `more` of the environment is given."""
    words = ["publish", folder, destination, "--receipt", receipt, *options]
    if more:
        return uncrossed(*words, code=code, STORAGE_EMULATOR_HOST=host, **more)
    with mock.patch.dict(os.environ, STORAGE_EMULATOR_HOST=host):
        return subprocess.CompletedProcess(words, code, told(*words, code=code))


def prefix(folder: Path) -> str:
    """Where a release lies below its destination."""
    return f"made/{hashlib.sha256((folder / LIST).read_bytes()).hexdigest()[:12]}/"


def check(server, folder: Path, base: str = "p/") -> None:
    """All files are there with the right bytes, each created once and the list last, and nothing else is."""
    names = [*released_files(folder / LIST), LIST]
    found = {name: data for name, (_, data) in server.objects.items()}
    assert found == {base + prefix(folder) + name: (folder / name).read_bytes() for name in names}
    assert len(server.created) == len(names)
    assert server.created[-1].endswith(f"/{LIST}")
    assert server.unsafe == []


HEX = "0123456789abcdef" * 2 + "01234567"


def scanned(folder: Path, name: str, content: str | bytes) -> list[str]:
    """What a scan says of one file with this content."""
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(content.encode() if isinstance(content, str) else content)
    return secrets.scan(folder, [name])
