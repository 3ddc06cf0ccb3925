"""The page that says why pairs differ follows from the tables that are kept, and these from nothing but whole pairs."""

import numpy as np
import pandas as pd
import pytest

from helpers import explained, explained_page, imitating, modules, published_files
from uncrossed.common.errors import InputError
from uncrossed.common.files import sha256


@pytest.fixture(scope="module")
def program():
    """The program that keeps tables and writes the page."""
    return modules.program("tests/benchmarks/published_explained.py")


@pytest.fixture(scope="module")
def beginning():
    """The program that takes the beginning out of running statistics."""
    return modules.program("tests/benchmarks/beginning.py")


def test_the_pages_tables_follow_from_what_is_kept():
    text = explained.PAGE.read_text()
    assert explained_page.page(text) == text
    # Every part has lines of its own, below its head.
    assert all(part.count("\n") > 1 for part in explained_page.parts().values())


def test_figures_and_the_table_of_contributions_follow_too(tmp_path, program, monkeypatch):
    # The page is not touched: all that is written goes elsewhere.
    (tmp_path / "page.md").write_text(explained.PAGE.read_text())
    kept = {path.name: path.read_bytes() for path in explained.KEPT.iterdir()}
    for name in ("trials.csv", "imitation.csv", "recalibration.csv", "beginning.csv"):
        (tmp_path / name).write_bytes(kept[name])
    for one in (program, explained):
        monkeypatch.setattr(one, "KEPT", tmp_path)
    monkeypatch.setattr(program, "PAGE", tmp_path / "page.md")
    program.derive()
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir() if path.name != "page.md"} == kept


def test_what_is_kept_is_small_and_as_its_checksums_say():
    listed = dict(reversed(line.split("  ")) for line in (explained.KEPT / "SHA256SUMS").read_text().splitlines())
    found = {path.name: path for path in explained.KEPT.iterdir() if path.name != "SHA256SUMS"}
    assert {name: sha256(path) for name, path in found.items()} == listed
    assert sum(path.stat().st_size for name, path in found.items() if name.endswith(".csv")) <= 200_000


def test_every_pair_that_is_kept_is_whole():
    every, kept = explained.rows(), set(explained.read("trials.csv", explained.TRIALS)["trial"])
    assert kept <= set(every)
    assert explained.whole(kept, every) == kept
    # One trial less, and its pair is out.
    lost = sorted(kept)[0]
    assert {every[name].base for name in kept - explained.whole(kept - {lost}, every)} == {every[lost].base}


def test_another_build_may_not_have_other_bytes_on_the_same_kind_of_cpu(program):
    kept = explained.read("trials.csv", explained.TRIALS)
    program.check_same(kept, kept)
    other = kept.assign(tensorflow_sha256="0" * 64)
    with pytest.raises(InputError, match=f"{kept['trial'][0]}: tensorflow_sha256 is .* both on "):
        program.check_same(kept, other)
    program.check_same(kept, other.assign(tensorflow_device="another"))
    with pytest.raises(InputError, match="of cifar10; allowed: cifar10-jpeg"):
        program.check_same(kept, kept.assign(dataset="cifar10"))


def test_a_model_is_seen_with_either_momentum():
    line = {"trial": "densenet121-11fe1410-000", "train_loss": 2.0}
    pytorch = line | {"as": "pytorch", "test_accuracy_momentum_pytorch": 0.5, "test_accuracy_momentum_tensorflow": 0.2}
    tensorflow = line | {"as": "tensorflow", "test_accuracy_momentum_pytorch": 0.3}
    tensorflow |= {"test_accuracy_momentum_tensorflow": 0.1}
    plain = {"trial": "vgg16-ab0edc5a-000", "train_loss": 2.0}
    others = [plain | {"as": "pytorch", "test_accuracy_momentum_pytorch": 0.5}]
    others += [plain | {"as": "tensorflow", "test_accuracy_momentum_tensorflow": 0.1}]
    found = explained.imitated(pd.DataFrame([pytorch, tensorflow, *others])).round(9).set_index("base")
    assert found["difference"].to_dict() == {"densenet121-11fe1410": 0.4, "vgg16-ab0edc5a": 0.4}
    seen = ["pytorch-pytorch", "pytorch-tensorflow", "tensorflow-pytorch", "tensorflow-tensorflow"]
    assert list(found.loc["densenet121-11fe1410", seen]) == [0.5, 0.2, 0.3, 0.1]
    # Of a pair with one side nothing is said.
    assert explained.imitated(pd.DataFrame([pytorch, *others]))["base"].to_list() == ["vgg16-ab0edc5a"]


def test_the_beginning_is_taken_out_of_keras_running_statistics(beginning):
    layer = published_files.tensorflow().keras.layers.BatchNormalization()
    batch = np.random.default_rng(0).normal(3, 0.1, (50, 2)).astype(np.float32)
    for _ in range(30):
        layer(batch, training=True)
    weights = {one.path: one.numpy() for one in layer.weights}
    found = beginning.without_beginning(weights, 30)
    mean, variance = (found.pop(one.path) for one in (layer.moving_mean, layer.moving_variance))
    # The same batch at every step: averages of the steps alone are the batch's, to float32.
    np.testing.assert_allclose(mean, batch.mean(axis=0), rtol=1e-5)
    np.testing.assert_allclose(variance, batch.var(axis=0), atol=1e-5)
    assert not found, "nothing but running statistics"
    assert weights[layer.moving_variance.path].min() > 0.7, "of which the beginning was the most"


def test_what_pytorch_trains_alone_is_attributed_like_a_factorial():
    every, first = explained.rows(), imitating.first_rows()
    # PyTorch's momentum is worth .2, and nothing else anything.
    lines = [
        {"trial": trial, "as": side, f"{imitating.ACCURACY}_momentum_{momentum}": accuracy}
        for trial, side in first.values()
        for momentum, accuracy in (("pytorch", 0.4), ("tensorflow", 0.2))
    ]
    table = pd.DataFrame(lines).groupby(["trial", "as"], as_index=False).first()
    trials = explained.alone(table, every)
    assert set(trials["trial"]) == set(every)
    found = explained.attributed(trials[trials["trial"].str.startswith("densenet121")], every)
    values = found[found["base"].eq("") & found["quantity"].eq("shapley")].set_index("factor")["value"].round(9)
    assert values.to_dict() == {"initialisation": 0, "epsilons": 0, "batchnorm_momentum": 0.2}
    # A training that is missing takes its whole pair out.
    lost = explained.alone(table[table["trial"] != "densenet121-11fe1410-000"], every)
    assert {every[name].base for name in set(every) - set(lost["trial"])} == {"densenet121-11fe1410"}


def test_one_recalibration_stands_for_all_trials_of_equal_weights():
    every = explained.rows()
    names = [f"densenet121-11fe1410-{corner}" for corner in ("000", "001", "010", "011")]
    lines = [
        # Of PyTorch's side one training stands for all four: epsilons are aligned by changing TensorFlow's.
        {"trial": names[0], "framework": "pytorch", "recalibrated_test_accuracy": 0.5},
        {"trial": names[0], "framework": "tensorflow", "recalibrated_test_accuracy": 0.4},
        {"trial": names[3], "framework": "tensorflow", "recalibrated_test_accuracy": 0.3},
    ]
    found = explained.exact_gaps(pd.DataFrame(lines), every).round(9)
    assert found.to_dict() == dict(zip(names, (0.1, 0.1, 0.2, 0.2), strict=True))
