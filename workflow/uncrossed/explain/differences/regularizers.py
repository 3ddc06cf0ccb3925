"""What Keras' layers add to the loss for the size of their arrays; PyTorch's optimizers have it as weight decay."""

from collections import Counter
from typing import Any

from uncrossed.explain.differences.configuration import Difference


def read(model: Any, optimizers: bool) -> tuple[float, list[Difference], list[str]]:
    """The weight decay of Keras' layers, what else they add to the loss, and what is to be said of it.

    Args:
        model: Keras' model.
        optimizers: whether optimizers are compared, with what is added to the gradient.

    Returns:
        Twice the factor that all L2 regularisers have, which is what they add to a gradient for each weight, or zero;
        a difference where that cannot be compared; a note where only some arrays have one.
    """
    variables = [variable for variable in model.trainable_variables if variable.regularizer is not None]
    if not variables:
        return 0.0, [], []
    forms = Counter(_said(variable.regularizer) for variable in variables)
    factors = {_squares(variable.regularizer) for variable in variables}
    if optimizers and len(factors) == 1 and None not in factors:
        factor, count = factors.pop(), len(model.trainable_variables)
        said = (
            f"Keras' layers decay {len(variables)} of {count} arrays by regularizers.L2; PyTorch's optimizers decay all"
        )
        return 2 * float(factor or 0), [], [said] if len(variables) < count else []
    texts = ", ".join(f"{form} of {count} arrays" for form, count in forms.items())
    what = "regularisation that Keras' layers add to the loss, and PyTorch lacks"
    write = f"add it to the loss: {texts}", "leave out the regularizers"
    return (
        0.0,
        [Difference("loss.regularizers", what, [], None, texts, *write, "loss", ["read from Keras' layers"])],
        [],
    )


def _squares(regularizer: Any) -> float | None:
    """The factor of the sum of squares; None where there is something else."""
    if getattr(regularizer, "l1", 0) or not hasattr(regularizer, "l2"):
        return None
    return float(regularizer.l2)


def _said(regularizer: Any) -> str:
    numbers = {key: value for key in ("l1", "l2") if (value := getattr(regularizer, key, None))}
    return f"{type(regularizer).__name__}({', '.join(f'{key}={float(v):g}' for key, v in numbers.items())})"
