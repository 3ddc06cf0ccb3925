"""What recalibration explains of a gap has the gap's sign, and is no share of what may be noise."""

import math

import numpy as np
import pytest

from uncrossed.analysis import recalibration
from uncrossed.common.errors import InputError
from uncrossed.study.trial import FRAMEWORKS


def lines(trial: str, *sides: tuple[float, float], examples: int = 1000) -> list[dict]:
    """Lines of a pair from both sides' stored and recalibrated accuracy."""
    about = {"trial": trial, "architecture": "smallcnn", "state": "recalibrated", "content_sha256": "0"}
    about |= {"test_examples": examples, "test_loss": 1.0, "recalibrated_test_loss": 0.5}
    return [
        {**about, "framework": framework, "test_accuracy": stored, "recalibrated_test_accuracy": then}
        for framework, (stored, then) in zip(FRAMEWORKS, sides, strict=False)
    ]


def test_gaps_keep_their_signs_and_shares_are_of_gaps_beyond_noise(tmp_path):
    made = [
        *lines("c", (0.1, 0.8), (0.9, 0.9)),
        *lines("a", (0.9, 0.9), (0.1, 0.88)),
        # Within 1.96 √((.9 · .1 + .88 · .12) / 1000) = .0274.
        *lines("b", (0.9, 0.9), (0.88, 0.9)),
        *lines("d", (0.9, 0.9)),
        *lines("e", (0.9, 0.9), (0.5, math.nan)),
    ]
    recalibration.write(recalibration.completed(made), tmp_path / "t.csv")
    table = recalibration.read(tmp_path / "t.csv")
    assert list(table["trial"]) == [*"aabbccdee"]
    pairs = table.drop_duplicates("trial").set_index("trial")[list(recalibration.PAIR)]
    np.testing.assert_allclose(pairs.loc["a"], [0.8, 0.02, 0.78, 0.975])
    np.testing.assert_allclose(pairs.loc["b"], [0.02, 0, 0.02, np.nan])
    np.testing.assert_allclose(pairs.loc["c"], [-0.8, -0.1, -0.7, 0.875])
    assert pairs.loc[["d", "e"]].isna().all(axis=None)
    again = recalibration.completed(table.to_dict("records"))
    recalibration.write(again, tmp_path / "again.csv")
    assert (tmp_path / "again.csv").read_bytes() == (tmp_path / "t.csv").read_bytes()
    assert "-0.8000      -0.1000   -0.7000    88%" in recalibration.printed(table)


@pytest.mark.parametrize("text", ["", "a,b\n1,2\n", "words"])
def test_another_table_is_refused_by_name(text, tmp_path):
    made = recalibration.completed(lines("a", (0.9, 0.9), (0.1, 0.88)))
    recalibration.write(made, tmp_path / "t.csv")
    whole = (tmp_path / "t.csv").read_text()
    (tmp_path / "t.csv").write_text(whole.replace("0.88", "much") if text == "words" else text)
    with pytest.raises(InputError, match=r"t\.csv: "):
        recalibration.read(tmp_path / "t.csv")
