"""A release lists everything, and its metadata say what the results say."""

import csv
import json
import re
import shutil

import pytest

from helpers import synthetic
from helpers.commands import REPOSITORY, run, told
from helpers.publishing import LIST, released_files
from uncrossed.release import metadata, release
from uncrossed.release.card import TITLE
from uncrossed.results import tables
from uncrossed.study import factorial
from uncrossed.study.architectures import PACKAGED
from uncrossed.study.mechanisms import resolve


def test_the_list_covers_everything_that_is_released(built):
    run("sha256sum", "-c", LIST, folder=built)
    listed = set(released_files(built / LIST))
    made = {str(path.relative_to(built)) for path in built.rglob("*") if path.is_file()}
    assert made - listed == {LIST}


def test_the_metadata_depend_on_results_alone(built, tmp_path):
    other = shutil.copytree(built, tmp_path / "elsewhere")
    for name in (*release.METADATA, LIST):
        (other / name).unlink()
    release.make(other)
    for name in (*release.METADATA, LIST):
        assert (other / name).read_bytes() == (built / name).read_bytes()
    assert TITLE in (REPOSITORY / "CITATION.cff").read_text()
    provenance = json.loads((built / "provenance.json").read_text())
    assert provenance["versions"]["tensorflow"] == {"keras": ["3.0"], "tensorflow": ["2.0"]}
    card = (built / "README.md").read_text()
    assert "6 pairs" in card
    assert "| diverged | 1 |" in card


def test_croissant_is_valid_and_loads_the_trials(built):
    import mlcroissant

    data = mlcroissant.Dataset(built / "croissant.json")
    assert not data.metadata.ctx.issues.errors
    records = list(data.records("trials"))
    table = tables.read(built)
    assert [record["trials/trial"].decode() for record in records] == list(table["trial"])
    for column in ("learning_rate", "batch_size", "pytorch_test_accuracy", "both_completed"):
        assert [record[f"trials/{column}"] for record in records] == list(table[column])
    assert len(list(data.records("curves"))) == 2 * 6 * 2 - 2


def test_the_context_is_that_of_croissant():
    import mlcroissant

    assert mlcroissant.Metadata(name="a", url="https://a.b").to_json()["@context"] == metadata.CONTEXT


ODD = ("001", "1e3", "na", "nan", "null", "true")


@pytest.fixture(scope="module")
def odd(tmp_path_factory):
    """A released factorial whose trials and base have names that look like numbers, or like nothing."""
    root = tmp_path_factory.mktemp("odd")
    base = synthetic.rows(1, 2, ["smallcnn"])[0].model_copy(update={"semantics": resolve("pytorch")})
    rows = [*factorial.cross(base, PACKAGED["smallcnn"].touching), *factorial.repeats([base], 2)]
    rows = [row.model_copy(update={"trial": name, "base": "nan"}) for name, row in zip(ODD, rows, strict=True)]
    return synthetic.released(root, rows)


def test_names_that_look_like_numbers_or_nothing_stay_names_in_croissant(odd):
    import mlcroissant

    data = mlcroissant.Dataset(odd / "croissant.json")
    for name, times in (("trials", 1), ("curves", 4)):
        found = [record[f"{name}/trial"] for record in data.records(name)]
        assert found == [trial.encode() for trial in ODD for _ in range(times)]
    assert [record["trials/base"] for record in data.records("trials")] == [b"nan"] * len(ODD)


def test_names_that_look_like_numbers_or_nothing_stay_names_in_every_command(odd):
    assert "smallcnn as pytorch" in told("attribution", odd)
    assert "nan: gap" in told("attribution", odd)
    told("analyse", odd)
    told("report", odd)
    page = (odd / "report.html").read_text()
    data = json.loads(re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.S)[1])
    assert data["trials"] == list(ODD)
    assert {row[data["parameters"].index("base")] for row in data["settings"]} == {"nan"}
    assert "In one configuration as pytorch the gap is" in page, "what the factorial says"
    for trial in ODD:
        assert re.search(f"^{trial} ", told("show", "--study", odd), re.MULTILINE)
        assert told("show", trial, "--study", odd).startswith(f"{trial}: smallcnn")
    rows = list(csv.DictReader((odd / "tables/disagreement.csv").open()))
    assert [row["trial"] for row in rows] == list(ODD)
