"""The loop takes examples in order, and measures what it says."""

import numpy as np
import pytest

from uncrossed.training.loop import batches, measure


def test_batches_keep_the_order_and_the_partial_last():
    assert batches(70, 30) == [(0, 30), (30, 60), (60, 70)]
    assert batches(60, 30) == [(0, 30), (30, 60)]
    assert batches(20, 30) == [(0, 20)]


def test_loss_and_accuracy_are_means_over_examples():
    logits = np.log(np.array([[0.7, 0.2, 0.1], [0.1, 0.6, 0.3], [0.25, 0.5, 0.25]]))
    loss, accuracy = measure(logits, np.array([0, 1, 2], dtype=np.uint8))
    assert loss == pytest.approx(-np.log([0.7, 0.6, 0.25]).mean())
    assert accuracy == pytest.approx(2 / 3)
    # Far beyond what exp() can hold.
    loss, _ = measure(np.array([[5000.0, 0, 0]], dtype=np.float32), np.array([1], dtype=np.uint8))
    assert loss == 5000


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_non_finite_row_of_logits_counts_as_wrong(bad):
    logits = np.array([[9.0, 0, 0], [9, 0, 0]])
    logits[1, 1 if bad != np.inf else 0] = bad
    loss, accuracy = measure(logits, np.array([0, 0], dtype=np.uint8))
    assert accuracy == 0.5
    assert np.isfinite(loss) == (bad == -np.inf)
