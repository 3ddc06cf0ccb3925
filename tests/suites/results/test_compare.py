"""Two trial files are the same file, the same result, or different, and it is said why."""

import numpy as np
import pytest

from helpers.commands import told
from helpers.results import make
from uncrossed.results import trial_file
from uncrossed.results.compare import compare


def test_compare_tells_same_file_same_result_and_different(tmp_path):
    trial_file.write(tmp_path / "a.h5", make())
    trial_file.write(tmp_path / "b.h5", make())
    trial_file.write(tmp_path / "c.h5", make(versions={"torch": "3"}))
    changed = make(row={"trial": "a", "learning_rate": 0.2})
    changed.weights[4]["b.weight"][0, 0, 0] += 0.25
    trial_file.write(tmp_path / "d.h5", changed)
    unexplained = make()
    unexplained.logits[0, 0] = np.nan
    trial_file.write(tmp_path / "e.h5", unexplained)
    assert compare(tmp_path / "a.h5", tmp_path / "b.h5").verdict == "same file"
    same = compare(tmp_path / "a.h5", tmp_path / "c.h5")
    assert (same.verdict, same.explanations) == ("same result", ["stack: versions.torch 2 against 3"])
    different = compare(tmp_path / "a.h5", tmp_path / "d.h5")
    assert different.verdict == "different"
    assert different.explanations == ["job: row.learning_rate 0.1 against 0.2"]
    assert different.differences == {"weights/0004/b.weight": 0.25}
    nothing = compare(tmp_path / "a.h5", tmp_path / "e.h5")
    assert "nothing recorded explains" in nothing.explanations[0]
    assert nothing.differences == {"predictions/logits": np.inf}
    infinite, near = make(), make()
    for result in (infinite, near):
        result.logits[0, 0] = np.inf
    near.logits[0, 1] += 0.5
    trial_file.write(tmp_path / "f.h5", infinite)
    trial_file.write(tmp_path / "g.h5", near)
    assert compare(tmp_path / "f.h5", tmp_path / "g.h5").differences["predictions/logits"] == pytest.approx(0.5)


def test_compare_names_drivers_and_loaded_libraries_that_differ(tmp_path):
    versions = {"torch": "2", "cuda": "13.0", "cudnn": "9.24.0", "cublas": "13.1.1", "driver": "580.65.06"}
    others = {"torch": "2", "cuda": "12.9", "cudnn": "9.10.2", "cublas": "12.9.3", "driver": "570.86.15"}
    trial_file.write(tmp_path / "a.h5", make(versions=versions))
    trial_file.write(tmp_path / "b.h5", make(versions=others))
    assert compare(tmp_path / "a.h5", tmp_path / "b.h5").explanations == [
        f"stack: versions.{name} {versions[name]} against {others[name]}"
        for name in ("cublas", "cuda", "cudnn", "driver")
    ]


def test_the_command_compare_has_the_documented_exit_codes(tmp_path):
    trial_file.write(tmp_path / "a.h5", make())
    trial_file.write(tmp_path / "b.h5", make(versions={"torch": "3"}))
    changed = make()
    changed.logits[0, 0] += 1
    trial_file.write(tmp_path / "c.h5", changed)
    a = tmp_path / "a.h5"
    assert told("compare", a, a) == "same file\n"
    assert told("compare", a, tmp_path / "b.h5").startswith("same result\n")
    assert "predictions/logits: largest difference 1\n" in told("compare", a, tmp_path / "c.h5", code=1)
    assert "no such trial file" in told("compare", a, tmp_path / "none.h5", code=2)
