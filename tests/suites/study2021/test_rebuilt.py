"""A rebuilt study stands beside the published one, and decides what its repeats allow."""

import itertools

import numpy as np
import pandas as pd
import pytest

from helpers.commands import REPOSITORY, uncrossed
from helpers.published import write
from helpers.published_2021 import published_folder
from uncrossed.analysis import groups, statistics
from uncrossed.common.errors import InputError, UnreadableError
from uncrossed.job import twins
from uncrossed.study.study import Study
from uncrossed.study.trial import FRAMEWORKS
from uncrossed.study2021 import comparison, published_study, published_tables


def test_a_reference_that_cannot_be_read_is_not_called_damaged(tmp_path):
    path = tmp_path / "reference.parquet"
    with pytest.raises(InputError, match=f"^{path}: missing; make it by "):
        comparison.write(tmp_path, path)
    path.write_text("no table")
    with pytest.raises(InputError, match=f"^{path}: damaged "):
        comparison.write(tmp_path, path)
    path.unlink()
    path.mkdir()
    with pytest.raises(UnreadableError, match=f"^{path}: cannot be read .Is a directory."):
        comparison.write(tmp_path, path)


PAIR = {"learning_rate": 0.01, "batch_size": 100, "adam_epsilon": 0.1, "epochs": 2, "architecture": "vgg16"}


def test_another_table_is_no_reference(tmp_path):
    path = tmp_path / "other.parquet"
    pd.DataFrame({"a": [1]}).to_parquet(path)
    with pytest.raises(InputError, match=f"{path}: damaged .*; make it by `uncrossed manifest import-published"):
        comparison.write(tmp_path, path)


def rebuilt(differences, trial="vgg16-a", semantics="published", **columns):
    """Repeats of a published pair, each with the difference of its seed."""
    count = len(differences)
    names = {"trial": [f"{trial}-r{k:02d}" for k in range(count)], "base": trial, "seed": range(count)}
    return pd.DataFrame(names | {"difference": differences, "both_completed": True} | PAIR | columns).assign(
        semantics=semantics
    )


def published_pair(difference, trial="vgg16-a", origin="random"):
    accuracies = {"pytorch_test_accuracy": 0.5 + difference, "tensorflow_test_accuracy": 0.5}
    values = {"trial": trial, "difference": difference, "state": "finished", "origin": origin, "diagnosis": "trained"}
    return pd.DataFrame([values | accuracies | PAIR])


def judged(published, differences):
    return comparison.compare(rebuilt(differences), published_pair(published)).iloc[0]


def test_one_seed_decides_nothing_and_says_how_many_are_missing():
    for differences in ([0.3], [-0.68], [0.1]):
        found = judged(0.1, differences)
        assert found["verdict"] == "not decidable with one seed: 38 more are needed"
        assert found["p"] == 1
    assert judged(-0.68, [0.0] * 5)["verdict"] == "not decidable with 5 repeats: 34 more are needed"
    assert comparison.verdict(0, 1) == "not decidable with no repeat: 39 more are needed"


def test_enough_repeats_decide_whatever_shape_the_noise_has():
    # Outcomes at two places, as where a training may or may not reach a plateau.
    repeats = [0.0, 0.4] * 20
    found = judged(0.4, repeats[:39])
    assert found["verdict"] == "within its 39 repeats"
    assert (found["below"], found["above"]) == (20, 0)
    assert judged(0.2, repeats[:39])["verdict"] == "within its 39 repeats"
    outside = judged(-0.682, repeats[:39])
    assert outside["verdict"] == "outside its 39 repeats"
    assert outside["p"] == pytest.approx(0.05)
    # Signs are kept.
    assert (outside["published_difference"], outside["difference_lowest"], outside["difference_highest"]) == (
        *(-0.682, 0.0, 0.4),
    )


def test_a_row_is_called_outside_by_chance_no_more_often_than_said():
    random = np.random.default_rng(0)
    alarms = []
    for _ in range(400):
        draws = np.where(random.random(40) < 0.3, 0.4, 0) + 0.02 * random.normal(size=40)
        alarms.append(judged(draws[0], draws[1:])["verdict"].startswith("outside"))
    assert np.mean(alarms) <= 0.08


