"""Any pairs and any number of architectures are drawn."""

import numpy as np
import pytest

from helpers.pairs import drawn, table
from uncrossed.analysis import figures, groups, looks, statistics


def test_groups_are_those_of_a_summary_and_work_out_what_it_does_not_say():
    trials = drawn(40, trial=[f"t{k}" for k in range(40)], semantics="native")
    trials["difference"] = trials["pytorch_test_accuracy"] - trials["tensorflow_test_accuracy"]
    trials["both_completed"] = np.arange(40) > 3
    left_out = trials.assign(pytorch_status=np.where(trials["both_completed"], "completed", "diverged"))
    summary = statistics.summarise(statistics.prepared(left_out, 50_000, 10_000, 10))
    own, said = groups.groups(trials), groups.groups(trials, summary)
    for first, second in zip(own, said, strict=True):
        assert (first.pairs, first.left_out, first.ahead + first.behind) == (18, 2, 18)
        for name in groups.WORKED_OUT:
            assert getattr(first, name) == getattr(second, name)
        assert first.largest == trials.set_index("trial").loc[first.largest_trial, "difference"]
        assert np.isnan(first.trained[0])
        assert np.isfinite(second.trained).all()
    furthest = groups.leading(own)
    assert [group.apart for group in furthest] == sorted((group.apart for group in own), reverse=True)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    "trials",
    [
        table([(0.6, 0.5), (0.7, 0.2), (0.5, 0.1)]),
        table([(0.1, 0.1)] * 30),
        table([(np.nan, 0.5)] * 2),
        table([(0.5, 0.5), (0.0, 0.5)], architecture=["vgg16", "other"], pytorch_status=["completed", "diverged"]),
    ],
    ids=["three", "chance", "none", "one-of-two"],
)
def test_figures_of_few_and_of_useless_pairs(trials, tmp_path):
    trials = statistics.prepared(trials, 50_000, 10_000, 10)
    captions = figures.draw(trials, statistics.summarise(trials), tmp_path)
    assert all("nan" not in caption.split() for caption in captions.values())
    assert len(list((tmp_path / "figures").iterdir())) == 2 * len(figures.FIGURES) + 1


def test_any_number_of_architectures_is_drawn_each_with_looks_of_its_own(tmp_path):
    names = np.array(["vgg16", "resnet50", "densenet121", "smallcnn", "mine", "theirs", "yours"])
    trials = drawn(21, trial=[f"t{k}" for k in range(21)], semantics="native").assign(architecture=np.tile(names, 3))
    trials = statistics.prepared(trials, 50_000, 10_000, 10)
    captions = figures.draw(trials, statistics.summarise(trials), tmp_path)
    assert all(caption.count(f"{name}: ") == 1 for caption in captions.values() for name in names)
    for name in figures.FIGURES:
        svg = (tmp_path / f"figures/{name}.svg").read_text()
        assert all(f"{architecture}" in svg for architecture in names)
    many = looks.Shown(trials, [*names, *(f"a{k:02d}" for k in range(28))], "native", trials, None)
    styles = [many.style(name) for name in many.architectures]
    assert len(set(styles)) == 35
    assert [colour for colour, *_ in styles[:7]] == list(looks.COLOURS)
