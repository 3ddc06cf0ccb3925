"""What a dataset's name stands for, and where its source can be had."""

from collections.abc import Callable
from typing import Annotated, Any, Literal, Self

from pydantic import Field, field_validator, model_serializer, model_validator

from uncrossed.common.checked import Model, Name
from uncrossed.common.errors import InputError, nearest, shown
from uncrossed.datasets.formats import formats

FORMATS = formats()
MOST_CLASSES = 2**16

Pixels = Annotated[int, Field(ge=1)]


class DatasetIdentity(Model):
    """What a dataset's name stands for. Equal identities give equal arrays, wherever the source lies.

    Shape and number of classes are always there, but written only where the format leaves them open.
    """

    name: Name
    format: str = Field(description=f"one of {', '.join(FORMATS)}")
    sha256: str | None = Field(
        default=None, pattern="^[0-9a-f]{64}$", description="64 hexadecimal digits: the SHA-256 of the source"
    )
    train_examples: int = Field(ge=1, description="an integer >= 1: take the first N training examples")
    test_examples: int = Field(ge=1, description="an integer >= 1: take the first N test examples")
    shape: tuple[Pixels, Pixels, Literal[1, 3]] = Field(
        description="[height, width, channels] of the images, with 1 or 3 channels"
    )
    classes: int = Field(ge=2, le=MOST_CLASSES, description="the number of classes, an integer from 2 to 65536")

    @model_validator(mode="before")
    @classmethod
    def _add_what_the_format_fixes(cls, values: Any) -> Any:
        name = values.get("format") if isinstance(values, dict) else None
        if not isinstance(name, str):
            return values
        if name not in FORMATS:
            raise InputError(f"key 'format': found {shown(name)}; {nearest(name, FORMATS)}")
        for key, fixed in FORMATS[name].fixed.items():
            stated = values.get(key, fixed)
            if (tuple(stated) if isinstance(stated, list) else stated) != fixed:
                raise InputError(f"key '{key}': found {shown(stated)}; format {name} has {shown(fixed)}: leave it out")
        return values | FORMATS[name].fixed

    @field_validator("sha256", mode="before")
    @classmethod
    def _lower(cls, digest: Any) -> Any:
        return digest.lower() if isinstance(digest, str) else digest

    @model_serializer(mode="wrap")
    def _without_what_the_format_fixes(self, write: Callable[[Any], dict[str, Any]]) -> dict[str, Any]:
        fixed = FORMATS[self.format].fixed
        return {key: value for key, value in write(self).items() if key not in fixed}


class Definition(DatasetIdentity):
    """A dataset's identity and where its source can be had."""

    source: str | None = Field(
        default=None, description="a URL or a path: of the file, or of the folder where a format has several"
    )

    @model_validator(mode="after")
    def _fetchable(self) -> Self:
        format_ = FORMATS[self.format]
        if format_.has_source:
            return self
        if self.source is not None or self.sha256 is not None:
            raise InputError(f"format {self.format} has no source of its own: leave out 'source' and 'sha256'")
        for key, limit in format_.built_in.items():
            if getattr(self, key) > limit:
                raise InputError(f"{key}: found {getattr(self, key)}; allowed for format {self.format}: 1 to {limit}")
        return self

    def check_source(self, where: str) -> None:
        """Refuse a definition from which the dataset cannot be made.

        Raises:
            InputError: it has no source, or nothing to check the source by.
        """
        if FORMATS[self.format].has_source and (self.source is None or self.sha256 is None):
            raise InputError(f"{where}: format {self.format} needs both 'source' and 'sha256'")

    def identity(self) -> DatasetIdentity:
        """The definition without the source's place: a mirror or a moved file is the same dataset."""
        return DatasetIdentity(**self.model_dump(exclude={"source"}))


BUILT_IN_DATASETS = {
    name: Definition(name=name, format=name, **format_.built_in)
    for name, format_ in FORMATS.items()
    if format_.built_in
}
