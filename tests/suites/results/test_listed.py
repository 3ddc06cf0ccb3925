"""Whatever makes an output says whether checksums list it."""

import re
from collections.abc import Iterator
from pathlib import Path

from helpers.commands import REPOSITORY
from helpers.modules import modules
from uncrossed.results import layout
from uncrossed.study.study import STATEMENT


def written(path: Path) -> Iterator[str]:
    """The names below `tables/` and `figures/` that stand in a module's or a rule file's code."""
    yield from re.findall(r"(?:tables|figures)/(?:[\w*-]|\{\w+\})+\.[a-z]+", path.read_text(encoding="utf-8"))


def test_whatever_makes_a_table_or_a_figure_says_whether_it_is_listed():
    """A new output is in SHA256SUMS by its kind, or is named among those that depend on clocks and machines."""
    rules = [REPOSITORY / "Snakefile", *(REPOSITORY / "workflow/rules").glob("*.smk")]
    for path in (*modules(), *rules):
        for output in written(path):
            never = any(Path(output).match(pattern) for pattern in layout.NEVER_LISTED)
            assert layout.is_listed(output) != never, f"{path}: {output}"


def test_the_study_keeps_its_statement_where_results_look_for_it():
    assert layout.STATEMENT == STATEMENT
