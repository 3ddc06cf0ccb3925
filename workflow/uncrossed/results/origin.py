"""What a result comes from, as its trial file says: job, code and stack; and whether two come from the same.

A training is the same as another where its row, as far as it determines a framework's weights
(`Trial.training`), and all of these are equal. Then the bytes of its result are equal too.
"""

import json
from collections.abc import Iterable, Mapping
from typing import Any

# Attributes of a trial file besides `framework` and `row`. These a study's results have in common, ...
STUDY = ("settings", "dataset", "dataset_sha256")
# ... this one those of a framework, ...
CODE = ("code_sha256",)
# ... and these may change while a study is built.
STACK = ("versions", "device")
ALL = (*STUDY, *CODE, *STACK)


def differing(first: Mapping[str, Any], second: Mapping[str, Any], keys: Iterable[str]) -> list[str]:
    """Those of the keys whose values are not equal; a key that is missing on one side has another value there."""
    return [key for key in keys if first.get(key) != second.get(key)]


def text(attributes: Mapping[str, Any]) -> str:
    """What a trial file says of all of these, as JSON: equal texts are equal origins, but for framework and row."""
    return json.dumps({key: attributes[key] for key in ALL}, sort_keys=True)
