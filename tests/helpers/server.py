"""A local HTTP server that serves a folder's files by ranges as a bucket does, counts, and fails when it is told to.

And a proxy before such servers, which knows one user.
"""

import base64
import contextlib
import hashlib
import http.client
import re
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlsplit


class Server(ThreadingHTTPServer):
    """Serves a folder.

    Attributes:
        url: where.
        requests: the paths that were asked for, with the range where there was one.
        sent: bytes of bodies.
        faults: what to do instead of the next answers, in order: a status, a status, body and headers, or a name of
            `Handler.answer`.
        only: faults strike paths that end so.
        tags: whether answers have an ETag.
    """

    daemon_threads = True

    def __init__(self, folder: Path, tls: ssl.SSLContext | None = None):
        """Start on a free port."""
        super().__init__(("127.0.0.1", 0), Handler)
        if tls:
            self.socket = tls.wrap_socket(self.socket, server_side=True)
        self.folder, self.url = folder, f"http{'s' if tls else ''}://127.0.0.1:{self.server_address[1]}"
        self.requests: list[str] = []
        self.sent, self.faults, self.only, self.tags = 0, [], "", True
        self.before: Callable[[str], None] = lambda path: None
        threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True).start()

    def __enter__(self) -> "Server":
        """It runs."""
        return self

    def __exit__(self, *_: object) -> None:
        """Stop."""
        self.shutdown()
        self.server_close()

    def reset(self) -> None:
        """Count from zero."""
        self.requests, self.sent = [], 0

    def shutdown_request(self, request: socket.socket) -> None:
        """End a connection in order, unless it is to be reset."""
        lingers, _ = struct.unpack("ii", request.getsockopt(socket.SOL_SOCKET, socket.SO_LINGER, 8))
        (self.close_request if lingers else super().shutdown_request)(request)

    def handle_error(self, *_: object) -> None:
        """Connections that the tests break are no news."""


class Handler(BaseHTTPRequestHandler):
    """One connection, kept open as a bucket's."""

    protocol_version = "HTTP/1.1"
    wbufsize = -1
    disable_nagle_algorithm = True
    server: Server

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        """Answer, or fail."""
        server, wanted = self.server, self.headers.get("Range")
        server.requests.append(f"{self.path} {wanted or ''}".strip())
        server.before(self.path)
        fault = server.faults.pop(0) if server.faults and self.path.endswith(server.only) else None
        path = server.folder / unquote(self.path).lstrip("/")
        if isinstance(fault, int):
            return self.reply(fault, b"<html>Try again</html>", {"Content-Type": "text/html", "Retry-After": "0"})
        if isinstance(fault, tuple):
            return self.reply(*fault)
        if fault == "page":
            return self.reply(200, b"<html>Log in to this network</html>", {"Content-Type": "text/html"})
        if fault == "moved":
            return self.reply(302, b"", {"Location": f"{self.path}?elsewhere"})
        path = Path(str(path).removesuffix("?elsewhere"))
        if not path.is_file():
            return self.reply(404, b"<?xml version='1.0'?><Error><Code>NoSuchKey</Code></Error>", {})
        body = path.read_bytes()
        tag = f'"{hashlib.md5(body).hexdigest()}"'
        headers = {"Content-Type": "application/octet-stream"} | ({"ETag": tag} if server.tags else {})
        if self.headers.get("If-Match", tag) != tag:
            return self.reply(412, b"<Error>PreconditionFailed</Error>", {})
        if self.headers.get("If-None-Match") == tag:
            return self.reply(304, b"", headers)
        status, size = 200, len(body)
        first, last = map(int, re.fullmatch(r"bytes=(\d+)-(\d+)", wanted or "bytes=1-0").groups())
        if first <= last and fault != "whole":  # else it is no range, and ignored
            last = min(last, size - 1)
            if first >= size:
                return self.reply(416, b"<Error>InvalidRange</Error>", {"Content-Range": f"bytes */{size}"})
            status, body = 206, body[first : last + 1]
            shift = 1 if fault == "shifted" else 0
            headers["Content-Range"] = f"bytes {first + shift}-{last + shift}/{size}"
        if fault == "corrupted":
            body = body[:-1] + bytes([body[-1] ^ 1])
        if fault == "middle":
            body = body[: len(body) // 2] + bytes([body[len(body) // 2] ^ 1]) + body[len(body) // 2 + 1 :]
        if fault == "slow":
            time.sleep(0.3)
        return self.reply(status, body, headers, fault)

    def reply(self, status: int, body: bytes, headers: dict[str, str], fault: str | None = None) -> None:
        """Send it; `truncated` closes after half, `reset` breaks the connection there, `unended` after the body."""
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        if fault == "unended":
            self.send_header("Transfer-Encoding", "chunked")
            body = b"%x\r\n%b\r\n" % (len(body), body)  # without the chunk that ends it
        else:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        sent = body[: len(body) // 2] if fault in ("truncated", "reset") else body
        self.server.sent += len(sent)
        self.wfile.write(sent)
        self.wfile.flush()
        if fault in ("truncated", "reset", "unended"):
            self.close_connection = True
        if fault == "reset":
            time.sleep(0.05)
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


class Proxy(ThreadingHTTPServer):
    """Hands requests on, and makes tunnels, for one user.

    Attributes:
        place: its host and port.
        requests: what was asked of it, method and target, and whether by its user.
    """

    daemon_threads = True

    def __init__(self, user: str):
        """Start on a free port; the user is `name:password`."""
        super().__init__(("127.0.0.1", 0), Between)
        self.place = f"127.0.0.1:{self.server_address[1]}"
        self.known = f"Basic {base64.b64encode(user.encode()).decode()}"
        self.requests: list[tuple[str, bool]] = []
        threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True).start()

    def __exit__(self, *_: object) -> None:
        """Stop."""
        self.shutdown()
        self.server_close()

    def handle_error(self, *_: object) -> None:
        """Connections that end are no news."""


class Between(BaseHTTPRequestHandler):
    """One connection to the proxy."""

    protocol_version = "HTTP/1.1"
    server: Proxy

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def knows(self) -> bool:
        """Whether it is the user who asks; any other is refused."""
        known = self.headers.get("Proxy-Authorization") == self.server.known
        self.server.requests.append((f"{self.command} {self.path}", known))
        if not known:
            self.answer(407, b"Who are you?", {"Proxy-Authenticate": "Basic"})
        return known

    def answer(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        """Send it."""
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self) -> None:
        """Ask the server."""
        if self.knows():
            parts = urlsplit(self.path)
            with contextlib.closing(http.client.HTTPConnection(parts.netloc)) as connection:
                connection.request("GET", parts.path, headers=dict(self.headers))
                answer = connection.getresponse()
                self.answer(answer.status, answer.read(), dict(answer.headers))

    def do_CONNECT(self) -> None:
        """Hand on what either side says."""
        self.close_connection = True
        if not self.knows():
            return
        host, _, port = self.path.partition(":")
        with socket.create_connection((host, int(port))) as other:
            self.send_response(200)
            self.end_headers()
            back = threading.Thread(target=hand_on, args=(other, self.connection))
            back.start()
            hand_on(self.connection, other)
            back.join()


def hand_on(source: socket.socket, target: socket.socket) -> None:
    """All that one side says, and that it has ended."""
    with contextlib.suppress(OSError):
        while piece := source.recv(2**16):
            target.sendall(piece)
    with contextlib.suppress(OSError):
        target.shutdown(socket.SHUT_WR)
