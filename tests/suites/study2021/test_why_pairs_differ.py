"""The page that says why pairs differ follows from the tables that are kept, and these from nothing but whole pairs."""

import re

import numpy as np
import pandas as pd
import pytest

from helpers import explained, explained_page, imitating, modules, published_files
from helpers.commands import REPOSITORY
from uncrossed.analysis.contributions import Attribution, Contribution, attributions
from uncrossed.common.errors import InputError
from uncrossed.common.files import sha256
from uncrossed.study2021.explained import STRATA


@pytest.fixture(scope="module")
def program():
    """The program that keeps tables and writes the page."""
    return modules.program("tests/benchmarks/published_explained.py")


@pytest.fixture(scope="module")
def beginning():
    """The program that takes the beginning out of running statistics."""
    return modules.program("tests/benchmarks/beginning.py")


def both_ways() -> tuple[pd.DataFrame, pd.DataFrame]:
    """The trials by PyTorch alone, and by both frameworks."""
    return explained.alone(explained.read("imitation.csv", []), explained.rows()), explained.read("trials.csv", [])


def split(trials: pd.DataFrame) -> dict[str, Attribution]:
    """The attribution of each architecture."""
    return {one.architecture: one for one in attributions(explained.attributed(trials, explained.rows()))}


def part_of(one: Attribution, factor: str) -> Contribution:
    """What a factor contributes."""
    (part,) = (part for part in one.contributions if part.factor == factor)
    return part


def of_the_gap(part: Contribution) -> str:
    """A share of the gap with its interval, as in a sentence."""
    value, low, high = (f"{one:.0%}".replace("%", " %") for one in part.share)
    return f"{value} [{low}, {high}]"


def in_accuracy(part: Contribution) -> str:
    """A contribution with its interval, as in a sentence."""
    value, low, high = map(explained_page.points, part.points)
    return f"{value} [{low}, {high}]"


def test_the_pages_tables_follow_from_what_is_kept():
    text = explained.PAGE.read_text()
    assert explained_page.page(text) == text
    # Every part has lines of its own, below its head.
    assert all(part.count("\n") > 1 for part in explained_page.parts().values())


def test_the_sentences_about_the_beginning_are_those_of_its_tables():
    text = " ".join(explained.PAGE.read_text().split())
    table = explained.read("beginning.csv", []).set_index("trial")
    accuracies = explained.read("trials.csv", []).set_index("trial")["tensorflow_test_accuracy"]
    first = table[table.index.str.endswith("-000")]
    stored = first["test_accuracy"]
    # The last digit of a name is momentum's.
    aligned = accuracies[first.index.str.replace("-000", "-001")].set_axis(first.index)
    # What is tested here as it is stored is what its training found.
    assert (accuracies[table.index] == table["test_accuracy"]).all()
    back = (first["without_beginning_test_accuracy"] - stored) / (aligned - stored)
    assert f"its {len(back)} models get back {back.min():.0%} to {back.max():.0%}".replace("%", " %") in text
    assert (first["without_beginning_test_loss"] > first["test_loss"]).mean() > 0.5, (
        "makes most test losses even higher"
    )
    resnet50 = table[table.index.str.startswith("resnet50")]
    for name in ("test_accuracy", "without_beginning_test_accuracy"):
        assert " and ".join(explained_page.points(value, sign=False) for value in resnet50[name]) in text
    assert " and ".join(f"{value:.0f}" for value in resnet50["without_beginning_test_loss"]) in text


