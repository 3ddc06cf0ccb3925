"""Tables are cached by what they are, and a cache that cannot be written costs nothing else."""

import sys
from pathlib import Path

import pandas as pd
import pytest

import uncrossed as package
from helpers.big import BIG
from helpers.commands import run
from uncrossed.common import url_cache
from uncrossed.common.errors import InputError


def test_tables_are_cached_by_etag_and_content(server, tmp_path):
    first = package.open(server.url)
    first.curves  # noqa: B018
    server.reset()
    pd.testing.assert_frame_equal(package.open(server.url).trials, first.trials)
    pd.testing.assert_frame_equal(package.open(server.url).curves, first.curves)
    assert server.requests
    assert server.sent == 0
    entries = list((tmp_path / "cache/uncrossed").iterdir())
    assert len(entries) == 3
    for entry in entries:
        entry.write_bytes(entry.read_bytes()[:-1] + b"!")
    pd.testing.assert_frame_equal(package.open(server.url).trials, first.trials)
    assert server.sent > 0
    (server.folder / "tables/trials.parquet").write_bytes((server.folder / "tables/curves.parquet").read_bytes())
    with pytest.raises(InputError, match=r"trials\.parquet: its SHA-256 is not the one in SHA256SUMS"):
        package.open(server.url)


@pytest.mark.parametrize("spoiled", ["a file in its place", "full"])
def test_a_cache_that_cannot_be_written_is_not_used(spoiled, server, tmp_path, monkeypatch):
    if spoiled == "full":

        def full(path: Path):
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(url_cache, "complete", full)
    else:
        (tmp_path / "cache").write_text("")
    assert len(package.open(server.url)) == len(package.open(server.url)) == 6


def test_a_full_disk_under_the_cache_costs_only_the_cache(server, built, tmp_path):
    program = f"""
import resource, signal, uncrossed
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
for _ in range(2):
    study = uncrossed.open({server.url!r})
    print(len(study), len(study.curves), study.trial("{BIG}").pytorch.logits.shape)
"""
    assert (
        run(sys.executable, "-c", program).stdout.splitlines() == [f"6 {len(package.open(built).curves)} (200, 10)"] * 2
    )
    assert [path.name for path in (tmp_path / "cache").rglob("*")] == ["uncrossed"]


@pytest.mark.parametrize("name", ["trials.parquet", "curves.parquet"])
def test_a_table_flipped_on_the_way_is_not_cached(name, server):
    server.only, server.faults = name, ["middle"]
    with pytest.raises(InputError, match=rf"{name}: its SHA-256 is not the one in SHA256SUMS"):
        package.open(server.url).curves  # noqa: B018
    assert len(package.open(server.url).curves)
