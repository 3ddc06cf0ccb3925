"""Passes through PyTorch's model: every function's call is seen, and any of them can be made to do something else.

Layers call functions, and a model's `forward` may call them too, so both are seen in one place. A plan says, by the key
of a call, what happens there instead; so one difference at a time is taken away without touching the model.
"""

import functools
import inspect
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.overrides import TorchFunctionMode

from uncrossed.explain.differences.calls import MODEL_INPUT, Call, Pass, plain

Tensors = list[torch.Tensor]
# What happens at a call: given how to run it on other inputs, its inputs, and its arrays by part.
Action = Callable[[Callable[[Tensors], Any], Tensors, dict[str, torch.Tensor]], Any]
Plan = Mapping[str, Action]
INPUT = "input"
# After a call's key: what happens to what it gives.
AFTER = "|after"
# Functions that Python cannot look into: names of their arguments.
SIGNATURES = {
    **dict.fromkeys(("conv1d", "conv2d", "conv3d"), "input weight bias stride padding dilation groups"),
    **dict.fromkeys(
        ("convtranspose1d", "convtranspose2d", "convtranspose3d"),
        "input weight bias stride padding output_padding groups dilation",
    ),
    "linear": "input weight bias",
    "gelu": "input approximate",
    "pad": "input pad mode value",
    "prelu": "input weight",
    **dict.fromkeys(("avgpool2d", "avgpool3d"), "input kernel_size stride padding ceil_mode count_include_pad"),
    "avgpool1d": "input kernel_size stride padding ceil_mode count_include_pad",
    **dict.fromkeys(
        ("maxpool1d", "maxpool2d", "maxpool3d"), "input kernel_size stride padding dilation ceil_mode return_indices"
    ),
    **dict.fromkeys(
        ("adaptiveavgpool1d", "adaptivemaxpool1d", "adaptivemaxpool2d", "adaptivemaxpool3d"), "input output_size"
    ),
    **dict.fromkeys(("mean", "sum", "amax"), "input dim keepdim"),
    **dict.fromkeys(("cat", "concat", "concatenate", "stack"), "tensors dim"),
    **dict.fromkeys(("add", "sub", "mul", "div", "radd", "rsub", "rmul", "rdiv", "truediv"), "input other"),
    **dict.fromkeys(("iadd", "isub", "imul", "itruediv", "multiply", "subtract", "divide"), "input other"),
    **dict.fromkeys(("maximum", "minimum", "matmul", "bmm"), "input other"),
    **dict.fromkeys(("permute", "view", "reshape"), "input dims"),
    "transpose": "input dim0 dim1",
    "flatten": "input start_dim end_dim",
    "getitem": "input index",
    "softmax": "input dim",
    "logsoftmax": "input dim",
}
# Modules that are one layer, although they call several functions.
LEAVES = ("GRU", "LSTM", "RNN", "MultiheadAttention", "StochasticDepth", "DropPath", "DropBlock2d")
DROPPING = (nn.RNNBase, nn.MultiheadAttention)


