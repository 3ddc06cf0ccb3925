"""How often intervals hold the truth, and how often noise is taken for a finding, of `uncrossed analyse`.

`python tests/benchmarks/coverage_statistics.py` prints the tables of docs/statistics.md (an hour on one core);
`--studies N` draws N studies of each kind instead of 1,000.

Studies are drawn from three worlds, in which the difference of a configuration follows from its hyperparameters, and
the accuracies of its seeds vary around it:

even     normal differences that go with no hyperparameter; where `effect` is 0, both frameworks have one law.
falling  a difference that falls with the epochs and rises with the learning rate; skewed, as of the published pairs.
two      a fifth of the configurations, those of few steps, is far apart, the others hardly.
"""

import argparse
import itertools
from collections import defaultdict

import numpy as np
import pandas as pd
from scipy import stats
from tqdm import tqdm

from uncrossed.analysis import association, groups, statistics
from uncrossed.analysis.intervals import FEWEST
from uncrossed.results.trials_table import ACCURACIES

WORLDS = ("even", "falling", "two")
SIZES = (FEWEST, 40, 100)
# As `manifest factorial --repeats 4` does it: one seed of each configuration, and five of those with the most noise.
REPEATED = "repeated"
SEEDS = (1, 3, REPEATED)
TRAIN_EXAMPLES = 50_000
# The lines of the table.
LINES = {
    "difference_mean": "mean difference",
    "absolute_difference_mean": "mean \\|difference\\|",
    "seed_distance_mean": "mean distance of two seeds",
    "beyond_seeds_mean": "distance beyond seeds",
}
KINDS = {
    "difference_": "median and quartile",
    "share_": "shares",
    "partial_": "partial rank correlations",
    "": "rank correlations",
}


def draw(
    world: str, configurations: int, seeds: int | str, random: np.random.Generator, effect: float = 0.05
) -> pd.DataFrame:
    """A study of one architecture: what of `statistics.prepared` the statistics are made from.

    Args:
        world: see above.
        configurations: how many.
        seeds: pairs of each, or REPEATED.
        random: draws it.
        effect: the mean difference in the even world.
    """
    epochs = random.integers(1, 51, configurations)
    batch = random.integers(10, 1001, configurations)
    rate = random.uniform(1e-8, 0.1, configurations)
    epsilon = random.uniform(1e-8, 1, configurations)
    steps = epochs * np.ceil(TRAIN_EXAMPLES / batch)
    middle = random.uniform(0.45, 0.75, configurations)
    # Some configurations are noisier than others.
    noisiness = random.normal(size=configurations)
    noise = 0.01 * np.exp(0.5 * noisiness)
    if world == "even":
        gap = np.full(configurations, effect) if effect == 0 else random.normal(effect, 0.1, configurations)
    elif world == "falling":
        gap = 0.35 * np.exp(-epochs / 12) * (0.5 + 5 * rate) + random.normal(0, 0.03, configurations)
    else:
        # A fifth of all configurations has fewer steps than this.
        far = steps < 950 * np.exp(0.5 * random.normal(size=configurations))
        gap = np.where(far, random.normal(0.4, 0.1, configurations), random.normal(0.02, 0.02, configurations))
    count = 5 if seeds == REPEATED else seeds
    shape = (count, configurations)
    pytorch = middle + noise * random.normal(size=shape)
    tensorflow = middle - gap + noise * random.normal(size=shape)
    columns = {"learning_rate": rate, "batch_size": batch, "adam_epsilon": epsilon, "epochs": epochs, "steps": steps}
    columns["configuration"] = np.arange(configurations)
    table = {name: np.tile(values, count) for name, values in columns.items()}
    table |= {"seed": np.repeat(np.arange(count), configurations), "difference": (pytorch - tensorflow).ravel()}
    drawn = pd.DataFrame(table | dict(zip(ACCURACIES, (pytorch.ravel(), tensorflow.ravel()), strict=True)))
    # The most noise is that of a quarter of all configurations.
    noisy = np.tile(noisiness > stats.norm.ppf(0.75), count)
    return drawn[(drawn["seed"] == 0) | noisy] if seeds == REPEATED else drawn


