"""Both sides' optimizers: what they are set to, what form their formulas have, and what each difference does to steps.

Each family is written here once, with every form that a library has as a setting (where epsilon stands, how weights
decay). That formula, with the settings that were read, must take the steps that the library's optimizer takes; then a
setting can be changed alone to see what it does. Other optimizers are compared by their steps alone.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from uncrossed.explain.differences.configuration import Difference

STEPS = 6
# Keras keeps some constants in float32, also where it computes in float64.
CLOSE, NOTHING = 1e-5, 1e-12
GRADIENT, DECOUPLED = "added to the gradient", "apart from the gradient (decoupled)"
BESIDE, UNDER = "added to the root", "under the root"
FAMILIES = {"SGD": "SGD", "Adam": "Adam", "AdamW": "Adam", "RMSprop": "RMSprop", "Adagrad": "Adagrad"}
# Each family's settings: PyTorch's names and Keras'; where a side has none it is zero.
SETTINGS: dict[str, dict[str, tuple[str, str]]] = {
    "SGD": {"momentum": ("momentum", "momentum"), "dampening": ("dampening", ""), "nesterov": ("nesterov", "nesterov")},
    "Adam": {"beta_1": ("beta_1", "beta_1"), "beta_2": ("beta_2", "beta_2"), "amsgrad": ("amsgrad", "amsgrad")},
    "RMSprop": {"rho": ("alpha", "rho"), "momentum": ("momentum", "momentum"), "centered": ("centered", "centered")},
    "Adagrad": {
        "initial_accumulator": ("initial_accumulator_value", "initial_accumulator_value"),
        "rate_decay": ("lr_decay", ""),
    },
}
# Where epsilon stands, in PyTorch's formula and in Keras'.
STANDS = {
    "Adam": ("added to √(v / (1 - β₂^t))", "added to √v, before v is corrected"),
    "RMSprop": (BESIDE, UNDER),
    "Adagrad": (BESIDE, UNDER),
}
# What to write for a setting, on either side; {} is the value. What is not here is written alike.
WRITE: dict[str, tuple[str, str]] = {
    "learning_rate": ("lr={}", "learning_rate={}"),
    "dampening": ("dampening={}", "(Keras has none)"),
    "beta_1": ("betas=({}, ...)", "beta_1={}"),
    "beta_2": ("betas=(..., {})", "beta_2={}"),
    "rho": ("alpha={}", "rho={}"),
    "epsilon": ("eps={}", "epsilon={}"),
    "epsilon_stands": (
        "(no setting: a step of one's own, with epsilon {})",
        "(no setting: an update_step of one's own, with epsilon {})",
    ),
    "initial_accumulator": ("initial_accumulator_value={}", "initial_accumulator_value={}"),
    "rate_decay": ("lr_decay={}", "(a schedule: keras.optimizers.schedules.InverseTimeDecay)"),
    "weight_decay_form": (
        "torch.optim.AdamW decouples, torch.optim.Adam and the others add to the gradient; wanted: {}",
        "weight_decay= decouples, kernel_regularizer=keras.regularizers.L2(weight_decay / 2) adds to the gradient; "
        "wanted: {}",
    ),
    "clipping": ("pytorch_clip(parameters), with {}", "clipnorm=, global_clipnorm= or clipvalue=: {}"),
    "kind": ("the other optimizer", "the other optimizer"),
    "steps": ("the other optimizer", "the other optimizer"),
}
Arrays = list[np.ndarray]


def read(side: str, optimizer: Any) -> dict[str, Any] | None:
    """The settings of an optimizer of `pytorch` or `keras`; None for a family that is not known."""
    name, ours = type(optimizer).__name__, side == "pytorch"
    if name not in FAMILIES:
        return None
    family, decoupled = FAMILIES[name], True
    if ours:
        values = dict(optimizer.param_groups[0])
        values |= dict(zip(("beta_1", "beta_2"), values.get("betas", ()), strict=False))
        decoupled = name == "AdamW" or bool(values.get("decoupled_weight_decay"))

    def number(key: str) -> Any:
        value = values.get(key) if ours else getattr(optimizer, key, None)
        if value is None or isinstance(value, (bool, int)):
            return value or 0
        return float(f"{float(value):.7g}")  # Keras keeps its learning rate in float32

    found = {"family": family, "learning_rate": number("lr" if ours else "learning_rate")}
    found |= {"weight_decay": number("weight_decay"), "weight_decay_form": DECOUPLED if decoupled else GRADIENT}
    found |= {setting: number(names[not ours]) for setting, names in SETTINGS[family].items()}
    if family in STANDS:
        found |= {"epsilon": number("eps" if ours else "epsilon"), "epsilon_stands": STANDS[family][not ours]}
    return found


# What an optimizer does.


def steps(settings: Mapping[str, Any], weights: Arrays, gradients: Sequence[Arrays], single: bool) -> Arrays:
    """The weights after some steps, by the family's formula.

    Args:
        settings: as `read` gives them, and `clipping`.
        weights: at the beginning.
        gradients: of each step.
        single: with constants rounded to float32 where Keras does so.
    """
    weights = [array.copy() for array in weights]
    states: list[dict[str, np.ndarray]] = [{} for _ in weights]
    for step, all_gradients in enumerate(gradients, start=1):
        clipped = clip(settings["clipping"], all_gradients)
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
    family, epsilon, stands = settings["family"], settings.get("epsilon"), settings.get("epsilon_stands")
    if family == "Adam":
        beta_1, beta_2 = settings["beta_1"], settings["beta_2"]
        first, second = 1 - rounded(beta_1) ** step, 1 - rounded(beta_2) ** step
        m = state["m"] = beta_1 * state.get("m", zero) + (1 - beta_1) * g
        v = state["v"] = beta_2 * state.get("v", zero) + (1 - beta_2) * g * g
        if settings["amsgrad"]:
            v = state["greatest"] = np.maximum(state.get("greatest", zero), v)
        if stands == STANDS["Adam"][0]:
            return w - rate / first * m / (np.sqrt(v / second) + epsilon)
        return w - rate * np.sqrt(second) / first * m / (np.sqrt(v) + epsilon)
    if family == "RMSprop":
        v = state["v"] = settings["rho"] * state.get("v", zero) + (1 - settings["rho"]) * g * g
        if settings["centered"]:
            state["m"] = settings["rho"] * state.get("m", zero) + (1 - settings["rho"]) * g
            v = v - state["m"] ** 2
        g = g / (np.sqrt(v + epsilon) if stands == UNDER else np.sqrt(v) + epsilon)
    if family == "Adagrad":
        state["sum"] = state.get("sum", zero + settings["initial_accumulator"]) + g * g
        root = np.sqrt(state["sum"] + epsilon) if stands == UNDER else np.sqrt(state["sum"]) + epsilon
        return w - rate / (1 + (step - 1) * settings["rate_decay"]) * g / root
    if not settings["momentum"]:
        return w - rate * g
    momentum = rounded(settings["momentum"])
    damped = (1 - settings.get("dampening", 0)) * g if "buffer" in state else g
    state["buffer"] = momentum * state.get("buffer", zero) + damped
    return w - rate * (g + momentum * state["buffer"] if settings.get("nesterov") else state["buffer"])


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
    found = [(form, float(value)) for key, form in names.items() if (value := getattr(optimizer, key, None))]
    return found[0] if found else None


def _clipping_of_pytorch(clipper: Callable[..., Any] | None) -> tuple[str, float] | None:
    """What a function does to gradients, measured: arrays of the norms 3000 and 4000 go in."""
    import torch

    if clipper is None:
        return None
    parameters = [torch.nn.Parameter(torch.zeros(4, dtype=torch.float64)) for _ in range(2)]
    for parameter, gradient in zip(parameters, ([1800.0, 2400.0, 0, 0], [0, 0, 2400.0, -3200.0]), strict=True):
        parameter.grad = torch.tensor(gradient, dtype=torch.float64)
    clipper(parameters)
    found = [parameter.grad.numpy() for parameter in parameters]
    norms = [float(np.linalg.norm(gradient)) for gradient in found]
    if np.allclose(norms, [3000, 4000], rtol=1e-6):
        return None
    form, bound = "in another way", norms[0]
    if np.allclose(norms[0] / norms[1], 0.75, rtol=1e-4):
        form, bound = "all arrays", float(np.linalg.norm(norms))
    elif np.allclose(np.abs(found[0][:2]), np.abs(found[0][0])):
        form, bound = "each number", abs(found[0][0])
    elif np.allclose(norms[0], norms[1], rtol=1e-4):
        form = "each array"
    return form, float(f"{bound:.5g}")


def _pytorch_steps(optimizer: Any, parameters: Any, gradients: Sequence[Arrays], clipper: Any) -> Arrays:
    import torch

    for one in gradients:
        for parameter, gradient in zip(parameters, one, strict=True):
            parameter.grad = torch.from_numpy(gradient.copy())
        if clipper is not None:
            clipper(parameters)
        optimizer.step()
    return [parameter.detach().numpy().copy() for parameter in parameters]


def _keras_steps(optimizer: Any, weights: Arrays, gradients: Sequence[Arrays], decay: float) -> Arrays:
    import keras
    import tensorflow as tf

    variables = [keras.Variable(array, dtype="float64", name=f"w{k}") for k, array in enumerate(weights)]
    optimizer.build(variables)
    for one in gradients:
        optimizer.apply([tf.constant(g) + decay * w for g, w in zip(one, variables, strict=True)], variables)
    return [variable.numpy() for variable in variables]


# What differs.


def differences(functions: Mapping[str, Callable[..., Any]], decay: float = 0.0) -> tuple[list[Difference], list[str]]:
    """What differs between both sides' optimizers, and what could not be compared.

    Args:
        functions: `pytorch_optimizer(parameters)`, `tensorflow_optimizer()`, and perhaps `pytorch_clip(parameters)`.
        decay: what the regularisers of Keras' layers add to the gradient for each weight.
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
    taken = _pytorch_steps(ours, parameters, gradients, clipper), _keras_steps(theirs, weights, gradients, decay)
    size = max(float(np.abs(a - w).max()) for a, w in zip(taken[0], weights, strict=True))

    def apart(a: Arrays, b: Arrays) -> float:
        return max(float(np.abs(x - y).max()) for x, y in zip(a, b, strict=True)) / (size or 1)

    settings = [read("pytorch", ours), read("keras", theirs)]
    names = type(ours).__name__, type(theirs).__name__
    measured = f"after {STEPS} steps from the same weights on the same gradients they are apart by {apart(*taken):.1e}"
    measured += " of the way"
    if None in settings and names[0].lower() == names[1].lower():
        if apart(*taken) < CLOSE:
            return [], [f"the optimizers {names[0]} were compared by their steps alone: they agree"]
        return [_difference("steps", *names, f"{measured}; this family is not compared by configuration")], []
    if None in settings or settings[0]["family"] != settings[1]["family"]:
        return [_difference("kind", *names, measured)], []
    clippings = _clipping_of_pytorch(clipper), _clipping_of_keras(theirs)
    one, other = (found | {"clipping": value} for found, value in zip(settings, clippings, strict=True))
    notes = []
    if decay and not other["weight_decay"]:
        other |= {"weight_decay": decay, "weight_decay_form": GRADIENT}
    if len(ours.param_groups) > 1:
        notes.append("PyTorch's optimizer has several groups of parameters; the first one was compared")
    for side, own, steps_taken in (("PyTorch's", one, taken[0]), ("Keras'", other, taken[1])):
        if apart(steps(own, weights, gradients, side == "Keras'"), steps_taken) > CLOSE:
            notes.append(f"{side} optimizer takes other steps than its settings say: something else is set")
    found, base = [], steps(one, weights, gradients, False)
    for name, value in one.items():
        if value == other[name] or (isinstance(value, float) and np.isclose(value, other[name], 1e-6, 0)):
            continue
        if name == "weight_decay_form" and not one["weight_decay"]:
            continue  # PyTorch decays nothing: at most the amount differs
        changed = steps(one | {name: other[name]}, weights, gradients, False)
        moved, rest = apart(base, changed), apart(changed, taken[1])
        if name in ("weight_decay_form", "epsilon_stands") and moved < NOTHING:
            continue  # another form of the same
        text = f"{measured}; this alone does {moved:.1e}, and with it aligned {rest:.1e} is left"
        found.append(_difference(name, value, other[name], text))
    if not found and apart(*taken) > CLOSE:
        found.append(_difference("steps", *names, f"{measured}; no setting says why"))
    return found, notes


def _difference(name: str, ours: Any, theirs: Any, measured: str) -> Difference:
    write = WRITE.get(name, (f"{name}={{}}", f"{name}={{}}"))
    texts = [text.replace("{}", _text(value)) for text, value in zip(write, (theirs, ours), strict=True)]
    what = (
        "where the optimizer's epsilon stands"
        if name == "epsilon_stands"
        else f"{name.replace('_', ' ')} of the optimizer"
    )
    return Difference(f"optimizer.{name}", what, [], ours, theirs, *texts, "optimizer", [measured])


def _text(value: Any) -> str:
    if isinstance(value, tuple):
        return f"{value[0]} to {value[1]:g}"
    return f"{value:g}" if isinstance(value, float) else str(value)
