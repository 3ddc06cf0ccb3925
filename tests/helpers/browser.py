"""A real browser for tests: headless Chromium, spoken to by its DevTools protocol over a pipe."""

import base64
import contextlib
import fcntl
import json
import os
import select
import signal
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any


class Browser:
    """One page in a browser of its own.

    Attributes:
        faults: console errors, warnings and exceptions.
        requests: the addresses of all that the page asked for.
    """

    def __init__(self, seconds: float = 20):
        """Start it; a call that takes longer than `seconds` raises."""
        self.seconds, self.number, self.buffer, self.session = seconds, 0, b"", None
        self.faults: list[str] = []
        self.requests: list[str] = []

    def __enter__(self) -> "Browser":
        """Start the browser and open an empty page."""
        with contextlib.ExitStack() as stack:
            profile = stack.enter_context(tempfile.TemporaryDirectory(ignore_cleanup_errors=True))
            theirs_in, self.out = os.pipe()
            self.inn, theirs_out = os.pipe()
            # It reads from 3 and writes to 4; both ends are moved out of the way of those first.
            ends = [fcntl.fcntl(end, fcntl.F_DUPFD, 10) for end in (theirs_in, theirs_out)]
            command = ["chromium", "--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run"]
            command += ["--disable-dev-shm-usage", "--disable-background-networking", "--remote-debugging-pipe"]
            command += [f"--user-data-dir={profile}", "about:blank"]
            self.process = subprocess.Popen(
                ["bash", "-c", f'exec "$@" 3<&{ends[0]} 4>&{ends[1]}', "bash", *command],
                pass_fds=ends,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
            for end in (theirs_in, theirs_out, *ends):
                os.close(end)
            stack.callback(self._end)
            target = self.call("Target.createTarget", url="about:blank")["targetId"]
            self.session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
            for domain in ("Page", "Runtime", "Log", "Network"):
                self.call(f"{domain}.enable")
            self.stack = stack.pop_all()
        return self

    def __exit__(self, *error: object) -> None:
        """End the browser and remove its profile."""
        self.stack.close()

    def _end(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        os.close(self.out)
        os.close(self.inn)

    def call(self, method: str, **params: Any) -> dict[str, Any]:
        """Call a method of the protocol and return its result."""
        self.number += 1
        message = {"id": self.number, "method": method, "params": params}
        if self.session:
            message["sessionId"] = self.session
        os.write(self.out, json.dumps(message).encode() + b"\0")
        until = time.monotonic() + self.seconds
        while True:
            answer = self._read(until)
            if answer.get("id") == self.number:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']}")
                return answer["result"]

    def _read(self, until: float) -> dict[str, Any]:
        """The next message; events are noted."""
        while b"\0" not in self.buffer:
            if not select.select([self.inn], [], [], max(0, until - time.monotonic()))[0]:
                raise TimeoutError("the browser does not answer")
            read = os.read(self.inn, 1 << 20)
            if not read:
                raise RuntimeError("the browser has ended")
            self.buffer += read
        text, self.buffer = self.buffer.split(b"\0", 1)
        message = json.loads(text)
        params = message.get("params", {})
        match message.get("method"):
            case "Runtime.exceptionThrown":
                self.faults.append(json.dumps(params["exceptionDetails"]))
            case "Runtime.consoleAPICalled" if params["type"] in ("error", "warning", "assert"):
                self.faults.append(json.dumps(params["args"]))
            case "Log.entryAdded" if params["entry"]["level"] in ("error", "warning"):
                self.faults.append(json.dumps(params["entry"]))
            case "Network.requestWillBeSent":
                self.requests.append(params["request"]["url"])
        return message

    def open(self, path: Path, width: int = 1200, height: int = 900, dark: bool = False) -> float:
        """Load a file in a window of this size; return the seconds until its load event."""
        scheme = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
        self.call("Emulation.setEmulatedMedia", features=scheme)
        self.call(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 600
        )
        self.call("Page.navigate", url="about:blank")
        started = time.monotonic()
        self.call("Page.navigate", url=Path(path).resolve().as_uri())
        while not self.run("document.readyState === 'complete' && location.protocol === 'file:'"):
            if time.monotonic() - started > self.seconds:
                raise TimeoutError(f"{path} does not load")
            time.sleep(0.02)
        return time.monotonic() - started

    def run(self, script: str) -> Any:
        """The value of a JavaScript expression."""
        result = self.call("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in result:
            raise RuntimeError(json.dumps(result["exceptionDetails"]))
        return result["result"].get("value")

    def press(self, key: str) -> None:
        """Press a key on what has the focus."""
        text = {"Enter": "\r", "Space": " "}[key]
        for kind in ("keyDown", "keyUp"):
            self.call(
                "Input.dispatchKeyEvent",
                type=kind,
                key=" " if key == "Space" else key,
                code=key,
                text=text,
                windowsVirtualKeyCode=ord(text),
            )

    def point(self, x: float, y: float, click: bool = False) -> None:
        """Move the mouse to a place of the window, and click there."""
        kinds = ["mouseMoved", *(("mousePressed", "mouseReleased") if click else ())]
        for kind in kinds:
            pressed = {} if kind == "mouseMoved" else {"button": "left", "clickCount": 1}
            self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, **pressed)

    def screenshot(self, path: Path, whole: bool = False) -> None:
        """Write what is seen, or the whole page, as PNG."""
        image = self.call("Page.captureScreenshot", format="png", captureBeyondViewport=whole)
        Path(path).write_bytes(base64.b64decode(image["data"]))
