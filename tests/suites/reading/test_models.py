"""A model that is read gives the stored logits, whatever its user has set."""

import subprocess
import sys

import pytest

from helpers import synthetic
from helpers.commands import CHECKS, run
from uncrossed.results import tables
from uncrossed.study.trial import FRAMEWORKS, Trial

pytestmark = pytest.mark.more


def test_models_give_the_stored_logits(few, server):
    """Of the row's semantics too, whatever the session's user has set; weights of another model are refused."""
    folder = server.folder / "models"
    row = synthetic.rows(1, 1, ["smallcnn"])[0].model_dump()
    semantics = {"plain": "native", "changed": "aligned-tensorflow", "broken": "native"}
    rows = [Trial.check({**row, "trial": trial, "semantics": text}, "test") for trial, text in semantics.items()]
    synthetic.write(folder, rows, examples=40)
    tables.make(folder)
    command = [sys.executable, CHECKS / "models.py"]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    running = [
        subprocess.Popen([*command, framework, folder, f"{server.url}/models", few], **pipes)
        for framework in FRAMEWORKS
    ]
    for process in running:
        output, _ = process.communicate()
        assert process.returncode == 0, output
    # The other side's model may be asked for next, in the same process.
    program = f"import uncrossed; uncrossed.open({str(folder)!r}).trial('plain').tensorflow.model(); import torchvision"
    run(sys.executable, "-c", program)
