"""Passes through PyTorch's model: every function's call is seen, and any of them can be made to do something else.

Layers call functions, and a model's `forward` may call them too, so both are seen in one place. A plan says, by the key
of a call, what happens there instead; so one difference at a time is taken away without touching the model.
"""

import functools
import inspect
from collections import Counter
from collections.abc import Callable, Container, Iterable, Iterator, Mapping
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.overrides import TorchFunctionMode

from uncrossed.explain.differences.calls import Call, Pass, Recorder, plain

Tensors = list[torch.Tensor]
# What happens at a call: given how to run it on other inputs, its inputs, and its arrays by part.
Action = Callable[[Callable[[Tensors], Any], Tensors, dict[str, torch.Tensor]], Any]
Plan = Mapping[str, Action]
# What is kept of a call's output, given its key and the tensor.
KeptOf = Callable[[str, torch.Tensor], Any]
INPUT = "input"
# After a call's key: what happens to what it gives.
AFTER = "|after"
# Functions that Python cannot look into: names of their arguments.
SIGNATURES = {
    name: arguments
    for names, arguments in (
        ("conv1d conv2d conv3d", "input weight bias stride padding dilation groups"),
        (
            "convtranspose1d convtranspose2d convtranspose3d",
            "input weight bias stride padding output_padding groups dilation",
        ),
        ("linear", "input weight bias"),
        ("prelu", "input weight"),
        ("gelu", "input approximate"),
        ("pad", "input pad mode value"),
        ("avgpool1d avgpool2d avgpool3d", "input kernel_size stride padding ceil_mode count_include_pad"),
        ("maxpool1d maxpool2d maxpool3d", "input kernel_size stride padding dilation ceil_mode return_indices"),
        ("adaptiveavgpool1d adaptivemaxpool1d adaptivemaxpool2d adaptivemaxpool3d", "input output_size"),
        ("mean sum amax", "input dim keepdim"),
        ("cat concat concatenate stack", "tensors dim"),
        ("add sub mul div radd rsub rmul rdiv truediv iadd isub imul itruediv", "input other"),
        ("multiply subtract divide maximum minimum matmul bmm", "input other"),
        ("permute view reshape", "input dims"),
        ("transpose", "input dim0 dim1"),
        ("flatten", "input start_dim end_dim"),
        ("getitem", "input index"),
        ("softmax logsoftmax", "input dim"),
    )
    for name in names.split()
}
# Modules that are one layer, although they call several functions.
LEAVES = ("GRU", "LSTM", "RNN", "MultiheadAttention", "StochasticDepth", "DropPath", "DropBlock2d")
DROPPING = (nn.RNNBase, nn.MultiheadAttention)


