"""What is wrong with a study file reaches the user through Snakemake."""

import json

import pytest

from helpers.commands import run, told
from helpers.searches import SMALL
from helpers.studies import Folder


def test_snakemake_refuses_a_key_that_is_written_twice_and_values_beside_the_file(tmp_path):
    folder = Folder(tmp_path)
    assert "--config changes it" in folder.snakemake("-n", "--config", "study=other", code=1).stdout
    with open(tmp_path / "study.yaml", "a") as file:
        file.write("study: other\n")
    last = len((tmp_path / "study.yaml").read_text().splitlines())
    output = folder.snakemake("-n", code=1).stdout
    assert f"study.yaml: line {last}: key 'study' is written for the second time" in output


def test_a_study_in_json_is_checked_and_planned(tmp_path):
    folder = Folder(tmp_path)
    (tmp_path / "study.yaml").write_text(json.dumps(folder.configuration, indent="\t"))
    assert "2 trials" in told("manifest", "check", "--study", tmp_path / "study.yaml")
    assert len(folder.planned()) == 4


@pytest.mark.parametrize(
    ("change", "parts"),
    [
        (lambda folder: folder.configure(treads=2), ["'treads'", "study.yaml"]),
        (lambda folder: folder.configure(manifest="gone.csv"), ["gone.csv", "cannot be read"]),
        (lambda folder: folder.manifest.write_text("trial\n"), ["rows.csv", "missing column"]),
        # Snakemake itself reads this file, before anything of ours, and does not name it.
        (lambda folder: (folder.path / "study.yaml").write_text("study: [x\n"), ["not valid JSON or YAML"]),
    ],
)
def test_snakemake_says_the_same(change, parts, tmp_path):
    folder = Folder(tmp_path)
    change(folder)
    output = folder.snakemake("-n", code=1).stdout
    assert all(part in output for part in parts), output
    assert not (tmp_path / "results").exists()


def test_an_unknown_trial_is_named_with_its_nearest(tmp_path):
    output = Folder(tmp_path).snakemake("results/tiny/trials/frist/pytorch.h5", "-n", code=1).stdout
    assert "no trial 'frist'" in output
    assert "did you mean 'first'" in output


def test_so_is_one_of_a_search_and_a_table_of_speeds_with_a_fault(tmp_path):
    folder = Folder(tmp_path)
    del folder.configuration["manifest"]
    folder.configure(search=SMALL)
    output = folder.snakemake("results/tiny/trials/smallcnn-s00-00/pytorch.h5", "-n", code=1).stdout
    assert "the search has no trial 'smallcnn-s00-00'; allowed: " in output
    (tmp_path / "speeds.csv").write_text("a,b\n1,2\n")
    assert f"{tmp_path}/speeds.csv: line 2: " in folder.snakemake("-n", code=1).stdout


def test_a_file_of_an_architecture_that_is_not_there_is_named(tmp_path):
    folder = Folder(tmp_path)
    folder.configure(architectures={"mine": "mine.py"})
    for output in (
        folder.snakemake("-n", code=1).stdout,
        told("manifest", "check", "--study", tmp_path / "study.yaml", code=2),
    ):
        assert f"architectures.mine: {tmp_path}/mine.py: no such file" in output


def test_two_study_files_are_refused(tmp_path):
    folder = Folder(tmp_path)
    (tmp_path / "other.yaml").write_text("study: other\n")
    both = ["--configfile", tmp_path / "study.yaml", tmp_path / "other.yaml"]
    output = run("snakemake", "-n", "--snakefile", folder.snakefile, "-d", tmp_path, *both, code=1).stdout
    assert "a study file stands alone" in output
