"""What determines a result: a `Trial` (one row of a manifest), a study's `Settings`, and the `Job` that joins them.

A `Job` has one canonical JSON form with all defaults filled in; the build hands it to training as its only parameter.
"""

import json
from collections.abc import Collection, Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator

from uncrossed.common.checked import Model, Name
from uncrossed.common.errors import InputError
from uncrossed.datasets.definition import DatasetIdentity
from uncrossed.study.hyperparameters import BATCH_SIZE
from uncrossed.study.mechanisms import NATIVE, resolve
from uncrossed.training.architectures import Architecture
from uncrossed.training.effective import check_graphs, effective
from uncrossed.training.views import EVALUATION

FRAMEWORKS = ("pytorch", "tensorflow")
# PyTorch refuses scalars that float32 cannot hold, among them a learning rate over its bias correction.
LARGEST = 1e30
# Where a row's hyperparameters come from, as far as its note `origin` says it.
ORIGIN, RANDOM, GUIDED, UNKNOWN = "origin", "random", "guided", "unknown"
# Fields that decide nothing of a result.
NOTES = ("space", "base", ORIGIN)


class Trial(Model):
    """One row of a manifest: the hyperparameters of one pair of models."""

    trial: Name
    architecture: Name = Field(description="the name of an architecture of the package or of the study")
    learning_rate: float = Field(gt=0, le=LARGEST, allow_inf_nan=False, description="a number > 0, at most 1e30")
    batch_size: int = Field(ge=1, description="an integer from 1 to the number of training examples")
    adam_epsilon: float = Field(gt=0, le=LARGEST, allow_inf_nan=False, description="a number > 0, at most 1e30")
    epochs: int = Field(ge=1, le=10**6, description="an integer from 1 to 1000000")
    seed: int = Field(default=0, ge=0, le=2**32 - 1, description="an integer from 0 to 2^32-1")
    semantics: dict[str, str] = Field(
        default_factory=lambda: resolve("native"), description="NAME or NAME;mechanism=setting;..."
    )
    space: int | None = Field(default=None, ge=0, lt=2**31, description="the number of a subspace, or empty")
    base: Name | None = Field(default=None, description="the name of the trial that this one varies, or empty")
    origin: Literal["random", "guided", "unknown"] | None = Field(
        default=None, description="random, guided (chosen by results of others, as a search does) or unknown, or empty"
    )

    @model_validator(mode="before")
    @classmethod
    def _names(cls, values: Any) -> Any:
        if not isinstance(values, dict):
            raise InputError("expected a row: an object with the fields " + ", ".join(cls.model_fields))
        semantics = values.get("semantics")
        if isinstance(semantics, str):
            values = {**values, "semantics": resolve(semantics)}
        elif isinstance(semantics, dict):
            values = {**values, "semantics": resolve(";".join(f"{k}={v}" for k, v in semantics.items()) or "native")}
        return values

    def deciding(self) -> dict[str, Any]:
        """The row as plain data: what determines a result, and goes into its file.

        Its notes are left out, and the settings of mechanisms that are as shipped: a mechanism that a later version of
        this package knows changes no row.
        """
        values = self.model_dump(mode="json", exclude=set(NOTES))
        changed = {name: setting for name, setting in self.semantics.items() if setting != NATIVE[name]}
        return values | {"semantics": changed}

    def training(self, framework: str, touching: Collection[str], evaluation: bool = True) -> str:
        """What determines one framework's result, as JSON: rows where it is equal have the same weights there.

        Args:
            framework: `pytorch` or `tensorflow`.
            touching: the mechanisms that make a difference for the row's architecture.
            evaluation: with those that act on running statistics alone; without them it determines what is trained, and
                rows where that is equal need one training.
        """
        values = self.model_dump(mode="json", exclude={*NOTES, "trial", "semantics"})
        mechanisms = effective(self.semantics, framework, touching)
        if not evaluation:
            mechanisms = {name: setting for name, setting in mechanisms.items() if name not in EVALUATION}
        return json.dumps(values | {"mechanisms": mechanisms}, sort_keys=True)

    def check_examples(self, examples: int, architecture: Architecture) -> None:
        """Check the batches that a training set of `examples` would give.

        Raises:
            InputError: a batch larger than the training set, or a last batch of one example where PyTorch's batch
                normalisation would raise.
        """
        if self.batch_size > examples:
            raise InputError(
                f"column '{BATCH_SIZE}': found {self.batch_size}; allowed: an integer from 1 to {examples}, "
                "the number of training examples"
            )
        if architecture.BATCHNORM and (examples - 1) % self.batch_size == 0:
            raise InputError(
                f"column '{BATCH_SIZE}': found {self.batch_size}, which leaves one of {examples} training examples "
                f"alone in the last batch; allowed: any size that does not, as {self.architecture} has batch "
                "normalisation"
            )


class Settings(Model):
    """What a study fixes for all of its trainings."""

    device: Literal["cpu", "gpu"] = Field(default="cpu", description="cpu or gpu")
    threads: int = Field(default=1, ge=1, le=1024, description="CPU threads of one training, from 1 to 1024")
    precision: Literal["float32", "float64"] = Field(default="float32", description="float32, or float64 for proofs")
    keep_epochs: tuple[Annotated[int, Field(ge=0, le=10**6)], ...] = Field(
        default=(),
        description="a list of epochs whose weights are kept besides the last; 0 is the initial weights",
    )
    deterministic: bool = Field(default=True, description="true or false: the frameworks' determinism switches")
    tf32: bool = Field(default=False, description="true or false: TensorFloat-32 on GPUs that have it")
    onednn: bool = Field(default=True, description="true or false: oneDNN kernels on CPUs")
    # While it is off, results are attributed to what they were before it was there.
    cuda_graphs: bool = Field(
        default=False,
        exclude_if=lambda on: not on,
        description="true or false: PyTorch's steps as CUDA graphs; on a GPU, with float32",
    )
    # Not among what a result is attributed to: an interrupted training ends with the same bytes.
    checkpoint_seconds: float = Field(
        default=60, ge=0, allow_inf_nan=False, exclude=True, description="seconds >= 0 between checkpoints"
    )

    @field_validator("keep_epochs")
    @classmethod
    def _sorted(cls, epochs: tuple[int, ...]) -> tuple[int, ...]:
        return tuple(sorted(set(epochs)))

    @model_validator(mode="after")
    def _graphs(self) -> "Settings":
        if self.cuda_graphs and (self.device, self.precision) != ("gpu", "float32"):
            raise InputError(
                f"cuda_graphs: found true with device {self.device} and precision {self.precision}; allowed: true with "
                "device gpu and precision float32 alone"
            )
        return self

    def check_semantics(self, semantics: Mapping[str, str], architecture: Architecture) -> None:
        """Check that a row's semantics can be had with these settings.

        Args:
            semantics: the setting of every mechanism.
            architecture: the row's.

        Raises:
            InputError: CUDA graphs are asked for, and PyTorch's steps take other numbers from the host in each.
        """
        if self.cuda_graphs:
            check_graphs(effective(semantics, "pytorch", architecture.touching))


class Job(Model):
    """One training: everything that determines its result but code and software."""

    row: Trial
    settings: Settings = Settings()
    dataset: DatasetIdentity | None = None

    def canonical(self) -> str:
        """The job as JSON with sorted keys, a row's notes left out."""
        job = {
            "row": self.row.deciding(),
            "settings": self.settings.model_dump(mode="json"),
            "dataset": self.dataset.model_dump(mode="json") if self.dataset else None,
        }
        return json.dumps(job, sort_keys=True, separators=(",", ":"))
