"""An attribution adds up, claims nothing from chance or from half a study, and keeps every sign."""

import numpy as np
import pandas as pd
import pytest

from helpers import synthetic
from helpers.commands import REPOSITORY, told
from helpers.pages import words
from uncrossed.analysis import attribution, attribution_figure
from uncrossed.analysis.contributions import attribute, attributions
from uncrossed.common.errors import InputError
from uncrossed.results import tables, trial_file
from uncrossed.study import factorial, manifest
from uncrossed.study.architectures import PACKAGED
from uncrossed.study.trial import Trial

TOUCHING = {name: architecture.touching for name, architecture in PACKAGED.items()}


def study(
    effects: dict[str, float],
    bases: int,
    seeds: int = 1,
    noise: float = 0.01,
    architecture: str = "densenet121",
    **options,
) -> tuple[list[factorial.Design], pd.DataFrame]:
    """The factorials of a study, and its table of trials: each factor takes its effect off the gap, in shares of 1."""
    random, rows = np.random.default_rng(0), []
    for number in range(bases):
        values = {"learning_rate": 0.01, "batch_size": 32, "adam_epsilon": 0.1, "epochs": 2}
        base = Trial.check({"trial": f"b{number}", "architecture": architecture, **values}, "test")
        rows += factorial.cross(base, PACKAGED[architecture].touching, range(seeds), **options)
    designs = factorial.designs(rows, TOUCHING)
    gaps = {}
    for design in designs:
        for trials in design.replicates.values():
            for trial, point in zip(trials, design.points, strict=True):
                left = [effects.get(name, 0) for name, on in zip(design.factors, point, strict=True) if not on]
                gaps[trial] = sum(left) + effects["remaining"] + random.normal(0, noise)
    table = pd.DataFrame({"trial": list(gaps), "difference": list(gaps.values())})
    return designs, table.assign(both_completed=True, pytorch_status="completed", tensorflow_status="completed")


EFFECTS = {"batchnorm_momentum": 0.4, "epsilons": -0.1, "remaining": 0.02}


@pytest.mark.parametrize(("bases", "seeds"), [(8, 1), (8, 2), (1, 5)])
def test_it_finds_what_is_there_with_its_sign(bases, seeds):
    designs, trials = study(EFFECTS, bases, seeds)
    (one,) = attributions(attribute(trials, designs).table)
    assert (one.configurations, one.seeds, one.half) == (bases, seeds, False)
    found = {part.factor: part for part in one.contributions}
    for name in found:
        assert found[name].points[0] == pytest.approx(EFFECTS.get(name, 0), abs=0.01)
        assert found[name].significant == (name in EFFECTS)
    assert found["epsilons"].points[2] < 0
    assert found["batchnorm_momentum"].share[1] < 0.4 / 0.32 < found["batchnorm_momentum"].share[2]
    assert one.gap[1] < 0.32 < one.gap[2]
    assert one.remaining[1] < 0.02 < one.remaining[2]


@pytest.mark.parametrize("architecture", ["densenet121", "resnet50"])
def test_contributions_add_up_for_each_configuration_and_over_them(architecture):
    designs, trials = study(EFFECTS, 3, 2, noise=0.2, architecture=architecture, half=architecture == "resnet50")
    table = attribute(trials, designs).table
    for one in (*attributions(table), *attributions(table, configurations=True)):
        total = sum(part.points[0] for part in one.contributions)
        assert total + one.remaining[0] == pytest.approx(one.gap[0], abs=1e-12)
        assert one.half == (architecture == "resnet50")
    each = attributions(table, configurations=True)
    assert [one.base for one in each] == ["b0", "b1", "b2"]
    assert np.mean([one.gap[0] for one in each]) == pytest.approx(attributions(table)[0].gap[0])


def test_one_seed_of_one_configuration_has_no_interval_and_claims_nothing():
    designs, trials = study(EFFECTS, 1)
    attributed = attribute(trials, designs)
    assert attributed.table[["low", "high", "p_holm", "share_low"]].isna().all(axis=None)
    assert not attributed.table["significant"].any()
    assert "nothing is claimed" in attribution.printed(attributed)
    assert "[" not in attribution.printed(attributed)


def test_configurations_not_seeds_are_the_replicates():
    """Two configurations that disagree say little, however many seeds each has."""
    designs, trials = study(EFFECTS, 2, 6)
    other = trials["trial"].str.startswith("b1")
    trials.loc[other, "difference"] = -trials.loc[other, "difference"]
    (one,) = attributions(attribute(trials, designs).table)
    assert not any(part.significant for part in one.contributions)
    assert one.gap[1] < -1


