"""What the sentences of the page that says why pairs differ claim is what the kept and the published tables say."""

from itertools import permutations

import numpy as np
import pandas as pd
import pytest

from helpers import explained, explained_page, imitating
from helpers.commands import REPOSITORY
from helpers.explained_page import estimate, mean, points, root, share_of
from uncrossed.analysis.contributions import Attribution, Contribution, attributions
from uncrossed.study2021.explained import STRATA

MOMENTUM, FACTORS = imitating.MOMENTUM, (imitating.MOMENTUM, "epsilons", "initialisation")


def sentences(page: str = "docs/why-pairs-differ.md") -> str:
    """A page's text in one line, in which `70 %` is `70%`."""
    return " ".join((REPOSITORY / page).read_text().split()).replace(" %", "%")


@pytest.fixture(scope="module")
def text():
    """The page's."""
    return sentences()


@pytest.fixture(scope="module")
def parts():
    """The page's tables by name."""
    return explained_page.parts()


@pytest.fixture(scope="module")
def reference():
    """The published pairs by name."""
    return explained.published().set_index("trial", drop=False)


@pytest.fixture(scope="module")
def imitation():
    """All trainings by PyTorch alone."""
    return explained.read("imitation.csv", [])


@pytest.fixture(scope="module")
def alone(imitation):
    """The trials by PyTorch alone."""
    return explained.alone(imitation, explained.rows())


@pytest.fixture(scope="module")
def both():
    """The trials by both frameworks."""
    return explained.read("trials.csv", [])


@pytest.fixture(scope="module")
def natives(imitation):
    """First seeds of DenseNet121's pairs as they were published, by PyTorch alone."""
    return explained.first_seeds(explained.imitated(imitation), "densenet121")


def two(value: float) -> str:
    """A positive number below 1 with two digits."""
    return f"{value:.2f}".lstrip("0")


def split(trials: pd.DataFrame) -> dict[str, Attribution]:
    """The attribution of each architecture."""
    return {one.architecture: one for one in attributions(explained.attributed(trials, explained.rows()))}


def parts_of(one: Attribution) -> list[Contribution]:
    """What DenseNet121's three factors contribute."""
    found = {part.factor: part for part in one.contributions}
    return [found[factor] for factor in FACTORS]


def by_corner(values: pd.Series) -> pd.DataFrame:
    """DenseNet121's values, pairs x combinations such as `010`: initial weights, epsilons, momentum are aligned or not.

    Args:
        values: by trial.
    """
    own = values[values.index.str.match("densenet121-.*-[01]{3}$")].dropna()
    return pd.Series(own.to_numpy(), [own.index.str[:-4], own.index.str[-3:]]).unstack()


def test_how_near_a_rebuild_is(text, reference, imitation, natives):
    every, published = explained.imitated(imitation), reference.loc[natives.index, "difference"]
    seeds = (
        every[every["base"].isin(natives.index)].groupby("base")["difference"].agg(lambda some: some.max() - some.min())
    )
    assert f"differ from the published ones by {root(natives['difference'] - published)} (root mean square)" in text
    assert f"two seeds of a rebuilt pair differ ({root(seeds[seeds > 0])}, over {(seeds > 0).sum()} pairs)" in text
    assert f"scatter by {root(published - published.mean())} about their mean" in text
    sides = [mean(natives[name] - reference.loc[natives.index, name]) for name in explained.ACCURACIES]
    assert f"mean accuracies are {sides[0]} (PyTorch) and {sides[1]} (TensorFlow) away from the published ones" in text


