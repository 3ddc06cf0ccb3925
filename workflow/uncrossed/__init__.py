"""The reproducible build of CrossedWires, a dataset of PyTorch and TensorFlow model pairs.

`uncrossed.open(place)` reads a built study, from a folder or over the network: see `uncrossed.reading.built_study`.
`uncrossed.open_published()` reads the files of 2021: see `uncrossed.study2021.published_files`.
"""

from typing import Any


def __getattr__(name: str) -> Any:
    # Reading needs h5py and more: not loaded before it is asked for.
    if name == "open":
        from uncrossed.reading.built_study import open_study

        return open_study
    if name == "open_published":
        from uncrossed.study2021.published_files import open_published

        return open_published
    raise AttributeError(f"module 'uncrossed' has no attribute '{name}'")
