"""Semantics say of each mechanism whose it is; native leaves both frameworks stock."""

import pytest

from helpers.commands import REPOSITORY
from uncrossed.study.mechanisms import MECHANISMS, NAMED, NATIVE, flipped, resolve, spell, table
from uncrossed.study.trial import FRAMEWORKS
from uncrossed.training import views
from uncrossed.training.architectures import BUILT_IN_ARCHITECTURES, load
from uncrossed.training.effective import effective


def test_semantics_survive_spelling():
    assert resolve(spell(NATIVE)) == NATIVE


def test_native_leaves_both_frameworks_stock():
    for framework in FRAMEWORKS:
        assert effective(NATIVE, framework, MECHANISMS) == {}


@pytest.mark.parametrize("side", FRAMEWORKS)
def test_a_side_is_left_stock_by_what_it_ships_with(side):
    other = "tensorflow" if side == "pytorch" else "pytorch"
    for name in BUILT_IN_ARCHITECTURES:
        touching = load(name).touching
        assert effective(NAMED[side], side, touching) == {}
        differing = {name for name in touching if side in MECHANISMS[name].settings}
        assert effective(NAMED[side], other, touching) == dict.fromkeys(differing, side)


def test_named_semantics_are_what_they_are_called():
    assert resolve("published") == NATIVE | {"batchnorm_variance": "pytorch"}
    shared = {"initial_weights": "shared", "dropout_masks": "shared"}
    assert resolve("aligned") == NAMED["pytorch"] | shared
    assert resolve("aligned-tensorflow") == NAMED["tensorflow"] | shared
    assert resolve("aligned;stride=native")["stride"] == "native"
    assert resolve("mine;stride=native", {"mine": "aligned"}) == resolve("aligned;stride=native")


def test_every_combination_survives_spelling():
    texts = [*NAMED, *(flipped(name) for name in MECHANISMS)]
    for text in texts:
        assert resolve(spell(resolve(text))) == resolve(text)


def test_the_documentation_has_the_table_of_mechanisms():
    assert table() in (REPOSITORY / "README.md").read_text()


def test_views_are_the_other_combinations_of_what_touches_an_architecture():
    for framework in FRAMEWORKS:
        for name in BUILT_IN_ARCHITECTURES:
            touching = load(name).touching
            ways = views.own(framework, effective(resolve("native"), framework, touching), touching)
            assert set(ways) == {*views.EVALUATION} & touching
            assert set(ways.values()) <= {framework}
            found = views.others(framework, effective(resolve("native"), framework, touching), touching)
            assert len(found) == (2 ** len(ways) - 1)
            # A name is what a manifest would have, and its row is that view.
            for text, expected in found.items():
                assert views.own(framework, effective(resolve(text), framework, touching), touching) == expected