class _Seeing(TorchFunctionMode):
    """Sees each call of a pass."""

    def __init__(self, model: nn.Module, plan: Plan):
        super().__init__()
        self.model, self.plan, self.seen = model, plan, Pass()
        self.names = {id(tensor): name for name, tensor in _arrays(model)}
        self.trained = {name for name, _ in model.named_parameters()}
        self.places: list[str] = []
        self.inside, self.counts = 0, Counter()
        self.makers: dict[int, int] = {}
        self.kept: list[Any] = []  # an id stays one tensor's as long as the tensor lives
        self.key = ""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        name = plain(getattr(func, "__name__", str(func)).strip("_"))
        if self.inside or (name in ("get", "set") and not _makes_tensor(func, args, kwargs)):
            return func(*args, **kwargs)
        place = self.places[-1] if self.places else ""
        found = _tensors((args, kwargs))
        data = [tensor for tensor in found if id(tensor) not in self.names]
        arguments = _bound(func, name, args, kwargs)

        def run(inputs: Tensors) -> Any:
            changed = {id(old): new for old, new in zip(data, inputs, strict=True)}
            return func(*_replaced(args, changed), **_replaced(kwargs, changed))

        self.key = f"{place}|{name}|{self.counts[place, name]}"
        arrays = self._parts(arguments)
        action = self.plan.get(self.key)
        out = run(data) if action is None else action(run, data, {k: v for k, (_, v) in arrays.items()})
        if name == "setitem":
            out = args[0]
        if not (made := _tensors(out)):
            return out
        self.counts[place, name] += 1
        shapes = (tuple(data[0].shape) if data else (), tuple(made[0].shape))
        self._keep(self.key, place, name, arguments, data, arrays, shapes, run, made, _written(func))
        return self._after(self.key, out)

    def _after(self, key: str, out: Any) -> Any:
        """What comes after a call, which stays the one that made it."""
        if key + AFTER not in self.plan:
            return out
        changed = self.plan[key + AFTER](lambda inputs: inputs[0], [out], {})
        self.makers[id(changed)] = len(self.seen.calls) - 1
        self.kept.append(changed)
        return changed

    def _parts(self, arguments: Mapping[str, Any]) -> dict[str, tuple[str, torch.Tensor]]:
        return {
            part: (self.names[id(value)], value)
            for part, value in arguments.items()
            if isinstance(value, torch.Tensor) and id(value) in self.names
        }

    def _keep(
        self,
        key: str,
        place: str,
        function: str,
        arguments: Mapping[str, Any],
        data: Tensors,
        arrays: Mapping[str, tuple[str, torch.Tensor]],
        shapes: tuple[tuple[int, ...], tuple[int, ...]],
        run: Callable[[Tensors], Any],
        made: Tensors,
        source: str,
    ) -> None:
        def again(array: np.ndarray) -> np.ndarray:
            with torch.no_grad():
                return _tensors(run([torch.from_numpy(array.copy())]))[0].numpy()

        names = {part: name for part, (name, _) in arrays.items()}
        call = Call(
            key=key,
            name=place,
            function=function,
            says=arguments.__getitem__,
            inputs=[self.makers.get(id(tensor)) for tensor in data],
            arrays=names,
            trained=frozenset(part for part, name in names.items() if name in self.trained),
            x=shapes[0],
            y=shapes[1],
            again=again if len(data) == 1 else None,
            source=source,
        )
        for tensor in made:
            self.makers[id(tensor)] = len(self.seen.calls)
            self.kept.append(tensor)
        self.kept.extend(data)
        self.seen.calls.append(call)
        self.seen.values[key] = made[0].detach().clone().numpy()

    # Modules.

    def enter(self, name: str, leaf: bool) -> None:
        """A module's `forward` begins."""
        self.places.append(name)
        self.inside += leaf

    def leave(self, name: str, module: nn.Module, leaf: bool, args: Any, kwargs: Any, out: Any) -> Any:
        """It ends; what it gives."""
        self.places.pop()
        self.inside -= leaf
        if not leaf or self.inside:
            return None
        function = plain(type(module).__name__)
        key = f"{name}|{function}|{self.counts[name, function]}"
        self.counts[name, function] += 1
        self.key = key
        data = [tensor for tensor in _tensors((args, kwargs)) if id(tensor) not in self.names]
        arrays = {part: (self.names[id(value)], value) for part, value in module.named_parameters()}
        action = self.plan.get(key)
        if action is not None:
            with self._quiet():
                out = action(lambda inputs: out, data, {part: value for part, (_, value) in arrays.items()})
        made = _tensors(out)
        attributes = _Attributes(module)
        shapes = (tuple(data[0].shape), tuple(made[0].shape))
        source = f"nn.{type(module).__name__}" if type(module).__module__.startswith("torch.nn") else function
        self._keep(key, name, function, attributes, data, arrays, shapes, lambda inputs: None, made, source)
        self.seen.calls[-1].again = None
        return out

    def _quiet(self) -> Any:
        seeing = self

        class Quiet:
            def __enter__(self) -> None:
                seeing.inside += 1

            def __exit__(self, *_: object) -> None:
                seeing.inside -= 1

        return Quiet()


class _Attributes(dict):
    """A module's attributes as a mapping."""

    def __init__(self, module: nn.Module):
        super().__init__()
        self.module = module

    def __getitem__(self, name: str) -> Any:
        return getattr(self.module, name)


