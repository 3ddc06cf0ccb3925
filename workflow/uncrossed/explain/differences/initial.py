"""What both models begin with: each array's distribution, drawn by building the models and measured, not read by name.

An array is compared with its counterpart; and all arrays of one part of one kind of layer together with the schemes
that are known, so that it is said of all convolutions what they draw, where one layer's numbers are too few to tell.
"""

import math
from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import special, stats

from uncrossed.explain.differences.configuration import Difference
from uncrossed.explain.differences.kinds import KINDS
from uncrossed.explain.differences.pair_file import PairFile, keras_model
from uncrossed.explain.differences.sharing import Shared, to_keras

# What a test must say before two distributions are called different, and how badly a known one may fit.
UNLIKELY, FITS = 1e-9, 1e-4
# So many numbers tell apart what schemes draw; small models are built several times to have them, at most so often.
ENOUGH, BUILDS = 3_000, 4
# A model's other layers decide between schemes of which none is so many times likelier.
LIKELIER = 1_000
# Of fewer numbers no distribution is said.
TOO_FEW = 20
LARGE, LARGEST = 5_000_000, 60_000
# Keras cuts normal distributions at two deviations, and widens them so that their deviation is as named.
WIDER = 0.87962566103423978


@dataclass(frozen=True)
class Law:
    """A distribution around zero: `uniform` within ±size, `normal` of this deviation, or `truncated` at twice it."""

    family: str
    size: float

    def cdf(self, x: np.ndarray) -> np.ndarray:
        """The share of numbers below x."""
        if self.family == "uniform":
            return np.clip((x / self.size + 1) / 2, 0, 1)
        below = special.ndtr(x / self.size)
        if self.family == "truncated":
            low, high = special.ndtr([-2.0, 2.0])
            return np.clip((below - low) / (high - low), 0, 1)
        return below

    def likelihood(self, x: np.ndarray) -> float:
        """The logarithm of the density of all numbers together."""
        if self.family == "uniform":
            return float("-inf") if np.abs(x).max() > self.size * (1 + 1e-6) else -len(x) * math.log(2 * self.size)
        normal = -0.5 * float(np.square(x / self.size).sum()) - len(x) * math.log(self.size * math.sqrt(2 * math.pi))
        if self.family == "normal":
            return normal
        inside = np.abs(x).max() <= 2 * self.size * (1 + 1e-6)
        return normal - len(x) * math.log(special.erf(math.sqrt(2))) if inside else float("-inf")

    def fits(self, x: np.ndarray) -> bool:
        """Whether numbers may have been drawn so (Kolmogorov-Smirnov)."""
        ordered = np.sort(x)
        steps = np.arange(len(x) + 1) / len(x)
        below = self.cdf(ordered)
        largest = max(float((steps[1:] - below).max()), float((below - steps[:-1]).max()))
        return bool(stats.kstwobign.sf(largest * math.sqrt(len(x))) > FITS)


@dataclass(frozen=True)
class Scheme:
    """A scheme by its name: the law for so many inputs and outputs, and how either side writes it."""

    name: str
    family: str
    size: Callable[[int, int], float]
    pytorch: str
    keras: str

    def law(self, fan_in: int, fan_out: int) -> Law:
        """The law for so many inputs and outputs."""
        return Law(self.family, self.size(fan_in, fan_out))


# The share of a variance: of inputs, of outputs, of their mean.
FANS = {"fan_in": "fan_in", "fan_out": "fan_out", "fan_avg": "((fan_in + fan_out) / 2)"}


def _variance(name: str, family: str, scale: float, mode: str, pytorch: str = "", keras: str = "") -> Scheme:
    """Numbers of the variance scale / fan."""
    wider = {"uniform": math.sqrt(3), "normal": 1.0, "truncated": 1 / WIDER}[family]

    def size(fan_in: int, fan_out: int) -> float:
        return wider * math.sqrt(
            scale / {"fan_in": fan_in, "fan_out": fan_out, "fan_avg": (fan_in + fan_out) / 2}[mode]
        )

    words = {"uniform": "uniform", "normal": "untruncated_normal", "truncated": "truncated_normal"}[family]
    numbers = "1 / 3" if scale < 1 else f"{scale:g}"
    keras = keras or f'keras.initializers.VarianceScaling({numbers}, "{mode}", "{words}")'
    if family == "truncated":
        pytorch = (
            f"nn.init.trunc_normal_(w, std=s, a=-2 * s, b=2 * s) with s = ({numbers} / {FANS[mode]})**0.5 / 0.8796"
        )
    return Scheme(name, family, size, pytorch, keras)


