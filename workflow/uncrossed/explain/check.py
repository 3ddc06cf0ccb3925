"""The check of an architecture's file: both sides are built, and what is missing or wrong is named.

Faults are named in the order in which one would mend them: a later one may be the consequence of an earlier one.
"""

from collections.abc import Iterator
from types import ModuleType
from typing import Any

import numpy as np
from scipy import stats

from uncrossed.common.errors import shown
from uncrossed.explain.proof import GATE_LIMITS, Pair, first_gates
from uncrossed.study.hyperparameters import ADAM_EPSILON, BATCH_SIZE, EPOCHS, LEARNING_RATE
from uncrossed.study.mechanisms import resolve
from uncrossed.study.trial import Settings, Trial
from uncrossed.training import backends, draws
from uncrossed.training.architectures import Architecture, Network
from uncrossed.training.arrays import KINDS, Layer, to_pytorch

# What a distribution test must say before a scheme is called another: schemes have up to some hundred arrays.
UNLIKELY = 1e-9
# As many numbers of an array are enough to compare its distribution, and fewer are gathered from several models.
ENOUGH, MODELS = 2_000, 5
Arrays = dict[str, np.ndarray]


def check(architecture: Architecture, shape: tuple[int, int, int], classes: int) -> Iterator[str]:
    """What is wrong with an architecture, in the order in which one would mend it; nothing where it is right.

    Args:
        architecture: the architecture.
        shape: height, width and channels of the images that it is tried with.
        classes: how many.
    """
    settings = Settings(precision="float64")
    # PyTorch first: imported after TensorFlow it crashes the process.
    sides = {name: backends.load(name, settings) for name in ("pytorch", "tensorflow")}
    for side in sides.values():
        side.configure(settings)
    network = architecture.on(shape, classes)
    for examine in (_models, _map, _statements, _schemes, _gates):
        faults = list(examine(network, sides, settings))
        yield from faults
        if faults:
            return


def _models(network: Network, sides: dict[str, ModuleType], settings: Settings) -> Iterator[str]:
    """Whether both models are there and give logits."""
    images = np.random.default_rng(0).random((4, *network.shape))
    for framework in sides:
        try:
            model = network.model(framework)
            logits = _logits(framework, model, images)
        except Exception as error:  # whatever its author's code raises
            yield f"{framework}(): cannot be built or run for images of {network.shape} ({_told(error)})"
            continue
        if logits.shape != (4, network.classes):
            yield f"{framework}(): gives {logits.shape[1:]} for an example; wanted: {network.classes} logits"
        elif (logits >= 0).all() and np.allclose(logits.sum(axis=1), 1):
            yield f"{framework}(): gives probabilities; wanted: logits, without a softmax at the end"


def _logits(framework: str, model: Any, images: np.ndarray) -> np.ndarray:
    if framework == "tensorflow":
        return np.asarray(model(images, training=False))
    import torch

    with torch.no_grad():
        return model.eval()(torch.from_numpy(images.transpose(0, 3, 1, 2).copy())).numpy()


def _map(network: Network, sides: dict[str, ModuleType], settings: Settings) -> Iterator[str]:
    """Whether the name map has every array of both models, in shapes that agree."""
    try:
        layers = network.layers
    except Exception as error:  # whatever its author's code raises
        yield f"layers(): {_told(error)}"
        return
    ours, theirs = _weights(network, sides)
    known: set[str] = set()
    for layer in layers:
        if not isinstance(layer, Layer):
            yield f"layers(): gives {shown(layer)}; allowed: uncrossed.training.arrays.Layer"
            return
        if layer.kind not in KINDS:
            yield f"layers(): {layer.pytorch} has the kind '{layer.kind}'; allowed: {', '.join(KINDS)}"
            return
        there = False
        for name, path, part in layer.arrays():
            known |= {name, path}
            there |= name in ours or path in theirs
            if name in ours and path in theirs:
                wanted = ours[name].shape
                try:
                    found = layer.to_pytorch(part, theirs[path]).shape
                except ValueError as error:
                    yield f"layers(): {path} cannot be laid out as {name} ({error})"
                    continue
                if found != wanted:
                    yield (
                        f"layers(): {name} has the shape {wanted} and {path}, laid out as PyTorch's, {found}: "
                        "another layer, another kind, or inputs that are flattened"
                    )
        if not there:
            yield f"layers(): neither model has a layer {layer.pytorch} or {layer.tensorflow}"
        elif not any(name in ours for name, _, _ in layer.arrays()):
            yield f"layers(): PyTorch's model has no layer {layer.pytorch}"
        elif not any(path in theirs for _, path, _ in layer.arrays()):
            yield f"layers(): Keras' model has no layer {layer.tensorflow}"
    for name in [*ours, *theirs]:
        if name not in known and not name.endswith("num_batches_tracked"):
            yield f"layers(): lacks {name}"


