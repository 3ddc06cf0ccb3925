"""Checked records, and how an error names what is wrong in one, however deep it lies."""

from collections.abc import Mapping
from datetime import date
from types import NoneType, UnionType
from typing import Annotated, Any, NamedTuple, Self, Union, get_args, get_origin

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from uncrossed.common.errors import InputError, nearest, shown

NAME = r"[a-z0-9][a-z0-9_-]{0,63}"
Name = Annotated[str, Field(pattern=f"^{NAME}$", description=f"a name that matches {NAME}")]


class Model(BaseModel):
    """A checked, immutable record. Each field's description says what is allowed: errors and documents quote it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    @classmethod
    def check(cls, values: Any, where: str, field: str = "key") -> Self:
        """Build from plain data.

        Args:
            values: a mapping from field names to values.
            where: how an error names the origin, for example `FILE: row 3`.
            field: what an error calls a field, for example `column`.

        Raises:
            InputError: the first fault, with where it is, what was found and what is allowed; its `faults` are all.
        """
        try:
            return cls.model_validate(values)
        except ValidationError as error:
            # A misspelt key first: it is told with the nearest, and explains why another is missing.
            faults = sorted(error.errors(), key=lambda fault: fault["type"] != "extra_forbidden")
        messages: dict[tuple[str, ...], str] = {}
        unions: dict[tuple[str, ...], str] = {}
        for fault in faults:
            place = _place(cls, fault["loc"])
            # A branch of a union that is not for such a value says nothing, unless no other says more.
            tried = place.branch and fault["type"].endswith("_type")
            (unions if tried else messages).setdefault(place.path, _message(place, fault, field))
        told = {path[:length] for path in messages for length in range(len(path) + 1)}
        told |= {path[:length] for path in unions for length in range(len(path))}
        first, *others = [*messages.values(), *(text for path, text in unions.items() if path not in told)]
        faults = [f"{where}: {text}" for text in (first, *others)]
        raise InputError(faults[0] + (f" (and {len(others)} more)" if others else ""), faults)


class _Place(NamedTuple):
    """Where a fault lies: keys as they were written, the type there, what is allowed, the record that holds it.

    `branch` is true where a branch of a union was tried.
    """

    path: tuple[str, ...]
    kind: Any
    allowed: str | None
    record: type[BaseModel]
    branch: bool


def _place(record: type[BaseModel], steps: tuple[int | str, ...]) -> _Place:
    """Follow pydantic's steps to a fault, some of which are names of types that nobody has written."""
    path, kind, allowed, key, branch = (), record, None, None, False
    for step in steps:
        branch = get_origin(kind) in (Union, UnionType)
        if branch:
            named = (member for member in get_args(kind) if getattr(member, "__name__", str(member)) in str(step))
            kind, allowed = _bare(next(named, Any), allowed)
        elif step == "[key]" and key is not None:
            kind, allowed = _bare(key, allowed)
        elif isinstance(kind, type) and issubclass(kind, BaseModel):
            record, path, key = kind, (*path, str(step)), None
            inner = kind.model_fields.get(str(step))
            kind, allowed = (Any, None) if inner is None else _bare(inner.annotation, inner.description)
        else:
            # Of a mapping the types of keys and values, of a sequence that of its items.
            *keys, inner = [argument for argument in get_args(kind) if argument is not ...] or [Any]
            path, key = (*path, str(step)), keys[0] if keys else None
            kind, allowed = _bare(inner, allowed)
    return _Place(path, kind, allowed, record, branch)


def _bare(kind: Any, allowed: str | None) -> tuple[Any, str | None]:
    """A type without `Annotated` and `None`, and what its own description says is allowed, if it has one."""
    while get_origin(kind) is Annotated:
        kind, *notes = get_args(kind)
        allowed = next((note.description for note in notes if getattr(note, "description", None)), allowed)
    members = [member for member in get_args(kind) if member is not NoneType]
    if get_origin(kind) in (Union, UnionType) and len(members) == 1:
        return _bare(members[0], allowed)
    return kind, allowed


def _message(place: _Place, fault: Mapping[str, Any], field: str) -> str:
    path, kind = ".".join(place.path), fault["type"]
    if kind in ("extra_forbidden", "invalid_key"):
        return f"unknown {field} '{path}'; {nearest(place.path[-1], place.record.model_fields)}"
    if kind == "missing":
        return f"missing {field} '{path}'; it is {place.allowed}"
    if kind == "value_error":
        return f"{field} '{path}': {fault['ctx']['error']}" if path else str(fault["ctx"]["error"])
    allowed = place.allowed or fault["msg"]
    if isinstance(place.kind, type) and issubclass(place.kind, BaseModel) and not place.branch:
        allowed = f"the keys {', '.join(place.kind.model_fields)}"
    elif kind == "string_type" and isinstance(fault["input"], int | float | date):
        allowed += "; in quotes it is text"
    return f"{field} '{path}': found {shown(fault['input'])}; allowed: {allowed}"