def test_few_repeats_of_several_rows_decide_together():
    random = np.random.default_rng(1)

    def of_rows(shift, spread=1.0):
        published, repeats = [], []
        for k in range(10):
            draws = random.normal(size=6) * (0.01 if k % 2 else 0.1)
            scale = 0.01 if k % 2 else 0.1
            published.append(published_pair(spread * draws[0] + shift * scale, f"vgg16-{k}"))
            repeats.append(rebuilt(draws[1:], f"vgg16-{k}"))
        return comparison.together(comparison.compare(pd.concat(repeats), pd.concat(published))).iloc[0]

    equal = [of_rows(0) for _ in range(60)]
    assert np.mean([found["shift_p"] <= 0.05 for found in equal]) <= 0.12
    assert np.mean([found["outside_p"] <= 0.05 for found in equal]) <= 0.12
    assert equal[0]["expected"] == pytest.approx(10 / 3)
    lower, wider = of_rows(-3), of_rows(0, 50)
    assert lower["above"] - lower["below"] > 0.5
    assert lower["shift_p"] < 0.001
    assert wider["outside"] >= 8
    assert wider["outside_p"] < 0.01


def test_a_shift_of_few_rows_has_the_probability_that_counting_gives():
    def of_ranks(*rows):
        """Of rows with so many repeats below and above."""
        pairs = pd.concat([published_pair(0.0, f"vgg16-{k}") for k in range(len(rows))])
        repeats = [rebuilt([-0.1] * below + [0.1] * above, f"vgg16-{k}") for k, (below, above) in enumerate(rows)]
        return comparison.together(comparison.compare(pd.concat(repeats), pairs)).iloc[0]["shift_p"]

    assert of_ranks(*[(1, 0)] * 4) == pytest.approx(2 / 16)
    assert of_ranks((1, 0), (0, 1)) == 1
    counts = (1, 2, 3, 5)
    ranks = np.array(list(itertools.product(*(range(count + 1) for count in counts))))
    sums = np.abs(((2 * ranks - counts) / counts).sum(axis=1))
    for below in ((1, 2, 3, 5), (1, 2, 2, 4), (0, 1, 0, 1), (1, 0, 3, 3)):
        found = of_ranks(*((one, count - one) for one, count in zip(below, counts, strict=True)))
        seen = abs(sum((2 * one - count) / count for one, count in zip(below, counts, strict=True)))
        assert found == pytest.approx((sums >= seen - 1e-9).mean())
    # Numbers of repeats without a small common multiple.
    assert of_ranks((37, 0), (38, 0), (39, 0)) == pytest.approx(2 / (38 * 39 * 40))


def test_a_row_of_a_factorial_is_no_repeat():
    aligned = rebuilt([0.9] * 3, semantics="published;batchnorm_momentum=pytorch").assign(seed=[0, 1, 7])
    found = comparison.compare(pd.concat([aligned, rebuilt([0.1, 0.2])]), published_pair(0.5)).iloc[0]
    assert (found["repeats"], found["below"], found["above"], found["incomplete"]) == (2, 2, 0, 0)
    assert comparison.compare(aligned, published_pair(0.5)).empty


def test_a_direction_is_told_only_where_it_is_shown():
    def said(differences):
        pairs = pd.concat([published_pair(0.0, f"vgg16-{k}") for k in range(6)])
        trials = pd.concat([rebuilt([one], f"vgg16-{k}") for k, one in enumerate(differences)])
        return list(comparison.lines(comparison.compare(trials, pairs)))[-1]

    assert "lie above 17% and below 83% of their repeats, p 0.22: no shift is shown" in said([-0.1] + [0.1] * 5)
    assert "lie above 0% and below 100% of their repeats, p 0.031: they are lower" in said([0.1] * 6)
    assert "p 0.031: they are higher" in said([-0.1] * 6)


def test_only_rows_that_were_not_chosen_for_their_difference_are_put_together():
    pairs = pd.concat([published_pair(0.1, "vgg16-a"), published_pair(-0.68, "vgg16-b", "guided")])
    trials = pd.concat([rebuilt([0.0, 0.2], "vgg16-a"), rebuilt([0.0, 0.1], "vgg16-b")])
    table = comparison.compare(trials, pairs)
    assert table["trial"].tolist() == ["vgg16-a", "vgg16-b"]
    assert comparison.together(table)["rows"].tolist() == [1]
    assert comparison.together(table[1:]).empty


