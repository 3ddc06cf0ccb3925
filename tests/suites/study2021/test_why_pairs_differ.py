"""The page that says why pairs differ follows from the tables that are kept, and these from nothing but whole pairs."""

import importlib.util

import pandas as pd
import pytest

from helpers import explained, explained_page, imitating
from helpers.commands import REPOSITORY
from uncrossed.common.errors import InputError
from uncrossed.common.files import sha256


@pytest.fixture(scope="module")
def program():
    """The program that keeps tables and writes the page."""
    path = REPOSITORY / "tests/benchmarks/published_explained.py"
    spec = importlib.util.spec_from_file_location("published_explained", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_pages_tables_follow_from_what_is_kept():
    text = explained.PAGE.read_text()
    assert explained_page.page(text) == text
    # Every part has lines of its own, below its head.
    assert all(part.count("\n") > 1 for part in explained_page.parts().values())


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


def test_the_parts_of_a_gap_are_what_momentum_does_and_what_training_does():
    line = {"trial": "densenet121-11fe1410-000", "train_loss": 2.0}
    pytorch = line | {"as": "pytorch", "test_accuracy_momentum_pytorch": 0.5, "test_accuracy_momentum_tensorflow": 0.2}
    tensorflow = line | {"as": "tensorflow", "test_accuracy_momentum_pytorch": 0.4}
    tensorflow |= {"test_accuracy_momentum_tensorflow": 0.1}
    (found,) = explained.imitated(pd.DataFrame([pytorch, tensorflow])).round(9).to_dict("records")
    assert found["difference"] == 0.4
    # Momentum takes .3 off both, weights .1 at both momenta.
    assert (found["statistics"], found["training"]) == (0.3, 0.1)


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
