"""Passes through Keras' model: every layer's call is seen, and what is called between layers.

Nested models are entered; so are layers of unknown classes that have layers of their own. A layer's activation is seen
as a call of its own. What TensorFlow's functions do between layers is seen too, as operations.
"""

import contextlib
import inspect
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import layers
from tensorflow.python.eager import context, execute
from tensorflow.python.framework import op_callbacks

from uncrossed.explain.differences.calls import MODEL_INPUT, Call, Pass, plain

# Layers that have layers of their own, and are one.
LEAVES = ("Bidirectional", "RNN", "GRU", "LSTM", "SimpleRNN", "MultiHeadAttention", "TimeDistributed")
# Layers whose activation comes after all else that they do.
ACTIVATED = (layers.Dense, layers.EinsumDense)
CONVOLUTIONS = ("Conv", "Depthwise", "Separable")
SHIPPED = {name for name, value in vars(layers).items() if isinstance(value, type)} - {"Layer", "Wrapper", "RNN"}
# What drops at random; with these off both sides can be compared in training.
DROPPING = ("Dropout", "DropPath", "StochasticDepth", "GaussianNoise")


class _Seeing:
    """Sees each call of a pass."""

    def __init__(self, model: keras.Model):
        self.model, self.seen = model, Pass()
        self.trained = {id(variable) for variable in model.trainable_variables}
        self.inside, self.counts = 0, Counter()
        self.places: list[str] = []
        self.makers: dict[int, int] = {}
        self.kept: list[Any] = []
        self.key = ""

    def layer(self, layer: layers.Layer, call: Callable[..., Any], args: Any, kwargs: Any) -> Any:
        """A layer is called."""
        if self.inside:
            return call(layer, *args, **kwargs)
        if layer is self.model or not _leaf(layer):
            place = None if layer is self.model else layer.name
            self.places += [place] if place else []
            try:
                return call(layer, *args, **kwargs)
            finally:
                del self.places[len(self.places) - bool(place) :]
        name = "/".join([*self.places, layer.name])
        data = _tensors((args, kwargs))
        if any(word in type(layer).__name__ for word in DROPPING):
            return self._keep(name, layer, data, data[0], None)
        activation = getattr(layer, "activation", None) if _activated(layer) else None
        if activation is None or activation is keras.activations.linear:
            out = self._run(lambda: call(layer, *args, **kwargs))
            return self._keep(name, layer, data, out, lambda x: call(layer, x))
        with _changed(layer, activation=None):
            out = self._run(lambda: call(layer, *args, **kwargs))
        between = self._keep(name, layer, data, out, None)
        return self.function(activation, plain(getattr(activation, "__name__", "")), (between,), {}, name)

    def operation(self, operation: keras.Operation, call: Callable[..., Any], args: Any, kwargs: Any) -> Any:
        """A function's node of a functional model is called."""
        if self.inside:
            return call(operation, *args, **kwargs)
        out = self._run(lambda: call(operation, *args, **kwargs))
        name = "/".join([*self.places, operation.name])
        again = (lambda x: call(operation, x)) if len(args) == 1 and not kwargs else None
        if again is None and len(_tensors((args, kwargs))) == 1:
            again = _again(lambda *a, **k: call(operation, *a, **k), args, kwargs)
        extra = {str(k): value for k, value in enumerate(args)} | kwargs
        return self._keep(name, operation, _tensors((args, kwargs)), out, again, extra)

    def function(self, function: Callable[..., Any], name: str, args: Any, kwargs: Any, owner: str = "") -> Any:
        """A function is called between layers, or as the activation of one."""
        if self.inside:
            return function(*args, **kwargs)
        out = self._run(lambda: function(*args, **kwargs))
        if not _tensors(out):
            return out
        data = _tensors((args, kwargs))
        again = _again(function, args, kwargs) if len(data) == 1 else None
        try:
            bound = inspect.signature(function).bind(*args, **kwargs)
            bound.apply_defaults()
            arguments = dict(bound.arguments)
        except (TypeError, ValueError):
            arguments = {str(k): value for k, value in enumerate(args)} | kwargs
        call = self._call(f"{owner}|activation" if owner else "|".join([*self.places, name]), name, data, out)
        call.name = f"{owner}'s activation" if owner else "/".join([*self.places, f"ops.{name}"])
        call.says, call.again, call.source = arguments.__getitem__, _numpy(again), call.name
        return out

    def seen_by_tensorflow(
        self, op: Any, inputs: Any, attributes: Any, outputs: Any, op_name: Any = None, graph: Any = None
    ) -> None:
        """TensorFlow runs an operation."""
        data = [tensor for tensor in inputs if id(tensor) in self.makers]
        known = any(id(tensor) in self.makers for tensor in outputs or ())
        if self.inside or graph is not None or not data or not outputs or known:
            return
        name = op.decode() if isinstance(op, bytes) else op
        call = self._call("|".join([*self.places, "tf", plain(name)]), plain(name), data, outputs[0])
        call.name = "/".join([*self.places, f"tf's {name}"])
        call.source = f"tf's {name}"
        count = len(outputs)
        fixed = [None if id(tensor) in self.makers else tensor for tensor in inputs]
        arguments = {f"other{k}": tensor for k, tensor in enumerate(fixed) if tensor is not None}
        call.says = arguments.__getitem__
        if len(data) == 1 and attributes is not None:
            call.again = _numpy(
                lambda x: execute.execute(
                    name.encode(),
                    count,
                    [x if other is None else other for other in fixed],
                    attributes,
                    context.context(),
                )
            )

    def _run(self, call: Callable[[], Any]) -> Any:
        self.inside += 1
        try:
            return call()
        finally:
            self.inside -= 1

    def _call(self, place: str, function: str, data: list[Any], out: Any) -> Call:
        key = f"{place}|{self.counts[place]}"
        self.counts[place] += 1
        self.key = key
        made = _tensors(out)
        call = Call(
            key=key,
            name=place,
            function=function,
            says={}.__getitem__,
            inputs=[self.makers.get(id(tensor)) for tensor in data],
            arrays={},
            trained=frozenset(),
            x=tuple(data[0].shape) if data else (),
            y=tuple(made[0].shape),
            again=None,
            source="",
        )
        for tensor in made:
            self.makers[id(tensor)] = len(self.seen.calls)
        self.kept += [*made, *data]
        self.seen.calls.append(call)
        self.seen.values[key] = made[0].numpy()
        return call

    def _keep(
        self,
        name: str,
        operation: keras.Operation,
        data: list[Any],
        out: Any,
        again: Callable[[Any], Any] | None,
        arguments: Mapping[str, Any] | None = None,
    ) -> Any:
        made = _tensors(out)
        if any(id(tensor) in {id(other) for other in data} for tensor in made):
            # The same tensor comes out again: a new one, so that it is known who made it.
            out = self._run(lambda: tf.identity(made[0]))
        call = self._call(name, plain(_class(operation)), data, out)
        variables = getattr(operation, "weights", [])
        call.arrays = {_part(variable): variable.path for variable in variables}
        call.trained = frozenset(_part(variable) for variable in variables if id(variable) in self.trained)
        # A sequential model's arrays are named after it, and it is not its own layer.
        paths = {path.removeprefix(f"{self.model.name}/").rpartition("/")[0] for path in call.arrays.values()}
        call.name = paths.pop() if len(paths) == 1 and not _recurrent(operation) else name
        extra = arguments or {}
        call.says = lambda key: extra[key] if key in extra else getattr(operation, key)
        call.again = _numpy(again)
        prefix = "layers" if isinstance(operation, layers.Layer) else "ops"
        call.source = f"{prefix}.{type(operation).__name__}"
        return out


