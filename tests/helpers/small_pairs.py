"""Small pairs of models, aligned in all that is known, and the same with one or two differences planted.

A model is a list of steps, and a step is a layer of both sides under one name, aligned unless it is told otherwise for
one side. Frameworks are imported when a pair is built.
"""

from dataclasses import dataclass, field
from functools import partial
from typing import Any

SIZE = 8
NOISE = {"merge.missing": "torch.add 1", "unexplained.evaluation": "second"}
# What people who ported a model have asked about in public: why theirs trains or tests worse.
THREADS = (
    "weight decay that is L2 regularisation on one side",
    "same padding with a stride",
    "momentum in the other library's sense",
    "softmax twice",
    "an approximated GELU",
)


@dataclass
class Step:
    """A layer of both sides.

    Attributes:
        kind: a word for its name.
        pytorch: makes the module, or None.
        keras: make the layers, the last of which gets the name; none where the side has none.
    """

    kind: str
    pytorch: Any
    keras: list[Any]


@dataclass
class Case:
    """A pair.

    Attributes:
        steps: build it: called after the frameworks are imported.
        expected: what is to be found: the layer by its cause, or several.
        shape: of one input.
        constants: as the user's file would have them.
    """

    steps: Any
    expected: dict[str, Any] = field(default_factory=dict)
    shape: tuple[int, ...] = (SIZE, SIZE, 3)
    constants: dict[str, Any] = field(default_factory=dict)


def _pytorch(kind: str, *arguments: Any, **options: Any) -> Any:
    from torch import nn

    return partial(getattr(nn, kind), *arguments, **options)


def _keras(kind: str, *arguments: Any, **options: Any) -> Any:
    from keras import layers

    return partial(getattr(layers, kind), *arguments, **options)


def drawn(fan_in: int, bias: bool = True) -> dict[str, Any]:
    """Keras' initialisers that draw what PyTorch's layers draw."""
    from keras import initializers

    def uniform() -> Any:
        return initializers.RandomUniform(-(fan_in**-0.5), fan_in**-0.5)

    return {"kernel_initializer": uniform(), **({"bias_initializer": uniform()} if bias else {})}


