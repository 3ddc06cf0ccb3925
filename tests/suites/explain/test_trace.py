"""A trace names the step, layer and mechanism where a pair parts."""

import json
import subprocess
import sys

import numpy as np
import pytest

from helpers.commands import told, uncrossed
from uncrossed.explain import trace
from uncrossed.explain.trace import Trace
from uncrossed.study.mechanisms import flipped
from uncrossed.study.trial import FRAMEWORKS, Trial


@pytest.mark.more
def test_the_trace_names_step_layer_and_mechanism(few, tmp_path):
    values = {"learning_rate": 0.001, "batch_size": 30, "optimizer": "sgd", "momentum": 0.9, "epochs": 1}
    row = json.dumps({"trial": "t", "architecture": "smallcnn", **values, "semantics": flipped("batchnorm_momentum")})
    command = ["trace", "--row", row, "--dataset", few, "--steps", 4, "--output", tmp_path]
    output = uncrossed(*command).stdout
    assert "t (smallcnn) as it is: after step 1 in batchnorm" in output
    assert output.splitlines()[-2] == "what parts the two trainings first: batchnorm_momentum"
    # The comparison needs neither framework.
    blocked = "import sys; sys.modules.update(torch=None, tensorflow=None, keras=None)"
    program = f"{blocked}; from uncrossed.cli.main import main\n"
    program += f"main(['trace', '--compare', '--output', {str(tmp_path)!r}])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout.splitlines() == output.splitlines()[-len(done.stdout.splitlines()) :]


def test_a_search_s_suggestion_is_a_row(few, tmp_path):
    """As it is for `uncrossed train`."""
    values = {"learning_rate": 0.001, "batch_size": 30, "adam_epsilon": 1e-4, "epochs": 1}
    (tmp_path / "row.json").write_text(
        json.dumps({"row": {"trial": "t", "architecture": "none", **values}, "search_sha256": "0", "saw": []})
    )
    said = told("trace", "--row", tmp_path / "row.json", "--dataset", few, "--output", tmp_path, code=2)
    assert "row.row" not in said
    assert "none" in said, "what is refused is the row's architecture"


def test_a_trace_of_a_native_row_says_that_it_parts_trainings_and_not_accuracies():
    values = {"learning_rate": 0.001, "batch_size": 30, "adam_epsilon": 1e-4, "epochs": 1}
    row = Trial.check({"trial": "t", "architecture": "smallcnn", **values}, "test")
    found = [("row", 0), ("initializer", 0), ("initial_weights", 0), ("batchnorm_momentum", 1), ("dropout", None)]
    differences = np.array([[0.9], [1.1]])
    traces = [Trace(label, differences, np.zeros(1), step, step and "conv1") for label, step in found]
    *_, first, caution = trace.printed(row, traces).splitlines()
    assert first == "what parts the two trainings first: initializer, initial_weights"
    assert caution == "what puts their accuracies apart is another question: `uncrossed explain t --study ...`"


def test_a_trace_says_what_cannot_be_read_and_what_is_damaged(tmp_path):
    row = {"trial": "a", "architecture": "smallcnn", "learning_rate": 0.01, "batch_size": 30}
    row |= {"adam_epsilon": 0.1, "epochs": 1}
    for framework in FRAMEWORKS:
        about = {"row": row, "precision": "float64", "steps": 1, "files": {"aligned": f"{framework}.h5"}, "layers": []}
        (tmp_path / f"{framework}.json").write_text(json.dumps(about))
        (tmp_path / f"{framework}.h5").mkdir()
    compare = ["trace", "--compare", "--output", tmp_path]
    assert "pytorch.h5: cannot be read (Is a directory)" in uncrossed(*compare, code=1).stdout
    for framework in FRAMEWORKS:
        (tmp_path / f"{framework}.h5").rmdir()
        (tmp_path / f"{framework}.h5").write_bytes(b"no HDF5")
    assert "pytorch.h5, or tensorflow.h5: missing or damaged" in uncrossed(*compare, code=2).stdout