def test_what_recalibration_leaves_is_as_near_to_the_factorial_as_the_page_says():
    text = " ".join(explained.PAGE.read_text().split())
    rows = text.partition("<!-- recalibration -->")[2].partition("<!-- end -->")[0].split("| `")[1:]
    apart = [float(aligned) - float(left) for _, _, aligned, left in (row.split(" |")[:4] for row in rows)]
    assert min(apart) < 0 < max(apart)
    table = explained.read("recalibration.csv", [])
    own = table[table["trial"].str.match("densenet121-.*-000") & table["framework"].eq("pytorch")]
    raised = own["recalibrated_test_accuracy"] - own["test_accuracy"]
    words = " to ".join(explained_page.points(value, sign=False) for value in (raised.min(), raised.max()))
    assert f"raise the accuracy of its DenseNet121 by {words}." in text
    largest = explained_page.points(max(map(abs, apart)), sign=False)
    assert f"The two differ by at most {largest}, and in both directions." in text


def test_the_tables_of_orders_and_of_both_ways_are_what_their_trials_say():
    alone, both = (some.set_index("trial")["difference"] for some in both_ways())
    parts, published = explained_page.parts(), explained.published().set_index("trial")["difference"]
    bases = [
        name.removesuffix("-000") for name in alone.index if name.startswith("densenet121") and name.endswith("-000")
    ]
    first = sum(alone[f"{base}-000"] - alone[f"{base}-010"] for base in bases) / len(bases)
    last = sum(alone[f"{base}-101"] - alone[f"{base}-111"] for base in bases) / len(bases)
    away = (sum((alone[f"{base}-010"] - published[base]) ** 2 for base in bases) / len(bases)) ** 0.5
    # With Adam's epsilon aligned, aligning initial weights does hardly anything.
    corners = {c: sum(alone[f"{base}-{c}"] for base in bases) / len(bases) for c in ("010", "110", "011", "111")}
    changes = (corners["110"] - corners["010"], corners["111"] - corners["011"])
    assert "changes the gap by " + " or ".join(map(explained_page.points, changes)) + " (without or with" in " ".join(
        explained.PAGE.read_text().split()
    )
    (line,) = [one for one in parts["order"].split("\n") if one.startswith("| epsilons")]
    numbers = [cell.split(" [")[0] for cell in line.strip("| ").split(" | ")]
    assert numbers[1:] == [explained_page.points(first), explained_page.points(last), f"{away:.3f}".lstrip("0")]
    # Equal initial weights: all trials of the first factor aligned that both ways have.
    apart = [both[name] - alone[name] for name in both.index if re.fullmatch("densenet121-.*-1[01]{2}", name)]
    size = (sum(one**2 for one in apart) / len(apart)) ** 0.5
    (line,) = [one for one in parts["both"].split("\n") if one.startswith("| densenet121 | equal")]
    mean = explained_page.points(sum(apart) / len(apart))
    assert line.endswith(f"| {len(apart) // 4} | {len(apart)} | {mean} | {explained_page.points(size, sign=False)} |")
    # What is said of two seeds is in the table of natives.
    text = " ".join(explained.PAGE.read_text().split())
    assert "differ by .021 (DenseNet121) and .037 (ResNet50)" in text
    for architecture, seeds in (("densenet121", ".021 (8)"), ("resnet50", ".037 (4)")):
        (line,) = [one for one in parts["agreement"].split("\n") if one.endswith(f"| {seeds} |")]
        assert f"| {architecture} | gap |" in line


