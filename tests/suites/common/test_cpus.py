"""Usable CPUs are those of the affinity and the control group."""

import os

import pytest

from uncrossed.common import cpus


@pytest.mark.parametrize(
    ("group", "files", "expected"),
    [
        ("0::/job/step", {"job/step/cpu.max": "max 100000", "job/cpu.max": "50000 100000"}, 0.5),
        ("0::/elsewhere", {"cpu.max": "25000 100000"}, 0.25),
        ("4:cpu,cpuacct:/job", {"cpu/job/cpu.cfs_quota_us": "30000", "cpu/job/cpu.cfs_period_us": "100000"}, 0.3),
        ("4:cpu,cpuacct:/job", {"cpu/job/cpu.cfs_quota_us": "-1", "cpu/job/cpu.cfs_period_us": "100000"}, None),
        ("0::/job", {"job/cpu.max": "no number"}, None),
    ],
)
def test_usable_cpus_are_those_of_the_affinity_and_the_control_group(group, files, expected, tmp_path):
    (tmp_path / "proc/self").mkdir(parents=True)
    (tmp_path / "proc/self/cgroup").write_text(f"1:name=systemd:/\n{group}\n")
    for name, text in files.items():
        path = tmp_path / "sys/fs/cgroup" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{text}\n")
    assert cpus.usable(tmp_path) == (expected or len(os.sched_getaffinity(0)))
