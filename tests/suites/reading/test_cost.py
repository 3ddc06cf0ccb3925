"""One array costs its own bytes and a bounded number more."""

import pytest

import uncrossed as package
from helpers.big import BIG, EXTRA, name_of
from uncrossed.study.trial import FRAMEWORKS


@pytest.mark.parametrize("framework", FRAMEWORKS)
@pytest.mark.parametrize("k", [7, 300, 599])
def test_one_array_costs_its_bytes_and_at_most_256_kib(k, framework, server):
    study = package.open(server.url)
    server.reset()
    array = getattr(study.trial(BIG), framework).weights[name_of(framework, k)]
    assert server.sent <= array.nbytes + EXTRA
    assert len(server.requests) <= 16


def test_the_bound_holds_with_attributes_logits_and_a_list_of_names(server):
    side = package.open(server.url).trial(BIG).pytorch
    server.reset()
    nbytes = side.logits.nbytes + sum(array.nbytes for array in side.curves.values())
    assert side.attributes["row"]["trial"] == BIG
    assert len(list(side.weights)) == 600
    assert server.sent <= nbytes + EXTRA


def test_all_arrays_in_order_come_in_large_steps(server):
    side = package.open(server.url).trial(BIG).pytorch
    server.reset()
    assert len(dict(side.weights)) == 600
    size = (server.folder / f"trials/{BIG}/pytorch.h5").stat().st_size
    assert len(server.requests) < 30
    assert server.sent < size
