"""The hyperparameters of a trial that are numbers: the one list of them, in the order of a manifest's columns.

`uncrossed.study.trial` has a field for each, with the values that are allowed.
"""

from dataclasses import dataclass

LEARNING_RATE = "learning_rate"
BATCH_SIZE = "batch_size"
ADAM_EPSILON = "adam_epsilon"
EPOCHS = "epochs"
WEIGHT_DECAY = "weight_decay"
MOMENTUM = "momentum"
RHO = "rho"
RMSPROP_EPSILON = "rmsprop_epsilon"


@dataclass(frozen=True)
class Hyperparameter:
    """One hyperparameter, or what follows from some.

    Attributes:
        label: what people call it.
        integer: whether it is a whole number.
        unit: what it counts, where the label does not say so.
        published: the lowest and the highest value in the search box of the 2021 study.
    """

    label: str
    integer: bool = False
    unit: str = ""
    published: tuple[float, float] | None = None

    @property
    def axis(self) -> str:
        """The label with the unit, as at an axis of a figure."""
        return f"{self.label} ({self.unit})" if self.unit else self.label


HYPERPARAMETERS = {
    LEARNING_RATE: Hyperparameter("learning rate", published=(1e-8, 0.1)),
    BATCH_SIZE: Hyperparameter("batch size", integer=True, unit="examples", published=(10, 1000)),
    ADAM_EPSILON: Hyperparameter("Adam's epsilon", published=(1e-8, 1.0)),
    EPOCHS: Hyperparameter("epochs", integer=True, published=(1, 50)),
}
# What other optimizers than the 2021 study's take besides: columns that a table has where a row uses them.
FURTHER = {
    WEIGHT_DECAY: Hyperparameter("weight decay"),
    MOMENTUM: Hyperparameter("momentum"),
    RHO: Hyperparameter("RMSprop's rho"),
    RMSPROP_EPSILON: Hyperparameter("RMSprop's epsilon"),
}