def test_the_numbers_in_its_sentences_are_those_of_its_tables():
    text = " ".join(explained.PAGE.read_text().split())
    every, reference = explained.imitated(explained.read("imitation.csv", [])), explained.published()
    own = explained.first_seeds(every, "densenet121")
    published = reference.set_index("trial")["difference"]
    seeds = every[every["base"].isin(own.index)].groupby("base")["difference"].agg(lambda gaps: gaps.max() - gaps.min())

    def root(values: pd.Series) -> str:
        return explained_page.points((values**2).mean() ** 0.5, sign=False)

    alone, both = map(split, both_ways())
    gap, factors = alone["densenet121"].gap[0], (imitating.MOMENTUM, "epsilons", "initialisation")
    shares, its_own = (
        [of_the_gap(part_of(some["densenet121"], factor)) for factor in factors] for some in (alone, both)
    )
    assert [part_of(alone["densenet121"], factor).significant for factor in factors] == [True] * 3
    claimed = [part_of(both["densenet121"], factor).significant for factor in factors]
    assert claimed[:2] == [True, True]
    last = "." if claimed[2] else ", of which the last is not significant."
    assert [part.factor for part in alone["resnet50"].contributions if part.significant] == [imitating.MOMENTUM]
    assert gap == pytest.approx(own["difference"].mean())
    for sentence in (
        f"differ from the published ones by {root(own['difference'] - published[own.index])} (root mean square)",
        f"two seeds of a rebuilt pair differ ({root(seeds[seeds > 0])}, over {(seeds > 0).sum()} pairs)",
        f"scatter by {root(published[own.index] - published[own.index].mean())} about their mean",
        f"The mean rebuilt gap is {explained_page.points(gap)}. {shares[0]} of it is that Keras' running "
        f"statistics move more slowly, {shares[1]} that Keras uses Adam's epsilon in another way, and "
        f"{shares[2]} that it draws",
        f"In the {both['densenet121'].configurations} pairs that TensorFlow itself has trained by now it is "
        f"{its_own[0].split(' [')[0]}, {its_own[1].split(' [')[0]} and {its_own[2].split(' [')[0]}{last}",
        f"running statistics make {in_accuracy(part_of(alone['resnet50'], imitating.MOMENTUM))} of "
        f"{explained_page.points(alone['resnet50'].gap[0])}; four pairs are too few to find smaller causes.",
        f"rise from {explained_page.points(own['tensorflow-tensorflow'].mean(), sign=False)} to "
        f"{explained_page.points(own['tensorflow-pytorch'].mean(), sign=False)} when they are tested with PyTorch's "
        f"momentum, beside {explained_page.points(own['pytorch-pytorch'].mean(), sign=False)} of the others",
        f"it is {explained_page.points(alone['vgg16'].remaining[0])}, but must be 0",
    ):
        assert sentence in text
    readme = " ".join((REPOSITORY / "README.md").read_text().split())
    first, second, third = (one.split(" [")[0] for one in shares)
    assert (
        f"In DenseNet121's {len(own)} pairs {first} of the difference is running statistics, {second} is Adam's "
        f"epsilon, and {third} is initial weights."
    ) in readme
    slow = reference[reference["architecture"].eq("resnet50") & reference["pytorch_diagnosis"].eq("trained")]
    slow = slow[slow["tensorflow_diagnosis"].eq("slow")]
    below = sum(losses[-1] < 1.15 for losses in slow["pt_latest_training_loss"])
    assert f"In {below} of these {len(slow)} pairs PyTorch's training loss was below 1.15" in text
    imitation = explained.read("imitation.csv", [])
    as_tensorflow = imitation[imitation["as"].eq("tensorflow")].set_index("trial")["train_loss"]
    before, after = (as_tensorflow.filter(regex=f"densenet121-.*-{corner}$").mean() for corner in ("000", "010"))
    assert f"falls from {before:.2f} to {after:.2f}." in text
    step = (1 - 0.999 ** np.arange(1, 251)) ** 0.5
    assert f"In the mean that is {step[:80].mean():.2f} over 80 steps, and {step.mean():.2f}".replace("0.", ".") in text
    losses = explained.natives(imitation, explained.rows()).pivot(index="trial", columns="as", values="train_loss")
    losses = losses[losses.index.str.startswith("densenet121")]
    assert (losses["tensorflow"] > losses["pytorch"]).all(), "had learnt less in every pair"
    for stratum, share in zip(STRATA, ("61 % of DenseNet121's", "9 % of ResNet50's", "1 % of VGG16's"), strict=True):
        rows = reference[reference["architecture"] == stratum.architecture]
        found = rows[stratum.holds(rows)]["difference"].sum() / rows["difference"].sum()
        assert share.startswith(f"{found:.0%}".replace("%", " %"))
        assert share in text


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
