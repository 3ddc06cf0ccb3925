"""The handwritten digits that scikit-learn brings along, enlarged to the shape of CIFAR-10's images."""

from pathlib import Path

import numpy as np

from uncrossed.datasets.formats import Arrays, Format

# They have no split of their own: the last fifth are test examples.
TRAIN_EXAMPLES, TEST_EXAMPLES = 1437, 360


def read(paths: list[Path]) -> tuple[Arrays, Arrays]:
    """The 1,797 digits: 8 x 8 pixels of 0 to 16, each enlarged to 4 x 4 pixels of 0 to 255 in three equal channels."""
    from sklearn.datasets import load_digits

    raw = load_digits()
    small = np.round(raw.images * (255 / 16)).astype(np.uint8)
    large = np.repeat(small.repeat(4, axis=1).repeat(4, axis=2)[..., np.newaxis], 3, axis=3)
    return (
        {"train": large[:TRAIN_EXAMPLES], "test": large[TRAIN_EXAMPLES:]},
        {"train": raw.target[:TRAIN_EXAMPLES], "test": raw.target[TRAIN_EXAMPLES:]},
    )


FORMAT = Format(
    summary="the digits of scikit-learn",
    read=read,
    shape=(32, 32, 3),
    classes=10,
    has_source=False,
    built_in={"train_examples": TRAIN_EXAMPLES, "test_examples": TEST_EXAMPLES},
)
