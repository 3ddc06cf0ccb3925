"""Whatever makes an output says whether checksums list it."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from helpers.commands import REPOSITORY
from helpers.modules import modules, name
from uncrossed.study import layout


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


def spelt(path: Path) -> Iterator[str]:
    """The texts in a module's code, but for its docstrings, that are or hold a path of a study's folder."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    docstrings = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings:
            yield from re.findall(r"(?:tables|figures|trials|architectures)/[\w.-]+", node.value)


def test_every_path_of_a_study_is_spelt_in_its_layout():
    for path in modules():
        assert path.name == "layout.py" or not [*spelt(path)], f"{name(path)}: {[*spelt(path)]}"
