"""The reproducible build of CrossedWires, a dataset of PyTorch and TensorFlow model pairs.

`uncrossed.open(place)` reads a built study, from a folder or over the network: see `uncrossed.reader`.
"""

from typing import Any


def __getattr__(name: str) -> Any:
    # Reading needs h5py and more: not loaded before it is asked for.
    if name == "open":
        from uncrossed.reader import open_study

        return open_study
    raise AttributeError(f"module 'uncrossed' has no attribute '{name}'")
