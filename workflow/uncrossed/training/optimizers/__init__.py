"""Optimizers: one file each, with both frameworks' own of that name and how each imitates the other's.

A file has
- `TOUCHING`: the mechanisms in which the two differ, and `touching(row)`, those that matter at a row's hyperparameters;
- `TAKES`: the columns of a row that it takes besides `learning_rate`, and whether each is required;
- `GRAPHS`: whether a CUDA graph may hold PyTorch's steps;
- `slots(row)`: the arrays that it keeps for each weight, each by its name in PyTorch's state;
- `scales(row)`: of slots that Keras keeps otherwise, by what PyTorch's array is multiplied there;
- `pytorch(parameters, row, mechanisms, fused, capturable)` and `tensorflow(variables, row, mechanisms)`, which make it;
  mechanisms as `effective.effective` gives them.

A row without an optimizer has Adam. What follows reads and sets the slots of all of them.
"""

import importlib
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

State = dict[str, dict[str, np.ndarray]]

DEFAULT = "adam"
BUILT_IN_OPTIMIZERS = tuple(
    path.stem for path in sorted(Path(__file__).parent.glob("*.py")) if not path.name.startswith(("_", "."))
)


def load(name: str) -> ModuleType:
    """An optimizer's file."""
    return importlib.import_module(f"{__name__}.{name}")


def pytorch_state(optimizer: Any, slots: Mapping[str, str], parameters: Iterable[tuple[str, Any]]) -> State:
    """PyTorch's arrays by slot and the weights' names; empty before the first step."""
    states = [(name, optimizer.state[parameter]) for name, parameter in parameters]
    return {
        slot: {name: state[key].cpu().numpy().copy() for name, state in states if state} for slot, key in slots.items()
    }


def set_pytorch_state(
    optimizer: Any,
    slots: Mapping[str, str],
    parameters: Iterable[tuple[str, Any]],
    steps: int,
    state: Mapping[str, Mapping[str, np.ndarray]],
) -> None:
    """Set the number of steps taken and the slots of some or all weights; those of the others are zero."""
    import torch

    optimizer.taken = steps
    for name, parameter in parameters:
        known = optimizer.state[parameter]
        where = {"device": parameter.device} if optimizer.defaults.get("fused") else {}
        known["step"] = torch.tensor(float(steps), **where)
        for slot, key in slots.items():
            array = torch.zeros_like(parameter, memory_format=torch.preserve_format)
            if name in state.get(slot, {}):
                array.copy_(torch.from_numpy(np.asarray(state[slot][name])))
            known[key] = array


def tensorflow_state(optimizer: Any) -> State:
    """TensorFlow's arrays by slot and the weights' paths; zeros before the first step."""
    return {slot: dict(optimizer.state(slot)) for slot in optimizer.slots}


def set_tensorflow_state(optimizer: Any, steps: int, state: Mapping[str, Mapping[str, np.ndarray]]) -> None:
    """Set the number of steps taken and the slots of some or all weights; those of the others are zero."""
    optimizer.steps.assign(steps)
    for slot in optimizer.slots:
        optimizer.set_state(slot, state.get(slot, {}))


@cache
def decaying_first(name: str) -> type:
    """An optimizer of torch.optim that decays its weights before each step, w -= α λ w, as Keras' do."""
    import torch

    class DecayingFirst(getattr(torch.optim, name)):
        """Attributes: decay: λ."""

        decay = 0.0

        @torch.no_grad()
        def step(self) -> None:
            """Decay what has a gradient, and take PyTorch's own step."""
            for group in self.param_groups:
                weights = [weight for weight in group["params"] if weight.grad is not None]
                torch._foreach_mul_(weights, 1 - group["lr"] * self.decay)
            super().step()

    return DecayingFirst
