"""A downloaded source is the same dataset, and what hinders a download is one clear line."""

import functools
import http.server
import threading

import pytest

from helpers.server import Proxy, Server
from helpers.sources import define, make_archive
from uncrossed.common.errors import InputError
from uncrossed.common.files import sha256
from uncrossed.datasets import dataset_file
from uncrossed.datasets.build import build


def test_a_download_is_the_same_dataset(tmp_path):
    make_archive(tmp_path / "a.tar.gz")
    sha = sha256(tmp_path / "a.tar.gz")
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=tmp_path)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}"
        build(define(f"{url}/a.tar.gz", sha), tmp_path / "downloaded.h5")
        with pytest.raises(InputError, match="404"):
            build(define(f"{url}/none.tar.gz", sha), tmp_path / "none.h5")
        server.shutdown()
    build(define(tmp_path / "a.tar.gz", sha), tmp_path / "local.h5")
    build(define(f"file://{tmp_path}/a.tar.gz", sha), tmp_path / "file.h5")
    assert (tmp_path / "file.h5").read_bytes() == (tmp_path / "local.h5").read_bytes()
    downloaded, local = (dataset_file.read(tmp_path / f"{name}.h5") for name in ("downloaded", "local"))
    assert (downloaded.sha256, downloaded.identity) == (local.sha256, local.identity)
    assert not (tmp_path / "none.h5").exists()


def test_a_download_goes_through_a_proxy_with_a_password_that_no_message_shows(tmp_path, monkeypatch):
    make_archive(tmp_path / "a.tar.gz")
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    with Server(tmp_path) as server, Proxy("user:p@ss") as proxy:
        definition = define(f"{server.url}/a.tar.gz", sha256(tmp_path / "a.tar.gz"))
        monkeypatch.setenv("http_proxy", f"http://user:p%40ss@{proxy.place}")
        build(definition, tmp_path / "mini.h5")
        assert proxy.requests == [(f"GET {definition.source}", True)]
        for url, message in (
            (f"http://user:hidden@{proxy.place}", r"a\.tar\.gz: cannot be downloaded \(status 407 .*; set http_proxy"),
            (f"http://user:hid/den@{proxy.place}", r"a\.tar\.gz: cannot be downloaded \(http_proxy: found no URL"),
        ):
            monkeypatch.setenv("http_proxy", url)
            with pytest.raises(InputError, match=message) as error:
                build(definition, tmp_path / "none.h5")
            assert "hid" not in str(error.value)


def test_a_refused_download_says_why_in_one_line(tmp_path):
    with Server(tmp_path) as server:
        server.faults = [(400, b"<Error><Code>NoSuchKey</Code>\n<Message>Gone</Message></Error>", {})]
        with pytest.raises(InputError, match=r"a: cannot be downloaded \(status 400 Bad Request: NoSuchKey Gone\)$"):
            build(define(f"{server.url}/a", "0" * 64), tmp_path / "mini.h5")
