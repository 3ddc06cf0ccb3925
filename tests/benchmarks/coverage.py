"""How often do an attribution's intervals hold, and how often is something claimed where there is nothing? Simulated.

`python tests/benchmarks/coverage.py` prints the tables of `docs/factorials.md` (two minutes on one core). Studies
are made up by a model, and what the package says of them is compared with what was put in:

- in every configuration each factor contributes something to the gap, drawn from a population of contributions;
- every training ends with an accuracy that scatters, and is shared by the rows that are its twins and views; how much
  differs between configurations (standard deviations log-uniform from .005 to .08; of a single configuration .03);
- an evaluation with other running statistics scatters by a third of that;
- with bimodal outcomes a tenth of all trainings fail, on both sides alike, and lose .7 of accuracy; with one-sided ones
  a tenth of TensorFlow's, as long as the first factor is not aligned, which contributes .07 more by that.
"""

import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from uncrossed.analysis.contributions import GAP, INTERACTION, LEVEL, REMAINING, SHAPLEY, quantities
from uncrossed.analysis.replicates import fieller, holm, student
from uncrossed.study.factorial import is_trained, points

STUDIES, ALARM_STUDIES = 4000, 10_000
MEAN = 0.1
FAILS, FALL = 0.1, 0.7
OUTCOMES = ("smooth", "bimodal", "one-sided")
# Of one configuration all seeds scatter alike.
SCATTER = 0.03
# Mean contribution by population.
VARIED = ("normal", "skewed", "few")
MEANS = dict.fromkeys(VARIED, MEAN) | {"none": 0.0}
# What PyTorch's trainings differ in.
SHARED = ("initialisation", "dropout")
OTHERS = ("epsilons", "batchnorm_momentum", "batchnorm_variance")


@dataclass(frozen=True)
class Case:
    """A factorial with so many replicates.

    Attributes:
        name: whose.
        factors: what is crossed.
        half: whether half of the combinations are trained.
        replicates: how many.
        seeds: whether they are seeds of one configuration, and no configurations.
    """

    name: str
    factors: tuple[str, ...]
    half: bool
    replicates: int
    seeds: bool = False

    def __str__(self) -> str:
        """As the first two cells of a table's line."""
        what = "seeds" if self.seeds else "configurations"
        return f"{self.name}{', half' if self.half else ''} | {self.replicates} {what}"


SMALLCNN = ("initialisation", "dropout", *OTHERS)
DENSENET121 = ("initialisation", *OTHERS)
RESNET50 = ("initialisation", "stride", "conv_bias", *OTHERS)
VGG16 = ("initialisation", "dropout", "adam_epsilon")
ONE = [Case("smallcnn", SMALLCNN, False, seeds, True) for seeds in (3, 5)]
ONE += [Case("densenet121", DENSENET121, False, 5, True)]
SMALL = [Case("smallcnn", SMALLCNN, False, 8), Case("densenet121", DENSENET121, False, 8)]
LARGE = [Case("densenet121", DENSENET121, False, 40), Case("resnet50", RESNET50, True, 40)]
LARGE += [Case("vgg16", VGG16, False, 40)]
# What the strata of `config/published-explained.yaml` are: bases of semantics `published` set batchnorm_variance.
PUBLISHED = [Case("densenet121 as published", DENSENET121[:-1], False, 16)]
PUBLISHED += [Case("resnet50 as published", RESNET50[:-1], True, 4)]


def contributions(random: np.random.Generator, population: str, shape: tuple[int, ...]) -> np.ndarray:
    """What factors contribute in each configuration.

    `skewed` has skewness 1.4, as published gaps of random rows have 1.1 to 1.6; in `few` they are 0 in 70 %.
    """
    if population == "normal":
        return random.normal(MEAN, 0.1, shape)
    if population == "skewed":
        return random.gamma(2, MEAN / 2, shape)
    if population == "few":
        return np.where(random.random(shape) < 0.3, random.uniform(0.03, 2 * MEAN / 0.3 - 0.03, shape), 0)
    return np.zeros(shape)