def test_what_the_gaps_are_made_of(text, alone, both, natives):
    found, its_own = split(alone), split(both)["densenet121"]
    gap, parts = found["densenet121"].gap[0], parts_of(found["densenet121"])
    assert gap == pytest.approx(natives["difference"].mean())
    assert all(part.significant for part in parts)
    claimed = [part.significant for part in parts_of(its_own)]
    assert claimed[:2] == [True, True]
    last = "." if claimed[2] else ", of which the last is not significant."
    first, second, third = (share_of(part.share) for part in parts)
    before, after = (points(natives[f"tensorflow-{one}"].mean(), sign=False) for one in ("tensorflow", "pytorch"))
    assert (
        f"The mean rebuilt gap is {points(gap)}. {first} of it is that Keras' running statistics move more slowly: "
        f"with those of PyTorch's momentum, TensorFlow's side has an accuracy of {after} instead of {before}. "
        f"{second} is that Keras uses Adam's epsilon in another way, and {third} that it draws"
    ) in text
    own = [f"{part.share[0]:.0%}" for part in parts_of(its_own)]
    assert (
        f"In the {its_own.configurations} pairs that TensorFlow itself has trained by now it is {own[0]}, {own[1]} and "
        f"{own[2]}{last}"
    ) in text
    (momentum,) = (part for part in found["resnet50"].contributions if part.significant)
    assert momentum.factor == MOMENTUM
    whole = points(found["resnet50"].gap[0])
    assert f"running statistics make {estimate(momentum.points)} of {whole}; four pairs are too few" in text
    beside = points(natives["pytorch-pytorch"].mean(), sign=False)
    assert f"rise from {before} to {after} when they are tested with PyTorch's momentum, beside {beside} of" in text
    assert f"it is {points(found['vgg16'].remaining[0])}, but must be 0" in text
    shares = [one.split(" [")[0] for one in (first, second, third)]
    assert (
        f"In DenseNet121's {len(natives)} pairs {shares[0]} of the difference is running statistics, {shares[1]} is "
        f"Adam's epsilon (.13 to 1 there), and {shares[2]} is initial weights."
    ) in sentences("README.md")


def test_what_holds_for_few_steps_alone(text, reference, alone):
    longer = reference.loc[reference["steps"] > 190, "trial"]
    some = alone[alone["trial"].str.rpartition("-")[0].isin(longer)]
    parts = [f"{part.share[0]:.0%}" for part in parts_of(split(some)["densenet121"])]
    count = some["trial"].str.match("densenet121-.*-000").sum()
    assert count == 3
    assert f"In the three pairs of more than 190 steps the shares are {parts[0]}, {parts[1]} and {parts[2]}." in text
    own = reference[reference["architecture"] == "densenet121"]["adam_epsilon"]
    drawn = own[own.index.isin([row.base for row in explained.rows().values()])]
    share = own.between(drawn.min(), drawn.max()).mean()
    assert (
        f"for epsilons of {two(drawn.min())} to {drawn.max():.0f}, as {share:.0%} of DenseNet121's published pairs have"
    ) in text


def test_what_orders_change(text, parts, reference, imitation, alone):
    gaps = by_corner(alone.set_index("trial")["difference"])
    away = root(gaps["010"] - reference.loc[gaps.index, "difference"])
    taken_off = (
        gaps["000"] - gaps["010"],
        gaps["100"] - gaps["110"],
        gaps["001"] - gaps["011"],
        gaps["101"] - gaps["111"],
    )
    first, after_weights, after_momentum, last = map(mean, taken_off)
    line = f"| epsilons | {first} | {after_weights} | - | {after_momentum} | {last} | {away} |"
    assert line in parts["order"].split("\n")
    means = gaps.mean()
    for factor, what in enumerate(("initial weights", "epsilons", "running statistics make")):
        shares = []
        for order in permutations(range(3)):
            before = order[: order.index(factor)]
            without, aligned = (
                "".join("01"[one in there] for one in range(3)) for there in (before, (*before, factor))
            )
            shares.append((means[without] - means[aligned]) / means["000"])
        assert f"{what} {min(shares):.0%} to {max(shares):.0%}" in text
    left = mean(gaps["011"] - gaps["111"])
    assert left == mean(gaps["011"]), "nothing remains"
    assert f"With the first two aligned only {left} is left." in text
    weights = [mean(gaps[after] - gaps[before]) for before, after in (("010", "110"), ("011", "111"))]
    assert f"aligning initial weights, too, changes the gap by {weights[0]} or {weights[1]} (without or with" in text
    sides = imitation.set_index("trial").groupby("as")
    kerass = {side: by_corner(some["test_accuracy_momentum_tensorflow"]).mean() for side, some in sides}
    floor = [
        points(value, sign=False) for value in (*kerass["tensorflow"][["000", "010", "100"]], kerass["pytorch"]["100"])
    ]
    assert (
        f"has {floor[0]} in the mean, with epsilons aligned {floor[1]}, with initial weights aligned {floor[2]}, and "
        f"with both {floor[3]}."
    ) in text


