"""A fault inside of anything is one line with its path."""

import datetime
from typing import Annotated, Any, Literal

import pytest
from pydantic import Field

from uncrossed.common.checked import Model, Name
from uncrossed.common.errors import InputError


class Inner(Model):
    """A record in a record."""

    size: int = Field(ge=1, description="a size")
    names: tuple[Name, ...] = Field(default=(), description="a list of names")


class Outer(Model):
    """Every way in which a fault can lie inside of something."""

    one: Inner | None = Field(default=None, description="a record")
    listed: tuple[Inner, ...] = Field(default=(), description="a list of records")
    sides: dict[str, Inner | float] = Field(default={}, description="sizes or one number")
    either: list[dict[Name, Inner | int | None]] | str = Field(default="", description="a list of mappings, or text")
    free: dict[Name, Annotated[dict[str, Any], Field(description="keys and values")]] = Field(default={})
    kind: Literal["a", "b"] | int = Field(default="a", description="a, b or a number")


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"one": {}}, "missing key 'one.size'; it is a size"),
        ({"one": 3}, "key 'one': found 3; allowed: the keys size, names"),
        ({"one": {"size": 1, "names": ["a", 5]}}, "'one.names.1': found 5; allowed: a name that matches"),
        ({"one": {"sise": 1}}, "unknown key 'one.sise'; allowed: names, size; did you mean 'size'? (and 1 more)"),
        ({"listed": [{"size": 1}, {"size": 0}]}, "key 'listed.1.size': found 0; allowed: a size"),
        ({"listed": {"size": 1}}, "key 'listed': found {'size': 1}; allowed: a list of records"),
        ({"sides": {"x": {"names": []}}}, "missing key 'sides.x.size'; it is a size"),
        ({"sides": {"x": {"size": 1, "seize": 2}}}, "unknown key 'sides.x.seize'; allowed: names, size"),
        ({"sides": {"x": [1]}}, "key 'sides.x': found [1]; allowed: sizes or one number"),
        ({"sides": {"x": None}}, "key 'sides.x': found nothing; allowed: sizes or one number"),
        ({"sides": {"x": "big"}}, "key 'sides.x': found 'big'; allowed: sizes or one number"),
        ({"either": [{"a": {"size": "?"}}]}, "key 'either.0.a.size': found '?'; allowed: a size"),
        ({"either": [{"a": []}]}, "key 'either.0.a': found []; allowed: a list of mappings, or text"),
        ({"either": 5}, "key 'either': found 5; allowed: a list of mappings, or text"),
        ({"free": {"a": 5}}, "key 'free.a': found 5; allowed: keys and values"),
        ({"free": {"A": {}}}, "key 'free.A': found 'A'; allowed: a name that matches"),
        ({"free": {datetime.date(2021, 1, 1): {}}}, "allowed: a name that matches [a-z0-9][a-z0-9_-]{0,63}; in quotes"),
        ({"kind": []}, "key 'kind': found []; allowed: a, b or a number"),
    ],
)
def test_a_fault_inside_of_anything_is_one_line_with_its_path(values, message):
    with pytest.raises(InputError) as caught:
        Outer.check(values, "here")
    assert message in str(caught.value)
    assert "[key]" not in str(caught.value)
    assert str(caught.value).endswith("(and 1 more)") == message.endswith("(and 1 more)")
