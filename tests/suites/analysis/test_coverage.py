"""What the documentation says of intervals and claims is what their simulation says."""

import re

import pytest

from helpers.commands import REPOSITORY
from helpers.modules import program
from uncrossed.analysis.contributions import MANY


@pytest.fixture(scope="module")
def coverage():
    """The program that simulates."""
    return program("tests/benchmarks/coverage.py")


PAGE = (REPOSITORY / "docs/factorials.md").read_text()


def test_lines_of_the_tables_are_what_the_command_prints(coverage):
    one, small, large = coverage.ONE[0], coverage.SMALL[1], coverage.LARGE[2]
    lines = [coverage.coverage_line(small, "bimodal"), coverage.coverage_line(one, "one-sided")]
    lines += [coverage.power_line(large), coverage.resampled("skewed", 8)]
    for line in lines:
        assert f"{line}\n" in PAGE


def test_what_is_called_a_95_per_cent_interval_holds_in_95_per_cent():
    lines = [
        line
        for line in PAGE.splitlines()
        if re.search(rf"\| {MANY} configurations \| (smooth|bimodal|one-sided) ", line)
    ]
    assert len(lines) == 9
    for line in lines:
        # Between what it is about and how often a share of the gap is told.
        cells = line.split("|")[4:-2]
        assert all(0.93 <= float(value) <= 0.97 for cell in cells for value in re.findall(r"\.\d{3}", cell)), line


def test_claims_without_a_cause_are_rare():
    table = PAGE.partition("Studies in which something is claimed")[2].partition("Other intervals")[0]
    found = re.findall(r"\| [a-z0-9, ]+ \| \d+ (?:seeds|configurations) \| (\.\d{3}) \| (\.\d{3}) \|", table)
    assert len(found) == 10
    assert max(float(value) for line in found for value in line) <= 0.05