def record(
    model: nn.Module, x: np.ndarray, training: bool, plan: Plan, loss: Callable[[torch.Tensor], torch.Tensor] | None
) -> Pass:
    """One pass through the model, which is left as it was; what its calls gave, and what ended it early if it did.

    Args:
        model: the model, in float64.
        x: its input, in its layout.
        training: in training mode, with dropout as it is unless the plan says otherwise.
        plan: what happens otherwise, by key.
        loss: of the output, whose gradients are wanted.
    """
    before = {name: tensor.detach().clone() for name, tensor in model.named_buffers()}
    modes = {module: module.training for module in model.modules()}
    # Dropout inside of layers that are seen as one.
    rates = {module: module.dropout for module in model.modules() if isinstance(module, DROPPING)}
    seeing = _Seeing(model, plan)
    hooks = list(_hooks(model, seeing))
    model.train(training)
    for module in rates:
        module.dropout = 0.0
    seen = seeing.seen
    try:
        tensor = torch.from_numpy(x.copy())
        if INPUT in plan:
            tensor = plan[INPUT](lambda inputs: inputs[0], [tensor], {})
        seeing.makers[id(tensor)] = MODEL_INPUT
        seeing.kept.append(tensor)
        with torch.set_grad_enabled(loss is not None):
            with seeing:
                out = _tensors(model(tensor))[0]
            seen.output = seeing.makers.get(id(out))
            seen.logits = out.detach().clone().numpy()
            if loss is not None:
                model.zero_grad(set_to_none=True)
                loss(out).backward()
                seen.gradients = {
                    name: parameter.grad.numpy()
                    for name, parameter in model.named_parameters()
                    if parameter.grad is not None
                }
                model.zero_grad(set_to_none=True)
        seen.statistics = {name: tensor.detach().numpy().copy() for name, tensor in model.named_buffers()}
    except Exception as error:  # whatever the model's author's code, or a shape that no longer fits, raises
        seen.error = f"{type(error).__name__}: {error}", seeing.key
    finally:
        for hook in hooks:
            hook.remove()
        for module, mode in modes.items():
            module.training = mode
        for module, rate in rates.items():
            module.dropout = rate
        with torch.no_grad():
            for name, tensor in model.named_buffers():
                tensor.copy_(before[name])
    _name(seen)
    return seen


def _arrays(model: nn.Module) -> Iterator[tuple[str, torch.Tensor]]:
    yield from model.named_parameters()
    yield from model.named_buffers()


def _hooks(model: nn.Module, seeing: _Seeing) -> Iterator[Any]:
    for name, module in model.named_modules():
        leaf = any(base.__name__ in LEAVES for base in type(module).__mro__)
        enter = functools.partial(seeing.enter, name, leaf)
        yield module.register_forward_pre_hook(lambda module, args, enter=enter: enter())
        leave = functools.partial(seeing.leave, name, module, leaf)
        yield module.register_forward_hook(
            lambda module, args, kwargs, out, leave=leave: leave(args, kwargs, out), with_kwargs=True
        )


def _name(seen: Pass) -> None:
    """Name each call: after its arrays, after a module that does nothing else, or by the function and its place."""
    made = Counter(call.name for call in seen.calls)
    numbers: Counter[tuple[str, str]] = Counter()
    for call in seen.calls:
        place = call.name
        prefixes = {name.rpartition(".")[0] for name in call.arrays.values()}
        numbers[place, call.function] += 1
        if made[place] == 1 and place:
            continue
        if len(prefixes) == 1 and (prefix := prefixes.pop()) and prefix != place:
            call.name = prefix
            continue
        number = f" {numbers[place, call.function]}"
        call.name = f"{call.source}{number}" + (f" in {place}" if place else "")


def _written(func: Any) -> str:
    module = getattr(func, "__module__", None) or ""
    name = getattr(func, "__name__", str(func))
    if "functional" in module or module == "torch._C._nn" or name.startswith(("conv", "batch_norm")):
        return f"F.{name}"
    return name.strip("_") if name.startswith("__") else f"torch.{name}"


def _makes_tensor(func: Any, args: Any, kwargs: Any) -> bool:
    return isinstance(func(*args, **kwargs), torch.Tensor)


def _bound(func: Any, name: str, args: Iterable[Any], kwargs: Mapping[str, Any]) -> dict[str, Any]:
    names = SIGNATURES.get(name, "").split()
    if not names:
        try:
            bound = _signature(func).bind(*args, **kwargs)
        except (TypeError, ValueError):
            return {**{str(k): value for k, value in enumerate(args)}, **kwargs}
        bound.apply_defaults()
        return dict(bound.arguments)
    arguments = dict(zip(names, args, strict=False))
    if name in ("permute", "view", "reshape") and len(args := list(args)) > 2:
        arguments["dims"] = args[1:]
    return {**arguments, **kwargs}


@functools.lru_cache(maxsize=256)
def _signature(func: Any) -> inspect.Signature:
    return inspect.signature(func)


def _tensors(value: Any) -> Tensors:
    if isinstance(value, torch.Tensor):
        return [value]
    if isinstance(value, Mapping):
        value = value.values()
    elif not isinstance(value, (list, tuple)):
        return []
    return [tensor for part in value for tensor in _tensors(part)]


def _replaced(value: Any, changed: Mapping[int, torch.Tensor]) -> Any:
    if isinstance(value, torch.Tensor):
        return changed.get(id(value), value)
    if isinstance(value, dict):
        return {key: _replaced(part, changed) for key, part in value.items()}
    if isinstance(value, (list, tuple)) and not hasattr(value, "_fields"):
        return type(value)(_replaced(part, changed) for part in value)
    return value
