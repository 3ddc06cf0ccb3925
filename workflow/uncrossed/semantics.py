"""The mechanisms: every known semantic difference between the frameworks, by name, with its settings.

A semantics is written `NAME` or `NAME;mechanism=setting;...` and resolves to an explicit setting for
every mechanism. `native` leaves each framework as it ships.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from uncrossed.errors import InputError, nearest

ARCHITECTURES = {
    "vgg16": "VGG16 with torchvision's and keras.applications' layers, 512-4096-4096-10 head",
    "resnet50": "ResNet50: torchvision's v1.5, keras.applications' v1",
    "densenet121": "DenseNet121 of both libraries",
    "smallcnn": "three convolutions with batch normalisation and one dense layer, for CPUs",
}
BATCH_NORMALISED = frozenset({"resnet50", "densenet121", "smallcnn"})

SIDES = ("native", "pytorch", "tensorflow")
SHARING = ("independent", "shared")


@dataclass(frozen=True)
class Mechanism:
    """One difference: what each framework does, the settings, and the architectures it touches."""

    pytorch: str
    tensorflow: str
    touches: frozenset[str]
    settings: tuple[str, ...] = SIDES


MECHANISMS: dict[str, Mechanism] = {
    "initializer": Mechanism(
        "torchvision's scheme per architecture", "glorot_uniform kernels, zero biases", frozenset(ARCHITECTURES)
    ),
    "dropout": Mechanism("0.5 before each hidden dense layer's successor", "none", frozenset({"vgg16", "smallcnn"})),
    "stride": Mechanism(
        "v1.5: stride 2 in the 3x3 convolution", "v1: stride 2 in the first 1x1 convolution", frozenset({"resnet50"})
    ),
    "conv_bias": Mechanism("none before batch normalisation", "present", frozenset({"resnet50"})),
    "batchnorm_momentum": Mechanism("keeps 0.9 of the old statistics", "keeps 0.99", BATCH_NORMALISED),
    "batchnorm_epsilon": Mechanism(
        "1e-5", "1.001e-5 in keras.applications, 1e-3 in Keras' layer (smallcnn)", BATCH_NORMALISED
    ),
    "batchnorm_variance": Mechanism("running variance unbiased, n/(n-1)", "running variance biased", BATCH_NORMALISED),
    "adam_epsilon": Mechanism(
        "added after bias correction", "'epsilon hat': added before bias correction", frozenset(ARCHITECTURES)
    ),
    "initial_weights": Mechanism(
        "drawn by each framework from the seed", "or drawn once and given to both", frozenset(ARCHITECTURES), SHARING
    ),
    "dropout_masks": Mechanism(
        "drawn by each framework from the seed",
        "or drawn once and given to both",
        frozenset({"vgg16", "smallcnn"}),
        SHARING,
    ),
}

NATIVE = {name: mechanism.settings[0] for name, mechanism in MECHANISMS.items()}
NAMED: dict[str, dict[str, str]] = {"native": NATIVE}


def resolve(text: str, named: Mapping[str, str] | None = None) -> dict[str, str]:
    """The explicit setting of every mechanism.

    Args:
        text: `NAME`, `NAME;mechanism=setting;...` or `mechanism=setting;...` (no name is `native`).
        named: a study's own names, each for a text in the same form.

    Raises:
        InputError: an unknown name, mechanism or setting, or a mechanism given twice.
    """
    named = named or {}
    first, *rest = [part.strip() for part in text.split(";")]
    if "=" in first:
        settings, changes = dict(NATIVE), [first, *rest]
    elif first in NAMED:
        settings, changes = dict(NAMED[first]), rest
    elif first in named:
        # A study's name may build on built-in names only, so that it cannot refer to itself.
        settings, changes = resolve(named[first]), rest
    else:
        raise InputError(f"semantics '{text}': unknown name '{first}'; {nearest(first, [*NAMED, *named])}")
    seen: set[str] = set()
    for change in changes:
        mechanism, separator, setting = (part.strip() for part in change.partition("="))
        if not separator or mechanism not in MECHANISMS:
            raise InputError(f"semantics '{text}': unknown mechanism '{mechanism}'; {nearest(mechanism, MECHANISMS)}")
        if mechanism in seen:
            raise InputError(f"semantics '{text}': mechanism '{mechanism}' is given twice")
        seen.add(mechanism)
        allowed = MECHANISMS[mechanism].settings
        if setting not in allowed:
            raise InputError(f"semantics '{text}': {mechanism}='{setting}'; {nearest(setting, allowed)}")
        settings[mechanism] = setting
    for mechanism, setting in settings.items():
        if setting != NATIVE[mechanism]:
            raise InputError(
                f"semantics '{text}': {mechanism}={setting} is not implemented by the backends; "
                f"allowed: {mechanism}={NATIVE[mechanism]}"
            )
    return settings


def spell(settings: Mapping[str, str]) -> str:
    """The shortest text that resolves to `settings` without a study's own names."""
    changes = [f"{name}={settings[name]}" for name in MECHANISMS if settings[name] != NATIVE[name]]
    return ";".join(changes) or "native"
