"""A study lies behind any path, URL or bucket."""

import pytest

import uncrossed as package
from helpers.server import Server
from uncrossed.common import remote
from uncrossed.common.errors import InputError


def test_a_url_is_quoted_where_it_must_be(built):
    with Server(built.parent) as server:
        (built.parent / "a study #1é").symlink_to(built)
        for name in ("a study %231é", "a%20study%20%231%C3%A9"):
            assert len(package.open(f"{server.url}/{name}")) == len(package.open(f"file://{built.parent}/{name}")) == 6
        for place in (f"{server.url}/a study #1é", f"file://{built.parent}/a study #1é", f"{server.url}/x?y=1"):
            with pytest.raises(InputError, match="found a query or fragment"):
                package.open(place)
        with pytest.raises(InputError, match="found host 'host'; allowed: file:///folder"):
            package.open("file://host/folder")
        with pytest.raises(InputError, match="found no URL"):
            package.open("http://[::1/x")


def test_a_bucket_is_read_from_the_emulator_where_one_is_named(server, monkeypatch):
    (server.folder / "bucket").mkdir()
    (server.folder / "bucket/a study").symlink_to(server.folder)
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", server.url.removeprefix("http://"))
    assert len(package.open("gs://bucket/a study/")) == 6
    monkeypatch.delenv("STORAGE_EMULATOR_HOST")
    asked = []
    monkeypatch.setattr(remote.RemoteFolder, "read", lambda self, name: asked.append(self.where(name)) or b"")
    with pytest.raises(InputError):
        package.open("gs://bucket/prefix")
    assert "https://storage.googleapis.com/bucket/prefix/tables/trials.parquet" in asked
