"""What was opened reads in other processes too."""

import multiprocessing
import operator
import sys
from concurrent.futures import ProcessPoolExecutor

import numpy as np

import uncrossed as package
from helpers.big import BIG, name_of
from helpers.commands import run


def test_what_was_used_can_be_sent_to_another_process(copy):
    study = package.open(copy)
    pair = study.trial(BIG)
    side = pair.pytorch
    weights, name = side.weights, name_of("pytorch", 7)
    expected = weights[name], side.logits, list(weights), len(study.curves)
    # As a DataLoader's workers are started on macOS and Windows, and everywhere from Python 3.14 on.
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        np.testing.assert_array_equal(pool.submit(operator.getitem, weights, name).result(), expected[0])
        for sent, what in ((side, "logits"), (pair, "pytorch.logits")):
            np.testing.assert_array_equal(pool.submit(operator.attrgetter(what), sent).result(), expected[1])
        assert pool.submit(list, weights).result() == expected[2]
        assert len(pool.submit(operator.attrgetter("curves"), study).result()) == expected[3]
        np.testing.assert_array_equal(pool.submit(operator.attrgetter("labels"), pair.tensorflow).result(), side.labels)
    np.testing.assert_array_equal(weights[name], expected[0])


def test_processes_that_are_forked_read_what_their_parent_opened(built):
    code = f"""
import os
from multiprocessing import get_context
import uncrossed
side = uncrossed.open({str(built)!r}).trial({BIG!r}).pytorch
names = list(side.weights)
def read(part):
    for name in names[part::2] * 3:
        side.weights[name]
    return len(names)
if __name__ == "__main__":
    with get_context("fork").Pool(2) as pool:
        assert pool.map(read, [0, 1]) == [600, 600]
"""
    run(sys.executable, "-W", "ignore", "-c", code)
