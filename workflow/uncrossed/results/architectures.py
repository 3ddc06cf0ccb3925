"""What a study's results say of its architectures, without running a file that lies beside them.

Of the package's own it is in the package. Of a study's own `architectures/NAME.json` has it, and `NAME.py` the file as
a text: whoever trusts it gives it to the commands that build models.
"""

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

from uncrossed.common.files import parsing
from uncrossed.datasets.definition import DatasetIdentity
from uncrossed.study import layout
from uncrossed.training.architectures import BUILT_IN_ARCHITECTURES, load
from uncrossed.training.arrays import Layer


def name_map(folder: str | os.PathLike[str], architecture: str, dataset: dict[str, Any]) -> tuple[Layer, ...]:
    """The name map of an architecture of a study.

    Args:
        folder: the study's.
        architecture: its name.
        dataset: as a trial file says it.

    Raises:
        InputError: the architecture is the study's own, and its statement is missing or damaged.
    """
    if architecture in BUILT_IN_ARCHITECTURES:
        identity = DatasetIdentity.check(dataset, f"{folder}: dataset")
        return load(architecture).on(identity.shape, identity.classes).layers
    layers = (Layer(**values) for values in _statement(folder, architecture)["layers"])
    return tuple(replace(layer, flattened=layer.flattened and tuple(layer.flattened)) for layer in layers)


def touching(folder: str | os.PathLike[str], architecture: str) -> frozenset[str]:
    """The mechanisms that make a difference for an architecture of a study.

    Raises:
        InputError: as `name_map`.
    """
    if architecture in BUILT_IN_ARCHITECTURES:
        return load(architecture).touching
    return frozenset(_statement(folder, architecture)["touching"])


def _statement(folder: str | os.PathLike[str], architecture: str) -> dict[str, Any]:
    with parsing(Path(folder) / layout.architecture_statement(architecture), "build the study again") as stream:
        found = json.loads(stream.readall())
        return {key: found[key] for key in ("layers", "touching")}
