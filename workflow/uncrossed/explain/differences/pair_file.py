"""The user's pair: both models as a file or two functions build them, and what they are tried on.

A file has `pytorch` and `tensorflow`, functions that return the untrained models: `pytorch(shape, classes)`, as an
architecture's file has them, or without arguments. Besides, it may say

- `SHAPE`, `CLASSES`: of one input and of the outputs;
- `VOCABULARY`: inputs are whole numbers below it, as for an embedding;
- `CHANNELS_FIRST`: whether PyTorch's model takes inputs with channels first (so it is for images) or as Keras' does;
- `PAIRS = {"PYTORCH_LAYER": "keras_layer"}`: which layer is which, where that is ambiguous;
- `pytorch_optimizer(parameters)`, `tensorflow_optimizer()`, `pytorch_loss()`, `tensorflow_loss()`: what they are
  trained with, and `pytorch_clip(parameters)`, what is done with gradients before a step.

Nothing else is run.
"""

import contextlib
import importlib
import importlib.util
import inspect
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from uncrossed.common.errors import InputError, shown
from uncrossed.study.trial import Settings
from uncrossed.training import backends
from uncrossed.training.architectures import BUILT_IN_ARCHITECTURES

SIDES = ("pytorch", "tensorflow")
TRAINING = ("pytorch_optimizer", "tensorflow_optimizer", "pytorch_loss", "tensorflow_loss", "pytorch_clip")
# How many examples: enough for batch normalisation of single numbers; of large inputs fewer, which is as good.
EXAMPLES, LARGE, EXAMPLES_OF_LARGE = 6, 10_000, 2
# A pass that shows which calls there are needs few.
FEW = 2


@dataclass
class PairFile:
    """A pair of models to be compared.

    Attributes:
        name: where it comes from.
        build: the function that builds each side's model.
        shape: of one input as Keras' model takes it.
        classes: how many outputs it is to have, where the functions are told.
        vocabulary: inputs are whole numbers below it, or None.
        channels_first: whether PyTorch's model takes channels first.
        pairs: Keras' layers by PyTorch's, as far as the user has settled them.
        mapped: the same, as the name map of an architecture's file has it.
        training: optimizers and losses, by name.
    """

    name: str
    build: dict[str, Callable[..., Any]]
    shape: tuple[int, ...]
    classes: int
    vocabulary: int | None
    channels_first: bool
    pairs: dict[str, str]
    mapped: dict[str, str] = field(default_factory=dict)
    training: dict[str, Callable[..., Any]] = field(default_factory=dict)

    def model(self, side: str) -> Any:
        """A side's untrained model.

        Raises:
            InputError: it cannot be built.
        """
        function = self.build[side]
        try:
            parameters = inspect.signature(function).parameters.values()
            wanted = sum(parameter.default is inspect.Parameter.empty for parameter in parameters)
        except (TypeError, ValueError):
            wanted = 2
        with _running(f"{self.name}: {side}() cannot be built"):
            return function(self.shape, self.classes) if wanted >= 2 else function()

    def inputs(self) -> tuple[np.ndarray, np.ndarray]:
        """The same random inputs for PyTorch's and for Keras' model, float64 or whole numbers."""
        random = np.random.default_rng(1)
        examples = EXAMPLES if np.prod(self.shape) < LARGE else EXAMPLES_OF_LARGE
        if self.vocabulary is not None:
            numbers = random.integers(0, self.vocabulary, (examples, *self.shape))
            numbers.reshape(examples, -1)[:, 0] = 0  # the number that padding often has
            return numbers, numbers
        images = random.normal(0.5, 2.0, (examples, *self.shape))
        if not self.channels_first:
            return images, images
        return np.ascontiguousarray(np.moveaxis(images, -1, 1)), images


@contextlib.contextmanager
def _running(failed: str) -> Iterator[None]:
    """The user's code runs: whatever it raises is told."""
    try:
        yield
    except (Exception, SystemExit) as error:
        raise InputError(f"{failed} ({told(error)})") from error


def told(error: BaseException) -> str:
    """What an error of the user's code says, on one line."""
    return " ".join(f"{type(error).__name__}: {error}".split())[:300]


def keras_model(pair: PairFile, seed: int = 0) -> Any:
    """Keras' model in float64, with names that do not depend on what was built before.

    Args:
        pair: the pair.
        seed: of its weights.

    Raises:
        InputError: it cannot be built.
    """
    import keras

    keras.utils.clear_session(free_memory=False)
    keras.utils.set_random_seed(seed)
    model = pair.model("tensorflow")
    if not isinstance(model, keras.Model):
        raise InputError(f"{pair.name}: tensorflow() gives {type(model).__name__}; allowed: a keras.Model")
    if not model.built or not model.weights:
        with contextlib.suppress(Exception):  # what is wrong is told when it is run
            model(pair.inputs()[1][:FEW])
    return model