def record(
    model: keras.Model, x: np.ndarray, training: bool, loss: Callable[[tf.Tensor], tf.Tensor] | None = None
) -> Pass:
    """One pass through the model, without dropout; the model is left as it was.

    Args:
        model: the model, in float64.
        x: its input.
        training: in training mode.
        loss: of the output, whose gradients are wanted.
    """
    changing = model.non_trainable_variables
    before = [variable.numpy() for variable in changing]
    seeing = _Seeing(model)
    seen = seeing.seen
    tensor = tf.constant(x)
    seeing.makers[id(tensor)] = MODEL_INPUT
    seeing.kept.append(tensor)
    try:
        with tf.GradientTape() as tape:
            with _watching(seeing):
                out = _tensors(model(tensor, training=training))[0]
            value = None if loss is None else loss(out)
        seen.output = seeing.makers.get(id(out))
        seen.logits = out.numpy()
        if value is not None:
            found = tape.gradient(value, [variable.value for variable in model.trainable_variables])
            seen.gradients = {
                variable.path: tf.convert_to_tensor(gradient).numpy()
                for variable, gradient in zip(model.trainable_variables, found, strict=True)
                if gradient is not None
            }
        seen.statistics = {variable.path: variable.numpy() for variable in model.non_trainable_weights}
    except Exception as error:  # whatever the model's author's code raises
        seen.error = f"{type(error).__name__}: {error}", seeing.key
    finally:
        for variable, array in zip(changing, before, strict=True):
            variable.assign(array)
    return seen