def _weights(network: Network, sides: dict[str, ModuleType]) -> tuple[Arrays, Arrays]:
    """Both models' initial arrays, by their own names."""
    ours = {name: tensor.numpy() for name, tensor in sides["pytorch"].structure(network, {}).state_dict().items()}
    model = sides["tensorflow"].structure(network, {})
    return ours, {variable.path: variable.numpy() for variable in model.weights}


def _statements(network: Network, sides: dict[str, ModuleType], settings: Settings) -> Iterator[str]:
    """Whether what the file states is so in the models."""
    import keras
    from torch import nn

    architecture = network.architecture
    model, counterpart = network.model("pytorch"), sides["tensorflow"].structure(network, {})
    layers = list(_flat(counterpart))
    count = sum(parameter.numel() for parameter in model.parameters())
    try:
        stated = network.parameters
    except Exception as error:  # whatever its author's code raises
        yield f"parameters(): {_told(error)}"
    else:
        if stated != count:
            yield f"parameters(): says {stated}; PyTorch's model has {count}"
    found = {
        "pytorch": {(m.momentum, m.eps) for m in model.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm)},
        "tensorflow": {(m.momentum, m.epsilon) for m in layers if isinstance(m, keras.layers.BatchNormalization)},
    }
    for framework, values in found.items():
        wanted = {tuple(architecture.BATCHNORM[framework])} if architecture.BATCHNORM else set()
        if values != wanted:
            yield f"BATCHNORM: of {framework} momentum and epsilon are {_set(values)}; stated: {_set(wanted)}"
    rates = [module.p for module in model.modules() if isinstance(module, nn.Dropout)]
    if rates != list(architecture.DROPOUT.values()):
        yield f"DROPOUT: PyTorch's model drops {rates}; stated: {list(architecture.DROPOUT.values())}"
    names = [layer.name for layer in layers]
    for name in architecture.DROPOUT:
        if name not in names:
            yield f"DROPOUT: Keras' model has no layer {name}"
    theirs = [layer.rate for layer in layers if isinstance(layer, keras.layers.Dropout)]
    wanted = rates if architecture.DROPOUT_IN_BOTH else []
    if theirs != wanted:
        yield f"DROPOUT_IN_BOTH: is {architecture.DROPOUT_IN_BOTH}, and Keras' model drops {theirs}"
    modules = {name: module for name, module in model.named_modules() if isinstance(module, nn.Conv2d)}
    convolutions = {
        layer.name: layer for layer in layers if isinstance(layer, (keras.layers.Conv2D, keras.layers.DepthwiseConv2D))
    }
    for layer in network.layers:
        if layer.kind not in ("conv", "depthwise"):
            continue
        if layer.pytorch not in modules or layer.tensorflow not in convolutions:
            yield f"layers(): {layer.pytorch} or {layer.tensorflow} is no convolution; its kind says '{layer.kind}'"
            return
        biases = {
            "pytorch": modules[layer.pytorch].bias is not None,
            "tensorflow": convolutions[layer.tensorflow].use_bias,
        }
        only = [framework for framework, has in biases.items() if has] if len(set(biases.values())) == 2 else [None]
        if only != [architecture.CONV_BIAS]:
            what = f"{only[0]} alone has a bias in {layer.pytorch}" if only[0] else f"both agree in {layer.pytorch}"
            yield f"CONV_BIAS: is {architecture.CONV_BIAS}, and {what}"
            break
    stated = [(ours, theirs) for pair in architecture.STRIDE for ours, theirs in zip(*pair, strict=True)]
    for ours, theirs in [*stated, *architecture.PADDING]:
        if ours not in modules:
            yield f"STRIDE or PADDING: PyTorch's model has no convolution {ours}"
        if theirs not in convolutions:
            yield f"STRIDE or PADDING: Keras' model has no convolution {theirs}"