def conv(inputs: int, outputs: int, kernel: int = 3, stride: int = 1, ours: Any = (), theirs: Any = ()) -> Step:
    """A convolution padded on all sides."""
    options = dict(theirs)
    groups = options.get("groups", 1)
    options = {"strides": stride, "padding": "valid", **drawn(inputs // groups * kernel**2), **options}
    pads = [_keras("ZeroPadding2D", kernel // 2)] if kernel > 1 and options["padding"] == "valid" else []
    ours = {"stride": stride, "padding": kernel // 2, **dict(ours)}
    return Step(
        "conv",
        _pytorch("Conv2d", inputs, outputs, kernel, **ours),
        [*pads, _keras("Conv2D", outputs, kernel, **options)],
    )


def depthwise(channels: int) -> Step:
    """A depthwise convolution, the same size before and after."""
    from keras import initializers

    ours = _pytorch("Conv2d", channels, channels, 3, padding=1, groups=channels)
    uniform = initializers.RandomUniform(-1 / 3, 1 / 3)
    theirs = _keras("DepthwiseConv2D", 3, padding="same", depthwise_initializer=uniform, bias_initializer=uniform)
    return Step("depthwise", ours, [theirs])


def norm(channels: int, ours: Any = (), theirs: Any = (), stock: bool = False) -> Step:
    """Batch normalisation; Keras' with PyTorch's momentum, epsilon and variance, the last unless `stock`."""
    from keras import layers

    from uncrossed.training.backends.tensorflow_as_pytorch import UnbiasedBatchNormalization

    kind = layers.BatchNormalization if stock else UnbiasedBatchNormalization
    options = {"momentum": 0.9, "epsilon": 1e-5, **dict(theirs)}
    return Step("norm", _pytorch("BatchNorm2d", channels, **dict(ours)), [partial(kind, **options)])


def dense(inputs: int, outputs: int, theirs: Any = ()) -> Step:
    """A dense layer."""
    options = {**drawn(inputs), **dict(theirs)}
    return Step("dense", _pytorch("Linear", inputs, outputs), [_keras("Dense", outputs, **options)])


def step(kind: str, ours: Any, *theirs: Any) -> Step:
    """Any step."""
    return Step(kind, ours, list(theirs))


def relu() -> Step:
    """A ReLU."""
    return Step("relu", _pytorch("ReLU"), [_keras("ReLU")])


def pool() -> Step:
    """Max pooling by two."""
    return Step("pool", _pytorch("MaxPool2d", 2), [_keras("MaxPooling2D", 2)])


def head(inputs: int, classes: int = 5) -> list[Step]:
    """Mean over positions, and a dense layer."""
    return [
        Step("mean", _pytorch("AdaptiveAvgPool2d", 1), [_keras("GlobalAveragePooling2D")]),
        Step("flatten", _pytorch("Flatten"), []),
        dense(inputs, classes),
    ]


def build(steps: list[Step], side: str, shape: tuple[int, ...], vocabulary: bool = False) -> Any:
    """One side's model; layers are named by kind and number."""
    names: list[str] = []
    for one in steps:
        names.append(f"{one.kind}{sum(other.startswith(one.kind) for other in names) + 1}")
    if side == "pytorch":
        from collections import OrderedDict

        from torch import nn

        return nn.Sequential(
            OrderedDict((n, s.pytorch()) for n, s in zip(names, steps, strict=True) if s.pytorch is not None)
        )
    import keras

    x = inputs = keras.Input(shape, dtype="int64" if vocabulary else None)
    for name, one in zip(names, steps, strict=True):
        for make in one.keras:
            x = make(name=name)(x) if make is one.keras[-1] else make()(x)
    return keras.Model(inputs, x)


# Layers of the tests' own.


def block() -> Any:
    """A residual block with a projection, written with functions."""
    import keras
    import torch
    from keras import layers
    from torch import nn
    from torch.nn import functional

    class Block(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.second = nn.Conv2d(3, 6, 3, padding=1), nn.Conv2d(6, 6, 3, padding=1)
            self.short = nn.Conv2d(3, 6, 1)
            self.logits = nn.Linear(12, 5)

        def forward(self, x: Any) -> Any:
            y = self.second(functional.gelu(self.first(x)))
            y = torch.cat([functional.relu(y + self.short(x)), torch.sigmoid(y)], 1)
            return self.logits(y.mean([2, 3]))

    def keras_block() -> Any:
        x = inputs = keras.Input((SIZE, SIZE, 3))
        short = layers.Conv2D(6, 1, name="short", **drawn(3))(x)
        y = layers.Conv2D(6, 3, padding="same", activation="gelu", name="first", **drawn(27))(x)
        y = layers.Conv2D(6, 3, padding="same", name="second", **drawn(54))(y)
        y = layers.Concatenate()([keras.ops.relu(short + y), keras.ops.sigmoid(y)])
        return keras.Model(inputs, layers.Dense(5, name="logits", **drawn(12))(keras.ops.mean(y, axis=(1, 2))))

    return Block, keras_block


def subclassed(approximate: bool = False, unknown: bool = False) -> Any:
    """A perceptron whose Keras side is a class that calls functions of Keras and TensorFlow."""
    import keras
    import tensorflow as tf
    import torch
    from keras import layers
    from torch import nn
    from torch.nn import functional

    class Ours(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.second = nn.Linear(7, 16), nn.Linear(16, 5)

        def forward(self, x: Any) -> Any:
            x = functional.gelu(self.first(x))
            x = torch.cumsum(x, 1) if unknown else x
            return self.second(x * torch.sigmoid(x))

    class Theirs(keras.Model):
        def __init__(self) -> None:
            super().__init__()
            self.first = layers.Dense(16, name="first", **drawn(7))
            self.second = layers.Dense(5, name="second", **drawn(16))

        def call(self, x: Any) -> Any:
            x = keras.ops.gelu(self.first(x), approximate=approximate)
            x = tf.cumsum(x, axis=1, exclusive=unknown == "other") if unknown else x
            return self.second(tf.nn.silu(x))

    return Ours, Theirs


def cases() -> dict[str, Case]:
    """All pairs, by what is planted."""
    words = {"VOCABULARY": 11}
    return ALIGNED() | {
        "epsilon of batch normalisation": Case(
            lambda: [conv(3, 6), norm(6, theirs={"epsilon": 1e-3}), relu(), conv(6, 6), norm(6), *head(6)],
            {"batchnorm.epsilon": "norm1"},
        ),
        "momentum in the other library's sense": Case(
            lambda: [conv(3, 6), norm(6, theirs={"momentum": 0.1}), relu(), *head(6)], {"batchnorm.momentum": "norm1"}
        ),
        "an average of all steps": Case(
            lambda: [conv(3, 6), norm(6, ours={"momentum": None}), relu(), *head(6)], {"batchnorm.momentum": "norm1"}
        ),
        "dropout that always acts": Case(lambda: always("dropout"), {"dropout.in_evaluation": "F.dropout 1"}, (7,)),
        "slopes drawn at random in training": Case(
            lambda: [
                dense(7, 16),
                step("slope", _pytorch("RReLU", 0.2, 0.3), _keras("LeakyReLU", negative_slope=0.25)),
                dense(16, 5),
            ],
            {"unexplained.training": "dense2"},
            (7,),
        ),
        "noise that always acts": Case(lambda: always("noise"), NOISE, (7,)),
        "variance of batch normalisation": Case(
            lambda: [conv(3, 6), norm(6, stock=True), relu(), *head(6)], {"batchnorm.variance": "norm1"}
        ),
        "batch normalisation without factor": Case(
            lambda: [conv(3, 6), norm(6, theirs={"scale": False}), relu(), *head(6)], {"batchnorm.scale": "norm1"}
        ),
        "epsilon of layer normalisation": Case(
            lambda: [
                dense(7, 16),
                step("layernorm", _pytorch("LayerNorm", 16), _keras("LayerNormalization", epsilon=1e-3)),
                relu(),
                dense(16, 5),
            ],
            {"layernorm.epsilon": "layernorm1"},
            (7,),
        ),
        "groups of group normalisation": Case(
            lambda: [
                conv(3, 8),
                step("groupnorm", _pytorch("GroupNorm", 2, 8), _keras("GroupNormalization", 4, epsilon=1e-5)),
                relu(),
                *head(8),
            ],
            {"groupnorm.groups": "groupnorm1"},
        ),
        "dropout's rate": Case(
            lambda: [conv(3, 6), relu(), step("dropout", _pytorch("Dropout", 0.5), _keras("Dropout", 0.25)), *head(6)],
            {"dropout.rate": "dropout1"},
        ),
        "dropout of one side": Case(
            lambda: [conv(3, 6), relu(), step("dropout", _pytorch("Dropout", 0.5)), *head(6)],
            {"dropout.missing": "dropout1"},
        ),
        "dropout of channels": Case(
            lambda: [conv(3, 6), relu(), step("dropout", _pytorch("Dropout2d", 0.5), _keras("Dropout", 0.5)), *head(6)],
            {"dropout.drops": "dropout1"},
        ),
        "same padding with a stride": Case(
            lambda: [conv(3, 6), relu(), conv(6, 6, stride=2, theirs={"padding": "same"}), relu(), *head(6)],
            {"conv.padding": "conv2"},
        ),
        "dilation": Case(
            lambda: [
                conv(3, 6),
                relu(),
                conv(6, 6, ours={"dilation": 2, "padding": 2}, theirs={"padding": "same"}),
                *head(6),
            ],
            {"conv.dilation": "conv2"},
        ),
        "groups": Case(
            lambda: [conv(4, 8, theirs={"groups": 2}), relu(), *head(8)], {"conv.groups": "conv1"}, (SIZE, SIZE, 4)
        ),
        "a bias of one side": Case(
            lambda: [conv(3, 6, ours={"bias": False}), relu(), *head(6)], {"conv.bias": "conv1"}
        ),
        "pooling's padding": Case(
            lambda: [
                conv(3, 6),
                step("pool", _pytorch("MaxPool2d", 3, 2, 1), _keras("MaxPooling2D", 3, 2, padding="same")),
                relu(),
                *head(6),
            ],
            {"pool.padding": "pool1"},
        ),
        "pooling rounds up": Case(
            lambda: [
                conv(3, 6),
                relu(),
                step("pool", _pytorch("MaxPool2d", 3, 2, ceil_mode=True), _keras("MaxPooling2D", 3, 2)),
                *head(6),
            ],
            {"pool.ceil_mode": "pool1"},
        ),
        "padding is counted": Case(
            lambda: [
                conv(3, 6),
                step("pool", _pytorch("AvgPool2d", 3, 1, 1), _keras("AveragePooling2D", 3, 1, padding="same")),
                *head(6),
            ],
            {"pool.padded_with": "pool1"},
        ),
        "padding with zeros before max pooling": Case(
            lambda: [
                conv(3, 6),
                step("pool", _pytorch("MaxPool2d", 3, 2, 1), _keras("ZeroPadding2D", 1), _keras("MaxPooling2D", 3, 2)),
                *head(6),
            ],
            {"pool.padded_with": "pool1"},
        ),
        "another mean over positions": Case(
            lambda: [
                conv(3, 6),
                step("mean", _pytorch("AdaptiveAvgPool2d", 1), _keras("GlobalMaxPooling2D")),
                step("flatten", _pytorch("Flatten")),
                dense(6, 5),
            ],
            {"global_pool.form": "mean1"},
        ),
        "the slope of a leaky ReLU": Case(
            lambda: [conv(3, 6), step("leaky", _pytorch("LeakyReLU"), _keras("LeakyReLU")), *head(6)],
            {"activation.slope": "leaky1"},
        ),
        "the slope of an ELU": Case(
            lambda: [conv(3, 6), step("elu", _pytorch("ELU", 0.5), _keras("ELU")), *head(6)],
            {"activation.alpha": "elu1"},
        ),
        "an approximated GELU": Case(
            lambda: [
                dense(7, 16),
                step("gelu", _pytorch("GELU"), _keras("Lambda", lambda x: _gelu_tanh(x))),
                dense(16, 5),
            ],
            {"activation.approximate": "gelu1"},
            (7,),
        ),
        "an approximated GELU in a class": Case(
            lambda: subclassed(approximate=True), {"activation.approximate": "F.gelu 1"}, (7,)
        ),
        "a ReLU6": Case(
            lambda: [conv(3, 6), step("relu", _pytorch("ReLU6"), _keras("ReLU")), *head(6)],
            {"activation.function": "relu1"},
        ),
        "softmax at the end of one side": Case(
            lambda: [conv(3, 6), relu(), *head(6), step("softmax", None, _keras("Softmax"))],
            {"activation.missing": "softmax1"},
        ),
        "softmax twice": Case(
            lambda: [conv(3, 6), relu(), *head(6), step("softmax", _pytorch("Softmax", dim=1), _keras("Softmax"))],
            {"loss.softmax": "the loss"},
            constants={"pytorch_loss": _cross_entropy, "tensorflow_loss": _sparse},
        ),
        "weight decay that is L2 regularisation on one side": Case(
            lambda: [conv(3, 6), relu(), *head(6)],
            {"optimizer.weight_decay_form": "the optimizer"},
            constants={"pytorch_optimizer": _sgd, "tensorflow_optimizer": _keras_sgd},
        ),
        "L2 regularisation that one side's layers have": Case(
            lambda: [dense(7, 5, {"kernel_regularizer": "l2"})], {"loss.regularizers": "the loss"}, (7,)
        ),
        "what a transposed convolution crops": Case(
            lambda: [
                conv(3, 6),
                step(
                    "up",
                    _pytorch("ConvTranspose2d", 6, 4, 3, 2, padding=1, output_padding=1),
                    _keras("Conv2DTranspose", 4, 3, 2, padding="same", **drawn(36)),
                ),
                *head(4),
            ],
            {"conv_transpose.padding": "up1"},
        ),
        "aligned corners": Case(
            lambda: [
                conv(3, 6),
                step(
                    "up",
                    _pytorch("Upsample", scale_factor=2, mode="bilinear", align_corners=True),
                    _keras("UpSampling2D", 2, interpolation="bilinear"),
                ),
                *head(6),
            ],
            {"upsampling.aligned_corners": "up1"},
        ),
        "upsampling by the nearest": Case(
            lambda: [
                conv(3, 6),
                step("up", _pytorch("Upsample", scale_factor=2, mode="bilinear"), _keras("UpSampling2D", 2)),
                *head(6),
            ],
            {"upsampling.form": "up1"},
        ),
        "a row without gradient": Case(
            lambda: [_embedding(padding_idx=0), step("flatten", _pytorch("Flatten"), _keras("Flatten")), dense(24, 5)],
            {"embedding.frozen_row": "embedding1"},
            (4,),
            words,
        ),
        "a GRU's reset before the product": Case(
            lambda: [_embedding(), _gru(reset_after=False), dense(5, 5)],
            {"gru.reset_after": "gru1.gru", "gru.biases": "gru1.gru"},
            (4,),
            words,
        ),
        "an LSTM's two biases": Case(
            lambda: [_embedding(), _lstm(), dense(5, 5)], {"lstm.biases": "lstm1.lstm"}, (4,), words
        ),
        "rescaling inside one side": Case(
            lambda: [step("rescaling", None, _keras("Rescaling", 2.0, offset=-1.0)), conv(3, 6), relu(), *head(6)],
            {"rescaling.missing": "rescaling1"},
        ),
        "another initialiser": Case(
            lambda: [conv(3, 6), relu(), conv(6, 6, theirs={"kernel_initializer": "glorot_uniform"}), *head(6)],
            {"conv.initial_kernel": "conv2"},
        ),
        "an activation of one side": Case(
            lambda: [conv(3, 6), norm(6), step("relu", _pytorch("ReLU")), conv(6, 6), *head(6)],
            {"activation.missing": "relu1"},
        ),
        "normalisation of one side": Case(
            lambda: [conv(3, 6), step("norm", None, *norm(6).keras), relu(), conv(6, 6), *head(6)],
            {"batchnorm.missing": "norm1"},
        ),
        "epsilon and padding": Case(
            lambda: [
                conv(3, 6, stride=2, theirs={"padding": "same"}),
                norm(6),
                relu(),
                conv(6, 6),
                norm(6, theirs={"epsilon": 1e-3}),
                *head(6),
            ],
            {"conv.padding": "conv1", "batchnorm.epsilon": "norm2"},
        ),
        "padding and a bias in one layer": Case(
            lambda: [
                conv(3, 6),
                relu(),
                conv(6, 6, stride=2, ours={"bias": False}, theirs={"padding": "same"}),
                *head(6),
            ],
            {"conv.padding": "conv2", "conv.bias": "conv2"},
        ),
        "slope and dropout": Case(
            lambda: [
                conv(3, 6),
                step("leaky", _pytorch("LeakyReLU", 0.2), _keras("LeakyReLU", negative_slope=0.1)),
                step("dropout", _pytorch("Dropout", 0.5), _keras("Dropout", 0.1)),
                *head(6),
            ],
            {"activation.slope": "leaky1", "dropout.rate": "dropout1"},
        ),
        "momentum and epsilon of two layers": Case(
            lambda: [
                conv(3, 6),
                norm(6, theirs={"momentum": 0.99}),
                relu(),
                conv(6, 6),
                norm(6, theirs={"momentum": 0.99, "epsilon": 1e-3}),
                *head(6),
            ],
            {"batchnorm.momentum": ["norm1", "norm2"], "batchnorm.epsilon": "norm2"},
        ),
        "what is not known, and differs": Case(
            lambda: subclassed(unknown="other"), {"unexplained.evaluation": "torch.cumsum 1"}, (7,)
        ),
    }


def _gelu_tanh(x: Any) -> Any:
    import keras

    return keras.activations.gelu(x, approximate=True)


def _sgd(parameters: Any) -> Any:
    import torch

    return torch.optim.SGD(parameters, 0.1, momentum=0.9, weight_decay=5e-4)


def _keras_sgd(decay: float | None = 5e-4) -> Any:
    import keras

    return keras.optimizers.SGD(0.1, momentum=0.9, weight_decay=decay)


def _prelu() -> Any:
    from keras import initializers

    return _keras("PReLU", shared_axes=[1, 2], alpha_initializer=initializers.Constant(0.25))


def _l2() -> Any:
    from keras import regularizers

    return regularizers.L2(2.5e-4)


def _cross_entropy() -> Any:
    from torch import nn

    return nn.CrossEntropyLoss()


def _sparse() -> Any:
    import keras

    return keras.losses.SparseCategoricalCrossentropy()


def _embedding(**ours: Any) -> Step:
    from keras import initializers

    theirs = _keras("Embedding", 11, 6, embeddings_initializer=initializers.RandomNormal(stddev=1.0))
    return Step("embedding", _pytorch("Embedding", 11, 6, **ours), [theirs])


def _recurrent(size: int) -> dict[str, Any]:
    from keras import initializers

    uniform = initializers.RandomUniform(-(size**-0.5), size**-0.5)
    return {"kernel_initializer": uniform, "recurrent_initializer": uniform, "bias_initializer": uniform}


def _gru(**theirs: Any) -> Step:
    from torch import nn

    class Gru(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.gru = nn.GRU(6, 5, batch_first=True)

        def forward(self, x: Any) -> Any:
            return self.gru(x)[0][:, -1]

    return Step("gru", Gru, [_keras("GRU", 5, **_recurrent(5), **theirs)])


def _lstm() -> Step:
    from torch import nn

    class Lstm(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.lstm = nn.LSTM(6, 5, batch_first=True)

        def forward(self, x: Any) -> Any:
            return self.lstm(x)[0][:, -1]

    return Step("lstm", Lstm, [_keras("LSTM", 5, unit_forget_bias=False, **_recurrent(5))])


def always(function: str) -> Any:
    """A perceptron whose PyTorch side draws at random in evaluation, too."""
    import keras
    import torch
    from keras import layers
    from torch import nn
    from torch.nn import functional

    class Ours(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.second = nn.Linear(7, 16), nn.Linear(16, 5)

        def forward(self, x: Any) -> Any:
            x = functional.relu(self.first(x))
            return self.second(functional.dropout(x, 0.5) if function == "dropout" else x + torch.randn_like(x))

    def theirs() -> Any:
        dropout = [layers.Dropout(0.5)] if function == "dropout" else []
        first, second = layers.Dense(16, "relu", name="first", **drawn(7)), layers.Dense(5, name="second", **drawn(16))
        return keras.Sequential([keras.Input((7,)), first, *dropout, second])

    return Ours, theirs


def ALIGNED() -> dict[str, Case]:  # noqa: N802
    """Pairs without any difference."""
    return {
        "aligned: convolutions": Case(
            lambda: [
                conv(3, 6),
                norm(6),
                relu(),
                pool(),
                conv(6, 8, stride=2),
                relu(),
                step("flatten", _pytorch("Flatten"), _keras("Flatten")),
                dense(32, 5),
            ]
        ),
        "aligned: a stride on an odd size": Case(
            lambda: [conv(3, 6, stride=2, theirs={"padding": "same"}), relu(), *head(6)], {}, (9, 9, 3)
        ),
        "aligned: functions in another order": Case(
            lambda: [
                conv(3, 6),
                step("first", _pytorch("ReLU"), _keras("MaxPooling2D", 2)),
                step("second", _pytorch("MaxPool2d", 2), _keras("ReLU")),
                *head(6),
            ]
        ),
        "aligned: L2 regularisation in either library's words": Case(
            lambda: [dense(7, 5, {f"{part}_regularizer": _l2() for part in ("kernel", "bias")})],
            {},
            (7,),
            {"pytorch_optimizer": _sgd, "tensorflow_optimizer": partial(_keras_sgd, None)},
        ),
        "aligned: slopes that are trained": Case(
            lambda: [conv(3, 6), step("prelu", _pytorch("PReLU", 6), _prelu()), *head(6)],
        ),
        "aligned: depthwise": Case(lambda: [conv(3, 6), depthwise(6), conv(6, 6, 1), *head(6)]),
        "aligned: as many groups as channels": Case(
            lambda: [conv(3, 12, stride=2, ours={"groups": 3}, theirs={"groups": 3}), *head(12)]
        ),
        "aligned: zeros after a ReLU": Case(
            lambda: [
                conv(3, 6),
                relu(),
                step("pool", _pytorch("MaxPool2d", 3, 2, 1), _keras("ZeroPadding2D", 1), _keras("MaxPooling2D", 3, 2)),
                *head(6),
            ]
        ),
        "aligned: functions and branches": Case(lambda: block()),
        "aligned: a class": Case(lambda: subclassed(), {}, (7,)),
        "aligned: what is not known": Case(lambda: subclassed(unknown=True), {}, (7,)),
        "aligned: layer normalisation": Case(
            lambda: [
                dense(7, 16),
                step("layernorm", _pytorch("LayerNorm", 16), _keras("LayerNormalization", epsilon=1e-5)),
                step("gelu", _pytorch("GELU"), _keras("Activation", "gelu")),
                step("dropout", _pytorch("Dropout", 0.1), _keras("Dropout", 0.1)),
                dense(16, 5),
            ],
            {},
            (7,),
        ),
        "aligned: groups and slopes": Case(
            lambda: [
                conv(4, 8, ours={"groups": 2}, theirs={"groups": 2}),
                step("groupnorm", _pytorch("GroupNorm", 4, 8), _keras("GroupNormalization", 4, epsilon=1e-5)),
                step("leaky", _pytorch("LeakyReLU", 0.3), _keras("LeakyReLU")),
                step("pool", _pytorch("AvgPool2d", 2), _keras("AveragePooling2D", 2)),
                step("dropout", _pytorch("Dropout2d", 0.2), _keras("SpatialDropout2D", 0.2)),
                *head(8),
            ],
            {},
            (SIZE, SIZE, 4),
        ),
        "aligned: larger images": Case(
            lambda: [
                conv(3, 6),
                step(
                    "up",
                    _pytorch("ConvTranspose2d", 6, 4, 2, 2),
                    _keras("Conv2DTranspose", 4, 2, 2, **drawn(16)),
                ),
                step(
                    "bilinear",
                    _pytorch("Upsample", scale_factor=2, mode="bilinear"),
                    _keras("UpSampling2D", 2, interpolation="bilinear"),
                ),
                *head(4),
            ]
        ),
        "aligned: a hard sigmoid": Case(
            lambda: [
                conv(3, 6),
                step("gate", _pytorch("Hardsigmoid"), _keras("Activation", "hard_sigmoid")),
                *head(6),
            ]
        ),
        "aligned: a GRU": Case(lambda: [_embedding(), _gru(), dense(5, 5)], {}, (4,), {"VOCABULARY": 11}),
        "aligned: hard swish in pieces": Case(
            lambda: [
                conv(3, 6),
                step("swish", _pytorch("Hardswish"), _keras("Lambda", lambda x: x * _pieces(x))),
                *head(6),
            ]
        ),
    }


def _pieces(x: Any) -> Any:
    import keras

    return keras.ops.relu6(x + 3.0) / 6.0
