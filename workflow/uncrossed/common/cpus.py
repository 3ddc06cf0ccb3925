"""How many CPUs this process may use, by its affinity and by the time that its control groups are given."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path


def usable(root: Path = Path("/")) -> float:
    """CPUs that this process may use, at least the part of one that a quota gives.

    Args:
        root: where `proc` and `sys` are.
    """
    return min([float(len(os.sched_getaffinity(0))), *_quotas(root)])


def _quotas(root: Path) -> Iterator[float]:
    """The CPUs' worth of time of each control group that this process is in, where one is set."""
    with contextlib.suppress(OSError, ValueError):
        for line in (root / "proc/self/cgroup").read_text(encoding="utf-8").splitlines():
            _, controllers, path = line.split(":", 2)
            if controllers and "cpu" not in controllers.split(","):
                continue
            # Version 2 has one tree without names of controllers.
            top = root / "sys/fs/cgroup" / ("cpu" if controllers else "")
            # In a container the path may be the host's, and the container's own group lies at the top.
            group = top / path.lstrip("/")
            for folder in (group, *group.parents):
                yield from _quota(folder)
                if folder == top:
                    break


def _quota(folder: Path) -> Iterator[float]:
    with contextlib.suppress(OSError, ValueError):
        if (folder / "cpu.max").exists():
            quota, period = (folder / "cpu.max").read_text(encoding="utf-8").split()
        else:
            names = ("cpu.cfs_quota_us", "cpu.cfs_period_us")
            quota, period = ((folder / name).read_text(encoding="utf-8").strip() for name in names)
        if quota != "max" and int(quota) > 0:
            yield int(quota) / int(period)
