"""A bad table, figure or trial file is refused by name, and listed where that is asked for."""

import re
import shutil

import h5py
import pytest

from helpers.commands import told
from helpers.pages import data, words
from uncrossed.common.errors import InputError
from uncrossed.report import report


@pytest.mark.parametrize("damage", ["missing", "truncated", "predictions", "another trial's"])
def test_a_bad_trial_file_is_refused_by_name_and_listed_where_that_is_asked_for(damage, study):
    name = "trials/resnet50-0001/tensorflow.h5"
    path = study / name
    if damage == "missing":
        path.unlink()
    elif damage == "truncated":
        path.write_bytes(path.read_bytes()[:3000])
    elif damage == "predictions":
        with h5py.File(path, "r+") as file:
            file["predictions/logits"][0, 0] += 1
    else:
        shutil.copy(study / "trials/resnet50-0004/tensorflow.h5", path)
    output = told("report", study, code=2)
    assert name in output
    told("report", study, "--partial")
    assert "This report is partial 1 of 14 trial files are missing or not usable" in words(study)
    assert f"{name}: {'missing' if damage == 'missing' else 'damaged'}" in words(study)
    found = data(study)
    assert "sha" not in found["pairs"][found["trials"].index("resnet50-0001")]["tensorflow"]


def test_a_trial_file_that_cannot_be_read_is_not_called_damaged(study):
    name = "trials/resnet50-0001/tensorflow.h5"
    (study / name).unlink()
    (study / name).mkdir()
    assert f"{name}: cannot be read (Is a directory)" in told("report", study, code=1)
    told("report", study, "--partial")
    assert f"{name}: cannot be read" in words(study)


def test_a_partial_table_makes_a_partial_report(study):
    shutil.rmtree(study / "trials/vgg16-0002")
    told("tables", study, "--partial")
    told("report", study, code=2)
    told("report", study, "--partial")
    assert "1 of 7 pairs have no result in the tables" in words(study)
    assert "tensorflow.h5: missing" in words(study)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("tables/curves.parquet", None),
        ("tables/curves.parquet", "nothing"),
        ("tables/trials.parquet", None),
        ("tables/runs.parquet", None),
        ("tables/summary.csv", "a,b\n1,2\n"),
        ("tables/summary.csv", "architecture,semantics,statistic,value\nvgg16,native,pairs,none\n"),
        ("tables/attribution.csv", ""),
        ("tables/recalibration.csv", "trial,gap\na,1\n"),
        ("figures/x.svg", "<svg"),
        ("figures/x.svg", "<html/>"),
        ("figures/captions.json", "["),
        ("figures/captions.json", '{"y": "Words."}'),
    ],
)
def test_a_bad_table_or_figure_is_refused_by_name(name, text, study):
    path = study / name
    path.parent.mkdir(exist_ok=True)
    path.unlink(missing_ok=True)
    if text is not None:
        path.write_text(text)
    if name == "tables/runs.parquet":
        report.make(study)  # The trial files name devices and versions.
        return
    with pytest.raises(InputError, match=r"figures/y.svg" if "{" in (text or "") else re.escape(name)):
        report.make(study)
