"""Rows of a table for which conditions hold, such as `difference=">0.3"`."""

import operator
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from uncrossed.common.errors import InputError, nearest

if TYPE_CHECKING:
    import pandas as pd

OPERATORS = {">=": operator.ge, "<=": operator.le, "!=": operator.ne, ">": operator.gt, "<": operator.lt}


def selected(trials: "pd.DataFrame", place: str | Path, conditions: Mapping[str, Any]) -> "pd.DataFrame":
    """The rows for which the conditions hold, as `BuiltStudy.select` takes and refuses them."""
    kept = np.ones(len(trials), dtype=bool)
    for name, value in conditions.items():
        if name not in trials:
            raise InputError(f"{place}: no column '{name}'; {nearest(name, trials.columns)}")
        column = trials[name]
        if isinstance(value, str):
            sign = re.match(r"[<>]=?|!=", value)
            compare = OPERATORS[sign.group()] if sign else operator.eq
            holds = compare(column, _typed(value[sign.end() if sign else 0 :].strip(), column, name))
        else:
            holds = column.isin(list(value)) if isinstance(value, Iterable) else column == value
        kept &= (column.notna() & holds).to_numpy(dtype=bool, na_value=False)
    return trials[kept].reset_index(drop=True)


def _typed(text: str, column: Any, name: str) -> Any:
    """What a text stands for in a column: a number, true or false, or itself."""
    kind = column.dtype.kind if hasattr(column.dtype, "kind") else "O"
    known = column.dropna()
    # What is true or false, or has no value, is a column of objects.
    if kind == "b" or (
        kind == "O" and len(known) and known.map(lambda value: isinstance(value, bool | np.bool_)).all()
    ):
        if text.lower() not in ("true", "false"):
            raise InputError(f"column '{name}': found '{text}'; allowed: true or false")
        return text.lower() == "true"
    if kind in "iuf":
        try:
            return float(text)
        except ValueError:
            raise InputError(
                f"column '{name}': found '{text}'; allowed: a number, alone or after {' '.join(OPERATORS)}"
            ) from None
    return text