def _fixed(family: str, size: float) -> Scheme:
    """Numbers of one size for all layers."""
    pytorch, keras = f"nn.init.normal_(w, std={size:g})", f"keras.initializers.RandomNormal(stddev={size:g})"
    name = f"N(0, {size:g}²)"
    if family == "truncated":
        name += " within two deviations"
        pytorch = f"nn.init.trunc_normal_(w, std={size:g}, a={-2 * size:g}, b={2 * size:g})"
        keras = f"keras.initializers.TruncatedNormal(stddev={size:g})"
    elif family == "uniform":
        name, keras = f"U(±{size:g})", f"keras.initializers.RandomUniform({-size:g}, {size:g})"
        pytorch = f"nn.init.uniform_(w, {-size:g}, {size:g})"
    return Scheme(name, family, lambda fan_in, fan_out: size, pytorch, keras)


_BOUND, _KAIMING = "nn.init.uniform_(w, -b, b) with b = ", "nn.init.kaiming_{}_(w, {})"
_RELU, _LINEAR = 'nonlinearity="relu"', 'nonlinearity="linear"'
SCHEMES = (
    _variance("U(±1/√fan_in)", "uniform", 1 / 3, "fan_in", f"as PyTorch's layers do: {_BOUND}fan_in**-0.5"),
    _variance("U(±√(6/(fan_in + fan_out)))", "uniform", 1, "fan_avg", "nn.init.xavier_uniform_(w)", '"glorot_uniform"'),
    _variance("N(0, 2/(fan_in + fan_out))", "normal", 1, "fan_avg", "nn.init.xavier_normal_(w)"),
    _variance("N(0, 2/fan_in)", "normal", 2, "fan_in", _KAIMING.format("normal", _RELU)),
    _variance("N(0, 2/fan_out)", "normal", 2, "fan_out", _KAIMING.format("normal", f'mode="fan_out", {_RELU}')),
    _variance("N(0, 1/fan_in)", "normal", 1, "fan_in", _KAIMING.format("normal", _LINEAR)),
    _variance("N(0, 2/fan_in) within two deviations", "truncated", 2, "fan_in", keras='"he_normal"'),
    _variance("N(0, 2/fan_out) within two deviations", "truncated", 2, "fan_out"),
    _variance("N(0, 2/(fan_in + fan_out)) within two deviations", "truncated", 1, "fan_avg", keras='"glorot_normal"'),
    _variance("N(0, 1/fan_in) within two deviations", "truncated", 1, "fan_in", keras='"lecun_normal"'),
    _variance("U(±√(6/fan_in))", "uniform", 2, "fan_in", _KAIMING.format("uniform", _RELU), '"he_uniform"'),
    _variance("U(±√(3/fan_in))", "uniform", 1, "fan_in", _KAIMING.format("uniform", _LINEAR), '"lecun_uniform"'),
    _variance("U(±1/√fan_out)", "uniform", 1 / 3, "fan_out", f"{_BOUND}fan_out**-0.5"),
    *(_fixed("normal", size) for size in (0.01, 0.02, 0.05, 0.1, 1.0)),
    *(_fixed("truncated", size) for size in (0.01, 0.02, 0.05)),
    _fixed("uniform", 0.05),
)
# What PyTorch's recurrent layers draw; their number of outputs is that of all gates.
RECURRENT = {
    kind: (
        Scheme(
            "U(±1/√units)",
            "uniform",
            lambda fan_in, fan_out, gates=gates: math.sqrt(gates / fan_out),
            f"as PyTorch's layers do: {_BOUND}units**-0.5",
            "keras.initializers.RandomUniform(-b, b) with b = units**-0.5",
        ),
    )
    for kind, gates in (("gru", 3), ("lstm", 4), ("rnn", 1))
}


@dataclass
class Drawn:
    """What one array began with on both sides, gathered from several models; in Keras' layout, flat."""

    entry: Shared
    fans: tuple[int, int]
    sides: tuple[np.ndarray, np.ndarray]


