"""A trace names the step, layer and mechanism where a pair parts."""

import json
import subprocess
import sys

from helpers.commands import uncrossed
from uncrossed.study.mechanisms import flipped
from uncrossed.study.trial import FRAMEWORKS


def test_the_trace_names_step_layer_and_mechanism(few, tmp_path):
    values = {"learning_rate": 0.001, "batch_size": 30, "adam_epsilon": 1e-4, "epochs": 1}
    row = json.dumps({"trial": "t", "architecture": "smallcnn", **values, "semantics": flipped("batchnorm_momentum")})
    command = ["trace", "--row", row, "--dataset", few, "--steps", 4, "--output", tmp_path]
    output = uncrossed(*command).stdout
    assert "t (smallcnn) as it is: after step 1 in batchnorm" in output
    assert output.splitlines()[-1] == "the row's first difference is explained by: batchnorm_momentum"
    # The comparison needs neither framework.
    blocked = "import sys; sys.modules.update(torch=None, tensorflow=None, keras=None)"
    program = f"{blocked}; from uncrossed.cli.main import main\n"
    program += f"main(['trace', '--compare', '--output', {str(tmp_path)!r}])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout.splitlines() == output.splitlines()[-len(done.stdout.splitlines()) :]


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
