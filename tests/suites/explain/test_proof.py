"""With all mechanisms aligned nothing is left, and every flip and wrong imitation is detected."""

import json
import sys

import pytest

from helpers.commands import run, uncrossed
from uncrossed.explain.proof import EPSILONS, GATE_LIMITS, OPTIMIZERS
from uncrossed.study.mechanisms import OF_OPTIMIZERS
from uncrossed.training.architectures import load
from uncrossed.training.optimizers import BUILT_IN_OPTIMIZERS
from uncrossed.training.optimizers import load as loaded


@pytest.mark.more
def test_the_proof_passes_and_every_flip_is_detected(tmp_path):
    uncrossed("prove", "--architecture", "smallcnn", "--threads", 1, "--json", tmp_path / "proof.json")
    gates = json.loads((tmp_path / "proof.json").read_text())
    adam = [f"adam adam_epsilon={epsilon:g}" for epsilon in EPSILONS]
    aligned = {(g["semantics"], g["optimizer"], g["gate"]) for g in gates if not g["flipped"]}
    expected = {(s, o, g) for s in ("aligned", "aligned-tensorflow") for o in adam for g in GATE_LIMITS}
    assert {one for one in aligned if one[1] in adam} == expected
    assert {g["flipped"] for g in gates if g["flipped"]} == load("smallcnn").touching | OF_OPTIMIZERS
    others = {one[:2] for one in aligned if one[1] not in adam}
    assert len(others) == 2 * len(OPTIMIZERS)
    for name in BUILT_IN_OPTIMIZERS:
        flips = {g["flipped"] for g in gates if g["optimizer"].split()[0] == name and g["flipped"]}
        assert flips >= loaded(name).TOUCHING
    assert all(g["passed"] for g in gates)


@pytest.mark.long
def test_a_wrong_imitation_fails_the_proof():
    """Of batch normalisation's epsilon; one aligned pair is enough to see it."""
    program = """
from functools import partial
from uncrossed.cli.main import main
from uncrossed.explain import proof
from uncrossed.training.architectures import load
from uncrossed.training.optimizers import BUILT_IN_OPTIMIZERS
from uncrossed.training.optimizers import load as loaded
load('smallcnn')._module.BATCHNORM = {'pytorch': (0.1, 1e-5), 'tensorflow': (0.99, 1e-4)}
proof.MECHANISMS = {}
proof.prove = partial(proof.prove, sides=['tensorflow'], epsilons={1e-8: 1e-4})
main(['prove', '--architecture', 'smallcnn'])
"""
    assert "**failed**" in run(sys.executable, "-c", program, code=1).stdout