def gaps(case: Case, population: str, outcomes: str, random: np.random.Generator, studies: int) -> np.ndarray:
    """Gaps of made-up studies: replicates x studies x points."""
    every, n = np.array(points(case.factors, case.half)), case.replicates
    trained = np.array([is_trained(name) for name in case.factors])
    own = contributions(random, population, (n, studies, len(case.factors)))
    scatter = np.exp(random.uniform(np.log(0.005), np.log(0.08), (n, studies, 1)))
    if case.seeds:
        own, scatter = np.full_like(own, MEANS[population]), np.full_like(scatter, SCATTER)

    def accuracies(which: np.ndarray, fails: np.ndarray) -> np.ndarray:
        """One for each training, spread over the points that share it; `fails` is of points."""
        _, first, place = np.unique(every[:, which], axis=0, return_index=True, return_inverse=True)
        each = random.standard_normal((n, studies, len(first))) * scatter
        return (each - FALL * (random.random(each.shape) < fails[first]))[..., place]

    fails = np.full(len(every), FAILS if outcomes == "bimodal" else 0.0)
    pytorch = accuracies(np.array([name in SHARED for name in case.factors]), fails)
    tensorflow = accuracies(trained, np.where(every[:, 0], 0, FAILS) if outcomes == "one-sided" else fails)
    evaluated = random.standard_normal((n, studies, len(every))) * scatter / 3 * every[:, ~trained].any(axis=1)
    return own @ ~every.T + pytorch - tensorflow - evaluated


def _random(*key: object) -> np.random.Generator:
    return np.random.default_rng(zlib.crc32("/".join(map(str, key)).encode()))


def coverage(case: Case, population: str, outcomes: str, studies: int = STUDIES) -> dict[str, float]:
    """In which share of studies each interval holds what was put in; `told` is how often a share of the gap is told."""
    every = np.array(points(case.factors, case.half))
    labels, weights = quantities(case.factors, every)
    values = gaps(case, population, outcomes, _random("coverage", case, population, outcomes), studies) @ weights.T
    truth = MEANS[population] * (~every).sum(axis=1) + (FAILS * FALL * ~every[:, 0] if outcomes == "one-sided" else 0)
    truth = weights @ truth
    _, low, high, _ = student(values)
    held = (low <= truth) & (truth <= high)
    kinds = np.array([quantity for quantity, _ in labels])
    trained = np.array([is_trained(name) for _, name in labels])
    shapley = kinds == SHAPLEY
    found = {"gap": held[:, kinds == GAP], "remaining": held[:, kinds == REMAINING]}
    found |= {"trained": held[:, shapley & trained], "evaluation": held[:, shapley & ~trained]}
    found["interactions"] = held[:, kinds == INTERACTION]
    ratio, low, high = fieller(values[..., shapley], values[..., :1])
    right, told = (low <= truth[shapley] / truth[0]) & (truth[shapley] / truth[0] <= high), np.isfinite(ratio)
    found |= {"share": right[told], "told": told}
    return {name: float(some.mean()) if some.size else np.nan for name, some in found.items()}


def claims(case: Case, outcomes: str, shift: float = 0.0, spread: float = 0.0, studies: int = STUDIES) -> np.ndarray:
    """Studies x factors: whose contribution is claimed where none contributes but the first, by `shift`.

    Args:
        case: the factorial.
        outcomes: smooth or bimodal.
        shift: the mean contribution of the first factor.
        spread: its standard deviation over configurations.
        studies: how many.
    """
    random = _random("claims", case, outcomes, shift, spread)
    found = gaps(case, "none", outcomes, random, studies)
    every = np.array(points(case.factors, case.half))
    own = random.normal(shift, spread, (1 if case.seeds else case.replicates, studies, 1))
    labels, weights = quantities(case.factors, every)
    values = (found + own * ~every[:, 0]) @ weights.T
    p = student(values)[3][:, [quantity == SHAPLEY for quantity, _ in labels]]
    return holm(p) <= LEVEL


def _cells(shares: Iterable[float]) -> str:
    return " | ".join("" if np.isnan(share) else f"{share:.3f}".removeprefix("0") for share in shares)


