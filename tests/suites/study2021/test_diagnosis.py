"""Of the published models at chance some had trained and some had not, and their diagnoses say which."""

import html
import json

import numpy as np
import pytest

from helpers.commands import uncrossed
from helpers.pages import words
from helpers.published_2021 import published_folder
from uncrossed.results.diagnosis import chance_interval


def test_published_models_at_chance_had_trained_in_densenet_and_not_in_vgg(published):
    chance = chance_interval(10_000, 10)[1]
    rows = published[published["tensorflow_test_accuracy"] <= chance]
    last = rows["tf_training_loss"].map(lambda losses: losses[-1])
    counts = {}
    for name in ("densenet121", "vgg16"):
        of = rows["architecture"] == name
        counts[name] = of.sum(), (last[of] < 2.2).sum(), (last[of] > 2.29).sum()
    assert counts == {"densenet121": (40, 32, 7), "vgg16": (61, 0, 58)}
    densenet = rows[(rows["architecture"] == "densenet121") & (last < 2.2)]
    assert set(densenet["tensorflow_diagnosis"]) == {"evaluation failure"}
    vgg = rows[(rows["architecture"] == "vgg16") & (last > 2.29)]
    assert set(vgg["tensorflow_diagnosis"]) <= {"plateau", "diverged"}
    # Nothing is left open, though two rows have no curves.
    assert "unknown" not in set(published["diagnosis"])


@pytest.mark.more
def test_the_published_command_says_so(published, tmp_path):
    said = uncrossed("published", "--folder", published_folder(), "--output", tmp_path / "out").stdout
    assert "resnet50     random    160  +0.041 [" in said
    captions = json.loads((tmp_path / "out/figures/captions.json").read_text())
    scatter = captions["accuracy-scatter"]
    assert "40 TensorFlow models at chance (8 plateau, 32 evaluation failure)" in scatter
    assert "failed to train" not in json.dumps(captions)
    assert "random rows and rows that a search chose" in scatter
    extremes = captions["published-extremes"]
    assert "vgg16-5e67eae2 has -0.682 (PyTorch: diverged, TensorFlow: trained), its neighbours -0.011" in extremes
    import pandas as pd

    pooled = pd.read_csv(tmp_path / "out/tables/summary.csv")
    assert pooled[["low", "high"]].isna().all(axis=None)
    assert not pooled["statistic"].str.contains("p_value").any()
    trials = pd.read_parquet(tmp_path / "out/tables/trials.parquet")
    assert trials["origin"].value_counts().to_dict() == {"guided": 720, "random": 480}
    text = words(tmp_path / "out")
    first, below = text.split("All pairs", 1)
    # The bound is of rows that lie mostly where the search looked; the first screen is of random ones.
    assert "noise" not in first
    assert "Not measured in this study: how far another seed alone puts a pair apart and what the diff" in first
    bound = "mostly where the search looked, noise of vgg16 is at most 56% [19%, 77%] of the mean squared difference."
    assert bound in below
    # So many hold in simulated studies: they are not called 95% intervals.
    meant = "meant as 95%; of densenet121's sizes they hold in 90 of 100 simulated studies."
    assert meant in html.unescape(first)
    assert f"over the points that the random rows come from: {meant}" in html.unescape(below)
    assert meant in captions["published-origins"]
    assert np.isfinite(trials["difference"]).all()
