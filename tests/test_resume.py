"""A training that is stopped, killed or starved ends with the bytes that it would have had."""

import json
import os
import platform
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import h5py
import pytest

from conftest import PATH, REPOSITORY, Folder, copy_sources, need, no_more_files, run, uncrossed
from uncrossed.common.errors import UnreadableError
from uncrossed.job import snakemake_records
from uncrossed.results import trial_file
from uncrossed.study.study import Study
from uncrossed.study.trial import FRAMEWORKS

CHECKS = Path(__file__).with_name("checks")
ROW = {"trial": "a", "architecture": "smallcnn", "learning_rate": 0.01, "batch_size": 30, "adam_epsilon": 0.1}


def command(framework: str, data: Path, output: Path, epochs: int = 4, *arguments: object) -> list[str]:
    """The command of a training that saves after every epoch."""
    row = json.dumps({**ROW, "epochs": epochs})
    words = ["uncrossed", "train", framework, "--row", row, "--dataset", data, "--output", output]
    return list(map(str, [*words, "--checkpoint-seconds", 0, *arguments]))


def stopped(framework: str, data: Path, output: Path, number: int = signal.SIGTERM, epochs: int = 4000) -> int:
    """Start a long training and send it a signal once it has saved; how it ended."""
    process = subprocess.Popen(command(framework, data, output, epochs), stderr=subprocess.DEVNULL)
    while not output.with_suffix(".checkpoint.h5").exists():
        assert process.poll() is None
        time.sleep(0.02)
    process.send_signal(number)
    return process.wait(20)


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_stopped_at_any_moment_it_ends_with_the_same_bytes(framework, few, tmp_path):
    run(sys.executable, CHECKS / "resume_all.py", framework, few, tmp_path)


def test_random_kills_change_no_byte():
    output = run(
        sys.executable, Path(__file__).with_name("storm.py"), "--kills", 6, "--architectures", "smallcnn"
    ).stdout
    assert output.splitlines()[-1] == "6 kills, 2 trainings, 0 files that differ"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_within_seconds_and_keeps_the_checkpoint(number, few, tmp_path):
    started = time.monotonic()
    assert stopped("pytorch", few, tmp_path / "a.h5", number) == -number
    assert time.monotonic() - started < 30
    assert [path.name for path in tmp_path.iterdir()] == ["a.checkpoint.h5"]


