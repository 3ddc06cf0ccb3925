"""What a row's semantics makes a framework do otherwise than it ships.

The mechanisms themselves, with their formulas and sources, are in `uncrossed.study.mechanisms`.
"""

from collections.abc import Collection, Mapping

from uncrossed.common.errors import InputError

AS_SHIPPED = ("native", "independent")
# With these PyTorch's steps take numbers from Python, others in each.
PER_STEP = ("adam_epsilon", "dropout_masks")


def effective(settings: Mapping[str, str], framework: str, touching: Collection[str]) -> dict[str, str]:
    """What a framework has to do otherwise than it ships, for one architecture; empty where it is left stock.

    Two rows with equal hyperparameters, seed and effective settings train to the same weights on that framework.

    Args:
        settings: the setting of every mechanism that is not as shipped, and of any other.
        framework: `pytorch` or `tensorflow`.
        touching: the mechanisms that make a difference for the architecture.

    Returns:
        Mechanism to the framework that is imitated, or to `shared`; with shared weights also `initializer`.
    """
    found = {
        name: value
        for name, value in settings.items()
        if name in touching and value not in AS_SHIPPED and value != framework
    }
    if found.get("initial_weights") == "shared":
        found["initializer"] = settings["initializer"]
    # A side without dropout, as it ships or because it imitates the other, has no masks to share.
    if "dropout" in touching and "dropout_masks" in found:
        side = settings.get("dropout", "native")
        if (framework if side == "native" else side) != "pytorch":
            del found["dropout_masks"]
    return found


def check_graphs(mechanisms: Mapping[str, str]) -> None:
    """Refuse what a CUDA graph of PyTorch's step would freeze in silence: it repeats the numbers that it was given.

    Args:
        mechanisms: of PyTorch's side, as `effective` gives them.

    Raises:
        InputError: there is such a mechanism.
    """
    found = [f"{name}={mechanisms[name]}" for name in PER_STEP if name in mechanisms]
    if found:
        raise InputError(
            f"{' and '.join(found)}: each of PyTorch's steps takes other numbers from the host, and a CUDA graph would "
            "repeat one step's; allowed: the setting 'cuda_graphs' false, or semantics without"
        )
