"""The check that decides about CUDA graphs sees steps that are not eager ones."""

import json
import sys
from dataclasses import asdict

from helpers.commands import run
from uncrossed.bench import Case, graphs_text, table

# What a graph must not do: give the logits of the step that was captured, and leave the weights alone.
FROZEN = """
import sys
from uncrossed import bench
from uncrossed.training.backends import pytorch_graphs

def captured(step):
    logits = step()
    return lambda: logits.clone()

pytorch_graphs.aside, pytorch_graphs.captured = (lambda step: step()), captured
bench.main("graphs", sys.argv[1])
"""


def test_steps_that_are_frozen_have_other_bits():
    case = Case("pytorch", "smallcnn", 10, True, "cpu", 1, 1, 0.1)
    output = run(sys.executable, "-c", FROZEN, json.dumps(asdict(case))).stdout
    found = json.loads(output.splitlines()[-1])
    assert found["same"] is False
    assert found["difference"] > 0
    assert len(set(found["sha256"].values())) == 3
    assert graphs_text(found).startswith("OTHER bits, by up to ")
    said = table(
        {"machine": {"processor": "p", "cores": 1, "python": "3"}, "training": [], "start_up": []} | {"graphs": [found]}
    )
    assert f"| smallcnn | 10 | OTHER bits | {found['eager']:.0f} | {found['graphs']:.0f} |" in said
