"""An upload is complete or not there, whatever fails and whenever it is killed."""

import base64
import hashlib
import json
import os
import random
import socket
import subprocess
import sys
import threading

import google_crc32c
import pytest

from helpers import gcs
from helpers.commands import PATH, run, uncrossed
from helpers.publishing import LIST, check, prefix, publish, released_files

# How often an upload is killed at a random moment; more by UNCROSSED_INTERRUPTIONS=50.
INTERRUPTIONS = int(os.environ.get("UNCROSSED_INTERRUPTIONS", 5))


def test_an_emulator_gets_all_files(built, tmp_path):
    from gcp_storage_emulator.server import create_server

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    emulator = create_server("127.0.0.1", port, in_memory=True, default_bucket="bucket")
    emulator.start()
    try:
        host = f"http://127.0.0.1:{port}"
        publish(built, "gs://bucket/p", tmp_path / "receipt.json", host=host)
        from google.auth.credentials import AnonymousCredentials
        from google.cloud import storage

        options = {"api_endpoint": host}
        client = storage.Client(project="p", credentials=AnonymousCredentials(), client_options=options)
        for name in (LIST, "tables/trials.csv", "trials/densenet121-0000/pytorch.h5"):
            blob = client.bucket("bucket").blob(f"p/{prefix(built)}{name}")
            assert blob.download_as_bytes() == (built / name).read_bytes()
    finally:
        emulator.stop()


@pytest.mark.parametrize("share", [0, 0.3])
def test_an_upload_is_complete_whatever_fails_and_its_receipt_says_so(share, built, server, tmp_path):
    server.share = share
    receipt = tmp_path / "receipt.json"
    publish(built, "gs://bucket/p", receipt, host=server.address)
    check(server, built)
    assert not share or all(server.failed.values()), server.failed
    listed = released_files(built / LIST)
    objects = json.loads(receipt.read_text())["objects"]
    assert {entry["object"].removeprefix(f"p/{prefix(built)}") for entry in objects} == {*listed, LIST}
    for entry in objects:
        generation, data = server.objects[entry["object"]]
        assert (entry["generation"], entry["size"]) == (generation, len(data))
        assert entry["sha256"] == hashlib.sha256(data).hexdigest()
        assert entry["crc32c"] == base64.b64encode(google_crc32c.Checksum(data).digest()).decode()
    # Again, nothing is uploaded, and the receipt is the same.
    server.share, before = 0, receipt.read_bytes()
    publish(built, "gs://bucket/p", receipt, host=server.address)
    assert receipt.read_bytes() == before
    check(server, built)


def test_an_upload_that_is_killed_at_any_moment_is_finished_by_the_same_command(built, server, tmp_path):
    chance = random.Random(1)
    receipt = tmp_path / "receipt.json"
    command = [sys.executable, "-m", "uncrossed", "publish", built, "gs://bucket/p", "--receipt", receipt]
    environment = {**os.environ, "PATH": PATH, "STORAGE_EMULATOR_HOST": server.address}
    killed = 0
    while killed < INTERRUPTIONS:
        server.share = 0.1
        if any(name.endswith(LIST) for name in server.objects):  # a whole upload: begin another
            server.objects.clear()
            server.created.clear()
        receipt.unlink(missing_ok=True)
        process = subprocess.Popen(list(map(str, command)), env=environment, stderr=subprocess.DEVNULL)
        at = server.requests + chance.randrange(1, 34)
        server.on_request = lambda number, at=at, process=process: process.kill() if number == at else None
        killed += process.wait() == -9
        assert receipt.exists() == (process.returncode == 0)
        if not any(name.endswith(LIST) for name in server.objects):
            assert not receipt.exists()
    server.on_request = lambda number: None
    publish(built, "gs://bucket/p", receipt, host=server.address)
    check(server, built)
    assert len(json.loads(receipt.read_text())["objects"]) == len(server.objects)


