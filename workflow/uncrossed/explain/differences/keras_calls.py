"""Passes through Keras' model: every layer's call is seen, and what is called between layers.

Nested models are entered; so are layers of unknown classes that have layers of their own. A layer's activation is seen
as a call of its own. What TensorFlow's functions do between layers is seen too, as operations.
"""

import contextlib
import functools
import inspect
from collections.abc import Callable, Container, Iterator, Mapping
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import layers
from tensorflow.python.eager import context, execute
from tensorflow.python.framework import op_callbacks

from uncrossed.explain.differences.calls import Pass, Recorder, plain

# Layers that have layers of their own, and are one.
LEAVES = ("Bidirectional", "RNN", "GRU", "LSTM", "SimpleRNN", "MultiHeadAttention", "TimeDistributed")
# Layers whose activation comes after all else that they do.
ACTIVATED = (layers.Dense, layers.EinsumDense)
CONVOLUTIONS = ("Conv", "Depthwise", "Separable")
CONVOLVED: Any = layers.Conv2D.__base__
SHIPPED = {name for name, value in vars(layers).items() if isinstance(value, type)} - {"Layer", "Wrapper", "RNN"}
# What drops at random; with these off both sides can be compared in training.
DROPPING = ("Dropout", "DropPath", "StochasticDepth", "GaussianNoise")


