"""The hyperparameters of a trial: the one list of them, in the order of a manifest's columns."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Hyperparameter:
    """One hyperparameter.

    Attributes:
        label: what people call it.
        integer: whether it is a whole number.
        unit: what it counts, where the label does not say so.
    """

    label: str
    integer: bool = False
    unit: str = ""

    @property
    def axis(self) -> str:
        """The label with the unit, as at an axis of a figure."""
        return f"{self.label} ({self.unit})" if self.unit else self.label


HYPERPARAMETERS = {
    "learning_rate": Hyperparameter("learning rate"),
    "batch_size": Hyperparameter("batch size", integer=True, unit="examples"),
    "adam_epsilon": Hyperparameter("Adam's epsilon"),
    "epochs": Hyperparameter("epochs", integer=True),
}
