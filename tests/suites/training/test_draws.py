"""What is drawn is the same for the same seed, and another for every other."""

import numpy as np

from uncrossed.training.draws import dropout_mask


def test_dropout_masks_keep_half_and_differ_by_step_layer_and_seed():
    mask = dropout_mask(1, 2, 0, (50, 64))
    assert set(np.unique(mask)) == {0, 2}
    assert abs(mask.mean() - 1) < 0.05
    np.testing.assert_array_equal(mask, dropout_mask(1, 2, 0, (50, 64)))
    for other in (dropout_mask(2, 2, 0, (50, 64)), dropout_mask(1, 3, 0, (50, 64)), dropout_mask(1, 2, 1, (50, 64))):
        assert (mask != other).mean() > 0.4
