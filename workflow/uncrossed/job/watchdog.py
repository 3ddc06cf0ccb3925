"""Ends a training that takes no steps any more: one that waits inside a library for ever hears nothing but SIGKILL."""

import threading
from collections.abc import Callable
from types import TracebackType

# How often the longest step so far, and how often the patience before the first step: imports and compilation.
LONGEST, FIRST = 100, 6


class Watchdog(threading.Thread):
    """Counts seconds since the last step, while it is entered; it counts them itself.

    So the time in which the process was suspended or the machine slept does not count. A batch of the evaluation is a
    step, too.
    """

    def __init__(self, patience: float, end: Callable[[str], None]):
        """Take the seconds that a step may take at least, and what ends the process; it is told why."""
        super().__init__(daemon=True)
        self.patience, self.end = patience, end
        self.over = threading.Event()
        # The thread alone counts seconds, its user alone writes the rest: neither needs a lock.
        self.seconds, self.last, self.steps, self.longest = 0, 0, 0, 0

    def __enter__(self) -> "Watchdog":
        """Begin to count."""
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Count no more."""
        self.over.set()

    def step(self) -> None:
        """A step was taken."""
        now = self.seconds
        if self.steps:
            self.longest = max(self.longest, now - self.last)
        self.steps, self.last = self.steps + 1, now

    def run(self) -> None:
        """Count, and end the process where a step takes too long."""
        while not self.over.wait(1):
            self.seconds += 1
            waited = self.seconds - self.last
            if waited > (max(self.patience, LONGEST * self.longest) if self.steps else FIRST * self.patience):
                longest = f", where the longest took {max(self.longest, 1)} s" if self.steps else ""
                self.end(f"no step was taken for {waited} s{longest}")
