"""How servers are asked: through the proxy that the environment names, and what an answer says that is an error.

No message shows the user name or the password of a proxy.
"""

import contextlib
import html
import json
import re
import textwrap
import urllib.error
import urllib.parse
import urllib.request
from typing import IO

import urllib3
from urllib3.exceptions import HTTPError, InvalidHeader

from uncrossed.common.errors import InputError

TIMEOUT = 60.0  # seconds without any answer
TOLD = 2**14  # bytes of an error's body in which the server may say its reason
PASSING = (408, 429, 500, 502, 503, 504)


def proxy(url: str) -> tuple[str, dict[str, str]]:
    """The proxy that the environment names for a URL, and the headers that tell it who asks; empty where there is none.

    Raises:
        InputError: what is named is no URL of a proxy; since it may hold a password, it is not shown.
    """
    parts = urllib.parse.urlsplit(url)
    named = urllib.request.getproxies().get(parts.scheme)
    if not named or urllib.request.proxy_bypass(parts.netloc):
        return "", {}
    try:
        found = urllib3.util.parse_url(named if "://" in named else f"http://{named.lstrip('/')}")
    except ValueError:
        found = urllib3.util.Url()
    # A password with an unquoted / ? or # ends what looks like the server.
    if found.scheme not in ("http", "https") or not found.host or "@" in f"{found.request_uri}{found.fragment}":
        allowed = (
            "http://HOST:PORT or http://USER:PASSWORD@HOST:PORT, with @ : / ? # % in a password as %40 %3A %2F ..."
        )
        raise InputError(f"{parts.scheme}_proxy: found no URL of a proxy (not shown); allowed: {allowed}")
    # Headers are Latin-1: that sends the bytes as they are quoted, which are mostly UTF-8.
    user = urllib.parse.unquote_to_bytes(found.auth or "").decode("latin-1")
    headers = urllib3.make_headers(proxy_basic_auth=user if ":" in user else f"{user}:") if user else {}
    return f"{found.scheme}://{found.netloc}", headers


def whole(url: str) -> IO[bytes]:
    """What one request for the whole of any URL that urllib opens brings.

    Raises:
        OSError: the server refuses, with its reason; or there is none, or the proxy's URL is not sound.
        ValueError, http.client.HTTPException: as urllib raises them.
    """
    try:
        for scheme in ("http", "https"):  # an answer may lead to either, and urllib shows what it does not understand
            proxy(f"{scheme}://{url.partition('://')[2]}")
    except InputError as error:
        raise OSError(str(error)) from None
    try:
        return urllib.request.build_opener().open(url, timeout=TIMEOUT)
    except urllib.error.HTTPError as error:
        with error:
            raise OSError(explain(error.code, error.reason, error.read(TOLD))) from error


def explain(status: int, reason: str | None, body: bytes) -> str:
    """One line of an answer that is an error: its status, what its body (JSON, XML, HTML or text) says, what to do."""
    text = body.decode(errors="ignore")
    found = re.search(r'"(?:message|error_description|error)"\s*:\s*("(?:[^"\\]|\\.)*")', text)
    try:
        said = json.loads(found[1], strict=False) if found else None
    except ValueError:
        said = None
    if said is None:
        said = html.unescape(re.sub(r"(?is)<(head|style|script)\b.*?</\1>|<[^>]*>", " ", text))
    # Nothing that a terminal would obey, and not a whole page.
    said = textwrap.shorten("".join(c if c.isprintable() else " " for c in said), 200, placeholder=" ...")
    line = f"status {status} {reason or ''}".rstrip() + (f": {said}" if said else "")
    if status == 407:
        line += "; set http_proxy and https_proxy to http://USER:PASSWORD@HOST:PORT with a user whom it knows"
    if re.search("UserProjectMissing|requester pays", text):
        command = "gcloud storage cp --recursive --billing-project=PROJECT gs://BUCKET/FOLDER ."
        line += f"; whoever reads this bucket pays for it: copy it with `{command}`, and open the copy"
    return line


def refusal(response: urllib3.BaseHTTPResponse) -> str:
    """`explain` for an answer whose body is not read yet, and may break."""
    body = b""
    with contextlib.suppress(HTTPError):
        body = response.read(TOLD)
    return explain(response.status, response.reason, body)


def delay(response: urllib3.BaseHTTPResponse) -> float:
    """The seconds that a server asks for before it is asked again."""
    try:
        return urllib3.Retry().get_retry_after(response) or 0.0
    except InvalidHeader:
        return 0.0


def cause(error: BaseException) -> BaseException:
    """The innermost of the errors that urllib3 wraps into each other."""
    while error.args and isinstance(error.args[-1], BaseException):
        error = error.args[-1]
    return error