def load(
    texts: tuple[str, ...],
    shape: tuple[int, ...] | None = None,
    classes: int | None = None,
    vocabulary: int | None = None,
    channels_first: bool | None = None,
) -> PairFile:
    """Read a pair.

    Args:
        texts: one file or one name of the package's architectures; or PyTorch's and Keras' `package.module:function`.
        shape: of one input as Keras takes it; default: the file's `SHAPE`, or 32 x 32 x 3.
        classes: default: the file's `CLASSES`, or 10.
        vocabulary: as the file's `VOCABULARY`.
        channels_first: as the file's `CHANNELS_FIRST`; default: for inputs with three sizes or more that are no words.

    Raises:
        InputError: it cannot be read, or lacks a side, or says what is not allowed.
    """
    name, build, constants = _functions(texts)
    constants = {**constants}
    given = {"SHAPE": shape, "CLASSES": classes, "VOCABULARY": vocabulary, "CHANNELS_FIRST": channels_first}
    constants |= {key: value for key, value in given.items() if value is not None}
    shape = constants.get("SHAPE", (32, 32, 3))
    if not _sizes(shape):
        raise InputError(f"{name}: SHAPE is {shown(shape)}; allowed: the sizes of one input, as (32, 32, 3)")
    for key, least in (("CLASSES", 1), ("VOCABULARY", 2)):
        value = constants.get(key)
        if value is not None and (not isinstance(value, int) or isinstance(value, bool) or value < least):
            raise InputError(f"{name}: {key} is {shown(value)}; allowed: a whole number >= {least}")
    pairs = constants.get("PAIRS", {})
    if not isinstance(pairs, Mapping) or not all(isinstance(part, str) for pair in pairs.items() for part in pair):
        raise InputError(f'{name}: PAIRS is {shown(pairs)}; allowed: {{"pytorch.layer": "keras_layer", ...}}')
    words = constants.get("VOCABULARY")
    return PairFile(
        name,
        build,
        tuple(int(size) for size in shape),
        int(constants.get("CLASSES", 10)),
        words,
        bool(constants.get("CHANNELS_FIRST", len(shape) >= 3 and words is None)),
        dict(pairs),
        _mapped(constants, shape),
        {key: constants[key] for key in TRAINING if callable(constants.get(key))},
    )


def _sizes(shape: Any) -> bool:
    return isinstance(shape, (tuple, list)) and bool(shape) and all(isinstance(n, int) and n > 0 for n in shape)


def start(threads: int = 1) -> None:
    """Import and set up both frameworks, for float64 on a CPU.

    Raises:
        InputError: one is not installed.
    """
    for package in ("torch", "tensorflow", "keras"):
        if importlib.util.find_spec(package) is None:
            raise InputError(
                f"{package} is not installed here: the comparison needs both frameworks in one environment, as "
                "pip install 'uncrossed[pytorch,tensorflow]' makes it"
            )
    settings = Settings(precision="float64", threads=threads)
    # PyTorch first: imported after TensorFlow it crashes the process.
    for framework in SIDES:
        backends.load(framework, settings).configure(settings)


def check_named(texts: tuple[str, ...]) -> None:
    """Refuse what cannot be a pair, before anything is imported.

    Raises:
        InputError: neither one file nor two functions.
    """
    if len(texts) == 1:
        _path(texts[0])
        return
    if len(texts) != 2:
        raise InputError(f"found {len(texts)} models; allowed: FILE.py, or two functions, PyTorch's first")
    for text in texts:
        module, colon, name = text.partition(":")
        if not colon or not name or not all(part.isidentifier() for part in [*module.split("."), name]):
            raise InputError(f"'{text}': allowed: package.module:function")


def _path(text: str) -> Path:
    path = BUILT_IN_ARCHITECTURES.get(text) or Path(text)
    if path.suffix != ".py":
        raise InputError(
            f"'{text}': neither a Python file nor an architecture of the package; allowed: FILE.py, or two functions "
            "as package.module:function, PyTorch's first"
        )
    if not path.is_file():
        raise InputError(f"{path}: no such file")
    return path


def _functions(texts: tuple[str, ...]) -> tuple[str, dict[str, Callable[..., Any]], Mapping[str, Any]]:
    if len(texts) == 2:
        build = {side: _function(text) for side, text in zip(SIDES, texts, strict=True)}
        return " and ".join(texts), build, {}
    path = _path(texts[0])
    module = _run(path)
    for side in SIDES:
        if not callable(getattr(module, side, None)):
            raise InputError(f"{path}: lacks the function '{side}'; required: {', '.join(SIDES)}")
    return str(path), {side: getattr(module, side) for side in SIDES}, vars(module)


def _run(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"uncrossed_pair_{path.stem}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    _find_beside(path.resolve().parent)
    with _running(f"{path}: cannot be imported"):
        spec.loader.exec_module(module)
    return module


def _find_beside(folder: Path) -> None:
    """Modules of a folder can be imported, as they can by a script that lies there."""
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))


def _function(text: str) -> Callable[..., Any]:
    module_name, _, name = text.partition(":")
    _find_beside(Path.cwd())
    with _running(f"{text}: cannot be imported"):
        function = getattr(importlib.import_module(module_name), name)
    if not callable(function):
        raise InputError(f"{text}: found {type(function).__name__}; allowed: a function that returns a model")
    return function


def _mapped(constants: Mapping[str, Any], shape: tuple[int, ...]) -> dict[str, str]:
    """The name map of an architecture's file, where it has one."""
    layers = constants.get("layers")
    if not callable(layers) or len(shape) != 3:
        return {}
    try:
        return {layer.pytorch: layer.tensorflow for layer in layers(tuple(shape), constants.get("CLASSES", 10))}
    except Exception:  # the map is a help; `architecture check` says what is wrong with it
        return {}
