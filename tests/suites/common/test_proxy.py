"""Reading goes through a proxy with a password that no message shows."""

import shutil
import ssl
from pathlib import Path
from urllib.parse import quote

import pytest

from helpers.commands import need, run
from helpers.server import Proxy, Server
from uncrossed.common import remote
from uncrossed.common.errors import InputError


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """A server's certificate and key in one file."""
    need(shutil.which("openssl"), "openssl")
    path = tmp_path_factory.mktemp("certificate") / "server.pem"
    command = "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=server -addext subjectAltName=IP:127.0.0.1"
    run(*command.split(), "-addext", "keyUsage=digitalSignature,keyCertSign", "-keyout", path, "-out", f"{path}.cert")
    path.write_bytes(path.read_bytes() + Path(f"{path}.cert").read_bytes())
    return path


@pytest.fixture(params=["http", "https"])
def proxied(request, network, tmp_path, monkeypatch):
    """A server of either scheme that has one file, and a proxy that knows one user, whom the environment names."""
    tls = None
    if request.param == "https":
        path = request.getfixturevalue("certificate")
        tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        tls.load_cert_chain(path)
        monkeypatch.setenv("SSL_CERT_FILE", str(path))
    (tmp_path / "served").mkdir()
    (tmp_path / "served/a").write_bytes(b"content")
    for name in ("http_proxy", "https_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    with Server(tmp_path / "served", tls) as server, Proxy("us er:p@ss/w#€%") as proxy:
        monkeypatch.setenv(f"{request.param}_proxy", f"http://{quote('us er', safe='')}:{SECRET}@{proxy.place}")
        yield server, proxy


SECRET = quote("p@ss/w#€%", safe="")


def test_a_proxy_is_told_who_asks(proxied):
    server, proxy = proxied
    place = remote.folder_at(server.url)
    assert place.read("a") == place.fetch("a", 0, 7)[0] == b"content"
    assert proxy.requests
    assert all(known for _, known in proxy.requests)
    assert len(server.requests) == 2
    if server.url.startswith("https"):
        assert len(proxy.requests) == 1  # one tunnel, which stays open


def test_a_proxy_that_refuses_the_password_is_asked_once_and_named_in_one_line(proxied, monkeypatch):
    server, proxy = proxied
    scheme = server.url.partition(":")[0]
    monkeypatch.setenv(f"{scheme}_proxy", f"http://user:hidden@{proxy.place}")
    place = remote.folder_at(server.url)
    with pytest.raises(InputError, match=r"the proxy answers status 407 .*; set http_proxy and https_proxy") as error:
        place.read("a")
    assert "hidden" not in str(error.value)
    assert "\n" not in str(error.value)
    assert len(proxy.requests) == 1
    monkeypatch.setenv(f"{scheme}_proxy", f"http://us%20er:{SECRET}@{proxy.place}")
    assert place.read("a") == b"content"


def test_a_proxy_that_is_not_there_is_named_without_its_password(proxied, monkeypatch):
    server, _ = proxied
    monkeypatch.setenv(f"{server.url.partition(':')[0]}_proxy", "http://user:hidden@127.0.0.1:1")
    with pytest.raises(remote.UnreachableError, match=r"Unable to connect to proxy.*port=1") as error:
        remote.folder_at(server.url).read("a")
    assert "hidden" not in str(error.value)


@pytest.mark.parametrize(
    "url", ["user:hid/den@127.0.0.1:1", "user:1#hidden@127.0.0.1:1", "socks5://user:hidden@127.0.0.1:1", "hid den:1"]
)
def test_what_is_no_url_of_a_proxy_is_refused_and_not_shown(url, proxied, monkeypatch):
    server, _ = proxied
    name = f"{server.url.partition(':')[0]}_proxy"
    monkeypatch.setenv(name, url if "://" in url else f"http://{url}")
    with pytest.raises(InputError, match=f"{name}: found no URL of a proxy .*; allowed: http://HOST:PORT") as error:
        remote.folder_at(server.url).read("a")
    assert "hid" not in str(error.value)


def test_no_proxy_holds_for_each_host_that_an_answer_leads_to(server, monkeypatch):
    with Proxy("user:password") as proxy:
        monkeypatch.setenv("http_proxy", f"http://user:password@{proxy.place}")
        monkeypatch.delenv("NO_PROXY", raising=False)
        monkeypatch.setenv("no_proxy", "localhost")
        elsewhere = server.url.replace("127.0.0.1", "localhost")
        server.faults = [(302, b"", {"Location": f"{elsewhere}/report.html"})]
        assert remote.folder_at(server.url).read("report.html") == b"a report"
        assert proxy.requests == [(f"GET {server.url}/report.html", True)]
        assert len(server.requests) == 2
