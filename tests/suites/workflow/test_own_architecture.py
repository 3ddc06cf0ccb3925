"""An architecture of a study's own is trained, planned, released, verified and read like any other."""

import sys

import pytest

import uncrossed as package
from helpers.commands import ARCHITECTURES, run, told, uncrossed
from helpers.studies import Folder
from uncrossed.common.errors import InputError

pytestmark = pytest.mark.more


@pytest.fixture(scope="module")
def mine(tmp_path_factory):
    """A study of an architecture of its own, built: native, and with all mechanisms aligned."""
    folder = Folder(tmp_path_factory.mktemp("mine"))
    source = ARCHITECTURES / "biased.py"
    (folder.path / "files").mkdir()
    (folder.path / "files/theirs.py").write_text(source.read_text())
    header = "trial,architecture,learning_rate,batch_size,adam_epsilon,epochs,semantics\n"
    folder.manifest.write_text(f"{header}a,mine,0.01,50,1e-4,2,native\nb,mine,0.01,50,1e-4,2,aligned\n")
    folder.configure(architectures={"mine": "files/theirs.py"})
    output = folder.snakemake().stdout
    assert output.count("no speed of mine in pytorch on a cpu is known") == 1
    return folder


def test_one_of_a_studys_own_is_trained_and_planned_like_any_other(mine):
    assert mine.planned() == []
    listed = (mine.results / "SHA256SUMS").read_text()
    assert "architectures/mine.py" in listed
    assert "architectures/mine.json" in listed
    assert "not aligned: initializer" in told("show", "a", "--study", mine.results)
    path = mine.path / "files/theirs.py"
    text = path.read_text()
    try:
        path.write_text(text.replace("norm=nn.BatchNorm2d(8)", "norm=nn.BatchNorm2d(8, affine=True)"))
        assert mine.planned() == ["pytorch a", "pytorch b", "tensorflow a", "tensorflow b"]
        # A comment goes into the text that lies beside the results, and trains nothing.
        path.write_text("# A comment.\n" + text)
        plan = mine.snakemake("-n").stdout
        assert "rule manifest" in plan
        assert "rule train" not in plan
    finally:
        path.write_text(text)


def test_one_of_a_studys_own_is_released_verified_and_read_with_its_file_alone(mine):
    told("release", mine.results)
    file = mine.results / "architectures/mine.py"
    assert "mine.py" in (mine.results / "RELEASE_SHA256SUMS").read_text()
    output = uncrossed("verify", mine.results, "--recompute", code=2).stdout
    assert "needs the file of mine: --architecture mine=FILE.py" in output
    uncrossed("verify", mine.results, "--recompute", "--architecture", f"mine={file}")
    side = package.open(mine.results).trial("b").pytorch
    with pytest.raises(InputError, match="is no architecture of this package"):
        side.model()
    program = f"""
import numpy as np, uncrossed
from uncrossed.datasets import dataset_file
images = dataset_file.read({str(mine.path / "results/datasets/digits-few.h5")!r}).images["test"].astype("float32") / 255
for framework in ("pytorch", "tensorflow"):
    side = getattr(uncrossed.open({str(mine.results)!r}).trial("b"), framework)
    model = side.model(architecture={str(file)!r})
    if framework == "pytorch":
        import torch
        logits = model(torch.from_numpy(images).permute(0, 3, 1, 2)).detach().numpy()
    else:
        logits = np.asarray(model(images, training=False))
    np.testing.assert_allclose(logits, side.logits, rtol=1e-3, atol=1e-4)
"""
    run(sys.executable, "-c", program)
