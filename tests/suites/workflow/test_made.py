"""A build makes what it lists, says in its tables what its files hold, and makes the same bytes elsewhere."""

import os
import sysconfig
import venv
from pathlib import Path

import pandas as pd
import pytest

from helpers.commands import PATH, run, told
from helpers.studies import ROWS, Folder, copy_sources, write_manifest
from uncrossed.results import trial_file


def test_the_checksums_hold_and_cover_the_deterministic_files(built):
    run("sha256sum", "-c", "SHA256SUMS", folder=built.results)
    listed = {line.split("  ")[1] for line in (built.results / "SHA256SUMS").read_text().splitlines()}
    made = {str(path.relative_to(built.results)) for path in built.results.rglob("*") if path.is_file()}
    records = {f"trials/{trial}/{framework}.json" for trial in ROWS for framework in ("pytorch", "tensorflow")}
    logs = {name for name in made if name.startswith("logs/") or name.endswith(".png")}
    assert made - listed == records | logs | {"tables/runs.parquet", "SHA256SUMS"}


def environment(path: Path) -> str:
    """Make an environment with the packages of this one in a new folder; return the PATH that activates it."""
    venv.create(path, symlinks=True)
    (site,) = path.glob("lib/python*/site-packages")
    (site / "all.pth").write_text(f"import site; site.addsitedir({sysconfig.get_path('purelib')!r})")
    script = path / "bin/snakemake"
    script.write_text('#!/bin/sh\nexec "$(dirname "$0")/python" -m snakemake "$@"\n')
    script.chmod(0o755)
    return f"{path}/bin{os.pathsep}{PATH}"


@pytest.mark.long
def test_another_build_below_a_path_with_a_space_and_an_accent_has_the_same_checksums(built, tmp_path):
    root = tmp_path / "a space, an é"
    root.mkdir()
    path = environment(root / ".venv")
    other = Folder(root, copy_sources(root / "sources") / "Snakefile")
    # Same rows in another order, from other sources, in another folder, at another time.
    write_manifest(other.manifest, dict(reversed(ROWS.items())))
    other.snakemake(PATH=path)
    assert (other.results / "SHA256SUMS").read_bytes() == (built.results / "SHA256SUMS").read_bytes()
    other.snakemake("release", PATH=path)
    run("sha256sum", "-c", "RELEASE_SHA256SUMS", folder=other.results)


@pytest.mark.long
def test_two_environments_with_one_framework_each_make_the_same_files(built, tmp_path):
    folder = Folder(tmp_path)
    for framework, lacking in (("pytorch", "tensorflow"), ("tensorflow", "torch")):
        path = environment(tmp_path / f".venv-{framework}")
        (site,) = tmp_path.glob(f".venv-{framework}/lib/python*/site-packages")
        (site / f"{lacking}.py").write_text(f"raise ImportError('{lacking} is not in this environment')\n")
        folder.snakemake(framework, PATH=path)
    folder.snakemake(PATH=path)
    assert (folder.results / "SHA256SUMS").read_bytes() == (built.results / "SHA256SUMS").read_bytes()


def test_the_tables_say_what_the_files_hold(built):
    trials = pd.read_csv(built.results / "tables/trials.csv")
    pd.testing.assert_frame_equal(trials, pd.read_parquet(built.results / "tables/trials.parquet"))
    assert list(trials["trial"]) == ["first", "second"]
    curves = pd.read_parquet(built.results / "tables/curves.parquet")
    runs = pd.read_parquet(built.results / "tables/runs.parquet")
    assert len(curves) == 2 * 2 * 2
    assert len(runs) == 2 * 2
    for row in trials.to_dict("records"):
        assert row["batch_size"] == ROWS[row["trial"]]["batch_size"]
        accuracies = []
        for framework in ("pytorch", "tensorflow"):
            result = trial_file.read(built.results / f"trials/{row['trial']}/{framework}.h5")
            accuracies.append(result.curves["test_accuracy"][-1])
            assert row[f"{framework}_test_accuracy"] == accuracies[-1]
            assert row[f"{framework}_test_loss"] == pytest.approx(result.curves["test_loss"][-1], rel=1e-15)
            assert row[f"{framework}_status"] == "completed"
        assert row["difference"] == pytest.approx(accuracies[0] - accuracies[1])
        assert row["both_completed"]
    printed = told("show", "--study", built.results)
    assert f"{accuracies[0]:.4f}" in printed
    assert "did you mean 'second'" in told("show", "secnd", "--study", built.results, code=2)


def test_the_report_goes_into_that_of_snakemake(built):
    page = (built.results / "report.html").read_text()
    assert "2 pairs of smallcnn" in page
    built.snakemake("--report", "snakemake.html")
    assert "report.html" in (built.path / "snakemake.html").read_text()
