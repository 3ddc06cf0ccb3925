"""Both sides' optimizers: what they are set to, what form their formulas have, and what each difference does to steps.

Each family is written here once, with every form that a library has as a setting (where epsilon stands, how weights
decay). That formula, with the settings that were read, must take the steps that the library's optimizer takes; then a
setting can be changed alone to see what it does.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from uncrossed.explain.differences.configuration import Difference

STEPS = 6
# Keras keeps some constants in float32, also where it computes in float64.
CLOSE, NOTHING = 1e-5, 1e-12
FAMILIES = {
    "SGD": "SGD",
    "Adam": "Adam",
    "AdamW": "Adam",
    "RMSprop": "RMSprop",
    "Adagrad": "Adagrad",
    "Adadelta": "Adadelta",
    "Adamax": "Adamax",
}
OURS, THEIRS = "PyTorch's", "Keras'"
GRADIENT, DECOUPLED = "added to the gradient", "apart from the gradient (decoupled)"

# What to write for a setting, on either side; {} is the value.
WRITE: dict[str, tuple[str, str]] = {
    "learning_rate": ("lr={}", "learning_rate={}"),
    "momentum": ("momentum={}", "momentum={}"),
    "nesterov": ("nesterov={}", "nesterov={}"),
    "dampening": ("dampening={}", "(Keras has none)"),
    "beta_1": ("betas=({}, ...)", "beta_1={}"),
    "beta_2": ("betas=(..., {})", "beta_2={}"),
    "rho": ("alpha={} (rho={} in Adadelta)", "rho={}"),
    "epsilon": ("eps={}", "epsilon={}"),
    "epsilon_stands": (
        "(no setting: a step of one's own, with epsilon {})",
        "(no setting: an update_step of one's own, with epsilon {})",
    ),
    "centered": ("centered={}", "centered={}"),
    "amsgrad": ("amsgrad={}", "amsgrad={}"),
    "initial_accumulator": ("initial_accumulator_value={}", "initial_accumulator_value={}"),
    "rate_decay": ("lr_decay={}", "(a schedule: keras.optimizers.schedules.InverseTimeDecay)"),
    "weight_decay": ("weight_decay={}", "weight_decay={}"),
    "weight_decay_form": (
        "torch.optim.AdamW decouples, torch.optim.Adam and the others add to the gradient; wanted: {}",
        "weight_decay= decouples, kernel_regularizer=keras.regularizers.L2(weight_decay / 2) adds to the gradient; "
        "wanted: {}",
    ),
    "clipping": ("pytorch_clip(parameters), with {}", "clipnorm=, global_clipnorm= or clipvalue=: {}"),
}
Arrays = list[np.ndarray]


def read_pytorch(optimizer: Any) -> dict[str, Any] | None:
    """The settings of PyTorch's optimizer; None for a family that is not known."""
    name = type(optimizer).__name__
    if name not in FAMILIES:
        return None
    group = optimizer.param_groups[0]
    found: dict[str, Any] = {"family": FAMILIES[name], "learning_rate": float(group["lr"])}
    decoupled = name == "AdamW" or group.get("decoupled_weight_decay", False)
    found["weight_decay"] = float(group.get("weight_decay", 0))
    found["weight_decay_form"] = DECOUPLED if decoupled else GRADIENT
    if name == "SGD":
        found |= {key: group[key] for key in ("momentum", "dampening", "nesterov")}
    if "betas" in group:
        found["beta_1"], found["beta_2"] = map(float, group["betas"])
    if name == "RMSprop":
        found |= {"rho": group["alpha"], "momentum": group["momentum"], "centered": group["centered"]}
    if name == "Adadelta":
        found["rho"] = group["rho"]
    if name == "Adagrad":
        found |= {"initial_accumulator": group["initial_accumulator_value"], "rate_decay": group["lr_decay"]}
    if found["family"] == "Adam":
        found["amsgrad"] = group["amsgrad"]
    if "eps" in group:
        found |= {"epsilon": float(group["eps"]), "epsilon_stands": _STANDS[found["family"]][0]}
    return found


