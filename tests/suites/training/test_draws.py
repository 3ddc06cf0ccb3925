"""What is drawn is the same for the same seed, and another for every other."""

import hashlib
from collections import Counter

import numpy as np

from uncrossed.training.draws import dropout_mask, permutation


def test_dropout_masks_keep_half_and_differ_by_step_layer_and_seed():
    mask = dropout_mask(1, 2, 0, (50, 64))
    assert set(np.unique(mask)) == {0, 2}
    assert abs(mask.mean() - 1) < 0.05
    np.testing.assert_array_equal(mask, dropout_mask(1, 2, 0, (50, 64)))
    for other in (dropout_mask(2, 2, 0, (50, 64)), dropout_mask(1, 3, 0, (50, 64)), dropout_mask(1, 2, 1, (50, 64))):
        assert (mask != other).mean() > 0.4


def test_an_order_is_a_permutation_that_no_version_of_numpy_changes():
    order = permutation(3, 1, 50_000)
    assert (np.sort(order) == np.arange(50_000)).all()
    assert permutation(3, 1, 8).tolist() == [5, 4, 1, 2, 3, 0, 7, 6]
    assert (
        hashlib.sha256(order.astype("<i8").tobytes()).hexdigest()
        == "c808045c828b3ce185320eb67253ff1b02f443eb859b45037c878775c4e0c8eb"
    )


def test_all_orders_are_equally_likely():
    counts = Counter(tuple(permutation(seed, epoch, 3)) for seed in range(60) for epoch in range(1, 101))
    assert len(counts) == 6
    # 1,000 of each are expected, with a standard deviation of 29.
    assert all(880 < count < 1120 for count in counts.values()), counts
