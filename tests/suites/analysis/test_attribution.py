"""An attribution finds known shares, and says none where floors or divergence allow none."""

import numpy as np
import pandas as pd
import pytest

from helpers import synthetic
from helpers.commands import told
from uncrossed.analysis.attribution import attribute
from uncrossed.results import tables, trial_file
from uncrossed.study import manifest
from uncrossed.study.mechanisms import variants
from uncrossed.training.architectures import load

BASES = {"x": {f"{label}-{seed}": label for label in variants(load("densenet121").touching) for seed in range(9)}}


def ablated(gaps: dict[str, float], noise: float, seeds: int = 4) -> pd.DataFrame:
    """A table of trials with known gaps by variant; seeds move both accuracies by `noise` and gaps a little."""
    random = np.random.default_rng(0)
    rows = []
    for label in variants(load("densenet121").touching):
        for seed in range(seeds):
            gap = gaps.get(label, gaps["native"]) + random.normal(0, 0.001)
            accuracy = 0.6 + noise * seed
            rows.append({"trial": f"{label}-{seed}", "architecture": "densenet121", "seed": seed})
            rows[-1]["both_completed"] = True
            rows[-1] |= {"pytorch_test_accuracy": accuracy, "tensorflow_test_accuracy": accuracy - gap}
            rows[-1]["difference"] = gap
    return pd.DataFrame(rows)


def test_the_attribution_finds_known_shares():
    gaps = {"native": 0.4, "only-batchnorm_momentum": 0.1, "without-batchnorm_momentum": 0.28, "aligned": 0.0}
    found = attribute(ablated(gaps, 0.01), BASES).set_index(["variant", "mechanism"])
    row = found.loc[("only", "batchnorm_momentum")]
    assert row["share"] == pytest.approx(0.75, abs=0.02)
    assert row["share_low"] <= row["share"] <= row["share_high"]
    assert found.loc[("without", "batchnorm_momentum"), "share"] == pytest.approx(0.7, abs=0.02)
    assert found.loc[("only", "adam_epsilon"), "share"] == pytest.approx(0, abs=0.02)
    assert row["seed_floor"] == pytest.approx(0.0167, abs=0.003)


def test_no_share_is_said_of_a_gap_within_the_floors():
    found = attribute(ablated({"native": 0.02, "aligned": 0.0}, 0.05), BASES)
    assert not found["above_floors"].any()
    assert found["share"].isna().all()
    one_seed = attribute(ablated({"native": 0.4, "aligned": 0.0}, 0.01, seeds=1), BASES)
    assert not one_seed["above_floors"].any(), "one seed has no floor"
    assert one_seed[["gap_low", "gap_high"]].isna().all(axis=None), "and no bounds"


def test_diverged_pairs_are_left_out_of_an_attribution():
    trials = ablated({"native": 0.4, "aligned": 0.0}, 0.01)
    diverged = trials["trial"] == "native-0"
    trials.loc[diverged, ["both_completed", "difference"]] = [False, -0.9]
    found = attribute(trials, BASES).set_index("variant")
    assert found.loc["native", "gap"] == pytest.approx(0.4, abs=0.01)
    assert found.loc["native", "seeds"] == 3


@pytest.mark.parametrize("diverged", ["all", "in turns"])
def test_a_base_of_which_nothing_can_be_attributed_is_named(diverged, tmp_path):
    (base,) = synthetic.rows(1, 2, ["smallcnn"])
    synthetic.write(tmp_path, manifest.ablate([base], [0, 1]))
    # Native pairs completed with one seed, aligned ones with the other.
    lost = ("native-0", "aligned-1") if diverged == "in turns" else ("native-0", "native-1")
    for name in lost:
        path = tmp_path / f"trials/{base.trial}-{name}/pytorch.h5"
        result = trial_file.read(path)
        result.attributes["status"] = "diverged"
        trial_file.write(path, result)
    tables.make(tmp_path)
    output = told("attribution", tmp_path)
    assert output == f"{base.trial}: no native and aligned pair of one seed completed: nothing is attributed\n"


def test_the_figure_of_an_attribution_is_the_same_every_time(tmp_path):
    from uncrossed.analysis.attribution import draw

    found = attribute(ablated({"native": 0.4, "aligned": 0.0}, 0.01), BASES)
    for name in "ab":
        draw(found, tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
