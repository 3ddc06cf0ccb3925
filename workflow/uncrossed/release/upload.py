"""Publish a released study: upload it, so that it is there completely or not at all and nothing is ever overwritten.

All files go below DESTINATION/STUDY/VERSION, where VERSION is the first 12 digits of the SHA-256 of its list of files,
RELEASE_SHA256SUMS: another content is another folder, so that an upload can only ever add what is missing, and whoever
names a version gets the same bytes for ever. Every object is created where there is none, with its CRC32C given in
advance; one that is there already has to be the same. The list goes last: where it is, the release is complete.
Interrupted at any point, the same command finishes it.
"""

import hashlib
import os
import threading
import time
from collections.abc import Callable, Collection
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import Any
from urllib.parse import quote

from tqdm import tqdm

from uncrossed.common.errors import InputError
from uncrossed.common.files import write_json
from uncrossed.release import secrets
from uncrossed.release.destinations import SECONDS, Destination, FolderDestination, Lost, Object, destination_at, hashed
from uncrossed.results import checksums
from uncrossed.study import layout

WORKERS = 8


def publish(
    folder: str | os.PathLike[str],
    destination: str,
    receipt: str | os.PathLike[str] | None,
    report: Callable[[str], Any] = print,
    seconds: float = SECONDS,
    allow: Collection[str] = (),
) -> str:
    """Upload a released study and write its receipt.

    Args:
        folder: `results/STUDY`, with its RELEASE_SHA256SUMS.
        destination: `gs://BUCKET/PREFIX` or `file:///FOLDER`.
        receipt: the file that lists each object, written last; None only reports what would be done.
        report: takes a line for each object that would be created, and each place that must not be published.
        seconds: how long one object is tried.
        allow: places that may be published though they look like secrets, as they are reported.

    Returns:
        The place of the release.

    Raises:
        InputError: what must not be published, a file that is not what the list says, or no destination.
        OSError: the destination refuses, or holds another content under a name of this release.
    """
    folder = Path(folder).resolve()
    place, base = destination_at(destination)
    listed, version = _read_list(folder)
    if receipt is not None and Path(receipt).resolve() in {
        (folder / name).resolve() for name in (*listed, layout.RELEASE_CHECKSUMS)
    }:
        raise InputError(f"receipt {receipt}: is a file of the release; allowed: another place")
    leaks = secrets.scan(folder, [*listed, layout.RELEASE_CHECKSUMS])
    allowed, faults = [line for line in leaks if line in allow], [line for line in leaks if line not in allow]
    if faults:
        for fault in faults:
            report(fault)
        raise InputError(
            f"{folder}: {len(faults)} places must not be published, the first {faults[0]}; mend them, or allow each "
            "false alarm by --allow with its line (`snakemake publish`: by a line of UNCROSSED_ALLOW)"
        )
    prefix = f"{folder.name}/{version[:12]}/"
    if (
        isinstance(place, FolderDestination)
        and receipt
        and Path(receipt).resolve().is_relative_to((place.root / prefix).resolve())
    ):
        raise InputError(f"receipt {receipt}: is in the folder of the release; allowed: another place")
    existing = place.list(base + prefix)
    progress = tqdm(total=len(listed) + 1, desc="publish", unit="file", disable=None)
    receipts: dict[str, dict[str, Any]] = {}
    stop = threading.Event()

    def send(name: str, digest: str) -> None:
        if stop.is_set():
            return
        path, full = folder / name, base + prefix + name
        size, sha256, crc32c = hashed(path)
        if sha256 != digest:
            raise InputError(f"{path}: its SHA-256 is not the one in {layout.RELEASE_CHECKSUMS}; it is not published")
        stored = existing.get(full)
        if stored is None and receipt is None:
            report(f"create {destination.rstrip('/')}/{prefix}{name} ({size} bytes)")
        elif stored is None:
            stored = _create(place, full, path, size, crc32c, time.monotonic() + seconds)
        if stored is not None:
            check_same(name, stored, size, crc32c)
            receipts[name] = {"object": full, **stored._asdict(), "sha256": digest}
        progress.update()

    def check_same(name: str, stored: Object, size: int, crc32c: str) -> None:
        if (stored.size, stored.crc32c) != (size, crc32c):
            raise OSError(
                f"{destination.rstrip('/')}/{prefix}{name} holds another content ({stored.size} bytes, CRC32C "
                f"{stored.crc32c}) than {folder / name} ({size} bytes, CRC32C {crc32c}); it is not overwritten"
            )

    with progress:
        pool = ThreadPoolExecutor(WORKERS)
        try:
            for done in as_completed([pool.submit(send, *item) for item in listed.items()]):
                done.result()
        finally:
            # After the first failure, and on Ctrl-C, nothing more is begun.
            stop.set()
            pool.shutdown(cancel_futures=True)
        stop.clear()
        if receipt is not None:
            # Whoever may write there may have replaced an object meanwhile; the list promises all of them.
            existing = place.list(base + prefix)
            for name, sent in receipts.items():
                stored = existing.get(base + prefix + name)
                if stored is None:
                    raise OSError(f"{destination.rstrip('/')}/{prefix}{name} is gone; publish again")
                check_same(name, stored, sent["size"], sent["crc32c"])
                sent["generation"] = stored.generation
        send(layout.RELEASE_CHECKSUMS, version)
    where = f"{destination.rstrip('/')}/{quote(prefix) if isinstance(place, FolderDestination) else prefix}"
    if receipt is not None:
        objects = [receipts[name] for name in (*listed, layout.RELEASE_CHECKSUMS)]
        write_json(receipt, {"release": where, "version": version, "allowed": allowed, "objects": objects})
    return where


def _read_list(folder: Path) -> tuple[dict[str, str], str]:
    """Names and SHA-256 of all that is released, and the SHA-256 of that list, from the same bytes.

    Raises:
        UnreadableError: the operating system does not give a list.
        InputError: a list is missing or damaged, does not list what it must, or a file is not there.
    """
    path = folder / layout.RELEASE_CHECKSUMS
    listed, content = checksums.read(path, "run `uncrossed release` first")
    for name, digest in checksums.read_built(folder).items():
        if listed.get(name) != digest:
            raise InputError(
                f"{path}: lists {name} otherwise than {layout.CHECKSUMS}, or not; run `uncrossed release` again"
            )
    if layout.CHECKSUMS not in listed:
        raise InputError(f"{path}: does not list {layout.CHECKSUMS}; run `uncrossed release` again")
    for name in listed:
        if not (folder / name).is_file():
            raise InputError(f"{folder / name}: listed in {layout.RELEASE_CHECKSUMS}, but there is no such file")
    return listed, hashlib.sha256(content).hexdigest()


def _create(place: Destination, name: str, path: Path, size: int, crc32c: str, deadline: float) -> Object:
    """Create an object, or find that it is there: then an earlier or another upload, or a lost answer, made it."""
    pause = 0.25
    while True:
        try:
            made = place.create(name, path, size, crc32c, deadline) or place.find(name)
            lost = Lost("something is there that cannot be read")
        except Lost as error:
            made, lost = None, error
        if made is not None:
            return made
        if time.monotonic() + pause > deadline:
            raise OSError(f"{name}: {lost}") from lost
        time.sleep(pause)
        pause = min(2 * pause, 16)
