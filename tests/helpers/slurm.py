"""A real one-node Slurm for tests: no systemd, nothing in /etc, no accounting database, no GPUs needed."""

import contextlib
import os
import shutil
import signal
import socket
import stat
import subprocess
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Self

NEEDS = "Slurm (apt-get install slurmctld slurmd slurm-client munge) and root with CAP_SYS_ADMIN and CAP_MKNOD"
DAEMONS = ("munged", "slurmctld", "slurmd")
COMMANDS = ("sbatch", "squeue", "scancel", "scontrol", "sinfo", "srun", "sacct", "sacctmgr", "sshare")
SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
# In the environment of every process of a cluster, its jobs included, by which it finds what is left of them.
MARKER = "UNCROSSED_TEST_CLUSTER"
SEPARATOR = "\x1f"
# What `jobs` tells, by squeue's names.
FIELDS = {
    "id": "JobID",
    "state": "State",
    "reason": "Reason",
    "comment": "Comment",
    "name": "Name",
    "workdir": "WorkDir",
    "partition": "Partition",
    "gpus": "tres-per-job",
    "gres": "tres-per-node",
    "cpus": "NumCPUs",
    "memory": "MinMemory",
    "limit": "TimeLimit",
    "used": "TimeUsed",
    "restarts": "RestartCnt",
}
CONFIGURATION = """\
ClusterName=test
SlurmctldHost=localhost(127.0.0.1)
SlurmctldPort={controller}
SlurmdPort={node}
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
# A requeued job waits for the end of its credential: 120 s where nothing is set.
AuthInfo=socket={run}/munge.socket,cred_expire={requeue_delay}
StateSaveLocation={folder}/state
SlurmdSpoolDir={run}/spool
SlurmctldPidFile={run}/slurmctld.pid
SlurmdPidFile={run}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
# The daemons run in a host name of their own, `localhost`, to which these two bind them.
CommunicationParameters=NoCtldInAddrAny,NoInAddrAny
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
AccountingStorageType=accounting_storage/none
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherParams=OverMemoryKill
JobAcctGatherFrequency=task=1
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
DefMemPerCPU=200
SchedulerParameters=batch_sched_delay=0,sched_min_interval=0,sched_interval=1,bf_interval=1
KillWait={kill_wait}
MinJobAge=300
ReturnToService=1
SlurmdParameters=config_overrides
GresTypes=gpu
NodeName=node NodeHostname=localhost NodeAddr=127.0.0.1 CPUs=8 Boards=1 SocketsPerBoard=1 CoresPerSocket=8 \
ThreadsPerCore=1 RealMemory=16000 Gres=gpu:2 State=UNKNOWN
PartitionName=gpu Nodes=node Default=YES MaxTime=1440 {low}
PartitionName=cpu Nodes=node MaxTime=1440 {low}
"""
URGENT = """\
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
PartitionName=urgent Nodes=node MaxTime=1440 PriorityTier=10 PreemptMode=OFF
"""


def usable() -> bool:
    """Whether a cluster can be started here; a test that can't says that it needs `NEEDS`."""
    programs = (*DAEMONS, *COMMANDS[:6], "unshare", "setpriv")
    installed = all(shutil.which(name, path=SYSTEM_PATH) for name in programs)
    # A container's root may be forbidden this.
    return installed and subprocess.run(["unshare", "--uts", "true"], capture_output=True).returncode == 0