def test_what_did_not_complete_is_no_repeat_and_other_trials_are_left_out():
    trials = rebuilt([0.1, np.nan, 0.2], both_completed=[True, False, True])
    other = rebuilt([0.3], "vgg16-mine")
    found = comparison.compare(pd.concat([trials, other]), published_pair(0.15)).iloc[0]
    assert (found["repeats"], found["incomplete"]) == (2, 1)
    assert comparison.compare(other, published_pair(0.15)).empty
    # A trial of the pair's own name repeats it too.
    own = rebuilt([0.1]).assign(trial="vgg16-a", base=None)
    assert comparison.compare(own, published_pair(0.15))["repeats"].tolist() == [1]
    for name, value in (("learning_rate", 0.0375), ("epochs", 3), ("architecture", "resnet50")):
        with pytest.raises(InputError, match=f"'vgg16-a-r00': found {name}="):
            comparison.compare(rebuilt([0.1]).assign(**{name: value}), published_pair(0.15))


def test_a_study_is_compared_by_its_command(tmp_path):
    reference = published_tables.parse(write({}, {}), "vgg16", "t.csv")
    published_study.write(reference, tmp_path / "published")
    published_study.write(reference, tmp_path / "rebuilt")
    said = comparison.write(tmp_path / "rebuilt", tmp_path / "published/tables/reference.parquet")
    assert "2 published pairs repeated" in said
    assert "2 not decidable with one seed: 38 more are needed" in said
    table = pd.read_csv(tmp_path / "rebuilt/tables/published.csv")
    assert table["published_difference"].tolist() == table["difference_mean"].tolist()


def test_nothing_is_inferred_from_rebuilt_rows_that_were_chosen_for_their_difference():
    for name, guided in (("published", 720), ("published-repeats", 117)):
        rows = pd.read_csv(REPOSITORY / f"config/manifests/{name}.csv")
        assert rows["origin"].value_counts().to_dict() == {"guided": guided, "random": len(rows) - guided}
        random = np.random.default_rng(0)
        accuracies = {f"{side}_test_accuracy": random.random(len(rows)) for side in FRAMEWORKS}
        rows = statistics.prepared(rows.assign(**accuracies), 50_000, 10_000, 10)
        for architecture, some in rows.groupby("architecture"):
            assert not statistics.is_sample(some), architecture
        assert groups.comparisons(rows)["p_value"].isna().all()


def test_the_study_of_the_published_trials_is_sound():
    study = REPOSITORY / "config/published.yaml"
    assert "1200 trials" in uncrossed("manifest", "check", "--study", study).stdout


def test_a_build_trains_equal_hyperparameters_once(tmp_path):
    study = Study.load(REPOSITORY / "config/published.yaml")
    for framework in FRAMEWORKS:
        plan = twins.plan(study, framework, tmp_path)
        assert plan == ({"densenet121-b3eeede4": "densenet121-9d7adbce"}, frozenset())


REPEATS = REPOSITORY / "config/published-repeats.yaml"


def test_the_study_of_repeats_has_what_verdicts_need():
    assert "267 trials" in uncrossed("manifest", "check", "--study", REPEATS).stdout
    rows = pd.read_csv(REPOSITORY / "config/manifests/published-repeats.csv")
    counts = rows.groupby("base")["seed"].agg(["size", "nunique"])
    assert (counts["size"] == counts["nunique"]).all()
    assert counts["size"].value_counts().to_dict() == {5: 30, comparison.NEEDED: 3}
    assert set(counts.index[counts["size"] == comparison.NEEDED]) >= {"vgg16-5e67eae2"}
    assert 2 / (comparison.NEEDED + 1) <= comparison.ERROR_RATE < 2 / comparison.NEEDED


def test_the_committed_repeats_are_what_the_command_makes(tmp_path, published):
    said = uncrossed(
        "manifest", "repeat-published", "--folder", published_folder(), "--output", tmp_path / "m.csv"
    ).stdout
    assert said.endswith("267 trials (89 densenet121, 89 resnet50, 89 vgg16), of 33 published ones\n")
    made = (tmp_path / "m.csv").read_bytes()
    assert made == (REPOSITORY / "config/manifests/published-repeats.csv").read_bytes()
    rows = (
        pd.read_csv(tmp_path / "m.csv")
        .drop_duplicates("base")
        .merge(published[["trial", "point", "box"]], left_on="base", right_on="trial")
    )
    random = rows[rows["origin"] == "random"].groupby("architecture")
    assert random["point"].nunique().tolist() == random["box"].nunique().tolist() == [10] * 3
    uncrossed("manifest", "repeat-published", "--repeats", "0", "--output", tmp_path / "n.csv", code=2)
