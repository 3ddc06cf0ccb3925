"""SIGTERM and SIGINT end a training between two steps, with its state saved, and as the signal would have ended it."""

import os
import signal
import sys
from typing import Any


class Interrupted(Exception):  # noqa: N818 - as asked, no error
    """A training was stopped by a signal; the message says which, and where the training stands."""

    def __init__(self, number: int, message: object):
        """Take the signal's number and what the loop says."""
        super().__init__(f"{signal.Signals(number).name}: {message}")
        self.number = number


class Stop:
    """Whether SIGTERM or SIGINT has come; before this is first asked nothing is to save, and they end the process."""

    def __init__(self) -> None:
        """Handle both signals from now on."""
        self.signal: int | None = None
        self.asked = False
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._handle)

    def __call__(self) -> bool:
        """Whether to stop."""
        self.asked = True
        return self.signal is not None

    def _handle(self, number: int, frame: Any) -> None:
        # Slurm sends SIGTERM twice; who presses Ctrl-C twice is in a hurry.
        if not self.asked or (number == signal.SIGINT and self.signal == signal.SIGINT):
            die(number)
        self.signal = number


def die(number: int) -> None:
    """End as the signal would have ended the process, so that the caller sees it."""
    sys.stderr.flush()
    signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)