@contextlib.contextmanager
def _watching(seeing: _Seeing) -> Iterator[None]:
    """All calls are seen while the block runs."""
    call_layer, call_operation = layers.Layer.__call__, keras.Operation.__call__

    def of_layer(self: Any, *args: Any, **kwargs: Any) -> Any:
        return seeing.layer(self, call_layer, args, kwargs)

    def of_operation(self: Any, *args: Any, **kwargs: Any) -> Any:
        if isinstance(self, layers.Layer):
            return call_operation(self, *args, **kwargs)
        return seeing.operation(self, call_operation, args, kwargs)

    wrapped = [
        (module, name, function)
        for module in (keras.ops, keras.activations)
        for name, function in vars(module).items()
        if inspect.isfunction(function) and name not in ("get", "serialize", "deserialize", "linear")
    ]
    layers.Layer.__call__, keras.Operation.__call__ = of_layer, of_operation
    for module, name, function in wrapped:
        setattr(module, name, _wrapped(seeing, function, plain(name)))
    op_callbacks.add_op_callback(seeing.seen_by_tensorflow)
    try:
        yield
    finally:
        op_callbacks.remove_op_callback(seeing.seen_by_tensorflow)
        for module, name, function in wrapped:
            setattr(module, name, function)
        layers.Layer.__call__, keras.Operation.__call__ = call_layer, call_operation


def _wrapped(seeing: _Seeing, function: Callable[..., Any], name: str) -> Callable[..., Any]:
    def seen(*args: Any, **kwargs: Any) -> Any:
        tensors = _tensors((args, kwargs))
        if seeing.inside or not any(id(tensor) in seeing.makers for tensor in tensors):
            return function(*args, **kwargs)
        return seeing.function(function, name, args, kwargs)

    return seen


@contextlib.contextmanager
def _changed(layer: layers.Layer, **attributes: Any) -> Iterator[None]:
    before = {name: getattr(layer, name) for name in attributes}
    for name, value in attributes.items():
        setattr(layer, name, value)
    try:
        yield
    finally:
        for name, value in before.items():
            setattr(layer, name, value)


def _leaf(layer: layers.Layer) -> bool:
    """Whether a layer is seen as one."""
    if isinstance(layer, keras.Model):
        return False
    return any(base.__name__ in LEAVES for base in type(layer).__mro__) or not layer._layers


def _class(operation: Any) -> str:
    """The name of its class, or of Keras' layer that it is derived from."""
    classes = type(operation).__mro__
    own = classes[0].__name__
    if own in SHIPPED or classes[0].__module__.startswith("keras."):
        return own
    return next((c.__name__ for c in classes if c.__module__.startswith("keras.") and c.__name__ in SHIPPED), own)


def _recurrent(operation: Any) -> bool:
    """Whether a layer's arrays are named after a cell inside of it."""
    return isinstance(operation, layers.RNN)


def _activated(layer: layers.Layer) -> bool:
    return isinstance(layer, ACTIVATED) or any(
        base.__name__.startswith(CONVOLUTIONS) and base.__module__.startswith("keras") for base in type(layer).__mro__
    )


def _part(variable: keras.Variable) -> str:
    return variable.path.rpartition("/")[2]


def _again(function: Callable[..., Any], args: Any, kwargs: Any) -> Callable[[Any], Any]:
    def call(x: Any) -> Any:
        def put(value: Any) -> Any:
            return x if tf.is_tensor(value) else value

        return function(*map(put, args), **{name: put(value) for name, value in kwargs.items()})

    return call


def _numpy(function: Callable[[Any], Any] | None) -> Callable[[np.ndarray], np.ndarray] | None:
    if function is None:
        return None
    return lambda array: _tensors(function(tf.constant(array)))[0].numpy()


def _tensors(value: Any) -> list[Any]:
    if tf.is_tensor(value):
        return [value]
    if isinstance(value, Mapping):
        value = value.values()
    elif not isinstance(value, (list, tuple)):
        return []
    return [tensor for part in value for tensor in _tensors(part)]
