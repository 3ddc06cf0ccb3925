"""A study through `--profile slurm` on a real one-node Slurm ends with the same bytes, whatever happens to it there."""

import contextlib
import json
import os
import re
import signal
import subprocess
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pytest

from helpers import slurm
from helpers.commands import PATH, REPOSITORY, STAND_IN, need, run, uncrossed
from helpers.studies import ROWS, Folder, write_manifest
from uncrossed.study.study import Study

# Trainings of some seconds, saved often.
EPOCHS = 40


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    """A Slurm with two GPUs."""
    need(slurm.usable(), slurm.NEEDS)
    with slurm.Cluster(tmp_path_factory.mktemp("cluster") / "slurm") as started:
        yield started


def study(path: Path) -> Folder:
    """Two trials, four trainings."""
    folder = Folder(path)
    write_manifest(folder.manifest, ROWS, epochs=EPOCHS)
    folder.configure(settings={"threads": 1, "checkpoint_seconds": 0.2})
    return folder


class Driver:
    """A Snakemake that submits a study's jobs."""

    def __init__(
        self,
        folder: Folder,
        cluster: slurm.Cluster,
        *arguments: object,
        resources: tuple[str, ...] = (),
        **environment: str,
    ):
        """Start it with the Slurm profile, in the active environment, quick to look after its jobs."""
        self.folder, self.cluster, self.known = folder, cluster, {job["id"] for job in cluster.jobs()}
        command = ["snakemake", *arguments, "--snakefile", folder.snakefile, "--profile", REPOSITORY / "slurm"]
        command += ["--slurm-init-seconds-before-status-checks", 2, "--latency-wait", 5]
        if "--sdm" not in arguments:
            command += ["--sdm", "env-modules"]
        command += ["--set-resources", "train_pytorch:gpu=1", *resources]
        if "UNCROSSED_STUDY" not in environment:
            command += ["--configfile", folder.path / "study.yaml"]
        self.log = (folder.path / "driver.log").open("w+")
        self.process = subprocess.Popen(
            list(map(str, command)),
            cwd=folder.path,
            env={**os.environ, "PATH": f"{cluster.folder / 'bin'}:{PATH}", **environment},
            stdin=subprocess.DEVNULL,
            stdout=self.log,
            stderr=subprocess.STDOUT,
            # A shell's background jobs ignore SIGINT.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
            start_new_session=True,
        )

    def end(self, code: int = 0, seconds: float = 600) -> str:
        """Wait for its end; its output."""
        try:
            self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
        output = (self.folder.path / "driver.log").read_text()
        assert self.process.returncode == code, f"exit {self.process.returncode}\n{output}"
        return output

    def jobs(self) -> list[dict[str, str]]:
        """The jobs that it submitted, with `trial` and `framework`."""
        jobs = [job for job in self.cluster.jobs() if job["id"] not in self.known]
        for job in jobs:
            job["framework"], job["trial"] = re.fullmatch(r"rule_train_(\w+)_wildcards_(.+)", job["comment"]).groups()
        return jobs

    def running(self, framework: str, trial: str) -> str:
        """Wait until a training has saved a checkpoint; its job."""

        def found() -> str | None:
            if self.process.poll() is not None:
                raise AssertionError((self.folder.path / "driver.log").read_text())
            alive = [job for job in self.jobs() if (job["framework"], job["trial"]) == (framework, trial)]
            alive = [job["id"] for job in alive if job["state"] == "RUNNING"]
            saved = self.folder.results / f"trials/{trial}/{framework}.checkpoint.h5"
            return alive[0] if alive and saved.exists() else None

        return self.cluster.wait(found, 300, f"checkpoint of {framework} {trial}")

    def counts(self) -> dict[str, int]:
        """How many jobs each training took."""
        names = [f"{job['framework']} {job['trial']}" for job in self.jobs()]
        return {name: names.count(name) for name in sorted(set(names))}


ONCE = {f"{framework} {trial}": 1 for framework in ("pytorch", "tensorflow") for trial in ROWS}


def went_on(folder: Folder, framework: str, trial: str) -> bool:
    """Whether a training's last run began with its checkpoint."""
    return "going on in epoch" in (folder.results / f"logs/trials/{trial}/{framework}.log").read_text()