def test_what_epsilons_and_initial_weights_do_to_training(text, reference, imitation, alone):
    sides = {side: some.set_index("trial") for side, some in imitation.groupby("as")}
    losses = by_corner(sides["tensorflow"]["train_loss"])
    as_published, aligned = losses["000"], losses["010"]
    assert f"falls from {as_published.mean():.2f} to {aligned.mean():.2f}." in text
    pairs, change = reference.loc[losses.index], aligned - as_published
    ratio = pairs["learning_rate"] / pairs["adam_epsilon"]
    correlation = two(change.corr(ratio, method="spearman"))
    assert f"It falls in {(change < 0).sum()} of the {len(change)} pairs, and the less, the larger" in text
    assert f"(rank correlation {correlation}): not at all in the pair where it is a third." in text
    (rises,) = ratio[change > 0]
    assert 0.3 < rises == ratio.max() < 0.36
    assert (as_published > by_corner(sides["pytorch"]["train_loss"])["000"]).all(), "had learnt less in every pair"
    accuracies = by_corner(sides["tensorflow"]["test_accuracy_momentum_pytorch"])
    gained, slower = (mean(some["100"] - some["000"]) for some in (accuracies, losses))
    assert f"reaches with PyTorch's momentum by {gained}, though not by faster learning: its training loss" in text
    assert f"its training loss changes by {slower}." in text
    step = (1 - 0.999 ** np.arange(1, 251)) ** 0.5
    assert f"In the mean that is {two(step[:80].mean())} over 80 steps, and {two(step.mean())} over 250" in text
    first = {side: some.loc[some.index.str.match("resnet50-.*-00000"), "train_loss"] for side, some in sides.items()}
    assert len(first["pytorch"]) == 4
    assert (first["tensorflow"] < first["pytorch"]).all(), "they are lower in all four pairs"
    gaps = explained.of(explained.gaps(alone, explained.rows()), "resnet50")
    gaps = gaps[[MOMENTUM in factors for factors in gaps["aligned"]]]
    found = {
        (weights, epsilons): gaps["difference"][
            [("initialisation" in one, "epsilons" in one) == (weights, epsilons) for one in gaps["aligned"]]
        ]
        for weights in (False, True)
        for epsilons in (False, True)
    }
    assert {len(some) for some in found.values()} == {4 * 2}
    means = {which: points(some.mean()) for which, some in found.items()}
    assert (
        f"its mean gap is {means[False, False]}; with initial weights aligned, too, {means[True, False]}; "
        f"with epsilons instead {means[False, True]}; with both {means[True, True]}."
    ) in text


def test_whether_both_ways_agree(text, parts, alone, both):
    first, second = (by_corner(some.set_index("trial")["difference"]) for some in (alone, both))
    apart = (second - first)[["100", "101", "110", "111"]].dropna()
    line = f"| densenet121 | equal | {len(apart)} | {apart.size} | {mean(apart.mean(axis=1))} | {root(apart.stack())} |"
    assert line in parts["both"].split("\n")
    assert f"DenseNet121's gaps are {root(apart.stack())} apart, about as far as those of two seeds of pairs as" in text
    assert "as they were published (.021)" in text
    (line,) = [one for one in parts["agreement"].split("\n") if one.endswith("| .021 (8) |")]
    assert "| densenet121 | gap |" in line
    # No difference is seen in the mean: each interval has 0 in it.
    for one in (line for line in parts["both"].split("\n") if " [" in line):
        low, high = map(float, one.partition("[")[2].partition("]")[0].split(", "))
        assert low < 0 < high


def test_what_the_beginning_does(text, both):
    table = explained.read("beginning.csv", []).set_index("trial")
    accuracies = both.set_index("trial")["tensorflow_test_accuracy"]
    # What is tested here as it is stored is what its training found.
    assert (accuracies[table.index] == table["test_accuracy"]).all()
    first = table[table.index.str.match("densenet121-.*-000")]
    stored = first["test_accuracy"]
    aligned = accuracies[first.index.str.replace("-000", "-001")].set_axis(first.index)
    back = (first["without_beginning_test_accuracy"] - stored) / (aligned - stored)
    assert f"its {len(back)} models get back {back.min():.0%} to {back.max():.0%}" in text
    more = two(back.corr(first["steps"], method="spearman"))
    assert f"The more steps, the more comes back (rank correlation {more})." in text
    assert (first["without_beginning_test_loss"] > first["test_loss"]).mean() > 0.5, "Most test losses are even higher"
    resnet50 = table[table.index.str.startswith("resnet50")]
    for name in ("test_accuracy", "without_beginning_test_accuracy"):
        assert " and ".join(points(value, sign=False) for value in resnet50[name]) in text
    assert " and ".join(f"{value:.0f}" for value in resnet50["without_beginning_test_loss"]) in text


