"""Stored weights give the stored logits, and others do not."""

import json

import pytest

from helpers.commands import told, uncrossed
from helpers.verified import SOUND, change


@pytest.mark.more
@pytest.mark.parametrize("framework", ["pytorch", pytest.param("tensorflow", marks=pytest.mark.long)])
def test_logits_are_computed_again_from_the_weights(framework, few, tmp_path):
    """Real trainings: their weights give the stored logits to the last bit; other weights do not."""
    folder = tmp_path / "results/one"
    row = {"trial": "a", "architecture": "smallcnn", "learning_rate": 0.01}
    row |= {"batch_size": 30, "adam_epsilon": 1e-7, "epochs": 1}
    path = folder / f"trials/a/{framework}.h5"
    uncrossed("train", framework, "--row", json.dumps(row), "--dataset", few, "--output", path)
    assert "give its file by --dataset" in uncrossed("verify", folder, "--recompute", code=2).stdout
    output = uncrossed("verify", folder, "--recompute", "--dataset", few, "--ignore-missing").stdout
    assert SOUND in output
    assert "--recompute)" not in output

    def shift(result):
        name = next(name for name in result.weights[1] if "conv1" in name)
        result.weights[1][name][0] *= 1 + 1e-3

    change(path, shift)
    # The file is sound in itself.
    output = told("verify", folder, "--ignore-missing")
    assert SOUND in output
    assert "not checked: whether weights give the stored logits" in output
    output = uncrossed("verify", folder, "--recompute", "--dataset", few, code=1).stdout
    assert output.count("its weights give logits that differ") == 1
