"""The same job gives the same bytes, and they are a model that gives its own logits."""

import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from helpers.commands import CHECKS, run, side_by_side
from uncrossed.results import trial_file
from uncrossed.study.trial import FRAMEWORKS
from uncrossed.training.architectures import BUILT_IN_ARCHITECTURES, load
from uncrossed.training.loop import measure

# Has every kind of layer, and is quick to train; the others take minutes.
SMALL = ("smallcnn",)
SETS = {"small": SMALL, "large": tuple(name for name in BUILT_IN_ARCHITECTURES if name not in SMALL)}


@dataclass(frozen=True)
class Twice:
    """Architectures that were trained twice, and the folders of both times."""

    architectures: tuple[str, ...]
    one: Path
    two: Path


@pytest.fixture(scope="module", params=["small", pytest.param("large", marks=pytest.mark.long)])
def twice(request, few, tmp_path_factory):
    """Architectures trained twice on each framework: in other folders, processes and at other times."""
    root = tmp_path_factory.mktemp("twice")
    made = Twice(SETS[request.param], root / "one/somewhere", root / "two/somewhere")
    # The second time in another order: what a process built before must not reach a trial file.
    for folder, order in ((made.one, made.architectures), (made.two, made.architectures[::-1])):
        side_by_side([CHECKS / "train_all.py", framework, few, folder, *order] for framework in FRAMEWORKS)
    return made


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_the_same_job_gives_the_same_file(framework, twice):
    for architecture in twice.architectures:
        first, second = (folder / architecture / f"{framework}.h5" for folder in (twice.one, twice.two))
        assert first.read_bytes() == second.read_bytes(), architecture
        weights = trial_file.read(first).weights
        assert any((weights[0][name] != array).any() for name, array in weights[1].items()), "nothing was learnt"


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_stored_weights_load_strictly_and_give_the_stored_logits(framework, twice, few):
    run(sys.executable, CHECKS / f"load_{framework}.py", few, twice.one, *twice.architectures)


def test_both_sides_have_equally_many_trainable_weights(twice):
    statistics = ("running_mean", "running_var", "num_batches_tracked", "moving_mean", "moving_variance")
    for architecture in (name for name in twice.architectures if load(name).CONV_BIAS is None):
        counts = []
        for framework in FRAMEWORKS:
            arrays = trial_file.read(twice.one / f"{architecture}/{framework}.h5").weights[1]
            counts.append(sum(array.size for name, array in arrays.items() if not name.endswith(statistics)))
        assert counts == [load(architecture).on((32, 32, 3), 10).parameters] * 2, architecture


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_curves_are_what_the_stored_logits_say(framework, twice):
    for architecture in twice.architectures:
        result = trial_file.read(twice.one / f"{architecture}/{framework}.h5")
        loss, accuracy = measure(result.logits, result.labels)
        assert (result.curves["test_loss"][-1], result.curves["test_accuracy"][-1]) == (loss, accuracy)