class _Seeing(Recorder):
    """Sees each call of a pass."""

    def __init__(self, model: keras.Model, wanted: Container[str] | None):
        super().__init__(tf.is_tensor, lambda key, tensor: tensor.numpy(), wanted)
        self.model = model
        self.trained = {id(variable) for variable in model.trainable_variables}

    def layer(self, layer: layers.Layer, call: Callable[..., Any], args: Any, kwargs: Any) -> Any:
        """A layer is called."""
        if self.inside:
            return call(layer, *args, **kwargs)
        if layer is self.model or not _leaf(layer):
            place = [] if layer is self.model else [layer.name]
            self.places += place
            try:
                return call(layer, *args, **kwargs)
            finally:
                del self.places[len(self.places) - len(place) :]
        name = "/".join([*self.places, layer.name])
        data = self.tensors((args, kwargs))
        if any(word in type(layer).__name__ for word in DROPPING):
            return self._keep(name, layer, data, data[0], None, {"training": kwargs.get("training")})
        activation = getattr(layer, "activation", None) if _activated(layer) else None
        if activation is None or activation is keras.activations.linear:
            out = self._run(call, layer, *args, **kwargs)
            return self._keep(name, layer, data, out, lambda x: call(layer, x))
        layer.activation = None
        try:
            out = self._run(call, layer, *args, **kwargs)
        finally:
            layer.activation = activation
        between = self._keep(name, layer, data, out, None)
        return self.function(activation, plain(getattr(activation, "__name__", "")), (between,), {}, name)

    def operation(self, operation: keras.Operation, call: Callable[..., Any], args: Any, kwargs: Any) -> Any:
        """A function's node of a functional model is called."""
        if self.inside:
            return call(operation, *args, **kwargs)
        out = self._run(call, operation, *args, **kwargs)
        data = self.tensors((args, kwargs))
        again = _again(functools.partial(call, operation), args, kwargs) if len(data) == 1 else None
        arguments = {str(k): value for k, value in enumerate(args)} | kwargs
        arguments = self.without_tensors(arguments, data)
        return self._keep("/".join([*self.places, operation.name]), operation, data, out, again, arguments)

    def function(self, function: Callable[..., Any], name: str, args: Any, kwargs: Any, owner: str = "") -> Any:
        """A function is called between layers, or as the activation of one."""
        if self.inside:
            return function(*args, **kwargs)
        out = self._run(function, *args, **kwargs)
        if not (made := self.tensors(out)):
            return out
        data = self.tensors((args, kwargs))
        try:
            bound = inspect.signature(function).bind(*args, **kwargs)
            bound.apply_defaults()
            arguments = dict(bound.arguments)
        except (TypeError, ValueError):
            arguments = {str(k): value for k, value in enumerate(args)} | kwargs
        arguments = self.without_tensors(arguments, data)
        place = f"{owner}|activation" if owner else "|".join([*self.places, name])
        said = f"{owner}'s activation" if owner else "/".join([*self.places, f"ops.{name}"])
        again = self._numpy(_again(function, args, kwargs)) if len(data) == 1 else None
        self.keep(place, said, name, data, made, says=arguments.__getitem__, again=again, source=said)
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
        fixed = [None if id(tensor) in self.makers else tensor for tensor in inputs]
        arguments = {f"other{k}": tensor for k, tensor in enumerate(fixed) if tensor is not None}
        count, said = len(outputs), f"tf's {name}"

        def again(x: Any) -> Any:
            given = [x if other is None else other for other in fixed]
            return execute.execute(name.encode(), count, given, attributes, context.context())

        call = self.keep(
            "|".join([*self.places, "tf", plain(name)]),
            "/".join([*self.places, said]),
            plain(name),
            data,
            [outputs[0]],
            says=arguments.__getitem__,
            source=said,
        )
        call.again = self._numpy(again) if len(data) == 1 and attributes is not None else None

    def _run(self, call: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        self.inside += 1
        try:
            return call(*args, **kwargs)
        finally:
            self.inside -= 1

    def _numpy(self, function: Callable[[Any], Any] | None) -> Callable[[np.ndarray], np.ndarray] | None:
        return function and (lambda array: self.tensors(function(tf.constant(array)))[0].numpy())

    def _keep(
        self,
        name: str,
        operation: keras.Operation,
        data: list[Any],
        out: Any,
        again: Callable[[Any], Any] | None,
        arguments: Mapping[str, Any] | None = None,
    ) -> Any:
        made = self.tensors(out)
        if any(id(tensor) in {id(other) for other in data} for tensor in made):
            # The same tensor comes out again: a new one, so that it is known who made it.
            out = self._run(tf.identity, made[0])
            made = [out]
        variables = getattr(operation, "weights", [])
        parts = {variable.path: _part(variable) for variable in variables}
        if len(set(parts.values())) < len(parts):  # of a layer that has layers of its own
            parts = {path: "/".join(path.split("/")[-2:]) for path in parts}
        arrays = {part: path for path, part in parts.items()}
        # A sequential model's arrays are named after it, and it is not its own layer; a recurrent layer's after a cell.
        paths = {path.removeprefix(f"{self.model.name}/").rpartition("/")[0] for path in arrays.values()}
        said = paths.pop() if len(paths) == 1 and not isinstance(operation, layers.RNN) else name
        extra = arguments or {}
        self.keep(
            name,
            said,
            plain(_class(operation)),
            data,
            made,
            says=lambda key: extra[key] if key in extra else getattr(operation, key),
            arrays=arrays,
            trained=frozenset(parts[variable.path] for variable in variables if id(variable) in self.trained),
            again=self._numpy(again),
            source=f"{'layers' if isinstance(operation, layers.Layer) else 'ops'}.{type(operation).__name__}",
        )
        return out


def record(
    model: keras.Model,
    x: np.ndarray,
    training: bool = False,
    loss: Callable[[tf.Tensor], tf.Tensor] | None = None,
    wanted: Container[str] | None = None,
) -> Pass:
    """One pass through the model, without dropout; the model is left as it was.

    Args:
        model: the model, in float64.
        x: its input.
        training: in training mode.
        loss: of the output, whose gradients are wanted.
        wanted: the keys of the calls whose outputs are kept; None where the calls are, to be read.
    """
    changing = model.non_trainable_variables
    before = [variable.numpy() for variable in changing]
    seeing = _Seeing(model, wanted)
    seen = seeing.seen
    tensor = tf.constant(x)
    seeing.begin(tensor)
    try:
        with tf.GradientTape() as tape:
            with _watching(seeing):
                out = seeing.tensors(model(tensor, training=training))[0]
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
        seeing.end()
    return seen


@contextlib.contextmanager
def _watching(seeing: _Seeing) -> Iterator[None]:
    """All calls are seen while the block runs."""
    call_layer, call_operation, convolved = layers.Layer.__call__, keras.Operation.__call__, CONVOLVED.convolution_op

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
    CONVOLVED.convolution_op = functools.partialmethod(_convolved, convolved)
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
        CONVOLVED.convolution_op = convolved


def _convolved(layer: Any, convolved: Callable[..., Any], inputs: Any, kernel: Any) -> Any:
    """A convolution in as many groups as channels by TensorFlow's depthwise one, which is the same.

    On a CPU Keras has any convolution in groups compiled anew in each call, which takes seconds.
    """
    channels = inputs.shape[-1]
    alike = layer.groups == channels > 1 and layer.data_format == "channels_last"
    if not alike or len(kernel.shape) != 4 or len(set(layer.strides)) > 1:
        return convolved(layer, inputs, kernel)
    kernel = keras.ops.reshape(kernel, (*kernel.shape[:2], channels, -1))
    options = layer.strides[0], layer.padding, layer.data_format, layer.dilation_rate
    return keras.ops.depthwise_conv(inputs, kernel, *options)


def _wrapped(seeing: _Seeing, function: Callable[..., Any], name: str) -> Callable[..., Any]:
    def seen(*args: Any, **kwargs: Any) -> Any:
        if seeing.inside or not any(id(tensor) in seeing.makers for tensor in seeing.tensors((args, kwargs))):
            return function(*args, **kwargs)
        return seeing.function(function, name, args, kwargs)

    return seen


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
