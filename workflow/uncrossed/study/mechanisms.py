"""The mechanisms: every known semantic difference between the frameworks, by name, with its settings.

A semantics is written `NAME` or `NAME;mechanism=setting;...`, where no name is `native`. It resolves to an explicit
setting for every mechanism:

- `native`: each framework does what it ships with;
- `pytorch`, `tensorflow`: both do what that framework ships with, and the other one imitates it;
- `initial_weights` and `dropout_masks` are `independent` (each framework draws its own) or `shared` (drawn once).

`MECHANISMS` below is the one list of them, each with its formula and source. Keras means Keras 3 on TensorFlow.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from uncrossed.common.errors import InputError, nearest
from uncrossed.training import architectures

SIDES = ("native", "pytorch", "tensorflow")
SHARING = ("independent", "shared")


@dataclass(frozen=True)
class Mechanism:
    """One difference between the frameworks.

    Attributes:
        pytorch: what PyTorch and torchvision do.
        tensorflow: what Keras and keras.applications do.
        source: where it can be read.
        settings: what it can be set to, the native one first.
    """

    pytorch: str
    tensorflow: str
    source: str
    settings: tuple[str, ...] = SIDES


MECHANISMS: dict[str, Mechanism] = {
    "initializer": Mechanism(
        "vgg16: kernels N(0, 2/fan_out), dense N(0, 0.01^2), biases 0; resnets: kernels N(0, 2/fan_out); densenet121:"
        " kernels N(0, 2/fan_in), dense bias 0; else weights and biases U(±1/√fan_in)",
        "kernels U(±√(6/(fan_in + fan_out))), biases 0",
        "torchvision vgg.py, resnet.py, densenet.py; torch.nn.Linear; keras GlorotUniform",
    ),
    "dropout": Mechanism(
        "half of the inputs of the last dense layers dropped, the others doubled",
        "none",
        "torchvision vgg.py; keras.applications vgg16.py has no dropout",
    ),
    "stride": Mechanism(
        "v1.5: stride 2 in the 3x3 convolution of a stage's first block",
        "v1: stride 2 in its first 1x1 convolution",
        "torchvision resnet.py, Bottleneck; keras.applications resnet.py, residual_block_v1",
    ),
    "conv_bias": Mechanism(
        "no bias in convolutions before batch normalisation",
        "a bias in every convolution",
        "torchvision resnet.py, conv3x3; keras.applications resnet.py, use_bias",
    ),
    "padding": Mechanism(
        "convolutions with stride 2 pad one pixel on all sides",
        "on the right and below only, for even sizes",
        "torchvision mobilenetv2.py; keras.applications mobilenet_v2.py, correct_pad; keras Conv2D, padding='same'",
    ),
    "batchnorm_momentum": Mechanism(
        "statistics = 0.9 statistics + 0.1 batch",
        "statistics = 0.99 statistics + 0.01 batch",
        "torch.nn.BatchNorm2d, momentum; keras BatchNormalization, momentum",
    ),
    "batchnorm_epsilon": Mechanism(
        "(x - mean) / √(variance + 1e-5)",
        "1.001e-5 in keras.applications, 1e-3 in Keras' layer (smallcnn)",
        "torch.nn.BatchNorm2d, eps; keras.applications resnet.py, densenet.py; keras BatchNormalization, epsilon",
    ),
    "batchnorm_variance": Mechanism(
        "running variance from Σ(x - mean)²/(n - 1)",
        "running variance from Σ(x - mean)²/n (TensorFlow 2.4's fused kernel: n - 1)",
        "torch.nn.BatchNorm2d; keras BatchNormalization.call, ops.moments",
    ),
    "adam_epsilon": Mechanism(
        "w -= α m̂ / (√v̂ + ε), m̂ = m/(1 - β₁ᵗ), v̂ = v/(1 - β₂ᵗ)",
        "w -= α √(1 - β₂ᵗ)/(1 - β₁ᵗ) m / (√v + ε) = α m̂ / (√v̂ + ε/√(1 - β₂ᵗ)), powers of β rounded to float32",
        "torch/optim/adam.py, _single_tensor_adam; keras Adam.update_step ('epsilon hat', Kingma & Ba 2015, section 2)",
    ),
    "initial_weights": Mechanism(
        "independent: drawn by PyTorch from the seed",
        "independent: drawn by TensorFlow from the seed; shared: drawn once and given to both",
        "torch.manual_seed; keras.utils.set_random_seed; uncrossed/training/draws.py",
        SHARING,
    ),
    "dropout_masks": Mechanism(
        "independent: drawn by PyTorch from the seed",
        "independent: drawn by TensorFlow from the seed; shared: drawn once and given to both",
        "torch.nn.Dropout; keras Dropout; uncrossed/training/draws.py",
        SHARING,
    ),
}

NATIVE = {name: mechanism.settings[0] for name, mechanism in MECHANISMS.items()}

# The factors of a factorial: what is aligned together. Shared weights need one initializer and shared masks dropout on
# both sides; the epsilons are together to save trainings. A factor of one mechanism is called like it.
FACTORS: dict[str, tuple[str, ...]] = {
    "initialisation": ("initializer", "initial_weights"),
    "dropout": ("dropout", "dropout_masks"),
    "stride": ("stride",),
    "conv_bias": ("conv_bias",),
    "padding": ("padding",),
    "epsilons": ("batchnorm_epsilon", "adam_epsilon"),
    "batchnorm_momentum": ("batchnorm_momentum",),
    "batchnorm_variance": ("batchnorm_variance",),
}


def _to(side: str) -> dict[str, str]:
    return NATIVE | {name: side for name, mechanism in MECHANISMS.items() if side in mechanism.settings}


_SHARED = {"initial_weights": "shared", "dropout_masks": "shared"}
# Built-in names. `published` is the 2021 study, whose TensorFlow 2.4 had an unbiased running variance.
NAMED: dict[str, dict[str, str]] = {
    "native": NATIVE,
    "published": NATIVE | {"batchnorm_variance": "pytorch"},
    "pytorch": _to("pytorch"),
    "tensorflow": _to("tensorflow"),
    "aligned": _to("pytorch") | _SHARED,
    "aligned-tensorflow": _to("tensorflow") | _SHARED,
}


def resolve(text: str, named: Mapping[str, str] | None = None) -> dict[str, str]:
    """The explicit setting of every mechanism.

    Args:
        text: `NAME`, `NAME;mechanism=setting;...` or `mechanism=setting;...` (no name is `native`).
        named: a study's own names, each for a text in the same form that uses built-in names only.

    Raises:
        InputError: an unknown name, mechanism or setting, a mechanism given twice, or settings that contradict.
    """
    named = named or {}
    first, *rest = [part.strip() for part in text.split(";")]
    if "=" in first:
        settings, changes = dict(NATIVE), [first, *rest]
    elif first in NAMED:
        settings, changes = dict(NAMED[first]), rest
    elif first in named:
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
    if settings["initial_weights"] == "shared" and settings["initializer"] == "native":
        raise InputError(
            f"semantics '{text}': initial_weights=shared draws once for both and needs one distribution; "
            "allowed: initializer=pytorch or initializer=tensorflow with it"
        )
    return settings


def spell(settings: Mapping[str, str]) -> str:
    """The shortest text that resolves to `settings` without a study's own names: a built-in name and its changes.

    A mechanism that a later version of this package knows is set by the name.
    """
    texts = []
    for name, built_in in NAMED.items():
        changes = [f"{key}={settings[key]}" for key in MECHANISMS if settings[key] != built_in[key]]
        texts.append((len(changes), ";".join(changes if name == "native" and changes else [name, *changes])))
    return min(texts, key=lambda text: text[0])[1]


def flipped(mechanism: str) -> str:
    """`aligned` with one mechanism left as it ships, as text."""
    # Shared weights need one initializer: where that is native they cannot be shared.
    together = ";initial_weights=independent" if mechanism == "initializer" else ""
    return f"aligned;{mechanism}={NATIVE[mechanism]}{together}"


def table() -> str:
    """All mechanisms as a Markdown table."""
    known = {name: architectures.load(name).touching for name in architectures.BUILT_IN_ARCHITECTURES}
    lines = ["| mechanism | PyTorch | TensorFlow | touches | source |", "|---|---|---|---|---|"]
    for name, m in MECHANISMS.items():
        touched = [architecture for architecture, touching in known.items() if name in touching]
        touches = "all" if len(touched) == len(known) else ", ".join(touched) or "none of the package's"
        lines.append(f"| `{name}` | {m.pytorch} | {m.tensorflow} | {touches} | {m.source} |")
    return "\n".join(lines)