@dataclass
class Undisturbed:
    """A study whose build through Slurm nothing disturbed, what drove it, and how often it asked Slurm."""

    folder: Folder
    driver: Driver
    calls: Counter

    @property
    def checksums(self) -> bytes:
        """The list of what any other build of it has to make."""
        return (self.folder.results / "SHA256SUMS").read_bytes()


@pytest.fixture(scope="module")
def undisturbed(cluster, tmp_path_factory):
    """The study, built."""
    folder = study(tmp_path_factory.mktemp("undisturbed"))
    before = cluster.calls()
    driver = Driver(folder, cluster)
    driver.end()
    return Undisturbed(folder, driver, cluster.calls() - before)


def test_a_study_and_a_partial_rebuild(cluster, undisturbed, tmp_path):
    folder, driver, calls = undisturbed.folder, undisturbed.driver, undisturbed.calls
    log = (folder.path / "driver.log").read_text()
    assert driver.counts() == ONCE, f"small steps run where Snakemake runs\n{log[-3000:]}"
    for job in driver.jobs():
        assert job["state"] == "COMPLETED"
        assert job["name"].startswith("uncrossed_")
        assert job["gpus"] == ("gres:gpu:1" if job["framework"] == "pytorch" else "N/A")
        assert job["workdir"] == str(folder.path)
    assert calls["sbatch"] == 4
    assert calls["sacct"] <= 4, "the accounting database is not polled"
    # What was asked for was enough.
    runs = {path: json.loads(path.read_text()) for path in folder.results.glob("trials/*/*.json")}
    asked = re.findall(r"mem_mb=(\d+)", log)
    assert max(record["peak_memory_mb"] for record in runs.values()) < min(map(int, asked))
    # A training without Slurm makes the same file.
    words = ["--job", Study.load(folder.path / "study.yaml").job("first").canonical()]
    words += ["--dataset", folder.path / "results/datasets/digits-few.h5", "--output", tmp_path / "pytorch.h5"]
    uncrossed("train", "pytorch", *words)
    assert (tmp_path / "pytorch.h5").read_bytes() == (folder.results / "trials/first/pytorch.h5").read_bytes()

    lost = folder.results / "trials/second/tensorflow.h5"
    content = lost.read_bytes()
    lost.unlink()
    # Here a variable names the study, for the jobs as well.
    named = {"UNCROSSED_STUDY": str(folder.path / "study.yaml")}
    again = Driver(folder, cluster, lost.relative_to(folder.path), **named)
    again.end()
    assert again.counts() == {"tensorflow second": 1}
    assert lost.read_bytes() == content
    # The clock of what depends on it has moved, its content has not.
    assert "rule train" not in folder.snakemake("-n").stdout


TIGHT = ("train_tensorflow:mem_mb=600 * attempt**2", "train_pytorch:runtime=attempt")


def ends_well_without_the_node(driver: Driver, undisturbed: Undisturbed, cancelled: str) -> str:
    """The node is lost while the first of PyTorch's trainings runs and comes back; the study ends as if nothing was.

    Returns:
        What Snakemake said.
    """
    folder, cluster = driver.folder, driver.cluster
    driver.running("pytorch", "first")
    cluster.node_down()
    cluster.wait(lambda: not processes(folder), 300, "end of the jobs")
    cluster.node_up()
    output = driver.end()
    assert (folder.results / "SHA256SUMS").read_bytes() == undisturbed.checksums
    assert went_on(folder, "pytorch", "first")
    assert driver.counts()["pytorch second"] == 2
    assert cluster.job(cancelled)["state"] == "CANCELLED"
    return output


@pytest.mark.more
def test_a_cancelled_job_and_a_lost_node(cluster, undisturbed, tmp_path):
    folder = study(tmp_path)
    driver = Driver(folder, cluster)
    cancelled = driver.running("pytorch", "second")
    cluster.scancel(cancelled)
    ends_well_without_the_node(driver, undisturbed, cancelled)


