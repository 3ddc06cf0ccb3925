"""What is not as it was listed is neither released nor published."""

import os
import re
from pathlib import Path

import pytest

from helpers.commands import told
from helpers.publishing import LIST, prefix, publish
from uncrossed.common.errors import InputError
from uncrossed.release import release, upload
from uncrossed.results import checksums


def unreadable(path: Path) -> None:
    """Let the operating system open a file, and refuse to read it."""
    path.unlink()
    path.symlink_to("/proc/self/mem")


MODEL = "trials/resnet50-0001/pytorch.h5"


@pytest.mark.parametrize("name", ["SHA256SUMS", LIST, "README.md", MODEL])
def test_what_cannot_be_read_is_not_published_and_not_called_damaged(name, folder, tmp_path):
    unreadable(folder / name)
    output = publish(folder, f"file://{tmp_path}/out", tmp_path / "r.json", code=1).stdout
    assert f"{name}: cannot be read (Input/output error)" in output
    assert "damaged" not in output


@pytest.mark.parametrize("name", ["SHA256SUMS", MODEL, MODEL.replace("h5", "json")])
def test_what_cannot_be_read_is_not_released_and_not_called_damaged(name, folder):
    unreadable(folder / name)
    output = told("release", folder, code=1)
    assert f"{name}: cannot be read (Input/output error)" in output
    assert "damaged" not in output


@pytest.mark.parametrize("name", ["trials/densenet121-0000/tensorflow.h5", "README.md"])
def test_a_changed_file_is_not_published(name, folder, server, tmp_path):
    path = folder / name
    times = path.stat().st_atime_ns, path.stat().st_mtime_ns
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    os.utime(path, ns=times)
    output = publish(folder, "gs://bucket/p", tmp_path / "r.json", host=server.address, code=2).stdout
    assert f"{name}: " in output
    assert not any(found.endswith((LIST, name)) for found in server.objects)
    assert not (tmp_path / "r.json").exists()


def test_a_list_that_lacks_a_file_is_not_released(folder, built, tmp_path):
    path = folder / "SHA256SUMS"
    for lost in ("manifest.csv", "tables/trials.csv", "/tensorflow.h5"):
        lines = path.read_text().splitlines(keepends=True)
        path.write_text("".join(line for line in lines if not line.endswith(f"{lost}\n")))
        output = publish(folder, f"file://{tmp_path}/out", tmp_path / "receipt.json", code=2).stdout
        assert re.search(r"SHA256SUMS: does not list \S+; run `uncrossed checksums ", output)
        with pytest.raises(InputError, match="does not list"):
            release.make(folder)
        checksums.make(folder)
    assert not (tmp_path / "out").exists()


def test_what_is_no_file_is_refused_and_what_cannot_be_created_is_given_up(folder, tmp_path):
    path = folder / "tables/trials.csv"
    path.rename(tmp_path / "kept")
    for make in (os.mkfifo, os.mkdir, lambda place: os.symlink("nowhere", place)):
        make(path)
        output = publish(folder, f"file://{tmp_path}/out", tmp_path / "r.json", code=2).stdout
        assert f"{path}: listed in {LIST}, but there is no such file" in output
        path.rmdir() if path.is_dir() else path.unlink()
    (tmp_path / "kept").rename(path)
    place = tmp_path / "out" / prefix(folder)
    place.mkdir(parents=True)
    (place / "README.md").symlink_to("nowhere")
    with pytest.raises(OSError, match=r"README\.md: something is there that cannot be read"):
        upload.publish(folder, f"file://{tmp_path}/out", tmp_path / "r.json", seconds=1)
    assert not (place / LIST).exists()


@pytest.mark.parametrize("name", [LIST, "tables/trials.csv"])
def test_a_receipt_never_replaces_what_is_released(name, folder, tmp_path):
    before = (folder / name).read_bytes()
    output = publish(folder, f"file://{tmp_path}/out", folder / name, code=2).stdout
    assert "is a file of the release" in output
    assert (folder / name).read_bytes() == before
    publish(folder, f"file://{tmp_path}/out", folder / "receipt.json")


def test_a_list_that_was_edited_by_hand_is_refused(folder, tmp_path):
    lines = (folder / LIST).read_text().splitlines(keepends=True)
    number = next(k for k, line in enumerate(lines) if "resnet50-0001/pytorch.h5" in line)

    def refused(edited: list[str], message: str) -> None:
        (folder / LIST).write_text("".join(edited))
        output = publish(folder, f"file://{tmp_path}/out", tmp_path / "r.json", code=2).stdout
        assert f"{LIST}: {message}" in output
        assert not (tmp_path / "out").exists()

    name = lines[number].split()[1]
    refused(lines[:number] + lines[number + 1 :], f"lists {name} otherwise than SHA256SUMS, or not")
    refused([*lines, lines[number]], f"line {len(lines) + 1} is not a checksum and another name")
    refused([*lines, f"{'0' * 64}  ../study.yaml\n"], f"line {len(lines) + 1} is not a checksum and another name")
    refused([*lines, f"{'0' * 64}  /etc/hostname\n"], f"line {len(lines) + 1} is not a checksum and another name")
    refused([line for line in lines if not line.endswith("  SHA256SUMS\n")], "does not list SHA256SUMS")


def test_a_list_that_is_made_again_meanwhile_is_not_published(folder, server, tmp_path):
    """Names of one list never come under the version of another."""
    old, begun = prefix(folder), server.requests

    def change(number: int) -> None:
        if number == begun + 3:
            (folder / LIST).write_text((folder / LIST).read_text().replace("README.md", "READ.ME"))

    server.on_request = change
    output = publish(folder, "gs://bucket/p", tmp_path / "r.json", host=server.address, code=2).stdout
    assert f"{LIST}: its SHA-256 is not the one in {LIST}" in output
    assert all(name.startswith(f"p/{old}") for name in server.objects)
    assert not any(name.endswith(LIST) for name in server.objects)
