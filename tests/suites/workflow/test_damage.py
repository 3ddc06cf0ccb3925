"""Damage is named, and the next build mends it."""

import shutil

import pytest

from helpers.commands import told
from helpers.damage import damaged, truncated


def test_verify_names_damage_and_the_next_build_mends_it(folder):
    sums = (folder.results / "SHA256SUMS").read_bytes()
    assert "all files are as they should be" in told("verify", folder.results)
    trials = folder.results / "trials"
    damaged(trials / "first/pytorch.h5")
    truncated(trials / "second/tensorflow.h5")
    shutil.copy(trials / "first/tensorflow.h5", trials / "second/pytorch.h5")
    (folder.results / "manifest.csv").write_text("")
    output = told("verify", folder.results, code=1)
    assert "second/pytorch.h5: holds framework tensorflow" in output
    assert "4 faults" in output
    output = told("verify", folder.results, "--quarantine", code=1)
    assert "moved to pytorch.h5.quarantined" in output
    assert folder.planned() == ["pytorch first", "pytorch second", "tensorflow second"]
    folder.snakemake()
    assert (folder.results / "SHA256SUMS").read_bytes() == sums
    told("verify", folder.results)


def test_what_is_sound_is_never_moved_where_the_list_is_wrong(folder):
    listed = folder.results / "SHA256SUMS"
    lines = len(listed.read_text().splitlines())
    listed.write_text(listed.read_text().replace("a", "b", 1) + "nonsense\n")
    output = told("verify", folder.results, "--quarantine", code=1)
    assert f"line {lines + 1} is not a checksum and another name" in output
    assert not list(folder.results.rglob("*.quarantined*"))


@pytest.mark.more
def test_a_damaged_dataset_is_named_and_made_again(folder):
    """A training says so, verify moves it aside, and the build tells what to do."""
    sums = (folder.results / "SHA256SUMS").read_bytes()
    data = folder.path / "results/datasets/digits-few.h5"
    damaged(data)
    (folder.results / "trials/first/pytorch.h5").unlink()
    assert "digits-few.h5" in folder.snakemake(code=1).stdout
    assert "digits-few.h5" in told("verify", folder.results, "--quarantine", code=1)
    assert "digits-few.h5 is missing, but trials" in folder.snakemake("-n", code=1).stdout
    folder.snakemake("results/datasets/digits-few.h5")
    folder.snakemake()
    assert (folder.results / "SHA256SUMS").read_bytes() == sums
