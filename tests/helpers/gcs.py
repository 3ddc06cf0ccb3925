"""A server that answers like Google Cloud Storage's JSON API, and fails as it may: what emulators leave out.

It keeps preconditions (412 where an object is), checks the CRC32C that a client states, lists in pages and keeps
resumable uploads; /BUCKET/NAME gives an object or a range of it, as to everybody where a bucket is public. A share of
requests fails: 429, 503, a connection reset in the middle of the body, work that is done and whose answer is lost, a
session that is forgotten, and a chunk of which only a part is kept.
"""

import base64
import json
import random
import re
import socket
import struct
import threading
import time
import uuid
from collections.abc import Callable
from email.parser import BytesParser
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote, urlsplit

import google_crc32c

BUCKET = "bucket"
PAGE = 7
# All requests, those with a body, and chunks of an upload.
FAULTS = ("429", "503", "lost", "reset", "forgotten", "part")


def crc32c(data: bytes) -> str:
    """As the API writes it."""
    return base64.b64encode(google_crc32c.Checksum(data).digest()).decode()


class Server(ThreadingHTTPServer):
    """One bucket.

    Attributes:
        objects: name to generation and bytes.
        created: names in the order of creation; twice where one was overwritten.
        unsafe: requests that could overwrite or remove an object.
        failed: how often each fault was injected.
        refuse: an HTTP status that all requests get.
        flips: in how many of the next contents a bit is flipped on the way.
        trusting: whether contents are stored without a look at their CRC32C.
        on_request: called with the number of each request.
    """

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, share: float = 0, seed: int = 0):
        """Listen on a free port; the share of requests fails."""
        super().__init__(("127.0.0.1", 0), Handler)
        self.share, self.random = share, random.Random(seed)
        self.objects: dict[str, tuple[int, bytes]] = {}
        self.created: list[str] = []
        self.unsafe: list[str] = []
        self.failed = dict.fromkeys(FAULTS, 0)
        self.sessions: dict[str, dict] = {}
        self.refuse = self.flips = 0
        self.trusting = False
        self.requests = 0
        self.on_request: Callable[[int], None] = lambda number: None
        self.lock = threading.RLock()
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def address(self) -> str:
        """For STORAGE_EMULATOR_HOST."""
        return f"http://127.0.0.1:{self.server_port}"

    def fault(self, command: str) -> str | None:
        """What goes wrong with the next request: of what can, what went wrong least often so far."""
        possible = FAULTS[: {"GET": 3, "POST": 4}.get(command, 6)]
        with self.lock:
            self.requests += 1
            number = self.requests
            rarest = min(possible, key=self.failed.__getitem__)
            # Chunks are few: each of their faults comes at least once.
            certain = self.share and command == "PUT" and not self.failed[rarest]
            found = rarest if certain or self.random.random() < self.share else None
        self.on_request(number)
        return found

    def handle_error(self, request: object, address: object) -> None:
        """A client that was killed is no news."""


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    server: Server

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def _do(self) -> None:
        parts = urlsplit(self.path)
        self.query = {key: values[0] for key, values in parse_qs(parts.query).items()}
        self.fault = self.server.fault(self.command)
        length = int(self.headers.get("Content-Length") or 0)
        if self.fault == "reset" and length:
            self.rfile.read(length // 2)
            self._reset("reset")
            return
        body = self.rfile.read(length)
        if self.fault in ("429", "503"):
            self._failed(self.fault)
            self._error(int(self.fault))
            return
        time.sleep(0.002)
        if self.server.refuse:
            self._error(self.server.refuse)
            return
        if parts.path.startswith(f"/{BUCKET}/"):
            self._read(unquote(parts.path).removeprefix(f"/{BUCKET}/"))
            return
        found = re.fullmatch(r"(/upload)?/storage/v1/b/([^/]+)/o(?:/(.+))?", parts.path)
        if not found or found[2] != BUCKET:
            self._error(404)
        elif self.command == "DELETE":
            self.server.unsafe.append(f"DELETE {found[3]}")
            self._error(403)
        elif found[1]:
            self._upload(body)
        elif found[3]:
            name = unquote(found[3])
            with self.server.lock:
                there = name in self.server.objects
            self._answer(200, self._about(name)) if there else self._error(404)
        else:
            self._list()

    do_GET = do_POST = do_PUT = do_DELETE = _do  # noqa: N815 - the names that http.server calls

    def _list(self) -> None:
        prefix, after = self.query.get("prefix", ""), self.query.get("pageToken", "")
        with self.server.lock:
            names = sorted(name for name in self.server.objects if name.startswith(prefix) and name > after)
        page = {"kind": "storage#objects", "items": [self._about(name) for name in names[:PAGE]]}
        self._answer(200, page | ({"nextPageToken": names[PAGE - 1]} if len(names) > PAGE else {}))

    def _read(self, name: str) -> None:
        generation, data = self.server.objects.get(name, (0, b""))
        wanted, tag = self.headers.get("Range"), f'"{generation}"'
        if not generation:
            self._error(404)
        elif self.headers.get("If-Match", tag) != tag:
            self._error(412)
        elif self.headers.get("If-None-Match") == tag:
            self._answer(304, None, ETag=tag)
        elif not wanted:
            self._answer(200, data, ETag=tag)
        else:
            first, last = map(int, re.fullmatch(r"bytes=(\d+)-(\d+)", wanted).groups())
            part, about = data[first : last + 1], f"bytes {first}-{min(last, len(data) - 1)}/{len(data)}"
            self._answer(206, part, ETag=tag, **{"Content-Range": about}) if part else self._error(416)

    def _upload(self, body: bytes) -> None:
        if self.query["uploadType"] == "multipart":
            head = f"Content-Type: {self.headers['Content-Type']}\r\n\r\n".encode()
            about, _ = BytesParser().parsebytes(head + body).get_payload()
            # The parser is for text; the bytes lie between the second part's head and the last boundary.
            boundary = b"--" + re.search(r'boundary="?([^";]+)', self.headers["Content-Type"])[1].encode()
            data = body.split(boundary, 2)[2].split(b"\r\n\r\n", 1)[1].rsplit(b"\r\n" + boundary, 1)[0]
            self._create(json.loads(about.get_payload()), data, self.query)
        elif self.command == "POST":
            about = json.loads(body)
            if not self._allowed(about["name"], self.query):
                return
            with self.server.lock:
                key = uuid.uuid4().hex
                self.server.sessions[key] = {"about": about, "query": self.query, "data": bytearray()}
            place = f"{self.server.address}/upload/storage/v1/b/{BUCKET}/o?uploadType=resumable&upload_id={key}"
            self._answer(200, {}, Location=place)
        else:
            self._chunk(body)

    def _chunk(self, body: bytes) -> None:
        key = self.query["upload_id"]
        if self.fault == "forgotten":
            self._failed("forgotten")
            self.server.sessions.pop(key, None)
        session = self.server.sessions.get(key)
        if session is None:
            self._error(410)
            return
        start, _, total = re.fullmatch(r"bytes (\d+)-(\d+)/(\d+)", self.headers["Content-Range"]).groups()
        data = session["data"]
        if int(start) > len(data):
            self._error(400)
            return
        if self.fault == "part" and len(body) > 2**18:
            self._failed("part")
            body = body[: 2**18]
        # A chunk that is sent again brings nothing new.
        data += body[len(data) - int(start) :]
        if len(data) < int(total):
            self._answer(308, None, Range=f"bytes=0-{len(data) - 1}")
        elif "made" in session:
            self._answer(200, session["made"])
        elif made := self._create(session["about"], bytes(data), session["query"]):
            session["made"] = made

    def _allowed(self, name: str, query: dict[str, str]) -> bool:
        wanted = query.get("ifGenerationMatch")
        with self.server.lock:
            if wanted is None:
                self.server.unsafe.append(f"unconditional {name}")
            elif int(wanted) != self.server.objects.get(name, (0,))[0]:
                self._error(412)
                return False
        return True

    def _create(self, about: dict, data: bytes, query: dict[str, str]) -> dict | None:
        with self.server.lock:
            if self.server.flips:
                self.server.flips -= 1
                data = data[:-1] + bytes([data[-1] ^ 1])
            if "crc32c" not in about or (about["crc32c"] != crc32c(data) and not self.server.trusting):
                self._error(400)
                return None
            if not self._allowed(about["name"], query):
                return None
            self.server.objects[about["name"]] = (time.time_ns() // 1000, data)
            self.server.created.append(about["name"])
            made = self._about(about["name"])
        self._answer(200, made)
        return made

    def _about(self, name: str) -> dict:
        generation, data = self.server.objects[name]
        found = {"kind": "storage#object", "name": name, "bucket": BUCKET, "generation": str(generation)}
        return found | {"size": str(len(data)), "crc32c": crc32c(data)}

    def _answer(self, status: int, value: dict | bytes | None, **headers: str) -> None:
        if self.fault == "lost":
            self._reset("lost")
            return
        body = value if isinstance(value, bytes) else b"" if value is None else json.dumps(value).encode()
        kind = "application/octet-stream" if isinstance(value, bytes) else "application/json"
        self.send_response(status)
        for name, text in {"Content-Type": kind, "Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, text)
        self.end_headers()
        self.wfile.write(body)

    def _error(self, status: int) -> None:
        self._answer(status, {"error": {"code": status, "message": f"injected or refused: {status}"}})

    def _failed(self, fault: str) -> None:
        with self.server.lock:
            self.server.failed[fault] += 1

    def _reset(self, fault: str) -> None:
        """End the connection with RST instead of an answer."""
        self._failed(fault)
        self.close_connection = True
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        # The streams hold the socket open otherwise, and an ordinary end would be sent.
        self.connection.shutdown(socket.SHUT_RD)
        self.rfile.close()
        self.connection.close()
