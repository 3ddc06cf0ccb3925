"""After a build that is not whole, what is missing is said, and the rest is still of use."""

import re
import shutil

import pandas as pd
import pytest

from helpers import synthetic
from helpers.commands import run, told
from helpers.studies import Folder
from uncrossed.study.study import Study
from uncrossed.study.trial import FRAMEWORKS


def test_a_failed_training_leaves_no_trial_file_and_stops_no_other(tmp_path):
    folder = Folder(tmp_path)
    folder.configure(settings={"device": "gpu"})
    if shutil.which("nvidia-smi"):
        pytest.skip("this machine has a GPU")
    # The preflights were made where a GPU was.
    (folder.results / "preflight").mkdir(parents=True)
    for framework in FRAMEWORKS:
        (folder.results / f"preflight/{framework}.json").write_text("{}")
    output = folder.snakemake("results/tiny/trials/first/pytorch.h5", "manifest", code=1).stdout
    assert "sees none" in output, "the failed job's log is shown"
    assert not list(tmp_path.rglob("pytorch.*5"))
    assert (folder.results / "manifest.csv").exists()
    # What is missing is listed where that is asked for, and refused where it is not.
    assert "first/pytorch.h5: no such trial file" in told("tables", folder.results, code=2)
    told("tables", folder.results, "--partial")
    trials = pd.read_csv(folder.results / "tables/trials.csv")
    assert set(trials["pytorch_status"]) == {"missing"}
    assert not trials["both_completed"].any()


def test_after_a_build_of_single_files_partial_tables_say_what_they_need(tmp_path):
    folder = Folder(tmp_path)
    synthetic.write(folder.results, list(Study.load(tmp_path / "study.yaml").rows.values()))
    (folder.results / "manifest.csv").unlink()
    shutil.rmtree(folder.results / "trials/second")
    partial = [[name, folder.results, "--partial"] for name in ("tables", "analyse", "report")]
    for command in (*partial, ["checksums", folder.results], ["show", "--study", folder.results]):
        output = told(*command, code=2)
        assert f"{folder.results}/manifest.csv: missing, as after a build of single files" in output
    assert f"{folder.results}/manifest.csv: missing" in told("attribution", folder.results, code=2)
    said = re.search(r"`(snakemake results/tiny/manifest\.csv --cores 1 --configfile) YOUR-STUDY\.yaml`", output)[1]
    run(*said.split(), tmp_path / "study.yaml", "--snakefile", folder.snakefile, folder=tmp_path)
    assert f"run `uncrossed tables {folder.results}`, with --partial" in told(*partial[1], code=2)
    assert "2 trials, 1 of them without both results" in told(*partial[0])
    for command in partial[1:]:
        told(*command)
    assert "status               missing     missing" in told("show", "second", "--study", folder.results)
    # Nothing at all is there: the tables are still tables.
    shutil.rmtree(folder.results / "trials")
    assert "2 trials, 2 of them without both results" in told(*partial[0])
    assert "status               missing     missing" in told("show", "first", "--study", folder.results)
