"""Architectures: one file each, with both frameworks' models and all that is known of how they differ.

A file of this folder, or a user's own that a study names, begins with a line that says what the architecture is. It has

- `pytorch(shape, classes)` and `tensorflow(shape, classes)`: the untrained models, with logits and without softmax, for
  images of `shape` (height, width, channels). They import their framework themselves, so that the file can be read
  without one;
- `layers(shape, classes)`: the name map, `arrays.Layer` for every layer with weights, in model order;
- `parameters(shape, classes)`: the number of trained parameters of PyTorch's model;
- `DRAWS`: how each framework draws the initial weights, as `draws` has it.

It states where the two models differ, as far as they do:

- `BATCHNORM = {"pytorch": (MOMENTUM, EPSILON), "tensorflow": (MOMENTUM, EPSILON)}`, as each framework's layer takes
  them, where there is batch normalisation;
- `DROPOUT = {KERAS_LAYER: RATE}`: PyTorch's dropout layers in model order, each by the layer of Keras' model before
  which it stands; Keras' model has none, or `DROPOUT_IN_BOTH = True` and has the same;
- `CONV_BIAS = "tensorflow"`: the side whose convolutions have biases where the other's have none;
- `STRIDE = (((PYTORCH_LAYER, PYTORCH_LAYER), (KERAS_LAYER, KERAS_LAYER)), ...)`: pairs of convolutions of which PyTorch
  strides in the second and Keras in the first;
- `PADDING = ((PYTORCH_LAYER, KERAS_LAYER), ...)`: convolutions with stride 2 and a kernel of 3 that PyTorch pads on all
  sides and Keras on the right and below only.

And what is faster, if it was measured: `CHANNELS_FIRST_BELOW`, the batch size below which PyTorch is faster on CPUs
with channels first, and `WEIGHTS_CHANNELS_FIRST = True` where it is with weights so and images channels last.
"""

import ast
import hashlib
import importlib.util
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from types import ModuleType
from typing import Any

from uncrossed.common.errors import InputError
from uncrossed.training.arrays import Layer
from uncrossed.training.draws import Scheme

Shape = tuple[int, int, int]
REQUIRED = ("pytorch", "tensorflow", "layers", "parameters", "DRAWS")
OPTIONAL: dict[str, Any] = {
    "BATCHNORM": None,
    "DROPOUT": {},
    "DROPOUT_IN_BOTH": False,
    "CONV_BIAS": None,
    "STRIDE": (),
    "PADDING": (),
    "CHANNELS_FIRST_BELOW": 0,
    "WEIGHTS_CHANNELS_FIRST": False,
}


class Architecture:
    """An architecture's file, read.

    Attributes:
        name: how rows name it.
        path: the file.
        description: its first line.
    """

    def __init__(self, name: str, path: Path):
        """Read the file, which runs it; no framework is imported.

        Raises:
            InputError: it cannot be read or run, or lacks something.
        """
        self.name, self.path = name, path
        module = _run(path)
        # Not `module.__doc__`: PYTHONOPTIMIZE=2 removes it.
        text = ast.get_docstring(ast.parse(path.read_bytes())) or ""
        self.description = text.split("\n")[0].rstrip(".")
        if not self.description:
            raise InputError(f"{path}: its first line must say what the architecture is, as a docstring")
        for statement in REQUIRED:
            if not hasattr(module, statement):
                raise InputError(f"{path}: lacks '{statement}'; required: {', '.join(REQUIRED)}")
        self._module = module

    def __getattr__(self, name: str) -> Any:
        """A statement of the file, or what holds without it."""
        if name in REQUIRED:
            return getattr(self._module, name)
        if name in OPTIONAL:
            return getattr(self._module, name, OPTIONAL[name])
        raise AttributeError(name)

    @cached_property
    def touching(self) -> frozenset[str]:
        """The mechanisms that make a difference for it, its optimizer's left out."""
        found = {"initializer", "initial_weights"}
        if self.BATCHNORM:
            (ours, epsilon), (theirs, other) = self.BATCHNORM["pytorch"], self.BATCHNORM["tensorflow"]
            found.add("batchnorm_variance")
            if abs(1 - ours - theirs) > 1e-9:
                found.add("batchnorm_momentum")
            if epsilon != other:
                found.add("batchnorm_epsilon")
        if self.DROPOUT:
            found.add("dropout_masks")
            if not self.DROPOUT_IN_BOTH:
                found.add("dropout")
        statements = {"conv_bias": self.CONV_BIAS, "stride": self.STRIDE, "padding": self.PADDING}
        return frozenset(found | {mechanism for mechanism, stated in statements.items() if stated})

    @cached_property
    def sha256(self) -> str:
        """The SHA-256 of the file."""
        return hashlib.sha256(self.path.read_bytes()).hexdigest()

    def on(self, shape: Iterable[int], classes: int) -> "Network":
        """The architecture for images of a shape and a number of classes."""
        height, width, channels = (int(size) for size in shape)
        return Network(self, (height, width, channels), int(classes))


@dataclass(frozen=True)
class Network:
    """An architecture for images of one shape and one number of classes.

    Attributes:
        architecture: the architecture.
        shape: height, width and channels of an image.
        classes: how many logits there are.
    """

    architecture: Architecture
    shape: Shape
    classes: int

    @cached_property
    def layers(self) -> tuple[Layer, ...]:
        """The name map, in model order."""
        return tuple(self.architecture.layers(self.shape, self.classes))

    @cached_property
    def parameters(self) -> int:
        """The number of trained parameters of PyTorch's model."""
        return int(self.architecture.parameters(self.shape, self.classes))

    def model(self, framework: str) -> Any:
        """A framework's untrained model."""
        build: Callable[[Shape, int], Any] = getattr(self.architecture, framework)
        return build(self.shape, self.classes)

    def scheme(self, framework: str) -> Scheme:
        """How a framework draws the initial weights."""
        return self.architecture.DRAWS[framework]


def _run(path: Path) -> ModuleType:
    name = f"uncrossed_architecture_{hashlib.sha256(str(path.absolute()).encode()).hexdigest()[:16]}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise InputError(f"{path}: not a Python file; allowed: an architecture's file, NAME.py")
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except Exception as error:  # whatever its author's code raises
        raise InputError(f"{path}: cannot be read as an architecture ({type(error).__name__}: {error})") from error
    return module


BUILT_IN_ARCHITECTURES = {
    path.stem: path for path in sorted(Path(__file__).parent.glob("*.py")) if not path.name.startswith(("_", "."))
}


def load(name: str, path: Path | None = None) -> Architecture:
    """An architecture of the package by its name, or a user's by name and file.

    Raises:
        KeyError: the package has none of that name, and no file is given.
        InputError: as `Architecture`.
    """
    return _read(name, path or BUILT_IN_ARCHITECTURES[name])


@cache
def _read(name: str, path: Path) -> Architecture:
    return Architecture(name, path)