def test_a_partial_study_attributes_nothing_anywhere(tmp_path):
    rows = factorial.cross(synthetic.rows(1, 2, ["densenet121"])[0], PACKAGED["densenet121"].touching, [0, 1])
    synthetic.write(tmp_path, rows)
    (tmp_path / f"trials/{rows[3].trial}/tensorflow.h5").unlink()
    tables.make(tmp_path, partial=True)
    assert told("attribution", tmp_path) == "1 pairs of factorials have no result yet: nothing is attributed\n"
    assert pd.read_csv(tmp_path / "tables/attribution.csv").empty
    assert "nothing is attributed" in (tmp_path / "figures/attribution.svg").read_text()
    told("report", tmp_path, "--partial")
    assert "what the differences come from" in words(tmp_path)


def test_a_seed_in_which_a_pair_diverged_is_left_out_and_a_configuration_without_any_is_named(tmp_path):
    bases = synthetic.rows(2, 2, ["densenet121"])
    rows = [row for base in bases for row in factorial.cross(base, PACKAGED["densenet121"].touching, [0, 1])]
    synthetic.write(tmp_path, rows)
    first, *_ = (row for row in rows if row.base == bases[0].trial and row.seed == 0)
    for lost in (
        first,
        *(row for row in rows if row.base == bases[1].trial and row.trial.endswith(("0000-0", "1111-1"))),
    ):
        path = tmp_path / f"trials/{lost.trial}/pytorch.h5"
        result = trial_file.read(path)
        result.attributes["status"] = "diverged"
        trial_file.write(path, result)
    tables.make(tmp_path)
    output = told("attribution", tmp_path)
    assert output.startswith(f"{bases[1].trial}: no seed of which all pairs completed: nothing is attributed\n")
    table = pd.read_csv(tmp_path / "tables/attribution.csv")
    (one,) = attributions(table)
    assert (one.configurations, one.seeds) == (1, 1)
    assert (one.seeds_left_out, one.configurations_left_out) == (3, 1)
    (single,) = attributions(table, configurations=True)
    assert (single.seeds_left_out, single.configurations_left_out) == (1, 0)
    left_out = "Left out, as a loss was not finite: 3 seeds, with them 1 whole configuration."
    assert left_out in output
    told("report", tmp_path)
    assert words(tmp_path).count(left_out) == 2


def test_the_table_says_the_same_when_it_is_read_again(tmp_path):
    designs, trials = study(EFFECTS, 3)
    table = attribute(trials, designs).table
    table.to_csv(tmp_path / "a.csv", index=False)
    again = attributions(pd.read_csv(tmp_path / "a.csv"))
    (one,) = attributions(table)
    assert again[0].contributions[0].points == pytest.approx(one.contributions[0].points)
    assert [part.significant for part in again[0].contributions] == [part.significant for part in one.contributions]


def test_bases_that_are_crossed_in_different_factors_are_refused():
    designs, trials = study(EFFECTS, 1, architecture="smallcnn")
    other, more = study(EFFECTS, 2, architecture="smallcnn", split=("epsilons",))
    with pytest.raises(InputError, match="crossed in"):
        attribute(pd.concat([trials, more]), [*designs, other[1]])


def test_the_figure_of_an_attribution_is_the_same_every_time(tmp_path):
    designs, trials = study(EFFECTS, 3)
    for name in "ab":
        attribution_figure.draw(attribute(trials, designs).table, tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


@pytest.mark.parametrize("architectures", [["resnet50"], ["densenet121", "resnet50"]])
def test_nothing_of_the_figure_is_cut_off(tmp_path, monkeypatch, architectures):
    drawn = []
    monkeypatch.setattr(attribution_figure, "save", lambda figure, path: drawn.append(figure))
    table = pd.read_csv(REPOSITORY / "docs/published-explained/attribution.csv").fillna({"base": ""})
    attribution_figure.draw(table[table["architecture"].isin(architectures)], tmp_path / "figure.svg")
    (figure,) = drawn
    inside, there = figure.get_tightbbox(), figure.bbox_inches
    assert (inside.min >= there.min).all()
    assert (inside.max <= there.max).all()


def test_a_study_without_a_factorial_is_refused(tmp_path):
    synthetic.study(tmp_path, 2)
    assert "`uncrossed manifest factorial` makes one" in told("attribution", tmp_path, code=2)
    assert manifest.read(tmp_path / "manifest.csv", architectures=None)