def differences(pair: PairFile, entries: Sequence[Shared], arrays: Any, weights: Any) -> list[Difference]:
    """The arrays that the two models draw otherwise.

    Args:
        pair: builds the models.
        entries: the arrays that both have.
        arrays: PyTorch's first draw, by name.
        weights: Keras' first draw, by path.
    """
    groups: dict[tuple[str, str, bool], list[Drawn]] = {}
    for drawn in _gathered(pair, entries, arrays, weights):
        depthwise = drawn.entry.pair[1].call.function.startswith("depthwise")
        groups.setdefault((drawn.entry.pair[0].kind, drawn.entry.part, depthwise), []).append(drawn)
    found: list[Difference] = []
    before: tuple[set[Scheme], set[Scheme]] = set(), set()
    for (kind, part, depthwise), group in groups.items():
        if not any(_differ(drawn, (None, None)) for drawn in group):
            continue
        schemes = tuple(_common([(drawn.sides[k], drawn.fans) for drawn in group], before[k], kind) for k in (0, 1))
        for scheme, others in zip(schemes, before, strict=True):
            others |= {scheme} if scheme else set()
        made: dict[Any, Difference] = {}
        for drawn in group:
            if not _differ(drawn, schemes):
                continue
            own = [
                common or _common([(values, drawn.fans)], others, kind)
                for values, common, others in zip(drawn.sides, schemes, before, strict=True)
            ]
            said = tuple(scheme.name if scheme else _said(drawn.sides[k]) for k, scheme in enumerate(own))
            if said not in made:
                noun = ("depthwise " if depthwise else "") + (KINDS[kind].noun if kind in KINDS else kind)
                measured = " and ".join(f"{values.std():.3g}" for values in drawn.sides)
                made[said] = Difference(
                    f"{kind}.initial_{part}",
                    f"what the {part.replace('_', ' ')} of {noun} begins with",
                    [],
                    *said,
                    own[1].pytorch if own[1] else _write(drawn.sides[1], "pytorch"),
                    own[0].keras if own[0] else _write(drawn.sides[0], "keras"),
                    "initial",
                    [f"drawn and measured: deviation {measured} in {drawn.entry.pair[0].name}"],
                )
            made[said].pairs.append(drawn.entry.pair)
        found += made.values()
    return found


