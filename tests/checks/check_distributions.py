"""Compare the spread of stock initial weights with shared ones."""

import numpy as np

from uncrossed.training.draws import initial_weights


def check(architecture: str, initializer: str, stock: dict[str, np.ndarray]) -> None:
    """Assert equal constants, and equal spread and shape of distribution where weights are random."""
    drawn = initial_weights(architecture, initializer, 0, {name: array.shape for name, array in stock.items()})
    assert list(drawn) == list(stock)
    for name, array in stock.items():
        ours = drawn[name]
        if np.ptp(array) == 0:
            assert (ours == array).all(), name
            continue
        # Relative error of a standard deviation is about sqrt(1/2n) for a normal distribution, less for a uniform one.
        tolerance = 6 * np.sqrt(1 / array.size)
        assert abs(ours.std() / array.std() - 1) < tolerance, (name, ours.std(), array.std())
        assert abs(ours.mean()) < 6 * array.std() / np.sqrt(array.size), name
        if array.size > 5000:
            # A uniform distribution ends at 1.73 standard deviations, a normal one goes on.
            uniform = [np.abs(values).max() / values.std() < 1.8 for values in (ours, array)]
            assert uniform[0] == uniform[1], name
