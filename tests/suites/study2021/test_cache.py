"""A downloaded file is kept once and whole, whatever happens to the cache."""

import errno
import fcntl
import hashlib
import json
import sys
import threading
import time

import pytest

import uncrossed as package
from helpers.commands import run
from helpers.published_files import assert_small, kept, side, small, weights_of
from uncrossed.common import remote
from uncrossed.common.errors import InputError
from uncrossed.reading import cache


def test_what_is_kept_is_asked_for_and_not_sent_again(saved, server, tmp_path):
    data = package.open_published(server.url).trial("vgg16-00000000")
    assert_small(data.pytorch.weights)
    assert len(data.tensorflow.weights) == 12
    server.reset()
    data = package.open_published(server.url).trial("vgg16-00000000")
    assert_small(data.pytorch.weights)
    assert len(data.tensorflow.weights) == 12
    assert (len(server.requests), server.sent) == (6, 0)
    (entry,) = kept(tmp_path, ".pt.json")
    content = (server.folder / f"{weights_of('vgg16')}.pt_model.pt").read_bytes()
    found = json.loads(entry.read_text())
    assert (found["size"], found["sha256"]) == (len(content), hashlib.sha256(content).hexdigest())
    assert found["etag"].startswith('"')


@pytest.mark.parametrize("tags", [True, False])
def test_a_replaced_file_is_read_anew(tags, server):
    server.tags = tags
    assert_small(side(server.url).weights)
    server.reset()
    assert_small(side(server.url).weights)
    assert server.sent <= 4  # without ETags a byte of each
    import torch

    torch.save({"c": torch.zeros(500)}, server.folder / f"{weights_of('vgg16')}.pt_model.pt")
    assert list(side(server.url).weights) == ["c"]
    assert list(side(server.url).weights) == ["c"]


@pytest.mark.parametrize("number", [2, 3])
def test_a_file_replaced_within_a_download_is_not_kept(number, server, tmp_path, monkeypatch):
    monkeypatch.setattr(remote, "CHUNK", 500)
    path = server.folder / f"{weights_of('vgg16')}.pt_model.pt"

    def replace(asked: str) -> None:
        if asked.endswith(".pt") and sum(asked in line for line in server.requests) == number:
            path.write_bytes(b"x" + path.read_bytes()[1:])

    server.before = replace
    with pytest.raises(InputError, match=r"\.pt_model\.pt: has changed since it was first read"):
        side(server.url).weights  # noqa: B018
    assert not kept(tmp_path, ".pt")
    server.before = lambda path: None
    small(path)
    assert_small(side(server.url).weights)


@pytest.mark.parametrize("part", [".pt", ".pt.json"])
@pytest.mark.parametrize("damage", ["flipped", "short", "empty", "gone"])
def test_a_damaged_cache_is_mended(part, damage, server, tmp_path):
    assert_small(side(server.url).weights)
    (path,) = (path for path in kept(tmp_path, ".pt") if path.name.endswith(part))
    content = path.read_bytes()
    spot = content.index(b'"sha256": "') + 20 if path.suffix == ".json" else 300
    flipped = content[:spot] + bytes([content[spot] ^ 1]) + content[spot + 1 :]
    path.write_bytes({"flipped": flipped, "short": content[:-9]}.get(damage, b""))
    if damage == "gone":
        path.unlink()
    server.reset()
    assert_small(side(server.url).weights)
    assert server.sent > 1000
    assert path.read_bytes() == content


def test_without_the_server_what_is_kept_is_read(server):
    assert_small(side(server.url).weights)
    server.faults = [503] * 1000
    server.reset()
    with pytest.warns(UserWarning, match="going on with the files in .*no sound answer") as caught:
        data = package.open_published(server.url)
    assert len(caught) == 1
    assert_small(data.trial("vgg16-00000000").pytorch.weights)
    assert len(server.requests) == remote.ATTEMPTS  # asked for one file only
    with pytest.raises(remote.UnreachableError, match=r"resnet_lambda.*no sound answer"):
        data.trial("resnet50-00000000").pytorch.weights  # noqa: B018


