"""Formats of datasets, one file each: how a verified source becomes images and labels.

Each file here says in its `FORMAT` what its format is. The files are the list of formats, and a format has the name of
its file, with `-` for `_`.
"""

import importlib
import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

SPLITS = ("train", "test")

Arrays = dict[str, np.ndarray]
Shape = tuple[int, int, int]


@dataclass(frozen=True)
class Format:
    """What the file of a format says.

    Attributes:
        summary: what a source in this format is; errors say that one is not.
        read: makes `images[split]`, uint8, examples x height x width x channels, and `labels[split]`, integers from 0,
            of the paths of the source's files. What it raises of damaged files is explained; an InputError of its own
            names what is wrong in a source, and what is allowed.
        shape: height, width and channels, where they are the same in every source; else a study says them.
        classes: the number of classes, likewise.
        files: the names of the source's files in their folder; none where the source is one file.
        has_source: false where the arrays come with a library.
        built_in: what a study need not say of the dataset that has the format's name: `source` and `sha256`,
            `train_examples` and `test_examples`; nothing where there is no such dataset.
    """

    summary: str
    read: Callable[[list[Path]], tuple[Arrays, Arrays]]
    shape: Shape | None = None
    classes: int | None = None
    files: tuple[str, ...] = ()
    has_source: bool = True
    built_in: Mapping[str, Any] = field(default_factory=dict)

    @property
    def fixed(self) -> dict[str, Any]:
        """The shape and the number of classes, as far as every source has the same."""
        facts = {"shape": self.shape, "classes": self.classes}
        return {name: value for name, value in facts.items() if value is not None}


@cache
def formats() -> dict[str, Format]:
    """All formats by name."""
    files = sorted(module.name for module in pkgutil.iter_modules(__path__))
    return {name.replace("_", "-"): importlib.import_module(f"{__name__}.{name}").FORMAT for name in files}
