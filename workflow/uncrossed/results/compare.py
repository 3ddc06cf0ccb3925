"""Two trial files side by side: the same file, the same result or different, and what explains it."""

import os
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from uncrossed.common.files import sha256
from uncrossed.results import origin, trial_file


@dataclass
class Comparison:
    """What two trial files have in common.

    Attributes:
        verdict: `same file` (all bytes), `same result` (all arrays) or `different`.
        explanations: what in job, code or stack differs, one line each.
        differences: for each array that differs, its largest absolute difference, or why there is none.
    """

    verdict: str
    explanations: list[str] = field(default_factory=list)
    differences: dict[str, float | str] = field(default_factory=dict)


def compare(first: str | os.PathLike[str], second: str | os.PathLike[str]) -> Comparison:
    """Compare two trial files, array by array.

    Raises:
        InputError: a missing, damaged or foreign file.
    """
    a, b = trial_file.read(first), trial_file.read(second)
    if sha256(first) == sha256(second):
        return Comparison("same file")
    explanations = _explain(a.attributes, b.attributes)
    if a.attributes["content_sha256"] == b.attributes["content_sha256"]:
        return Comparison("same result", explanations)
    left, right = dict(trial_file.arrays(a)), dict(trial_file.arrays(b))
    differences: dict[str, float | str] = {}
    for name in [*left, *(name for name in right if name not in left)]:
        if name not in left or name not in right:
            differences[name] = f"only in {first if name in left else second}"
        elif left[name].shape != right[name].shape or left[name].dtype != right[name].dtype:
            differences[name] = f"{left[name].dtype}{left[name].shape} against {right[name].dtype}{right[name].shape}"
        elif left[name].tobytes() != right[name].tobytes():
            differences[name] = _largest(left[name], right[name])
    if not explanations:
        explanations = ["nothing recorded explains the difference: job, code and stack are equal"]
    return Comparison("different", explanations, differences)


def _explain(a: dict[str, Any], b: dict[str, Any]) -> list[str]:
    lines = []
    kinds = {"job": ("framework", "row", *origin.STUDY), "code": origin.CODE, "stack": origin.STACK}
    for kind, keys in kinds.items():
        for key in origin.differing(a, b, keys):
            if isinstance(a[key], dict):
                names = origin.differing(a[key], b[key], sorted(a[key].keys() | b[key].keys()))
                values = [(f"{key}.{name}", a[key].get(name), b[key].get(name)) for name in names]
            else:
                values = [(key, a[key], b[key])]
            lines += [f"{kind}: {name} {left} against {right}" for name, left, right in values]
    return lines


def _largest(a: np.ndarray, b: np.ndarray) -> float:
    with np.errstate(invalid="ignore"):
        difference = np.abs(a.astype(np.float64) - b.astype(np.float64))
    # Equal infinities and NaN in both places are no difference; NaN in one of them is an infinite one.
    same = (a == b) | (np.isnan(a) & np.isnan(b))
    difference = np.where(same, 0.0, np.where(np.isnan(difference), np.inf, difference))
    return float(difference.max(initial=0.0))