def coverage_line(case: Case, outcomes: str) -> str:
    """A line of the table of coverages: the least and the most over populations of contributions."""
    found = [coverage(case, name, outcomes) for name in (VARIED[:1] if case.seeds else VARIED)]
    cells = []
    for name in found[0]:
        least, most = (_cells([bound(one[name] for one in found)]) for bound in (min, max))
        cells.append(least if least == most else f"{least} to {most}")
    return f"| {case} | {outcomes} | {' | '.join(cells)} |"


def alarm_line(case: Case) -> str:
    """A line of the table of false alarms: studies in which anything is claimed."""
    found = (claims(case, outcomes, studies=ALARM_STUDIES).any(axis=1).mean() for outcomes in OUTCOMES[:2])
    return f"| {case} | {_cells(found)} |"


SHIFTS = (0.02, 0.04, 0.06, 0.08, 0.1, 0.15)
SPREAD = 0.12
MULTIPLES = (1, 1.5, 2, 3, 4, 6)


def power_line(case: Case) -> str:
    """A line of the tables of power: how often the first factor's contribution is claimed."""
    sizes = [SCATTER * size for size in MULTIPLES] if case.seeds else SHIFTS
    spread = 0 if case.seeds else SPREAD
    return f"| {case} | {_cells(claims(case, 'smooth', size, spread)[:, 0].mean() for size in sizes)} |"


def resampled(population: str, replicates: int, studies: int = 1000, resamples: int = 600) -> str:
    """A line: coverage of Student's t, of percentiles of a bootstrap, and of its studentised form, for one mean."""
    random = _random("resampled", population, replicates)
    values = contributions(random, population, (replicates, studies))
    mean, low, *_ = student(values)
    error = values.std(axis=0, ddof=1) / np.sqrt(replicates)
    held = np.zeros((3, studies), bool)
    held[0] = np.abs(mean - MEAN) <= mean - low
    for k in range(studies):
        drawn = values[random.integers(0, replicates, (resamples, replicates)), k]
        means, errors = drawn.mean(axis=1), drawn.std(axis=1, ddof=1) / np.sqrt(replicates)
        bounds = np.quantile(means, (0.025, 0.975))
        t = np.quantile((means - mean[k]) / np.maximum(errors, 1e-12), (0.025, 0.975))
        held[1, k] = bounds[0] <= MEAN <= bounds[1]
        held[2, k] = mean[k] - t[1] * error[k] <= MEAN <= mean[k] - t[0] * error[k]
    return f"| {replicates} configurations | {population} | {_cells(held.mean(axis=1))} |"


def head(*columns: str) -> list[str]:
    """The first lines of a table."""
    return [f"| {' | '.join(columns)} |", "|" + "---|" * len(columns)]


def tables() -> Iterator[Sequence[str]]:
    """All tables, each as lines."""
    every = (*ONE, *SMALL, *PUBLISHED, *LARGE)
    columns = ("factorial", "replicates", "outcomes", "gap", "remaining", "Shapley, of training")
    columns += ("Shapley, of evaluation", "interactions", "share of the gap", "share told")
    yield [*head(*columns), *(coverage_line(case, outcomes) for case in every for outcomes in OUTCOMES)]
    yield [*head("factorial", "replicates", *OUTCOMES[:2]), *map(alarm_line, every)]
    yield [
        *head("factorial", "replicates", *(f"{shift:g}" for shift in SHIFTS)),
        *map(power_line, (*SMALL, *PUBLISHED, *LARGE)),
    ]
    seeds = [Case("densenet121", DENSENET121, False, count, True) for count in (3, 4, 5, 6, 8)]
    yield [*head("factorial", "replicates", *(f"{size:g}" for size in MULTIPLES)), *map(power_line, seeds)]
    yield [
        *head("replicates", "contributions", "Student's t", "bootstrap, percentiles", "bootstrap, studentised"),
        *(resampled(name, count) for count in (8, 40) for name in VARIED),
    ]


def main() -> None:
    """Print all tables."""
    for lines in tables():
        print("\n".join(lines), end="\n\n", flush=True)


if __name__ == "__main__":
    main()