def test_how_near_recalibration_is_to_the_factorial(text, parts):
    rows = [line.strip("|").split("|") for line in parts["recalibration"].split("\n")[2:]]
    gaps = pd.DataFrame({name: map(float, values) for name, *values in rows}, ["gap", "aligned", "recalibrated"]).T
    apart = gaps["aligned"] - gaps["recalibrated"]
    assert apart.min() < 0 < apart.max()
    assert f"The two differ by at most {points(apart.abs().max(), sign=False)}, and in both directions." in text
    means = gaps[gaps.index.str.contains("densenet121")].mean()
    off = 1 - means / means["gap"]
    assert (
        f"In the mean of DenseNet121's {gaps.index.str.contains('densenet121').sum()} pairs recalibration takes off "
        f"{off['recalibrated']:.0%} of the gap, and aligning momentum {off['aligned']:.0%}."
    ) in text
    table = explained.read("recalibration.csv", [])
    own = table[table["trial"].str.match("densenet121-.*-000") & table["framework"].eq("pytorch")]
    raised = own["recalibrated_test_accuracy"] - own["test_accuracy"]
    words = " to ".join(points(value, sign=False) for value in (raised.min(), raised.max()))
    assert f"raise the accuracy of its DenseNet121 by {words}." in text


def test_what_the_published_tables_say(text, reference):
    drawn = reference[reference["origin"] == "random"]
    gaps = drawn.groupby("architecture")["difference"].mean().map(points)
    assert (
        f"mean gap of the 160 others, which were drawn at random, is {gaps['densenet121']} for DenseNet121, "
        f"{gaps['resnet50']} for ResNet50 and {gaps['vgg16']} for VGG16."
    ) in text
    assert set(drawn.groupby("architecture").size()) == {160}
    shares, slow = {}, {}
    for stratum in STRATA:
        for label, rows in (("all", reference), ("random", drawn)):
            own = rows[rows["architecture"] == stratum.architecture]
            inside, total = stratum.holds(own), own["difference"].sum()
            shares[stratum.architecture, label] = f"{own[inside]['difference'].sum() / total:.0%}"
            if label == "all":
                rest = own[~inside & own["tensorflow_diagnosis"].eq("slow")]
                slow[stratum.architecture] = f"{rest['difference'].sum() / total:.0%}"
            elif stratum.architecture == "densenet121":
                assert own[inside].groupby("point").size().to_list() == [4], "four pairs of a single random point"
    names = ("densenet121", "resnet50", "vgg16")
    first, second, third = (shares[name, "all"] for name in names)
    assert f"hold {first} of DenseNet121's sum of gaps, {second} of ResNet50's and {third} of VGG16's." in text
    first, second, third = (shares[name, "random"] for name in names)
    assert f"Among the pairs that were drawn at random it is {first}, {second} and {third}. Even the {first}" in text
    assert f"was slow ({slow['vgg16']} and {slow['resnet50']} of the sums)" in text
    slow = reference[reference["tensorflow_diagnosis"].eq("slow") & reference["pytorch_diagnosis"].eq("trained")]
    slow = slow[slow["architecture"] == "resnet50"]
    loss = slow["tf_training_loss"].str[-1]
    above = loss - slow["pt_latest_training_loss"].str[-1]
    assert (
        f"In {(above > 0.2).sum()} of these {len(slow)} pairs TensorFlow's training loss is more than .2 above "
        f"PyTorch's, by {above.mean():.2f} in the mean."
    ) in text
    vgg16 = reference[reference["architecture"] == "vgg16"]
    like = vgg16[vgg16["tf_training_loss"].str[-1].between(1.15, 1.6)]["tensorflow_test_accuracy"]
    below = slow[loss.between(1.15, 1.6) & (slow["tensorflow_test_accuracy"] < like.min())]
    assert below["difference"].sum() / slow["difference"].sum() == pytest.approx(1 / 3, abs=0.01)
    assert f"In {len(below)} of the {len(slow)}, with a third of their gaps, TensorFlow's training loss is from" in text
    assert f"every one of VGG16's {len(like)} TensorFlow models with such a loss" in text