def test_a_damaged_cache_is_not_read_without_the_server(server, tmp_path):
    opened = side(server.url)
    assert_small(opened.weights)
    (path,) = (path for path in kept(tmp_path, ".pt") if path.suffix == ".pt")
    path.write_bytes(path.read_bytes()[:-1])
    server.faults, server.only = [503] * 100, ".pt"
    with pytest.raises(remote.UnreachableError):
        side(server.url).weights  # noqa: B018


def test_a_full_disk_is_one_clear_line_and_leaves_nothing(server, tmp_path):
    import torch

    torch.save({"a": torch.zeros(100_000)}, server.folder / f"{weights_of('vgg16')}.pt_model.pt")
    program = f"""
import resource, signal, uncrossed
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))
uncrossed.open_published({server.url!r}).trial("vgg16-00000000").pytorch.weights
"""
    done = run(sys.executable, "-c", program, code=1)
    line = done.stdout.splitlines()[-1]
    assert "InputError" in line
    assert ".pt_model.pt: cannot be kept (File too large); make room, or set XDG_CACHE_HOME" in line
    assert not kept(tmp_path, ".pt")
    assert list(side(server.url).weights) == ["a"]


def test_without_a_place_for_a_cache_tables_are_read_and_weights_say_so(server, tmp_path):
    (tmp_path / "cache").write_text("")
    data = package.open_published(server.url)
    assert len(data) == 6
    with pytest.raises(InputError, match=r"cannot be kept \(Not a directory\); make room, or set XDG_CACHE_HOME"):
        data.trial("vgg16-00000000").pytorch.weights  # noqa: B018
    assert len(package.open_published(server.folder)) == 6


def test_a_cache_that_cannot_be_written_is_read(server, monkeypatch):
    assert_small(side(server.url).weights)

    def refuse(*_: object, **__: object):
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(cache, "complete", refuse)
    monkeypatch.setattr(cache, "_locked", refuse)
    monkeypatch.setattr(cache, "write_json", refuse)
    server.reset()
    assert_small(side(server.url).weights)
    assert server.sent == 0
    with pytest.raises(InputError, match=r"cannot be kept \(Read-only file system\)"):
        side(server.url, "resnet50").weights  # noqa: B018


def test_readers_beside_each_other_download_once(server, tmp_path):
    import torch

    torch.save({"a": torch.arange(2_000_000)}, server.folder / f"{weights_of('vgg16')}.pt_model.pt")
    size = (server.folder / f"{weights_of('vgg16')}.pt_model.pt").stat().st_size
    opened, found, errors = [side(server.url) for _ in range(4)], [], []
    server.reset()

    def wait(asked: str) -> None:
        """Until all have asked, so that none finds what another has finished."""
        for _ in range(500):
            if sum("bytes=0-0" in line for line in list(server.requests)) >= 4:
                return
            time.sleep(0.01)
        errors.append("they do not read beside each other")

    server.before = wait

    def read(one) -> None:
        try:
            found.append(one.weights["a"].sum())
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=read, args=(one,)) for one in opened]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    assert errors == []
    assert found == [1_999_999 * 1_000_000] * 4
    assert size <= server.sent < size + 100
    assert not kept(tmp_path, ".partial")


@pytest.mark.parametrize("number", [errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP])
@pytest.mark.filterwarnings("error:flock")
def test_without_locks_each_reader_writes_its_own_copy(number, server, tmp_path, monkeypatch):
    def refuse(*_: object) -> None:
        raise OSError(number, "no locks here")

    monkeypatch.setattr(fcntl, "flock", refuse)
    assert_small(side(server.url).weights)
    (path,) = (path for path in kept(tmp_path, ".pt") if path.suffix == ".pt")
    path.unlink()
    path.with_name(f".{path.name}.lock").touch()  # a killed reader's, for which nobody waits
    assert_small(side(server.url).weights)