def read_keras(optimizer: Any) -> dict[str, Any] | None:
    """The settings of Keras' optimizer; None for a family that is not known."""
    name = type(optimizer).__name__
    if name not in FAMILIES:
        return None
    found: dict[str, Any] = {"family": FAMILIES[name], "learning_rate": _number(float(optimizer.learning_rate))}
    found["weight_decay"] = float(optimizer.weight_decay or 0)
    found["weight_decay_form"] = DECOUPLED
    if name == "SGD":
        found |= {"momentum": optimizer.momentum, "dampening": 0, "nesterov": optimizer.nesterov}
    for key in ("beta_1", "beta_2", "rho"):
        if hasattr(optimizer, key):
            found[key] = float(getattr(optimizer, key))
    if name == "RMSprop":
        found |= {"momentum": optimizer.momentum, "centered": optimizer.centered}
    if name == "Adagrad":
        found |= {"initial_accumulator": optimizer.initial_accumulator_value, "rate_decay": 0}
    if found["family"] == "Adam":
        found["amsgrad"] = optimizer.amsgrad
    if hasattr(optimizer, "epsilon"):
        found |= {"epsilon": float(optimizer.epsilon), "epsilon_stands": _STANDS[found["family"]][1]}
    return found


# Where epsilon stands, in PyTorch's formula and in Keras'.
_STANDS = {
    "Adam": ("added to √(v / (1 - β₂^t))", "added to √v, before v is corrected"),
    "RMSprop": ("added to the root", "under the root"),
    "Adagrad": ("added to the root", "under the root"),
    "Adadelta": ("under the root", "under the root"),
    "Adamax": ("added to the gradient", "added to the greatest gradient"),
}


def _number(value: float) -> float:
    return float(f"{value:.7g}")


def steps(settings: Mapping[str, Any], weights: Arrays, gradients: Sequence[Arrays], single: bool) -> Arrays:
    """The weights after some steps, by the family's formula.

    Args:
        settings: as `read_pytorch` or `read_keras` gives them.
        weights: at the beginning.
        gradients: of each step.
        single: with constants rounded to float32 where Keras does so.
    """
    weights = [array.copy() for array in weights]
    states: list[dict[str, np.ndarray]] = [{} for _ in weights]
    for step, all_gradients in enumerate(gradients, start=1):
        clipped = clip(settings.get("clipping"), all_gradients)
        for k, gradient in enumerate(clipped):
            weights[k] = _step(settings, states[k], weights[k], gradient, step, single)
    return weights


def _step(
    settings: Mapping[str, Any], state: dict[str, np.ndarray], w: np.ndarray, g: np.ndarray, step: int, single: bool
) -> np.ndarray:
    def rounded(value: float) -> float:
        return float(np.float32(value)) if single else value

    rate, decay = settings["learning_rate"], rounded(settings["weight_decay"])
    if decay and settings["weight_decay_form"] == DECOUPLED:
        w = w - rate * decay * w
    elif decay:
        g = g + decay * w
    zero = np.zeros_like(w)
    family, epsilon = settings["family"], settings.get("epsilon", 0)
    stands = settings.get("epsilon_stands")
    if family == "SGD":
        momentum = rounded(settings["momentum"])
        if not momentum:
            return w - rate * g
        damped = (1 - settings["dampening"]) * g if "buffer" in state else g
        state["buffer"] = momentum * state.get("buffer", zero) + damped
        return w - rate * (g + momentum * state["buffer"] if settings["nesterov"] else state["buffer"])
    if family in ("Adam", "Adamax"):
        beta_1, beta_2 = settings["beta_1"], settings["beta_2"]
        first, second = 1 - rounded(beta_1) ** step, 1 - rounded(beta_2) ** step
        state["m"] = beta_1 * state.get("m", zero) + (1 - beta_1) * g
        if family == "Adamax":
            inner = stands == _STANDS["Adamax"][0]
            state["u"] = np.maximum(beta_2 * state.get("u", zero), np.abs(g) + (epsilon if inner else 0))
            return w - rate * state["m"] / (first * (state["u"] + (0 if inner else epsilon)))
        state["v"] = beta_2 * state.get("v", zero) + (1 - beta_2) * g * g
        v = state["v"]
        if settings["amsgrad"]:
            v = state["greatest"] = np.maximum(state.get("greatest", zero), v)
        if stands == _STANDS["Adam"][0]:
            return w - rate / first * state["m"] / (np.sqrt(v / second) + epsilon)
        return w - rate * np.sqrt(second) / first * state["m"] / (np.sqrt(v) + epsilon)
    if family == "RMSprop":
        rho = settings["rho"]
        state["v"] = v = rho * state.get("v", zero) + (1 - rho) * g * g
        if settings["centered"]:
            state["m"] = rho * state.get("m", zero) + (1 - rho) * g
            v = v - state["m"] ** 2
        increment = g / (np.sqrt(v + epsilon) if stands == "under the root" else np.sqrt(v) + epsilon)
        if not settings["momentum"]:
            return w - rate * increment
        state["buffer"] = settings["momentum"] * state.get("buffer", zero) + increment
        return w - rate * state["buffer"]
    if family == "Adagrad":
        state["sum"] = state.get("sum", zero + settings["initial_accumulator"]) + g * g
        root = np.sqrt(state["sum"] + epsilon) if stands == "under the root" else np.sqrt(state["sum"]) + epsilon
        return w - rate / (1 + (step - 1) * settings["rate_decay"]) * g / root
    rho = settings["rho"]
    state["g"] = rho * state.get("g", zero) + (1 - rho) * g * g
    change = np.sqrt(state.get("d", zero) + epsilon) / np.sqrt(state["g"] + epsilon) * g
    state["d"] = rho * state.get("d", zero) + (1 - rho) * change**2
    return w - rate * change


