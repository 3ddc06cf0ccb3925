"""An architecture of one's own is one file: what is wrong with it is named, and a right one is used like any other."""

import json
import sys
from pathlib import Path

import pytest

import uncrossed as package
from conftest import Folder, run, uncrossed
from uncrossed.common.errors import InputError
from uncrossed.training.architectures import BUILT_IN_ARCHITECTURES, load

CHECKS = Path(__file__).with_name("checks")
FAULTS = {
    "perceptron": None,
    "biased": None,
    "flattened otherwise": "the models are not the same function",
    "probabilities": "gives probabilities; wanted: logits",
    "a layer too few": "layers(): lacks 3.weight",
    "a name that is none": "layers(): Keras' model has no layer logit",
    "another count": "parameters(): says",
    "another activation": "the models are not the same function",
    "biases of zero": "DRAWS: pytorch's 1.bias begins as",
    "a wrong scheme": "DRAWS: pytorch's 1.weight begins with deviation",
    "another epsilon": "BATCHNORM: of tensorflow momentum and epsilon are (0.99, 0.001); stated: (0.99, 1e-05)",
    "batch normalisation unsaid": "BATCHNORM: of pytorch momentum and epsilon are (0.1, 1e-05); stated: none",
    "a bias on one side": "CONV_BIAS: is None, and pytorch alone has a bias in first",
    "dropout unsaid": "DROPOUT: PyTorch's model drops [0.1]; stated: []",
    "another shape": "pytorch(): cannot be built or run for images of (8, 10, 3)",
    "no Keras side": "refused: ",
    "no first line": "its first line must say what the architecture is",
    "an error of its own": "cannot be read as an architecture (ZeroDivisionError: division by zero)",
}


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    """The faults of each case."""
    output = run(sys.executable, CHECKS / "architectures.py", tmp_path_factory.mktemp("cases")).stdout
    return json.loads(output.splitlines()[-1])


@pytest.mark.parametrize("case", FAULTS)
def test_what_is_wrong_is_named_first(case, found):
    if FAULTS[case] is None:
        assert found[case] == []
    else:
        assert FAULTS[case] in found[case][0]


@pytest.mark.parametrize("name", BUILT_IN_ARCHITECTURES)
def test_the_package_has_nothing_that_a_file_of_a_users_could_not_have(name):
    architecture = load(name)
    network = architecture.on((64, 96, 1), 65_536)
    assert architecture.description
    assert network.parameters > 65_536
    assert len({layer.pytorch for layer in network.layers}) == len(network.layers)


def test_the_command_says_what_agrees_and_ends_with_1_where_something_is_wrong(tmp_path):
    assert uncrossed("architecture", "check", tmp_path / "none.py", code=2).stdout.count("\n") == 1
    path = tmp_path / "mine.py"
    path.write_text(Path(__file__).with_name("architectures").joinpath("perceptron.py").read_text())
    output = uncrossed("architecture", "check", path, "--shape", 8, 8, 1, "--classes", 3).stdout
    assert "mine: A perceptron with one hidden layer" in output
    assert "adam_epsilon, initial_weights, initializer" in output
    path.write_text(path.read_text().replace("nn.ReLU()", "nn.Tanh()"))
    assert "not the same function" in uncrossed("architecture", "check", path, code=1).stdout


@pytest.fixture(scope="module")
def mine(tmp_path_factory):
    """A study of an architecture of its own, built: native, and with all mechanisms aligned."""
    folder = Folder(tmp_path_factory.mktemp("mine"))
    source = Path(__file__).with_name("architectures") / "biased.py"
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
    assert "not aligned: initializer" in uncrossed("show", "a", "--study", mine.results).stdout
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
    uncrossed("release", mine.results)
    file = mine.results / "architectures/mine.py"
    assert "mine.py" in (mine.results / "RELEASE_SHA256SUMS").read_text()
    output = uncrossed("verify", mine.results, "--recompute", code=1).stdout
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


def test_a_name_of_the_packages_is_refused(tmp_path):
    folder = Folder(tmp_path)
    folder.configure(architectures={"vgg16": "vgg16.py"})
    output = uncrossed("manifest", "check", "--study", tmp_path / "study.yaml", code=2).stdout
    assert "architecture 'vgg16' is built in; choose another name" in output