class Cluster:
    """One node with 8 CPUs, 16,000 MB and 2 GPUs in the partitions `gpu` (the default) and `cpu`; a context manager."""

    def __init__(self, folder: Path, kill_wait: int = 10, requeue_delay: int = 10, grace: int | None = None):
        """Describe a cluster; nothing is started.

        Args:
            folder: a new folder for its configuration, logs and the commands that `environment` puts on the path
            kill_wait: seconds between SIGTERM and SIGKILL
            requeue_delay: seconds before a requeued job may start again; where the old run is still cleaning up then,
                Slurm holds the job and drains the node
            grace: adds a partition `urgent`, whose jobs requeue those of the others, with so many seconds of notice
        """
        self.folder = folder.resolve()
        self.kill_wait, self.requeue_delay, self.grace = kill_wait, requeue_delay, grace
        self._daemons: list[subprocess.Popen] = []

    def __enter__(self) -> Self:
        """Start it and wait until it takes jobs; a port that was taken meanwhile is worth a second try."""
        for attempt in range(3):
            try:
                self._start()
                return self
            except BaseException as error:
                self.stop()
                if attempt == 2 or not isinstance(error, TimeoutError):
                    raise
        raise AssertionError

    def __exit__(self, *_: object) -> None:
        """Stop it."""
        self.stop()

    def _start(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)
        for name in ("bin", "state"):
            (self.folder / name).mkdir(parents=True)
        # Sockets' paths are limited to 108 characters, which a test's folder may exceed.
        self._run = Path(tempfile.mkdtemp(prefix="slurm-", dir="/tmp"))
        (self._run / "spool").mkdir()
        for number in range(2):
            os.mknod(self._run / f"gpu{number}", stat.S_IFCHR | 0o666, os.makedev(1, 3))
        key = self._run / "munge.key"
        key.touch(0o600)
        key.write_bytes(os.urandom(128))
        self._configure()
        self._write_shims()

        munge = [f"--{name}={self._run}/munge.{name.split('-')[0]}" for name in ("socket", "pid-file", "seed-file")]
        munge += [f"--key-file={key}", f"--log-file={self.folder}/munged.log"]
        self._launch("munged", "--foreground", "--force", *munge)
        self._starting("munge.socket", lambda: (self._run / "munge.socket").exists())
        self._launch("slurmctld", "-D", "-c", "-f", self._configuration)
        self._starting("slurmctld", self._listens)
        self._launch("slurmd", "-D", "-N", "node", "-f", self._configuration)
        self._starting("slurmd", lambda: self.node_state() == "idle")

    def _configure(self) -> None:
        """Write slurm.conf and what lies beside it."""
        with socket.socket() as first, socket.socket() as second:
            first.bind(("127.0.0.1", 0))
            second.bind(("127.0.0.1", 0))
            ports = {"controller": first.getsockname()[1], "node": second.getsockname()[1]}
        self._port = ports["controller"]
        low = "" if self.grace is None else f"PriorityTier=1 PreemptMode=REQUEUE GraceTime={self.grace}"
        values = {"kill_wait": self.kill_wait, "requeue_delay": self.requeue_delay, "low": low, **ports}
        text = CONFIGURATION.format(run=self._run, folder=self.folder, **values)
        self._configuration = self.folder / "slurm.conf"
        self._configuration.write_text(text if self.grace is None else text + URGENT, encoding="utf-8")
        (self.folder / "gres.conf").write_text(f"NodeName=node Name=gpu File={self._run}/gpu[0-1]\n", encoding="utf-8")
        (self.folder / "cgroup.conf").touch()

    def _write_shims(self) -> None:
        """Write commands that find this cluster, also from inside its jobs, where SLURM_CONF may be unset."""
        (self.folder / "calls").touch()
        for name in COMMANDS:
            if not (program := shutil.which(name, path=SYSTEM_PATH)):
                continue
            shim = self.folder / "bin" / name
            lines = ["#!/bin/sh", f"echo {name} >> '{self.folder}/calls'"]
            lines += [f"export SLURM_CONF='{self._configuration}' {MARKER}='{self.folder}'", f'exec {program} "$@"']
            shim.write_text("\n".join(lines) + "\n", encoding="utf-8")
            shim.chmod(0o755)

    def _launch(self, *command: object) -> None:
        """Start a daemon that ends with this process and for which this machine is called `localhost`."""
        script = 'echo localhost > /proc/sys/kernel/hostname && exec setpriv --pdeathsig KILL "$@"'
        with (self.folder / "output.log").open("ab") as log:
            daemon = subprocess.Popen(
                ["unshare", "--uts", "sh", "-c", script, "sh", *map(str, command)],
                env={"PATH": SYSTEM_PATH, MARKER: str(self.folder)},
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self._daemons.append(daemon)

    def _starting(self, what: str, ready: Callable[[], bool]) -> None:
        """Wait for a daemon that was just launched."""

        def ready_or_dead() -> bool:
            return self._daemons[-1].poll() is not None or ready()

        self.wait(ready_or_dead, 20, f"start of {what}")
        if self._daemons[-1].poll() is not None:
            raise TimeoutError(f"{what} ended at once\n{self._report()}")

    def _listens(self) -> bool:
        """Whether slurmctld takes connections; asked by `scontrol ping` it would take 8 s to say no."""
        with socket.socket() as client:
            return client.connect_ex(("127.0.0.1", self._port)) == 0

    def stop(self) -> None:
        """End all jobs and daemons, whatever state they are in."""
        if len(self._daemons) == 3 and self._daemons[1].poll() is None:
            with contextlib.suppress(subprocess.SubprocessError):
                self.run("scancel", "--signal=KILL", "--full", "--user=root", check=False, timeout=5)
                self.run("scancel", "--user=root", check=False, timeout=5)
        for sign, seconds in ((signal.SIGTERM, 5), (signal.SIGKILL, 5)):
            for daemon in reversed(self._daemons):
                if daemon.poll() is None:
                    daemon.send_signal(sign)
                    with contextlib.suppress(subprocess.TimeoutExpired):
                        daemon.wait(seconds)
        self._daemons.clear()
        # Jobs and their slurmstepd outlive slurmd.
        with contextlib.suppress(TimeoutError):
            self.wait(self._kill_processes, 10, "end of all processes")
        if hasattr(self, "_run"):
            shutil.rmtree(self._run, ignore_errors=True)

    def _kill_processes(self) -> bool:
        """Kill what is left; whether there was nothing."""
        left = self.processes()
        for pid in left:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        return not left

    def processes(self) -> dict[int, str]:
        """The cluster's processes, daemons and jobs: process IDs and commands; zombies do not count."""
        marker = f"{MARKER}={self.folder}".encode()
        found = {}
        for path in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                # slurmstepd writes over its environment, but works where slurmd does.
                here = str((path / "cwd").readlink()) == str(self.folder)
                if here or marker in (path / "environ").read_bytes().split(b"\0"):
                    command = (path / "cmdline").read_bytes()
                    found[int(path.name)] = command.replace(b"\0", b" ").decode(errors="replace").strip()
        return found

    @property
    def environment(self) -> dict[str, str]:
        """The variables with which a command uses this cluster."""
        return {"PATH": f"{self.folder / 'bin'}{os.pathsep}{os.environ['PATH']}"}

    def run(self, *command: object, check: bool = True, timeout: float = 60) -> subprocess.CompletedProcess:
        """Run a Slurm command on this cluster without counting it."""
        environment = {**os.environ, "SLURM_CONF": str(self._configuration), MARKER: str(self.folder)}
        words = [str(word) for word in command]
        streams = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
        done = subprocess.run(words, env=environment, text=True, timeout=timeout, **streams)
        assert not check or done.returncode == 0, f"{' '.join(words)}: exit {done.returncode}\n{done.stdout}"
        return done

    def submit(self, *arguments: object) -> str:
        """Submit a job with sbatch's arguments; its ID."""
        return self.run("sbatch", "--parsable", *arguments).stdout.strip()

    def jobs(self) -> list[dict[str, str]]:
        """All jobs by ascending ID, those that ended in the last 300 s included, with the keys of `FIELDS`."""
        layout = ",".join(f"{field}:{SEPARATOR}" for field in FIELDS.values())
        lines = self.run("squeue", "--noheader", "--states=all", "--sort=i", "--Format", layout).stdout.splitlines()
        return [dict(zip(FIELDS, line.split(SEPARATOR), strict=False)) for line in lines]

    def job(self, identifier: str) -> dict[str, str]:
        """One job."""
        return next(job for job in self.jobs() if job["id"] == identifier)

    def calls(self) -> Counter[str]:
        """How often each command was called through the path in `environment`, by jobs too."""
        return Counter((self.folder / "calls").read_text(encoding="utf-8").split())

    def scancel(self, *identifiers: str) -> None:
        """Cancel jobs as their owner would."""
        self.run("scancel", *identifiers)

    def node_state(self) -> str:
        """The node's state as sinfo has it: idle, mixed, down, ..."""
        return self.run("sinfo", "--noheader", "--format=%T", "--partition=gpu", check=False).stdout.strip()

    def node_down(self) -> None:
        """Take the node away from its jobs, which Slurm requeues or fails."""
        self.run("scontrol", "update", "nodename=node", "state=down", "reason=test")

    def node_up(self) -> None:
        """Give it back."""
        self.run("scontrol", "update", "nodename=node", "state=resume")

    def wait(self, predicate: Callable[[], object], seconds: float, what: str = "predicate") -> object:
        """The predicate's value as soon as it is true.

        Raises:
            TimeoutError: it was not true in so many seconds; says what jobs there are and how the logs end.
        """
        end = time.monotonic() + seconds
        while not (value := predicate()):
            if time.monotonic() > end:
                raise TimeoutError(f"{what}: not in {seconds} s\n{self._report()}")
            time.sleep(0.1)
        return value

    def _report(self) -> str:
        """What helps to understand a failure."""
        lines = []
        if self._listens():  # else squeue tries for 8 s
            with contextlib.suppress(AssertionError, subprocess.SubprocessError):
                lines += map(str, self.jobs())
        for log in sorted(self.folder.glob("*.log")):
            lines += [f"--- {log.name}", *log.read_text(errors="replace").splitlines()[-15:]]
        return "\n".join(lines)