def test_two_uploads_at_once_both_succeed(built, server, tmp_path):
    server.share = 0.05
    codes = []

    def one(number: int) -> None:
        command = ["publish", built, "gs://bucket/p", "--receipt", tmp_path / f"{number}.json"]
        codes.append(uncrossed(*command, STORAGE_EMULATOR_HOST=server.address).returncode)

    threads = [threading.Thread(target=one, args=(number,)) for number in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert codes == [0, 0]
    check(server, built)
    assert (tmp_path / "0.json").read_bytes() == (tmp_path / "1.json").read_bytes()


CLOCK = """
import random, time
wall, chance = time.time, random.Random(0)
time.time = lambda: wall() + chance.choice((-3600, 0, 3600))
"""


def test_a_clock_that_is_an_hour_off_and_set_meanwhile_changes_nothing(built, folder, server, tmp_path):
    """The clock jumps by an hour between any two looks at it, and files are from the future."""
    (tmp_path / "clock").mkdir()
    (tmp_path / "clock/sitecustomize.py").write_text(CLOCK)
    path = os.pathsep.join(filter(None, (str(tmp_path / "clock"), os.environ.get("PYTHONPATH"))))
    shifted = run(sys.executable, "-c", "import time; print(time.time.__name__)", PYTHONPATH=path).stdout
    assert shifted == "<lambda>\n"
    for number, file in enumerate(sorted(folder.rglob("*"))):
        os.utime(file, (file.stat().st_mtime + 3600 * (number % 3 - 1),) * 2)
    before = (folder / LIST).read_bytes()
    uncrossed("release", folder, PYTHONPATH=path)
    assert (folder / LIST).read_bytes() == before
    server.share = 0.3
    publish(folder, "gs://bucket/p", tmp_path / "r.json", host=server.address, PYTHONPATH=path)
    check(server, folder)


def test_two_versions_stand_beside_each_other(folder, server, tmp_path):
    publish(folder, "gs://bucket/p", tmp_path / "r.json", host=server.address)
    first, before = prefix(folder), dict(server.objects)
    (folder / "README.md").write_text("another card")
    lines = (folder / LIST).read_text().splitlines(keepends=True)
    digest = hashlib.sha256(b"another card").hexdigest()
    (folder / LIST).write_text("".join(f"{digest}  README.md\n" if "README" in line else line for line in lines))
    publish(folder, "gs://bucket/p", tmp_path / "r.json", host=server.address)
    assert prefix(folder) != first
    assert {name: found for name, found in server.objects.items() if name in before} == before
    assert server.objects[f"p/{prefix(folder)}README.md"][1] == b"another card"
    assert len(server.created) == len(set(server.created)) == 2 * len(before)


@pytest.mark.skipif("UNCROSSED_SLOW" not in os.environ, reason="UNCROSSED_SLOW is not set")
def test_ten_thousand_objects(tmp_path, server):
    folder = tmp_path / "made"
    lines = []
    for number in range(10_000):
        path = folder / f"trials/{number // 100}/{number}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{number}\n")
        lines.append(f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.relative_to(folder)}\n")
    (folder / "SHA256SUMS").write_text("".join(lines))
    lines.append(f"{hashlib.sha256((folder / 'SHA256SUMS').read_bytes()).hexdigest()}  SHA256SUMS\n")
    (folder / LIST).write_text("".join(lines))
    receipt = tmp_path / "r.json"
    publish(folder, "gs://bucket/p", receipt, host=server.address)
    check(server, folder)
    before = receipt.read_bytes()
    assert {entry["object"] for entry in json.loads(before)["objects"]} == server.objects.keys()
    # What is there is found on all 1,430 pages, and only what is not there is made.
    removed = [f"p/{prefix(folder)}{name}" for name in ("trials/0/0.json", "trials/55/5555.json", LIST)]
    for name in removed:
        del server.objects[name]
        server.created.remove(name)
    requests = server.requests
    publish(folder, "gs://bucket/p", receipt, host=server.address)
    check(server, folder)
    assert server.requests - requests < 2 * (10_002 // gcs.PAGE + 1) + 10
    found = {entry["object"]: entry for entry in json.loads(receipt.read_text())["objects"]}
    assert {name for name, entry in found.items() if entry not in json.loads(before)["objects"]} == set(removed)