def clip(clipping: tuple[str, float] | None, gradients: Arrays) -> Arrays:
    """Clipped gradients: `each array`, `all arrays` (to a norm) or `each number`."""
    if clipping is None:
        return gradients
    form, bound = clipping
    if form == "each number":
        return [np.clip(gradient, -bound, bound) for gradient in gradients]
    norms = [float(np.linalg.norm(gradient)) for gradient in gradients]
    if form == "all arrays":
        norms = [float(np.linalg.norm(norms))] * len(gradients)
    return [g * min(1.0, bound / norm) if norm else g for g, norm in zip(gradients, norms, strict=True)]


def _clipping_of_keras(optimizer: Any) -> tuple[str, float] | None:
    names = {"clipnorm": "each array", "global_clipnorm": "all arrays", "clipvalue": "each number"}
    for attribute, form in names.items():
        if value := getattr(optimizer, attribute, None):
            return form, float(value)
    return None


def _clipping_of_pytorch(clipper: Callable[..., Any] | None) -> tuple[str, float] | None:
    """What a function does to gradients, measured: arrays of the norms 3000 and 4000 go in."""
    import torch

    if clipper is None:
        return None
    parameters = [torch.nn.Parameter(torch.zeros(4, dtype=torch.float64)) for _ in range(2)]
    given = np.array([1800.0, 2400.0, 0, 0]), np.array([0, 0, 2400.0, -3200.0])
    for parameter, gradient in zip(parameters, given, strict=True):
        parameter.grad = torch.from_numpy(gradient.copy())
    clipper(parameters)
    found = [parameter.grad.numpy() for parameter in parameters]
    norms = [float(np.linalg.norm(gradient)) for gradient in found]
    if np.allclose(norms, [3000, 4000], rtol=1e-6):
        return None
    if np.allclose(norms[0] / norms[1], 0.75, rtol=1e-4):
        return "all arrays", _short(float(np.linalg.norm(norms)))
    if np.allclose(norms[0], norms[1], rtol=1e-4):
        same = np.allclose(np.abs(found[0][:2]), np.abs(found[0][0]))
        return ("each number", _short(abs(found[0][0]))) if same else ("each array", _short(norms[0]))
    return "in another way", _short(norms[0])


def _short(value: float) -> float:
    return float(f"{value:.5g}")


