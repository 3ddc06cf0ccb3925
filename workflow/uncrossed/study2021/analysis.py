"""Analyse the published study: as every study, and as its design allows; what no sample bears is left out."""

import json
import os
from pathlib import Path

import pandas as pd

from uncrossed.analysis import analyse
from uncrossed.common.files import read_text, write_json, write_text
from uncrossed.study import layout
from uncrossed.study.trial import GUIDED, ORIGIN, RANDOM
from uncrossed.study2021 import effects, figures, noise, published_study, summary
from uncrossed.study2021.summary import DATA

NOTE = (
    " These are random rows and rows that a search chose because it expected a large difference there, together: "
    f"shares, means and correlations over them describe the search; {layout.PUBLISHED_SUMMARY_TABLE} has them apart."
)


def make(table: pd.DataFrame, folder: str | os.PathLike[str]) -> pd.DataFrame:
    """Write the published pairs as a study, with its tables and figures.

    Args:
        table: the published pairs, as `published_tables.read` gives them.
        folder: for example `results/published`.

    Returns:
        What `summary.summarise` does.
    """
    folder = Path(folder)
    published_study.write(table, folder)
    pooled = analyse.make(folder, examples=(DATA.train_examples, DATA.test_examples), classes=DATA.classes)
    found = summary.summarise(table)
    if not (table[ORIGIN] == RANDOM).any():
        return found
    _write(_without_inference(pooled), folder / layout.SUMMARY_TABLE)
    _write(found, folder / layout.PUBLISHED_SUMMARY_TABLE)
    main_effects, shares, near = effects.effects(table), noise.shares(table), noise.extremes(table)
    _write(main_effects, folder / layout.PUBLISHED_EFFECTS_TABLE)
    _write(shares, folder / layout.PUBLISHED_NOISE_TABLE)
    _write(near, folder / layout.PUBLISHED_EXTREMES_TABLE)
    pooled_captions = json.loads(read_text(folder / layout.CAPTIONS))
    captions = figures.draw(found, main_effects, shares, near, folder)
    captions |= {name: caption + NOTE for name, caption in pooled_captions.items()}
    write_json(folder / layout.CAPTIONS, captions)
    return found


def _without_inference(pooled: pd.DataFrame) -> pd.DataFrame:
    """A summary of all rows together, which are no sample: without bounds and tests."""
    tests = pooled["statistic"].str.contains("p_value")
    return pooled[~tests].assign(low=float("nan"), high=float("nan"))


def _write(table: pd.DataFrame, path: Path) -> None:
    write_text(path, table.to_csv(index=False, lineterminator="\n", float_format="%.6g"))


def printed(found: pd.DataFrame) -> str:
    """The main numbers as text: one line per architecture and origin."""
    lines = [
        f"{'architecture':12} {'origin':7} {'pairs':>5}  mean difference          rank correlation of |d| with steps"
    ]
    for architecture in found["architecture"].unique():
        for origin in (RANDOM, GUIDED):
            rows = found[(found["architecture"] == architecture) & (found[ORIGIN] == origin)].set_index("statistic")
            if len(rows):
                mean, correlation = (
                    _estimate(rows.loc[name]) for name in ("difference_mean", "rank_correlation_steps")
                )
                lines.append(
                    f"{architecture:12} {origin:7} {rows.loc['pairs', 'value']:5.0f}  {mean:23}  {correlation}"
                )
    return "\n".join(lines)


def _estimate(row: pd.Series) -> str:
    text = f"{row['value']:+.3f}"
    return text if pd.isna(row["low"]) else f"{text} [{row['low']:+.3f}, {row['high']:+.3f}]"