def truth(world: str, seeds: int | str, random: np.random.Generator) -> dict[str, float]:
    """What the statistics are of all configurations of a world: of 200,000."""
    table = draw(world, 200_000, seeds, random)
    difference = (table if seeds != REPEATED else table[table["seed"] == 0])["difference"].to_numpy()
    found = {"difference_mean": difference.mean(), "absolute_difference_mean": np.abs(difference).mean()}
    found |= {"difference_median": np.median(difference), "difference_quantile_0.25": np.quantile(difference, 0.25)}
    found |= {"share_above_0.1": (np.abs(difference) > 0.1).mean(), "share_won_by_pytorch": (difference > 0).mean()}
    units = table.assign(size=table["difference"].abs()).groupby("configuration").mean()
    values = np.array([stats.rankdata(units[name]) for name in ("size", *association.INPUTS)])
    measured = association.of_inputs(np.corrcoef(values))
    kinds = (association.RANK_CORRELATION, association.PARTIAL)
    names = [kind + name for kind, name in itertools.product(kinds, association.INPUTS)]
    found |= dict(zip(names, measured, strict=True))
    if seeds != 1:
        few = statistics.noise.of_seeds(table[table["configuration"] < 20_000])
        found |= {name: few[name][0] for name in (statistics.noise.SEED_DISTANCE, statistics.noise.BEYOND_SEEDS)}
    return found


def coverage(studies: int) -> pd.DataFrame:
    """Of each statistic, world, number of configurations and of seeds how often its interval holds the truth."""
    records = []
    kinds = list(itertools.product(WORLDS, SEEDS, SIZES))
    for world, seeds, size in tqdm(kinds, desc="coverage", unit="kind", disable=None):
        random = np.random.default_rng([WORLDS.index(world), 5 if seeds == REPEATED else seeds, size])
        true = truth(world, seeds, random)
        held = defaultdict(list)
        for _ in range(studies):
            for name, (_, low, high) in estimates(draw(world, size, seeds, random)).items():
                if name in true and np.isfinite(low):
                    held[name].append(low <= true[name] <= high)
        records += [(name, world, seeds, size, np.mean(each), len(each)) for name, each in held.items()]
    return pd.DataFrame(records, columns=["statistic", "world", "seeds", "configurations", "coverage", "intervals"])


def estimates(table: pd.DataFrame) -> dict[str, tuple[float, float, float]]:
    """The statistics of a study that have intervals, without the tests, which take longest."""
    units = table.assign(size=table["difference"].abs()).groupby("configuration").mean()
    columns = {name: units[name].to_numpy(float) for name in association.INPUTS}
    found = statistics.differences(table) | association.rank_correlations(columns, units["size"].to_numpy())
    return found | statistics.noise.of_seeds(table)


def false_alarms(studies: int) -> dict[str, float]:
    """How often nothing is taken for something."""
    random = np.random.default_rng(1)
    found = defaultdict(list)
    for _ in tqdm(range(studies), desc="false alarms", unit="study", disable=None):
        size = int(random.choice([FEWEST, 40]))
        table = pd.concat([draw("even", size, 1, random).assign(architecture=name) for name in "abc"])
        table = statistics.prepared(table.assign(configuration=np.arange(len(table))), TRAIN_EXAMPLES, 10_000, 10)
        summary = statistics.summarise(table)
        corrected = summary.loc[summary["statistic"].str.startswith(association.HOLM), "value"]
        found["an association with any of five inputs, in any of three architectures"].append((corrected < 0.05).any())
        told = groups.comparisons(table)
        found["one of three equal architectures differs more than another"].append((told["corrected"] < 0.05).any())
    random = np.random.default_rng(2)
    for _ in tqdm(range(studies), desc="false alarms", unit="study", disable=None):
        size = int(random.choice([FEWEST, 40, 100]))
        noise = statistics.noise.of_seeds(draw("even", size, 3, random, effect=0))
        other = draw("even", 100, 1, random, effect=0)["difference"].abs()
        found["a pair that is nothing but noise is beyond the floor"].append((other > noise["seed_floor"][0]).mean())
        found["frameworks of one law are said to differ beyond seeds"].append(noise["beyond_seeds_mean"][1] > 0)
    return {name: float(np.mean(each)) for name, each in found.items()}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--studies", type=int, default=1000)
    options = parser.parse_args()
    found = coverage(options.studies)
    found["line"] = [
        LINES.get(name, next(v for k, v in KINDS.items() if name.startswith(k))) for name in found["statistic"]
    ]
    # Where too few configurations are repeated for an interval, only few samples have one by chance.
    found = found[found["intervals"] > options.studies / 2]
    for _, some in found.groupby(found["seeds"] == REPEATED):
        print("| interval of | " + " | ".join(f"{size} configurations" for size in SIZES) + " |")
        print("|---|" + "---|" * len(SIZES))
        for line, rows in some.groupby("line", sort=False):
            by_size = (rows.loc[rows["configurations"] == size, "coverage"] for size in SIZES)
            cells = (f"{each.min():.3f} to {each.max():.3f}" if len(each) else "none" for each in by_size)
            print(f"| {line} | " + " | ".join(cells) + " |")
        print()
    for name, share in false_alarms(options.studies).items():
        print(f"| {name} | {share:.3f} |")


if __name__ == "__main__":
    main()
