"""The published pairs that are explained are drawn from what is stated, and crossed in full."""

import math

import pandas as pd

from helpers.commands import REPOSITORY, uncrossed
from helpers.published_2021 import published_folder

STUDY = REPOSITORY / "config/published-explained.yaml"
MANIFEST = REPOSITORY / "config/manifests/published-explained.csv"


def test_the_committed_pairs_are_what_the_command_makes(tmp_path):
    output = tmp_path / "m.csv"
    command = ["manifest", "explain-published", "--folder", published_folder(), "--study", STUDY, "--output", output]
    said = uncrossed(*command, "--seed", 2021).stdout
    assert "densenet121: 40 PyTorch and 72 TensorFlow trainings; " in said
    assert said.endswith("209 trials (136 densenet121, 68 resnet50, 5 vgg16)\n")
    assert output.read_bytes() == MANIFEST.read_bytes()
    uncrossed(*command, "--seed", 0)
    assert set(pd.read_csv(output)["base"]) != set(pd.read_csv(MANIFEST)["base"])


def test_pairs_are_of_their_strata_and_have_a_seed_each():
    rows = pd.read_csv(MANIFEST)
    rows["steps"] = rows["epochs"] * rows["batch_size"].map(lambda size: math.ceil(50_000 / size))
    assert (rows.loc[rows["architecture"] == "densenet121", "steps"] <= 250).all()
    assert (rows.loc[rows["architecture"] == "resnet50", "epochs"] == 1).all()
    native = rows[rows["semantics"] == "published"]
    assert native.groupby("architecture")["base"].nunique().to_dict() == {"densenet121": 16, "resnet50": 4, "vgg16": 1}
    assert native.groupby("architecture").size().to_dict() == {"densenet121": 24, "resnet50": 8, "vgg16": 2}
    assert not native.duplicated(["architecture", "seed"]).any()
    assert (rows.groupby("base")["seed"].nunique() <= 2).all()
