"""What a row's semantics makes a framework do otherwise than it ships.

The mechanisms themselves, with their formulas and sources, are in `uncrossed.study.mechanisms`.
"""

from collections.abc import Collection, Mapping

AS_SHIPPED = ("native", "independent")


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
