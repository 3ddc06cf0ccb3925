"""What a killed run leaves is taken for what it is."""

import os
import subprocess
import time
from pathlib import Path

import pytest

from helpers.commands import PATH, REPOSITORY, run, uncrossed
from helpers.studies import Folder, copy_sources
from uncrossed.study.study import Study


@pytest.mark.more
@pytest.mark.parametrize("change", ["row", *(pytest.param(name, marks=pytest.mark.long) for name in ("code", "none"))])
def test_what_a_killed_run_leaves_is_taken_for_what_it_is(change, tmp_path):
    """Snakemake alone is killed; its training goes on and ends, made from what was asked for then."""
    sources = copy_sources(tmp_path / "sources")
    (tmp_path / "work").mkdir()
    folder = Folder(tmp_path / "work", sources / "Snakefile")
    target = folder.results / "trials/first/pytorch.h5"
    asked = ["results/tiny/trials/first/pytorch.h5"]
    folder.snakemake(*asked)
    clean = target.read_bytes()
    model, rows = sources / "workflow/uncrossed/training/architectures/smallcnn.py", folder.manifest.read_text()
    code = model.read_text()
    if change == "code":
        assert "nn.Dropout(0.5)" in code
        model.write_text(code.replace("nn.Dropout(0.5)", "nn.Dropout(0.25)"))
    else:
        folder.manifest.write_text(rows.replace("0.02", "0.021"))
    words = ["snakemake", *asked, "--snakefile", folder.snakefile, "--profile", REPOSITORY / "profiles/local"]
    words += ["--configfile", "study.yaml"]
    process = subprocess.Popen(
        list(map(str, words)), cwd=folder.path, env={**os.environ, "PATH": PATH}, stderr=subprocess.DEVNULL
    )
    while not target.with_suffix(".job").exists():
        assert process.poll() is None
        time.sleep(0.02)
    process.kill()
    process.wait()
    while not target.exists():
        time.sleep(0.1)
    other = target.read_bytes()
    assert other != clean
    time.sleep(0.5)
    run(*words[:1], "--unlock", *words[2:], folder=folder.path)
    if change != "none":
        model.write_text(code)
        folder.manifest.write_text(rows)
    before = listing(folder.path)
    assert folder.planned(*asked) == ([] if change == "none" else ["pytorch first"])
    for way in ("--summary", "--dag", "--lint"):
        folder.snakemake(*asked, way)
    assert listing(folder.path) == before, "planning changes no file"
    output = folder.snakemake(*asked).stdout
    if change == "none":
        # Asked for the same again: what ended is not trained again.
        assert "Nothing to be done" in output
        assert target.read_bytes() == other
    else:
        assert target.read_bytes() == clean
    assert folder.planned(*asked) == []


def listing(folder: Path) -> dict[Path, tuple[int, bytes]]:
    """Each file's time stamp and content, but for those that Snakemake itself writes whatever it plans."""
    own = [folder / ".snakemake" / name for name in ("iocache", "locks", "log")]
    return {
        path: (path.stat().st_mtime_ns, path.read_bytes())
        for path in folder.rglob("*")
        if path.is_file() and not any(path.is_relative_to(place) for place in own)
    }


@pytest.mark.long
def test_a_result_that_ended_after_snakemake_is_taken_for_what_it_is(tmp_path):
    """As of a job in Slurm, where Snakemake is killed and the Snakemake inside the job takes away the mark of it."""
    folder = Folder(tmp_path)
    target = "results/tiny/trials/first/pytorch.h5"
    folder.snakemake(target)
    assert folder.planned(target) == []
    rows = folder.manifest.read_text()
    folder.manifest.write_text(rows.replace("0.02", "0.021"))
    job = Study.load(tmp_path / "study.yaml").job("first").canonical()
    data = tmp_path / "results/datasets/digits-few.h5"
    uncrossed("train", "pytorch", "--job", job, "--dataset", data, "--output", tmp_path / target)
    assert folder.planned(target) == []
    folder.manifest.write_text(rows)
    assert folder.planned(target) == ["pytorch first"]