def _gathered(pair: PairFile, entries: Sequence[Shared], arrays: Any, weights: Any) -> list[Drawn]:
    """Numbers of each array from several models of either side."""
    import torch

    if not entries:
        return []
    other_shape: set[int] = set()
    fans = {entry.keras: _fans(entry, weights) for entry in entries}
    smallest = min(weights[entry.keras].size for entry in entries)
    small = sum(array.size for array in weights.values()) < LARGE
    numbers: dict[str, tuple[list[np.ndarray], list[np.ndarray]]] = {entry.keras: ([], []) for entry in entries}
    builds = min(BUILDS, max(2, -(-ENOUGH // smallest))) if small else 1
    for build in range(builds):
        if build:
            torch.manual_seed(build)
            model = pair.model("pytorch")
            arrays = {n: t.detach().numpy() for n, t in [*model.named_parameters(), *model.named_buffers()]}
            weights = {variable.path: variable.numpy() for variable in keras_model(pair, build).weights}
        for entry in entries:
            if id(entry.pair[0]) in other_shape:
                continue  # they cannot begin alike
            array = weights[entry.keras]
            parts = [np.asarray(arrays[name], dtype=float) for name in entry.pytorch]
            if len(parts) > 1 and array.ndim == 1:
                # Of several arrays that are one in Keras the first one's distribution counts.
                parts = [parts[0], *(np.zeros_like(part) for part in parts[1:])]
            try:
                mine = to_keras(entry, parts, array.shape)
            except ValueError:
                other_shape.add(id(entry.pair[0]))
                continue
            for values, gathered in zip((mine, array), numbers[entry.keras], strict=True):
                gathered.append(_few(values, LARGEST // builds))
    return [
        Drawn(entry, fans[entry.keras], tuple(map(np.concatenate, numbers[entry.keras])))
        for entry in entries
        if numbers[entry.keras][0] and id(entry.pair[0]) not in other_shape
    ]


def _few(array: np.ndarray, most: int) -> np.ndarray:
    flat = np.ravel(np.asarray(array, dtype=float))
    return flat if flat.size <= most else flat[:: -(-flat.size // most)]


def _random(values: np.ndarray) -> bool:
    """Whether numbers were drawn, and are not one or some constants."""
    return len(np.unique(values[:1000])) > min(8, len(values) // 2)


def _differ(drawn: Drawn, schemes: tuple[Scheme | None, Scheme | None]) -> bool:
    """Whether an array's two draws are of different distributions.

    Args:
        drawn: the draws.
        schemes: what all arrays like it follow, on either side, or None for what their numbers alone say.
    """
    ours, theirs = drawn.sides
    if not _random(ours) or not _random(theirs):
        # A constant may have been written in float32.
        values = [np.unique(side.astype(np.float32)) for side in (ours, theirs)]
        return len(values[0]) != len(values[1]) or not np.allclose(*values, rtol=1e-6, atol=1e-12)
    if all(schemes):
        laws = [scheme.law(*drawn.fans) for scheme in schemes if scheme]
        return laws[0].family != laws[1].family or abs(laws[0].size / laws[1].size - 1) > 1e-6
    if len(ours) < TOO_FEW:
        return False
    if stats.ks_2samp(ours, theirs, method="asymp").pvalue < UNLIKELY:
        return True
    errors = [np.square(side).std() / np.square(side).mean() / math.sqrt(len(side)) for side in (ours, theirs)]
    ratio = math.log(np.square(ours).mean() / np.square(theirs).mean())
    return abs(ratio) > 7 * math.hypot(*errors)


def _common(draws: Sequence[tuple[np.ndarray, tuple[int, int]]], others: Container[Scheme], kind: str) -> Scheme | None:
    """The scheme that all draws of one part of one kind follow; None where there is none.

    Of several the likeliest, or one of `others`, the model's other kinds', that is nearly as likely. Of few numbers
    one of the others is asked for alone.
    """
    if not all(_random(values) for values, _ in draws):
        return None
    few = any(len(values) < TOO_FEW for values, _ in draws)

    def fits(scheme: Scheme) -> bool:
        return all(scheme.law(*fans).fits(values) for values, fans in draws)

    likely = {
        scheme: value
        for scheme in (*SCHEMES, *RECURRENT.get(kind, ()))
        if (scheme in others or not few)
        and np.isfinite(value := sum(scheme.law(*fans).likelihood(values) for values, fans in draws))
    }
    ordered = sorted(likely, key=lambda scheme: -likely[scheme])
    if (best := next(filter(fits, ordered), None)) is not None:
        near = [scheme for scheme in ordered if likely[scheme] > likely[best] - math.log(LIKELIER)]
        return next((scheme for scheme in near if scheme in others and fits(scheme)), best)
    if few:
        return None
    # No scheme that is known: perhaps one deviation for all.
    deviation = float(f"{math.sqrt(np.mean([np.square(values).mean() for values, _ in draws])):.2g}")
    scheme = _fixed("normal", deviation)
    return scheme if fits(scheme) else None


def _fans(entry: Shared, weights: Mapping[str, np.ndarray]) -> tuple[int, int]:
    """Inputs and outputs of one of the numbers that a layer gives, as PyTorch counts them."""
    theirs = entry.pair[1]
    kernel = weights[theirs.arrays.get("kernel", entry.keras)].shape
    if len(kernel) < 2:
        return max(int(np.prod(kernel)), 1), max(int(np.prod(kernel)), 1)
    area = int(np.prod(kernel[:-2]))
    inputs, outputs = kernel[-2:]
    if theirs.call.function.startswith("depthwise"):
        return area, area * inputs * outputs
    return area * inputs, area * outputs


def _said(values: np.ndarray) -> str:
    if not _random(values):
        known = np.unique(values.astype(np.float32))
        return ("" if len(known) == 1 else "some of ") + ", ".join(f"{value:.6g}" for value in known[:8])
    deviation = values.std()
    for family, size, text in (
        ("normal", deviation, f"N(0, {deviation:.3g}²)"),
        ("uniform", np.abs(values).max(), f"U(±{np.abs(values).max():.3g})"),
    ):
        if Law(family, float(size)).fits(values):
            return text
    return f"mean {values.mean():.3g}, deviation {deviation:.3g}, within ±{np.abs(values).max():.3g}"


def _write(values: np.ndarray, side: str) -> str:
    said = _said(values)
    if np.ptp(values) == 0:
        constant = f"{values[0]:.6g}"
        if side == "pytorch":
            return f"nn.init.constant_(w, {constant})"
        return {"0": '"zeros"', "1": '"ones"'}.get(constant, f"keras.initializers.Constant({constant})")
    if said.startswith("N(0"):
        if side == "pytorch":
            return f"nn.init.normal_(w, std={values.std():.3g})"
        return f"keras.initializers.RandomNormal(stddev={values.std():.3g})"
    return f"draw {said}"
