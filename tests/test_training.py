"""Training: native is stock, the loop measures what it says, the same job gives the same bytes."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from conftest import REPOSITORY, need, run, uncrossed
from uncrossed.results import trial_file
from uncrossed.study.trial import FRAMEWORKS
from uncrossed.training.architectures import BUILT_IN_ARCHITECTURES, load
from uncrossed.training.loop import batches, measure

CHECKS = Path(__file__).with_name("checks")


def row(architecture: str = "smallcnn", **changes: object) -> str:
    """A manifest row as JSON: three batches an epoch on 70 examples, the last of them partial."""
    values = {"learning_rate": 0.01, "batch_size": 30, "adam_epsilon": 1e-3, "epochs": 2, "seed": 7}
    return json.dumps({"trial": architecture, "architecture": architecture, **values, **changes})


def train(framework: str, few: Path, output: Path, job: str, settings: dict | None = None, **options):
    """Train through the command."""
    extra = ["--settings", json.dumps(settings)] if settings else []
    return uncrossed("train", framework, "--row", job, "--dataset", few, "--output", output, *extra, **options)


def test_batches_keep_the_order_and_the_partial_last():
    assert batches(70, 30) == [(0, 30), (30, 60), (60, 70)]
    assert batches(60, 30) == [(0, 30), (30, 60)]
    assert batches(20, 30) == [(0, 20)]


def test_loss_and_accuracy_are_means_over_examples():
    logits = np.log(np.array([[0.7, 0.2, 0.1], [0.1, 0.6, 0.3], [0.25, 0.5, 0.25]]))
    loss, accuracy = measure(logits, np.array([0, 1, 2], dtype=np.uint8))
    assert loss == pytest.approx(-np.log([0.7, 0.6, 0.25]).mean())
    assert accuracy == pytest.approx(2 / 3)
    # Far beyond what exp() can hold.
    loss, _ = measure(np.array([[5000.0, 0, 0]], dtype=np.float32), np.array([1], dtype=np.uint8))
    assert loss == 5000


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_non_finite_row_of_logits_counts_as_wrong(bad):
    logits = np.array([[9.0, 0, 0], [9, 0, 0]])
    logits[1, 1 if bad != np.inf else 0] = bad
    loss, accuracy = measure(logits, np.array([0, 0], dtype=np.uint8))
    assert accuracy == 0.5
    assert np.isfinite(loss) == (bad == -np.inf)


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_native_is_stock(framework):
    """Three steps of the backend equal, bit for bit, a plain program over the stock model and optimizer."""
    run(sys.executable, CHECKS / f"native_{framework}.py")


def test_memory_is_used_again():
    run(sys.executable, CHECKS / "pages.py")


@pytest.fixture(scope="module")
def twice(few, tmp_path_factory):
    """Every architecture trained twice on each framework: in other folders, processes and at other times."""
    root = tmp_path_factory.mktemp("twice")
    for attempt in ("one", "two"):
        # The frameworks side by side, one process each.
        running = [
            subprocess.Popen(
                [sys.executable, CHECKS / "train_all.py", framework, few, root / attempt / "somewhere"],
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
            )
            for framework in FRAMEWORKS
        ]
        for process in running:
            output, _ = process.communicate()
            assert process.returncode == 0, output
    return root


@pytest.mark.parametrize("framework", FRAMEWORKS)
@pytest.mark.parametrize("architecture", BUILT_IN_ARCHITECTURES)
def test_the_same_job_gives_the_same_file(architecture, framework, twice):
    first, second = (twice / n / "somewhere" / architecture / f"{framework}.h5" for n in ("one", "two"))
    assert uncrossed("compare", first, second).stdout == "same file\n"
    weights = trial_file.read(first).weights
    assert any((weights[0][name] != array).any() for name, array in weights[1].items()), "nothing was learnt"


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_stored_weights_load_strictly_and_give_the_stored_logits(framework, twice, few):
    run(sys.executable, CHECKS / f"load_{framework}.py", few, twice / "one/somewhere")


@pytest.mark.parametrize("architecture", ["vgg16", "densenet121", "smallcnn"])
def test_both_sides_have_equally_many_trainable_weights(architecture, twice):
    counts = []
    for framework in FRAMEWORKS:
        arrays = trial_file.read(twice / f"one/somewhere/{architecture}/{framework}.h5").weights[1]
        statistics = ("running_mean", "running_var", "num_batches_tracked", "moving_mean", "moving_variance")
        counts.append(sum(array.size for name, array in arrays.items() if not name.endswith(statistics)))
    assert counts[0] == counts[1]
    assert counts[0] == load(architecture).on((32, 32, 3), 10).parameters


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_curves_are_what_the_stored_logits_say(framework, twice):
    result = trial_file.read(twice / f"one/somewhere/smallcnn/{framework}.h5")
    loss, accuracy = measure(result.logits, result.labels)
    assert (result.curves["test_loss"][-1], result.curves["test_accuracy"][-1]) == (loss, accuracy)


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_divergence_is_a_result(framework, few, tmp_path):
    # Steps of 1e30 make infinities within an epoch.
    job = row(learning_rate=1e30, adam_epsilon=1e-8, epochs=4)
    train(framework, few, tmp_path / "a.h5", job, {"keep_epochs": [0, 3]})
    result = trial_file.read(tmp_path / "a.h5")
    stop = int(np.flatnonzero(~np.isfinite(result.curves["train_loss"]))[0])
    assert result.attributes["status"] == "diverged"
    assert stop < 3
    assert np.isnan(result.curves["train_loss"][stop + 1 :]).all()
    assert np.isfinite(result.curves["test_accuracy"][stop])
    assert sorted(result.weights) == [0, stop + 1]


def test_the_run_record_holds_what_the_trial_file_must_not(few, tmp_path):
    output = train("pytorch", few, tmp_path / "a.h5", row()).stdout
    record = json.loads((tmp_path / "a.json").read_text())
    assert len(record["seconds_per_epoch"]) == 2
    assert {"run", "device", "versions"} <= record.keys()
    assert "epoch 2/2: train_loss" in output
    assert "\r" not in output, "a progress bar in a log"
    content = (tmp_path / "a.h5").read_bytes()
    for secret in (str(tmp_path), str(REPOSITORY), record["run"]):
        assert secret.encode() not in content


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_a_missing_gpu_is_said_at_once(framework, few, tmp_path):
    if subprocess.run(["sh", "-c", "command -v nvidia-smi"], capture_output=True).returncode == 0:
        pytest.skip("this machine has a GPU")
    output = train(framework, few, tmp_path / "a.h5", row(), {"device": "gpu"}, code=1).stdout
    assert "asks for a GPU" in output.splitlines()[-1]
    assert "sees none" in output.splitlines()[-1]
    assert not list(tmp_path.iterdir())


def test_bad_input_is_refused_before_a_framework_is_loaded(few, tmp_path):
    output = tmp_path / "a.h5"
    assert "batch_size" in train("pytorch", few, output, row(batch_size=71), code=2).stdout
    assert "unknown architecture 'lenet'" in train("pytorch", few, output, row(architecture="lenet"), code=2).stdout
    assert "no such dataset file" in train("pytorch", tmp_path / "none.h5", output, row(), code=2).stdout
    assert "JSON" in train("pytorch", few, output, "{", code=2).stdout
    assert "neither a JSON object nor a readable file" in train("pytorch", few, output, "none.json", code=2).stdout
    assert "did you mean 'threads'" in train("pytorch", few, output, row(), {"thread": 1}, code=2).stdout
    assert not list(tmp_path.iterdir())


def test_what_a_training_reads_is_not_overwritten(few, tmp_path):
    (tmp_path / "a.json").write_text(row())
    data = Path(shutil.copy(few, tmp_path / "b.h5"))
    (tmp_path / "c.h5").mkdir()
    before = {path: path.read_bytes() for path in tmp_path.glob("*.*") if path.is_file()}
    for job, dataset, output, message in (
        (tmp_path / "a.json", few, "a.h5", "would overwrite --row"),
        (row(), data, "b.h5", "would overwrite --dataset"),
        (row(), few, "c.h5", "is a folder; allowed: a file"),
    ):
        assert message in train("pytorch", dataset, tmp_path / output, job, code=2).stdout
    assert {path: path.read_bytes() for path in tmp_path.glob("*.*") if path.is_file()} == before


def test_a_full_disk_is_one_clear_line_and_leaves_no_trial_file(few, tmp_path):
    need(subprocess.run(["unshare", "-rm", "true"], capture_output=True).returncode == 0, "user namespaces (unshare)")
    train_on_small_disk = (
        'mount -t tmpfs -o size=64k none "$1" && { uncrossed train pytorch --row "$2" --dataset "$3"'
        ' --output "$1/a.h5"; echo "exit $?"; ls -A "$1"; }'
    )
    output = run("unshare", "-rm", "sh", "-c", train_on_small_disk, "sh", tmp_path, row(), few).stdout
    assert output.splitlines()[-3:] == ["uncrossed: [Errno 28] No space left on device", "exit 1", "a.json"]


# Of libc, NumPy, OpenMP, oneDNN and the frameworks: other kernels, one thread, or no training at all.
HOSTILE = {
    "GLIBC_TUNABLES": "glibc.cpu.hwcaps=-AVX2,-FMA",
    "NPY_DISABLE_CPU_FEATURES": "SSE2",
    "OMP_MAX_ACTIVE_LEVELS": "0",
    "ONEDNN_DEFAULT_FPMATH_MODE": "BF16",
    "ATEN_CPU_CAPABILITY": "default",
    "TF_NUM_INTRAOP_THREADS": "none",
    "XLA_FLAGS": "--no_such_flag",
    "KERAS_BACKEND": "none",
}


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_what_a_user_or_a_site_has_set_changes_no_byte(framework, few, tmp_path):
    train(framework, few, tmp_path / "clean.h5", row())
    (tmp_path / ".keras").mkdir()
    keras = {"floatx": "float64", "epsilon": 0.1, "image_data_format": "channels_first", "backend": "jax"}
    (tmp_path / ".keras/keras.json").write_text(json.dumps(keras))
    command = [sys.executable, "-m", "uncrossed", "train", framework, "--row", row(), "--dataset", few, "--output"]
    run(*command, tmp_path / "hostile.h5", HOME=str(tmp_path), KERAS_HOME=str(tmp_path / ".keras"), **HOSTILE)
    assert (tmp_path / "hostile.h5").read_bytes() == (tmp_path / "clean.h5").read_bytes()


def test_a_command_that_computes_starts_again_once_without_what_is_ignored(tmp_path):
    """As the same process, and with what says which devices a job has; whatever Python's own start sets again."""
    (tmp_path / "sitecustomize.py").write_text(
        "import os\n"
        "print('start', os.getpid(), *(os.environ.get(name) for name in ('CUDA_VISIBLE_DEVICES', 'OMP_SCHEDULE')))\n"
        "os.environ['TF_AGAIN'] = '1'\n"
    )
    paths = f"{tmp_path}{os.pathsep}{REPOSITORY / 'workflow'}"
    environment = {"PYTHONPATH": paths, "CUDA_VISIBLE_DEVICES": "3", "OMP_SCHEDULE": "dynamic"}
    for command in (["uncrossed"], [sys.executable, "-m", "uncrossed"]):
        words = ["train", "pytorch", "--row", "{", "--dataset", "none", "--output", tmp_path / "a.h5"]
        lines = run(*command, *words, code=2, **environment).stdout.splitlines()
        first, second = (line.split() for line in lines if line.startswith("start"))
        assert first[1:] == [second[1], "3", "dynamic"]
        assert second[2:] == ["3", "None"]


FEWER_THREADS = """
import os, sys
os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
os.environ["OMP_MAX_ACTIVE_LEVELS"] = "0"
import torch
from uncrossed.cli.main import main
main(sys.argv[1:])
"""


def test_fewer_threads_than_asked_for_are_refused_and_fewer_cpus_are_named(few, tmp_path):
    """What was read before this package could drop it: one thread, for whose second oneDNN would wait for ever."""
    words = ["train", "pytorch", "--row", row(), "--settings", '{"threads": 2}', "--dataset", few]
    done = run(sys.executable, "-c", FEWER_THREADS, *words, "--output", tmp_path / "a.h5", code=1)
    begun, warning, refused = done.stdout.splitlines()
    assert "a.h5 begun 2" in begun
    assert "warning: the study has `threads: 2`, and this job may use 1 CPUs" in warning
    assert "`threads: 2`, and OpenMP gives PyTorch 1 here" in refused
    assert not list(tmp_path.iterdir())
