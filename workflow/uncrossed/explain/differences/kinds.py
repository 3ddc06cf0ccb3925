"""Every kind of layer that is compared: what each library calls it, what is compared of it, and its arrays.

What is compared is `settings`' part, what a kind computes `formulas`', how its arrays are laid out `sharing`'s.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from uncrossed.explain.differences.calls import plain
from uncrossed.explain.differences.settings import SETTINGS, Setting


@dataclass(frozen=True)
class Kind:
    """One kind of layer.

    Attributes:
        noun: what it is called in a sentence.
        pytorch: PyTorch's functions and modules of this kind, as `calls.plain` has them.
        keras: Keras' layers and functions of this kind.
        settings: what is compared.
        parts: Keras' name of each array by PyTorch's; None where it has none.
        module: how PyTorch's layer is written.
        layer: how Keras' layer is written.
    """

    noun: str
    pytorch: set[str]
    keras: set[str]
    settings: tuple[Setting, ...]
    parts: Mapping[str, str] | None
    module: str
    layer: str


_KERNEL, _GAMMA = {"weight": "kernel", "bias": "bias"}, {"weight": "gamma", "bias": "beta"}
PARTS: dict[str, Mapping[str, str]] = {
    **dict.fromkeys(("conv", "conv_transpose", "dense"), _KERNEL),
    **dict.fromkeys(("layernorm", "groupnorm"), _GAMMA),
    "batchnorm": {**_GAMMA, "running_mean": "moving_mean", "running_var": "moving_variance"},
    "embedding": {"weight": "embeddings"},
    **{name: {} for name in ("gru", "lstm", "rnn")},  # `sharing` has them
    "scale": {"other": "gamma"},
    "shift": {"other": "bias"},
    "prelu": {"weight": "alpha"},
}
# By kind: what it is called, how either side writes it, PyTorch's functions and modules, Keras' layers and functions;
# # stands for 1, 2 and 3.
_NAMES = """
conv: convolution | nn.Conv2d | layers.Conv2D | conv#d | Conv#D DepthwiseConv#D
conv_transpose: transposed convolution | nn.ConvTranspose2d | layers.Conv2DTranspose | conv_transpose#d
  | Conv#DTranspose
dense: dense layer | nn.Linear | layers.Dense | linear | Dense
batchnorm: batch normalisation | nn.BatchNorm2d | layers.BatchNormalization | batch_norm | BatchNormalization
layernorm: layer normalisation | nn.LayerNorm | layers.LayerNormalization | layer_norm | LayerNormalization
groupnorm: group normalisation | nn.GroupNorm | layers.GroupNormalization | group_norm instance_norm
  | GroupNormalization
embedding: embedding | nn.Embedding | layers.Embedding | embedding | Embedding
gru: GRU | nn.GRU | layers.GRU | GRU | GRU
lstm: LSTM | nn.LSTM | layers.LSTM | LSTM | LSTM
rnn: simple recurrent layer | nn.RNN | layers.SimpleRNN | RNN | SimpleRNN
scale: trained factor | nn.Parameter | LayerScale | | LayerScale
shift: trained summand | nn.Parameter | add_weight | |
prelu: PReLU | nn.PReLU | layers.PReLU | prelu | PReLU
activation: activation | | | softmax log_softmax | Softmax LogSoftmax
rescaling: rescaling | | | | Rescaling
pool: pooling | nn.MaxPool2d | layers.MaxPooling2D | max_pool#d avg_pool#d
  | MaxPooling#D AveragePooling#D MaxPool AveragePool
global_pool: global pooling | nn.AdaptiveAvgPool2d(1) | layers.GlobalAveragePooling2D() |
  | GlobalAveragePooling#D GlobalMaxPooling#D
dropout: dropout | nn.Dropout | layers.Dropout | dropout dropout#d feature_dropout alpha_dropout StochasticDepth
  DropPath | Dropout SpatialDropout#D AlphaDropout GaussianDropout StochasticDepth DropPath
pad: padding | F.pad | layers.ZeroPadding2D | pad | ZeroPadding#D Pad
upsampling: upsampling | nn.Upsample | layers.UpSampling2D | interpolate | UpSampling#D Resizing Resize
merge: merging | an operator | layers.Add() | add sub mul div radd rsub rmul iadd isub imul itruediv truediv multiply
  subtract divide maximum minimum
  | Add Subtract Multiply Divide Average Maximum Minimum TrueDivide AddV2 Sub Mul RealDiv
concat: concatenation | torch.cat | layers.Concatenate() | cat concat concatenate | Concatenate ConcatV2
"""


def _kinds() -> Iterator[tuple[str, Kind]]:
    for line in _NAMES.replace("\n  ", " ").strip().splitlines():
        name, _, rest = line.partition(": ")
        noun, module, layer, *names = map(str.strip, rest.split("|"))
        pytorch, keras = (
            frozenset(plain(word.replace("#", n)) for word in text.split() for n in "123") for text in names
        )
        yield name, Kind(noun, pytorch, keras, SETTINGS.get(name, ()), PARTS.get(name), module, layer)


KINDS: dict[str, Kind] = dict(_kinds())

# Calls that move numbers and change none.
_MOVING = {"flatten", "reshape", "permute", "transpose", "squeeze", "moveaxis", "swapaxes", "ravel"}
_MOVING |= {"identity", "clone", "copy"}
_OF_PYTORCH = {"view", "viewas", "contiguous", "unsqueeze", "detach", "movedim", "unflatten", "get"}
_OF_PYTORCH |= {"to", "float", "double", "typeas"}
_OF_KERAS = {"inputlayer", "expanddims", "cast", "convert", "activityregularization", "stopgradient"}
LAYOUTS = {"pytorch": _MOVING | _OF_PYTORCH, "keras": _MOVING | _OF_KERAS}
WEIGHTED = tuple(PARTS)
SIDES = ("pytorch", "keras")
BY_FUNCTION = {side: {name: kind for kind, entry in KINDS.items() for name in getattr(entry, side)} for side in SIDES}