def differences(functions: Mapping[str, Callable[..., Any]]) -> tuple[list[Difference], list[str]]:
    """What differs between both sides' optimizers, and what could not be compared.

    Args:
        functions: `pytorch_optimizer(parameters)`, `tensorflow_optimizer()`, and perhaps `pytorch_clip(parameters)`.
    """
    import torch

    if not {"pytorch_optimizer", "tensorflow_optimizer"} <= functions.keys():
        return [], []
    random = np.random.default_rng(11)
    weights = [random.normal(size=(3, 2)), random.normal(size=5)]
    # From small to large, so that an epsilon is seen.
    gradients = [
        [random.choice([-1, 1], w.shape) * 10.0 ** random.uniform(-6, 0.5, w.shape) for w in weights]
        for _ in range(STEPS)
    ]
    parameters = [torch.nn.Parameter(torch.from_numpy(array.copy())) for array in weights]
    ours, theirs = functions["pytorch_optimizer"](parameters), functions["tensorflow_optimizer"]()
    clipper = functions.get("pytorch_clip")
    taken = _pytorch_steps(ours, parameters, gradients, clipper), _keras_steps(theirs, weights, gradients)
    size = max(float(np.abs(a - w).max()) for a, w in zip(taken[0], weights, strict=True))

    def apart(a: Arrays, b: Arrays) -> float:
        return max(float(np.abs(x - y).max()) for x, y in zip(a, b, strict=True)) / (size or 1)

    read = read_pytorch(ours), read_keras(theirs)
    names = type(ours).__name__, type(theirs).__name__
    measured = f"after {STEPS} steps from the same weights on the same gradients they are apart by"
    if None in read or read[0]["family"] != read[1]["family"]:
        if None in read and names[0].lower() == names[1].lower():
            if apart(*taken) < CLOSE:
                return [], [f"the optimizers {names[0]} were compared by their steps alone: they agree"]
            text = f"{measured} {apart(*taken):.1e} of the way; this family is not compared by configuration"
            return [_difference("steps", *names, [text])], []
        return [_difference("kind", *names, [f"{measured} {apart(*taken):.1e} of the way"])], []
    settings = [dict(read[0]), dict(read[1])]
    for one, clipping in zip(settings, (_clipping_of_pytorch(clipper), _clipping_of_keras(theirs)), strict=True):
        one["clipping"] = clipping
    notes = []
    if len(ours.param_groups) > 1:
        notes.append("PyTorch's optimizer has several groups of parameters; the first one was compared")
    for side, one, steps_taken in zip((OURS, THEIRS), settings, taken, strict=True):
        if apart(steps(one, weights, gradients, side == THEIRS), steps_taken) > CLOSE:
            notes.append(f"{side} optimizer takes other steps than its settings say: something else is set")
    found = []
    base = steps(settings[0], weights, gradients, False)
    for name, value in settings[0].items():
        other = settings[1].get(name)
        if value == other or (
            isinstance(value, float) and isinstance(other, float) and np.isclose(value, other, 1e-6, 0)
        ):
            continue
        if name == "weight_decay_form" and not (settings[0]["weight_decay"] or settings[1]["weight_decay"]):
            continue
        changed = dict(settings[0]) | {name: other}
        if name == "weight_decay_form" and not settings[0]["weight_decay"]:
            continue  # PyTorch decays nothing: the amount alone differs
        moved = apart(base, steps(changed, weights, gradients, False))
        rest = apart(steps(changed, weights, gradients, False), taken[1])
        if name in ("weight_decay_form", "epsilon_stands") and moved < NOTHING:
            continue  # another form of the same
        text = f"{measured} {apart(*taken):.1e} of the way"
        text += f"; this alone does {moved:.1e}, and with it aligned {rest:.1e} is left"
        found.append(_difference(name, value, other, [text]))
    if not found and apart(*taken) > CLOSE:
        found.append(_difference("steps", *names, [f"{measured} {apart(*taken):.1e} of the way; no setting says why"]))
    return found, notes


def _difference(name: str, ours: Any, theirs: Any, measured: list[str]) -> Difference:
    write = WRITE.get(name, ("the other optimizer", "the other optimizer"))
    texts = [text.replace("{}", _text(value)) for text, value in zip(write, (theirs, ours), strict=True)]
    what = f"{name.replace('_', ' ')} of the optimizer"
    layers = [("the optimizer", "the optimizer")]
    return Difference(f"optimizer.{name}", what, layers, ours, theirs, *texts, "optimizer", measured)


def _text(value: Any) -> str:
    if isinstance(value, tuple):
        return f"{value[0]} to {value[1]:g}"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _pytorch_steps(optimizer: Any, parameters: Any, gradients: Sequence[Arrays], clipper: Any) -> Arrays:
    import torch

    for one in gradients:
        for parameter, gradient in zip(parameters, one, strict=True):
            parameter.grad = torch.from_numpy(gradient.copy())
        if clipper is not None:
            clipper(parameters)
        optimizer.step()
    return [parameter.detach().numpy().copy() for parameter in parameters]


def _keras_steps(optimizer: Any, weights: Arrays, gradients: Sequence[Arrays]) -> Arrays:
    import keras
    import tensorflow as tf

    variables = [keras.Variable(array, dtype="float64", name=f"w{k}") for k, array in enumerate(weights)]
    optimizer.build(variables)
    for one in gradients:
        optimizer.apply([tf.constant(gradient) for gradient in one], variables)
    return [variable.numpy() for variable in variables]