class _Seeing(TorchFunctionMode):
    """Sees each call of a pass."""

    def __init__(self, model: nn.Module, plan: Plan, kept_of: KeptOf, wanted: Container[str] | None):
        super().__init__()
        self.plan = plan
        self.recorder = Recorder(lambda value: isinstance(value, torch.Tensor), kept_of, wanted)
        self.names = {id(tensor): name for name, tensor in _arrays(model)}
        self.trained = {name for name, _ in model.named_parameters()}
        # Batch normalisation that averages all steps tells its function another factor in each.
        self.averaging = {name for name, module in model.named_modules() if getattr(module, "momentum", 0) is None}

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        recorder, kwargs = self.recorder, kwargs or {}
        name = plain(getattr(func, "__name__", str(func)).strip("_"))
        if recorder.inside or (name in ("get", "set") and not isinstance(func(*args, **kwargs), torch.Tensor)):
            return func(*args, **kwargs)
        owner = recorder.places[-1] if recorder.places else ""
        data = self._data((args, kwargs))
        arguments = _bound(func, name, args, kwargs)
        if name == "batchnorm" and owner in self.averaging:
            arguments["momentum"] = None
        arrays = {part: value for part, value in arguments.items() if id(value) in self.names}

        def run(inputs: Tensors) -> Any:
            changed = {id(old): new for old, new in zip(data, inputs, strict=True)}
            return func(*_replaced(args, changed), **_replaced(kwargs, changed))

        def again(array: np.ndarray) -> np.ndarray:
            with torch.no_grad():
                return recorder.tensors(run([torch.from_numpy(array.copy())]))[0].numpy()

        key = recorder.keyed(f"{owner}|{name}")
        action = self.plan.get(key)
        out = run(data) if action is None else action(run, data, arrays)
        if name == "setitem":
            out = args[0]
        if not (made := recorder.tensors(out)):
            return out
        says = recorder.without_tensors(arguments, data)
        call = self._keep(owner, name, data, arrays, made, says.__getitem__, _written(func))
        call.again = again if len(data) == 1 and recorder.wanted is None else None
        if key + AFTER in self.plan:  # what comes after a call, which stays the one that made it
            out = self.plan[key + AFTER](lambda inputs: inputs[0], [out], {})
            recorder.makers[id(out)] = len(recorder.seen.calls) - 1
            recorder.kept.append(out)
        return out

    def _data(self, value: Any) -> Tensors:
        return [tensor for tensor in self.recorder.tensors(value) if id(tensor) not in self.names]

    def _keep(
        self,
        owner: str,
        function: str,
        data: Tensors,
        arrays: Mapping[str, torch.Tensor],
        made: Tensors,
        says: Callable[[str], Any],
        source: str,
    ) -> Call:
        names = {part: self.names[id(value)] for part, value in arrays.items()}
        trained = frozenset(part for part, name in names.items() if name in self.trained)
        place, more = f"{owner}|{function}", {"arrays": names, "trained": trained, "says": says, "source": source}
        return self.recorder.keep(place, owner, function, data, made, **more)

    # Modules.

    def enter(self, name: str, leaf: bool) -> None:
        """A module's `forward` begins."""
        self.recorder.places.append(name)
        self.recorder.inside += leaf

    def leave(self, name: str, module: nn.Module, leaf: bool, args: Any, kwargs: Any, out: Any) -> Any:
        """It ends; what it gives."""
        recorder = self.recorder
        recorder.places.pop()
        recorder.inside -= leaf
        if not leaf or recorder.inside:
            return None
        function = plain(type(module).__name__)
        data, arrays = self._data((args, kwargs)), dict(module.named_parameters())
        action = self.plan.get(recorder.keyed(f"{name}|{function}"))
        if action is not None:
            recorder.inside += 1
            out = action(lambda inputs: out, data, arrays)
            recorder.inside -= 1
        source = f"nn.{type(module).__name__}" if type(module).__module__.startswith("torch.nn") else function
        self._keep(name, function, data, arrays, recorder.tensors(out), functools.partial(getattr, module), source)
        return out


def _copied(key: str, tensor: torch.Tensor) -> np.ndarray:
    return tensor.detach().clone().numpy()


def record(
    model: nn.Module,
    x: np.ndarray,
    training: bool = False,
    plan: Plan | None = None,
    loss: Callable[[torch.Tensor], torch.Tensor] | None = None,
    wanted: Container[str] | None = None,
    kept_of: KeptOf = _copied,
) -> Pass:
    """One pass through the model, which is left as it was; what its calls gave, and what ended it early if it did.

    Args:
        model: the model, in float64.
        x: its input, in its layout.
        training: in training mode, with dropout as it is unless the plan says otherwise.
        plan: what happens otherwise, by key.
        loss: of the output, whose gradients are wanted.
        wanted: the keys of the calls whose outputs are kept; None where the calls are, to be read.
        kept_of: what is kept of them.
    """
    plan = plan or {}
    before = {name: tensor.detach().clone() for name, tensor in model.named_buffers()}
    modes = {module: module.training for module in model.modules()}
    # Dropout inside of layers that are seen as one.
    rates = {module: module.dropout for module in model.modules() if isinstance(module, DROPPING)}
    seeing = _Seeing(model, plan, kept_of, wanted)
    hooks = list(_hooks(model, seeing))
    model.train(training)
    for module in rates:
        module.dropout = 0.0
    recorder, seen = seeing.recorder, seeing.recorder.seen
    try:
        tensor = torch.from_numpy(x.copy())
        if INPUT in plan:
            tensor = plan[INPUT](lambda inputs: inputs[0], [tensor], {})
        recorder.begin(tensor)
        with torch.set_grad_enabled(loss is not None):
            with seeing:
                out = recorder.tensors(model(tensor))[0]
            seen.output = recorder.makers.get(id(out))
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
        seen.error = f"{type(error).__name__}: {error}", recorder.key
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
    recorder.end()
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


def _replaced(value: Any, changed: Mapping[int, torch.Tensor]) -> Any:
    if isinstance(value, torch.Tensor):
        return changed.get(id(value), value)
    if isinstance(value, dict):
        return {key: _replaced(part, changed) for key, part in value.items()}
    if isinstance(value, (list, tuple)) and not hasattr(value, "_fields"):
        return type(value)(_replaced(part, changed) for part in value)
    return value