def _flat(model: Any) -> Iterator[Any]:
    """The layers of a Keras model, and those of models among them."""
    for layer in model.layers:
        yield layer
        if hasattr(layer, "layers"):
            yield from _flat(layer)


def _schemes(network: Network, sides: dict[str, ModuleType], settings: Settings) -> Iterator[str]:
    """Whether each framework's scheme draws what its own model begins with."""
    own: dict[str, dict[str, list[np.ndarray]]] = {"pytorch": {}, "tensorflow": {}}
    for seed in range(MODELS):
        for framework, side in sides.items():
            model = side.build(seed, network, {})
            if framework == "pytorch":
                arrays = {name: tensor.numpy() for name, tensor in model.state_dict().items()}
            else:
                arrays = to_pytorch(network.layers, {variable.path: variable.numpy() for variable in model.weights})
            for name, array in arrays.items():
                own[framework].setdefault(name, []).append(array)
        if network.parameters > ENOUGH * 1000:  # large models have large arrays, but for few
            break
    for framework, gathered in own.items():
        shapes = {name: arrays[0].shape for name, arrays in gathered.items()}
        for layer in network.layers:
            for name, _, part in layer.arrays():
                if name not in shapes:
                    continue
                scheme = network.scheme(framework)
                if name not in scheme and f"{layer.kind}.{part}" not in scheme:
                    yield f"DRAWS: {framework}'s scheme says nothing of {layer.kind}.{part}"
                    return
                kernel = {f"{layer.pytorch}.weight": shapes[f"{layer.pytorch}.weight"], name: shapes[name]}
                seeds = range(len(gathered[name]))
                drawn = [draws.initial_weights([layer], scheme, seed, kernel, "check")[name] for seed in seeds]
                if fault := _other(np.concatenate(gathered[name], axis=None), np.concatenate(drawn, axis=None)):
                    yield f"DRAWS: {framework}'s {name} {fault}"


def _other(own: np.ndarray, drawn: np.ndarray) -> str | None:
    """How a model's own initial numbers and the scheme's differ, if they do."""
    if np.ptp(own) == 0 or np.ptp(drawn) == 0:
        if np.ptp(own) == np.ptp(drawn) == 0 and own[0] == drawn[0]:
            return None
        return f"begins as {_range(own)}; the scheme draws {_range(drawn)}"
    if len(own) < 20 or stats.ks_2samp(own[: 10**6], drawn[: 10**6]).pvalue > UNLIKELY:
        return None
    return f"begins with {_spread(own)}; the scheme draws {_spread(drawn)}"


def _spread(values: np.ndarray) -> str:
    return f"deviation {values.std():.3g} in {_range(values)}"


def _range(values: np.ndarray) -> str:
    return f"{values[0]:g}" if np.ptp(values) == 0 else f"[{values.min():.3g}, {values.max():.3g}]"


def _gates(network: Network, sides: dict[str, ModuleType], settings: Settings) -> Iterator[str]:
    """Whether the two models are the same function once all that is stated is aligned."""
    for semantics in ("aligned", "aligned-tensorflow"):
        values = {LEARNING_RATE: 1e-4, BATCH_SIZE: 16, ADAM_EPSILON: 1e-8, EPOCHS: 1, "seed": 1}
        row = Trial(trial="check", architecture=network.architecture.name, semantics=resolve(semantics), **values)
        pair = Pair(row, network, sides, settings)
        for gate, value in first_gates(pair).items():
            if value > GATE_LIMITS[gate]:
                yield (
                    f"{semantics}: {gate} differ by {value:.2g}, where rounding allows {GATE_LIMITS[gate]:g}: the "
                    "models are not the same function, and no statement says why (padding, order of layers, an "
                    "activation, pooling, what is flattened)"
                )
                return


def _set(values: set) -> str:
    return " and ".join(map(str, sorted(values))) or "none"


def _told(error: Exception) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())[:300]
