"""The same job gives the same bytes, and they are a model that gives its own logits."""

import subprocess
import sys

import pytest

from helpers.commands import CHECKS, run, uncrossed
from uncrossed.results import trial_file
from uncrossed.study.trial import FRAMEWORKS
from uncrossed.training.architectures import BUILT_IN, load
from uncrossed.training.loop import measure


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
@pytest.mark.parametrize("architecture", BUILT_IN)
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