def damaged(path: Path) -> None:
    with path.open("r+b") as file:
        file.seek(path.stat().st_size // 2)
        byte = file.read(1)
        file.seek(-1, os.SEEK_CUR)
        file.write(bytes([byte[0] ^ 1]))


def truncated(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def empty(path: Path) -> None:
    os.truncate(path, 0)


def foreign(path: Path) -> None:
    """A well-formed checkpoint of a training that ran under another version of PyTorch."""
    from uncrossed.job import checkpoint_file

    state, identity = checkpoint_file._read(path)
    identity["versions"]["torch"] = "1.6.0"
    checkpoint_file.CheckpointFile(path.with_name("a.h5"), 0).save(identity, state)


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [(damaged, "damaged"), (truncated, "damaged"), (empty, "damaged"), (foreign, "another versions")],
)
def test_a_checkpoint_that_is_not_this_trainings_is_set_aside(spoil, reason, few, tmp_path, ended):
    shutil.copy(ended["checkpoint"], tmp_path / "a.checkpoint.h5")
    spoil(tmp_path / "a.checkpoint.h5")
    output = run(*command("pytorch", few, tmp_path / "a.h5")).stdout
    assert "a.checkpoint.h5: not used, as it" in output
    assert reason in output
    assert "epoch 1/4" in output
    assert (tmp_path / "a.h5").read_bytes() == ended["whole"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.h5", "a.json"]


@pytest.mark.parametrize(("how", "said"), [("folder", "Is a directory"), ("loop", "Too many levels of symbolic links")])
def test_a_checkpoint_that_cannot_be_read_is_kept_and_nothing_is_trained(how, said, few, tmp_path, ended):
    path = tmp_path / "a.checkpoint.h5"
    path.mkdir() if how == "folder" else path.symlink_to(path)
    output = run(*command("pytorch", few, tmp_path / "a.h5"), code=1).stdout
    assert f"uncrossed: {path}: cannot be read ({said}); it is kept and nothing was trained" in output
    assert "epoch 1" not in output
    assert [path.name for path in tmp_path.iterdir()] == ["a.checkpoint.h5"]
    path.rmdir() if how == "folder" else path.unlink()
    shutil.copy(ended["checkpoint"], path)
    assert "going on in epoch 4" in run(*command("pytorch", few, tmp_path / "a.h5")).stdout
    assert (tmp_path / "a.h5").read_bytes() == ended["whole"]


@pytest.fixture(scope="module")
def ended(few, tmp_path_factory):
    """The bytes of a training, and a checkpoint of it."""
    folder = tmp_path_factory.mktemp("ended")
    run(*command("pytorch", few, folder / "a.h5"))
    # Saved in its last epoch: its run record cannot be written, as its name is a folder, nor then its trial file.
    (folder / "b.json").mkdir()
    run(*command("pytorch", few, folder / "b.h5"), code=1)
    return {"whole": (folder / "a.h5").read_bytes(), "checkpoint": folder / "b.checkpoint.h5"}


def test_another_row_code_or_dataset_starts_anew(few, tmp_path, ended):
    shutil.copy(ended["checkpoint"], tmp_path / "a.checkpoint.h5")
    output = run(*command("pytorch", few, tmp_path / "a.h5", 3)).stdout
    assert "not used, as it was made with another row; renamed to a.checkpoint.h5.unusable" in output
    with h5py.File(ended["checkpoint"]) as file:
        identity = json.loads(file["header"][()])["identity"]
    assert {"row", "settings", "dataset_sha256", "code_sha256", "versions", "device", "framework"} <= identity.keys()


def test_what_failed_at_the_end_goes_on_from_the_last_checkpoint(few, tmp_path, ended):
    shutil.copy(ended["checkpoint"], tmp_path / "a.checkpoint.h5")
    output = run(*command("pytorch", few, tmp_path / "a.h5")).stdout
    assert "going on in epoch 4 after 9 steps" in output
    assert "epoch 3/4" not in output
    assert (tmp_path / "a.h5").read_bytes() == ended["whole"]
    assert len(json.loads((tmp_path / "a.json").read_text())["seconds_per_epoch"]) == 4


def test_checkpoints_cost_nothing_where_none_is_due(few, tmp_path):
    arguments = command("pytorch", few, tmp_path / "a.h5")[:-2]
    process = subprocess.Popen(arguments, stderr=subprocess.PIPE, text=True)
    seen = set()
    while process.poll() is None:
        seen |= {path.name for path in tmp_path.iterdir()}
        time.sleep(0.01)
    assert "checkpoint" not in " ".join(seen)
    assert trial_file.read(tmp_path / "a.h5").attributes["status"] == "completed"


def test_a_disk_without_room_for_checkpoints_stops_no_training(few, tmp_path, ended):
    need(subprocess.run(["unshare", "-rm", "true"], capture_output=True).returncode == 0, "user namespaces (unshare)")
    # Room for the trial file of 130 kB, not for the checkpoint with Adam's moments.
    script = 'mount -t tmpfs -o size=300k none "$0" && "$@" && cat "$0/a.h5" > "$0.h5"'
    output = run("unshare", "-rm", "bash", "-c", script, tmp_path, *command("pytorch", few, tmp_path / "a.h5")).stdout
    assert "cannot be written (No space left on device); the training goes on without it" in output
    assert Path(f"{tmp_path}.h5").read_bytes() == ended["whole"]


def test_what_a_killed_writer_left_is_removed_and_a_living_one_is_not(tmp_path):
    program = """
import sys, time
from uncrossed.common.files import complete
with complete(sys.argv[1]) as temporary:
    temporary.write_text("half")
    print("writing", flush=True)
    time.sleep(float(sys.argv[2]))
    temporary.write_text("living")
"""
    start = [sys.executable, "-c", program, tmp_path / "x"]
    killed = subprocess.Popen([*start, "60"], stdout=subprocess.PIPE)
    killed.stdout.readline()
    killed.kill()
    killed.wait()
    (left,) = tmp_path.iterdir()
    living = subprocess.Popen([*start, "1"], stdout=subprocess.PIPE)
    living.stdout.readline()
    assert not left.exists()
    run(*start, "0")
    assert living.wait() == 0
    assert [path.name for path in tmp_path.iterdir()] == ["x"]


def test_verify_names_damage_and_the_next_build_mends_it(tmp_path):
    folder = Folder(tmp_path)
    folder.snakemake()
    sums = (folder.results / "SHA256SUMS").read_bytes()
    assert "all files are as they should be" in uncrossed("verify", folder.results).stdout
    trials = folder.results / "trials"
    damaged(trials / "first/pytorch.h5")
    truncated(trials / "second/tensorflow.h5")
    shutil.copy(trials / "first/tensorflow.h5", trials / "second/pytorch.h5")
    (folder.results / "manifest.csv").write_text("")
    output = uncrossed("verify", folder.results, code=1).stdout
    assert "second/pytorch.h5: holds framework tensorflow" in output
    assert "4 faults" in output
    output = uncrossed("verify", folder.results, "--quarantine", code=1).stdout
    assert "moved to pytorch.h5.quarantined" in output
    assert folder.planned() == ["pytorch first", "pytorch second", "tensorflow second"]
    folder.snakemake()
    assert (folder.results / "SHA256SUMS").read_bytes() == sums
    uncrossed("verify", folder.results)
    # What is sound is never moved: here the list is wrong.
    listed = folder.results / "SHA256SUMS"
    listed.write_text(listed.read_text().replace("a", "b", 1) + "nonsense\n")
    output = uncrossed("verify", folder.results, "--quarantine", code=1).stdout
    assert f"line {len(sums.splitlines()) + 1} is not a checksum and another name" in output
    assert not list(trials.rglob("*.h5.quarantined1"))
    listed.write_bytes(sums)
    # A damaged dataset: a training says so, verify moves it aside, and the build tells what to do.
    data = tmp_path / "results/datasets/digits-few.h5"
    damaged(data)
    (trials / "first/pytorch.h5").unlink()
    assert "digits-few.h5" in folder.snakemake(code=1).stdout
    assert "digits-few.h5" in uncrossed("verify", folder.results, "--quarantine", code=1).stdout
    assert "digits-few.h5 is missing, but trials" in folder.snakemake(code=1).stdout
    folder.snakemake("results/datasets/digits-few.h5")
    folder.snakemake()
    assert (folder.results / "SHA256SUMS").read_bytes() == sums


@pytest.mark.parametrize("change", ["row", "code", "none"])
def test_what_a_killed_run_leaves_is_taken_for_what_it_is(change, tmp_path):
    """Snakemake alone is killed; its training goes on and ends, made from what was asked for then."""
    sources = copy_sources(tmp_path / "sources")
    (tmp_path / "work").mkdir()
    folder = Folder(tmp_path / "work", sources / "Snakefile")
    target = folder.results / "trials/first/pytorch.h5"
    asked = ["results/tiny/trials/first/pytorch.h5"]
    folder.snakemake(*asked)
    clean = target.read_bytes()
    backend, rows = sources / "workflow/uncrossed/training/backends/pytorch.py", folder.manifest.read_text()
    code = backend.read_text()
    if change == "code":
        backend.write_text(code.replace("nn.Dropout(0.5)", "nn.Dropout(0.25)"))
    else:
        folder.manifest.write_text(rows.replace("0.02", "0.021"))
    words = ["snakemake", *asked, "--snakefile", folder.snakefile, "--profile", REPOSITORY / "profiles/local"]
    words += ["--configfile", "study.yaml"]
    process = subprocess.Popen(
        list(map(str, words)), cwd=folder.path, env={**os.environ, "PATH": PATH}, stderr=subprocess.DEVNULL
    )
    while not target.with_suffix(".job").exists():
        assert process.poll() is None
        time.sleep(0.02)
    process.kill()
    process.wait()
    while not target.exists():
        time.sleep(0.1)
    other = target.read_bytes()
    assert other != clean
    time.sleep(0.5)
    run(*words[:1], "--unlock", *words[2:], folder=folder.path)
    if change != "none":
        backend.write_text(code)
        folder.manifest.write_text(rows)
    before = listing(folder.path)
    assert folder.planned(*asked) == ([] if change == "none" else ["pytorch first"])
    for way in ("--summary", "--dag", "--lint"):
        folder.snakemake(*asked, way)
    assert listing(folder.path) == before, "planning changes no file"
    output = folder.snakemake(*asked).stdout
    if change == "none":
        # Asked for the same again: what ended is not trained again.
        assert "Nothing to be done" in output
        assert target.read_bytes() == other
    else:
        assert target.read_bytes() == clean
    assert folder.planned(*asked) == []


def listing(folder: Path) -> dict[Path, tuple[int, bytes]]:
    """Each file's time stamp and content, but for those that Snakemake itself writes whatever it plans."""
    own = [folder / ".snakemake" / name for name in ("iocache", "locks", "log")]
    return {
        path: (path.stat().st_mtime_ns, path.read_bytes())
        for path in folder.rglob("*")
        if path.is_file() and not any(path.is_relative_to(place) for place in own)
    }


def test_a_result_that_ended_after_snakemake_is_taken_for_what_it_is(tmp_path):
    """As of a job in Slurm, where Snakemake is killed and the Snakemake inside the job takes away the mark of it."""
    folder = Folder(tmp_path)
    target = "results/tiny/trials/first/pytorch.h5"
    folder.snakemake(target)
    assert folder.planned(target) == []
    rows = folder.manifest.read_text()
    folder.manifest.write_text(rows.replace("0.02", "0.021"))
    job = Study.load(tmp_path / "study.yaml").job("first").canonical()
    data = tmp_path / "results/datasets/digits-few.h5"
    uncrossed("train", "pytorch", "--job", job, "--dataset", data, "--output", tmp_path / target)
    assert folder.planned(target) == []
    folder.manifest.write_text(rows)
    assert folder.planned(target) == ["pytorch first"]


def test_a_result_that_cannot_be_read_is_not_trained_again(tmp_path, ended):
    path = str(shutil.copy(ended["checkpoint"].with_name("a.h5"), tmp_path / "a.h5"))
    with no_more_files(), pytest.raises(UnreadableError, match="cannot be read"):
        snakemake_records.is_wanted(path, {"framework": "pytorch"})
    assert snakemake_records.is_wanted(path, {"framework": "pytorch"})
    assert not snakemake_records.is_wanted(path, {"framework": "tensorflow"})
    damaged(Path(path))
    truncated(Path(path))
    assert not snakemake_records.is_wanted(path, {"framework": "pytorch"})


def test_a_training_that_is_left_is_stopped_by_the_next(few, tmp_path):
    output = tmp_path / "a.h5"
    left = subprocess.Popen(command("pytorch", few, output, 4000), stderr=subprocess.DEVNULL)
    while not output.with_suffix(".checkpoint.h5").exists():
        time.sleep(0.02)
    text = run(*command("pytorch", few, output)).stdout
    assert f"an earlier training is still at work (process {left.pid}): it is stopped" in text
    assert left.wait() == -signal.SIGTERM
    # It was of another row.
    assert "not used, as it was made with another row" in text
    assert trial_file.read(output).attributes["row"]["epochs"] == 4
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.h5", "a.json"]


HANG = """
import ctypes, os, sys
how = sys.argv.pop(1)
if how == "openmp":
    os.environ["OMP_MAX_ACTIVE_LEVELS"] = "0"
import torch
from uncrossed.training import backends
from uncrossed.cli.main import main
from uncrossed.study.trial import Settings

backend = backends.load("pytorch", Settings(threads=2))
backend._threads = lambda: None  # it would be refused at once
step, mutex = backend.Learner.step, ctypes.create_string_buffer(64)


def hang(*arguments):
    print("step", flush=True)
    for _ in range(2 if how == "mutex" else 0):
        ctypes.CDLL(None).pthread_mutex_lock(mutex)
    return step(*arguments)


backend.Learner.step = hang
main(sys.argv[1:])
"""


@pytest.mark.parametrize(("how", "architecture"), [("mutex", "smallcnn"), ("openmp", "resnet50")])
def test_a_training_that_hangs_and_hears_no_signal_is_ended(how, architecture, few, tmp_path):
    """Its main thread waits in a library: for a mutex, or in oneDNN for a thread that OpenMP does not give."""
    words = command("pytorch", few, tmp_path / "a.h5", 4, "--patience", 2, "--settings", '{"threads": 2}')[1:]
    words = [word.replace("smallcnn", architecture) for word in words]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    process = subprocess.Popen([sys.executable, "-c", HANG, how, *words], **pipes)
    assert process.stdout.readline() == "step\n"
    assert (tmp_path / "a.job").exists()
    time.sleep(3)
    process.send_signal(signal.SIGTERM)
    errors = process.communicate(timeout=60)[1]
    if how == "openmp" and process.returncode == -signal.SIGTERM:
        pytest.skip("with one thread oneDNN goes on, on this CPU")
    assert process.returncode == 1
    assert "a.h5: no step was taken for 13 s: the training hangs and is ended" in errors.splitlines()[-1]
    assert not list(tmp_path.iterdir())


def test_a_training_that_is_suspended_is_not_taken_for_one_that_hangs(few, tmp_path):
    arguments = command("pytorch", few, tmp_path / "a.h5", 4000, "--patience", 5)
    process = subprocess.Popen(arguments, stderr=subprocess.PIPE, text=True)
    while not (tmp_path / "a.checkpoint.h5").exists():
        assert process.poll() is None
        time.sleep(0.02)
    process.send_signal(signal.SIGSTOP)
    time.sleep(8)
    process.send_signal(signal.SIGCONT)
    time.sleep(2)
    process.send_signal(signal.SIGTERM)
    assert "SIGTERM: stopped in epoch" in process.communicate(timeout=60)[1]
    assert process.returncode == -signal.SIGTERM


def test_a_log_holds_every_attempt(tmp_path):
    """The first attempt fails; neither Snakemake, which removes logs, nor the second one removes what it said."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/python").write_text(
        f"""#!/bin/bash
echo "user site: $PYTHONNOUSERSITE"
[ "$3" = train ] && mkdir {tmp_path}/tried 2>/dev/null && more="--patience 0"
exec {sys.executable} "$@" $more
"""
    )
    (tmp_path / "bin/python").chmod(0o755)
    (tmp_path / "work").mkdir()
    folder = Folder(tmp_path / "work")
    target = "results/tiny/trials/first/pytorch.h5"
    folder.snakemake(target, "--retries", 1, PATH=f"{tmp_path / 'bin'}:{PATH}")
    log = (folder.results / "logs/trials/first/pytorch.log").read_text().splitlines()
    begun = f"training of {target} begun 2"
    assert [line.startswith(begun) for line in log[:5]] == [False, True, False, False, True]
    assert "--patience: found 0.0; allowed: a number > 0" in log[2]
    assert f" on {platform.node()}, process " in log[4]
    # Of the packages in a user's home folder jobs see none.
    assert log[0] == log[3] == "user site: 1"
    assert "epoch 2/2" in log[-1]
