"""Running `uncrossed publish`, and what has to be at its destination."""

import base64
import csv
import hashlib
import json
import os
import platform
import random
import re
import shutil
import socket
import subprocess
import sys
import threading
from pathlib import Path
import google_crc32c
import numpy as np
import pytest
from helpers import gcs
from helpers import synthetic
from helpers.commands import PATH
from helpers.commands import REPOSITORY
from helpers.commands import run
from helpers.commands import uncrossed
from uncrossed.analysis import analyse, attribution
from uncrossed.common.errors import InputError
from uncrossed.release import metadata, release, secrets, upload
from uncrossed.release.card import TITLE
from uncrossed.report import report
from uncrossed.results import checksums, tables
from uncrossed.study import manifest
from uncrossed.study.mechanisms import resolve
from helpers.commands import CHECKS, STAND_IN, ARCHITECTURES, REPOSITORY

LIST = "RELEASE_SHA256SUMS"


def released_files(path: Path) -> dict[str, str]:
    """Names and SHA-256 in a list."""
    return checksums.read(path, "")[0]


def publish(folder, destination, receipt, *options, host="", **more):
    """Run `uncrossed publish`."""
    return uncrossed(
        *("publish", folder, destination, "--receipt", receipt, *options), STORAGE_EMULATOR_HOST=host, **more
    )


def prefix(folder: Path) -> str:
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
