"""What a server says is told in one line, and nothing that was got is asked for again."""

import json
import pickle
import sys

import numpy as np
import pytest

import uncrossed as package
from helpers.big import BIG
from helpers.commands import run
from uncrossed.common import remote
from uncrossed.common.errors import InputError

PAYS = "Bucket is a requester pays bucket but no user project provided."


@pytest.mark.parametrize(
    ("status", "body", "message"),
    [
        (400, f"<?xml version='1.0'?><Error><Code>UserProjectMissing</Code><Message>{PAYS}</Message></Error>", PAYS),
        (400, json.dumps({"error": {"code": 400, "message": PAYS, "errors": [{"message": "other"}]}}, indent=1), PAYS),
        (
            403,
            "<Error><Code>AccessDenied</Code><Details>Anonymous &amp; denied</Details></Error>",
            "Anonymous & denied",
        ),
        (404, json.dumps({"error": "no such\n\x1b[1mthing"}), r"status 404 .*: no such \[1mthing"),
        (
            401,
            "<html><head><title>No</title></head><body>\n<h1>Log\nin</h1></body>",
            "status 401 Unauthorized: Log in$",
        ),
        (418, "x " * 5000, r"status 418 .*: x x .* \.\.\.$"),
        (410, "", "status 410 Gone$"),
    ],
    ids=["pays in XML", "pays in JSON", "XML", "JSON", "HTML", "long", "nothing"],
)
def test_what_a_server_says_of_its_refusal_is_told_in_one_line(status, body, message, server):
    server.faults = [(status, body.encode(), {"Content-Type": "application/xml"})]
    with pytest.raises(InputError, match=message) as error:
        remote.folder_at(server.url).read("report.html")
    assert len(server.requests) == 1
    assert str(error.value).isprintable()
    assert len(str(error.value)) < 500
    hint = "copy it with `gcloud storage cp --recursive --billing-project=PROJECT gs://BUCKET/FOLDER .`, and open the"
    assert (hint in str(error.value)) == (PAYS in body)


def test_a_bucket_whose_readers_pay_is_no_study_and_says_why(server):
    server.faults = [(400, f"<Error><Message>{PAYS}</Message></Error>".encode(), {})]
    with pytest.raises(InputError, match=f"tables/trials.parquet: status 400 Bad Request: {PAYS}; whoever reads"):
        package.open(server.url)


def test_what_a_server_says_while_it_is_busy_is_told_too(server):
    server.faults = [(503, b"try again later", {"Retry-After": "soon"})] * 6
    with pytest.raises(remote.UnreachableError, match=r"the last: status 503 Service Unavailable: try again later$"):
        remote.folder_at(server.url).read("report.html")


@pytest.mark.parametrize(("url", "message"), [("http://ho st/x", "found no URL"), ("http://a:hidden@b/x", "user name")])
def test_a_url_that_cannot_be_asked_is_refused_at_once(url, message, network, monkeypatch):
    monkeypatch.setattr(remote.time, "sleep", None)
    with pytest.raises(InputError, match=message) as error:
        remote.folder_at(url).read("a")
    assert "hidden" not in str(error.value)


def test_what_was_got_before_a_connection_broke_is_not_asked_for_again(server):
    body = np.random.default_rng(0).bytes(100_000)
    (server.folder / "big").write_bytes(body)
    server.faults = ["reset", "reset"]
    assert remote.folder_at(server.url).fetch("big", 0, 100_000)[0] == body
    assert [line.partition("=")[2] for line in server.requests] == ["0-99999", "50000-99999", "75000-99999"]


def test_a_place_that_is_pickled_reads(server):
    place = remote.folder_at(server.url)
    body = place.read("report.html")
    again = pickle.loads(pickle.dumps(place))
    assert (again.root, again.read("report.html")) == (place.root, body)
    program = f"""
from multiprocessing import get_context
from uncrossed.common.remote import folder_at
if __name__ == "__main__":
    place = folder_at({server.url!r})
    place.read("report.html")
    with get_context("spawn").Pool(1) as pool:
        print(pool.map(place.read, ["report.html"]))
"""
    assert run(sys.executable, "-c", program).stdout == f"[{body!r}]\n"


def test_processes_that_are_forked_have_connections_of_their_own(server):
    """Answers to one would else be read by the other."""
    path = f"trials/{BIG}/pytorch.h5"
    program = f"""
from multiprocessing import get_context
from pathlib import Path
from uncrossed.common.remote import folder_at
place, body = folder_at({server.url!r}), Path({str(server.folder)!r}, {path!r}).read_bytes()
place.fetch({path!r}, 0, 1)
def read(part):
    return [place.fetch({path!r}, k, k + 500)[0] == body[k : k + 500] for k in range(part, 50_000, 500)]
if __name__ == "__main__":
    with get_context("fork").Pool(3) as pool:
        print({{same for part in pool.map(read, [0, 1, 2], chunksize=1) for same in part}}, read(3)[0])
"""
    assert run(sys.executable, "-W", "ignore", "-c", program).stdout == "{True} True\n"