@pytest.mark.long
def test_cancelled_jobs_a_lost_node_too_little_memory_and_time(cluster, undisturbed, tmp_path):
    folder = study(tmp_path)
    # TensorFlow takes more than the first allotment; the first of PyTorch's hangs until its time is over.
    driver = Driver(folder, cluster, resources=TIGHT)
    hanging = driver.running("pytorch", "first")
    (training,) = processes(folder, "trials/first/pytorch.h5")
    os.kill(training, signal.SIGSTOP)
    cancelled = driver.running("pytorch", "second")
    cluster.scancel(cancelled)
    cluster.wait(lambda: cluster.job(hanging)["state"] == "TIMEOUT", 300, "end of time")
    output = ends_well_without_the_node(driver, undisturbed, cancelled)
    assert driver.counts()["tensorflow first"] == 2
    assert "exceeded memory limit" in output, "the failed job's log is shown"
    limits = [job["limit"] for job in driver.jobs() if (job["framework"], job["trial"]) == ("pytorch", "first")]
    assert limits == ["1:00", "2:00"], "more time the second time"


def processes(folder: Folder, text: str = "") -> list[int]:
    """The study's trainings with a text in their command line."""
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            command = (path / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            if "-m uncrossed train" in command and text in command and (path / "cwd").readlink() == folder.path:
                found.append(int(path.name))
    return found


@pytest.mark.long
def test_snakemake_killed(cluster, undisturbed, tmp_path):
    folder = study(tmp_path)
    first = Driver(folder, cluster)
    for framework in ("pytorch", "tensorflow"):
        first.running(framework, "first")
    # One of its jobs is still there when the next Snakemake comes, however slow that is.
    (training,) = processes(folder, "trials/first/tensorflow.h5")
    os.kill(training, signal.SIGSTOP)
    os.killpg(first.process.pid, signal.SIGKILL)
    first.end(-signal.SIGKILL)
    # Another ends well without it.
    done = folder.results / "trials/second/pytorch.h5"
    cluster.wait(done.exists, 300, "a job's end without Snakemake")
    finished = {path for path in folder.results.glob("trials/*/*.h5") if "checkpoint" not in path.name}
    assert "LockException" in Driver(folder, cluster).end(1)
    run("snakemake", "--unlock", "--snakefile", folder.snakefile, "--configfile", "study.yaml", folder=folder.path)
    kept = {path: path.stat().st_mtime_ns for path in finished}
    second = Driver(folder, cluster)
    assert "of an earlier run are still in Slurm: they are ended" in second.end()
    assert went_on(folder, "tensorflow", "first")
    assert (folder.results / "SHA256SUMS").read_bytes() == undisturbed.checksums
    assert {path: path.stat().st_mtime_ns for path in finished} == kept, "what was finished is not trained again"
    assert not [job for job in cluster.jobs() if job["state"] in ("RUNNING", "PENDING")]


@pytest.mark.long
def test_snakemake_interrupted_and_terminated(cluster, undisturbed, tmp_path):
    folder = study(tmp_path)
    interrupted = Driver(folder, cluster)
    job = interrupted.running("pytorch", "first")
    interrupted.process.send_signal(signal.SIGINT)
    interrupted.end(1)
    cluster.wait(lambda: cluster.job(job)["state"] == "CANCELLED", 300, "end of the cancelled job")
    terminated = Driver(folder, cluster)
    terminated.running("tensorflow", "first")
    assert went_on(folder, "pytorch", "first")
    terminated.process.send_signal(signal.SIGTERM)
    terminated.end(1)
    assert not [job for job in cluster.jobs() if job["state"] in ("RUNNING", "PENDING")], "it waits for its jobs"
    last = Driver(folder, cluster)
    last.end()
    assert (folder.results / "SHA256SUMS").read_bytes() == undisturbed.checksums


@pytest.mark.long
def test_a_job_in_a_conda_environment(cluster, tmp_path):
    folder = study(tmp_path)
    conda = f"{cluster.folder / 'bin'}:{STAND_IN}:{PATH}"
    target = "results/tiny/trials/first/pytorch.h5"
    driver = Driver(folder, cluster, target, "--sdm", "conda", "--conda-prefix", tmp_path / "conda", PATH=conda)
    output = driver.end()
    assert "pytorch.yaml" in output
    assert driver.counts() == {"pytorch first": 1}
    assert (folder.path / target).exists()
