"""A built study is released and published by its targets, as the environment says."""

import json
import re
from pathlib import Path

import pytest

from helpers.commands import run, told


def test_a_release_says_of_the_study_what_its_trial_files_say(folder):
    folder.snakemake("release")
    (folder.path / "study.yaml").write_text("study: other\n")  # what was built is what is released
    told("release", folder.results)
    assert json.loads((folder.results / "provenance.json").read_text())["study"]["study"] == "tiny"
    path = folder.results / "study.json"
    path.write_text(path.read_text().replace('"threads": 1', '"threads": 2'))
    run("uncrossed", "checksums", folder.results)
    failed = told("release", folder.results, code=2)
    assert "first/pytorch.h5: was made with settings=" in failed
    assert "build the study again" in failed


def test_a_study_is_released_and_published_where_the_environment_says(folder):
    assert "set UNCROSSED_DESTINATION" in folder.snakemake("publish", code=1, UNCROSSED_DESTINATION="").stdout
    folder.snakemake("publish", UNCROSSED_DESTINATION=f"file://{folder.path}/out")
    receipt = json.loads((folder.results / "receipt.json").read_text())
    place = Path(receipt["release"].removeprefix("file://"))
    assert place.parent == folder.path / "out/tiny"
    run("sha256sum", "-c", "RELEASE_SHA256SUMS", folder=place)
    assert folder.planned() == []


@pytest.mark.more
def test_a_false_alarm_is_allowed_where_the_environment_says(folder):
    who = {"UNCROSSED_DESTINATION": f"file://{folder.path}/out", "LOGNAME": "digits-few"}
    output = folder.snakemake("publish", code=1, **who).stdout
    reported = re.findall(r"^ *(\S+: .*: this user's name)$", output, flags=re.MULTILINE)
    reported = list(dict.fromkeys(reported))
    assert "trials/first/pytorch.h5: attribute 'dataset' of /: this user's name" in reported
    assert not (folder.path / "out").exists()
    assert reported[-1] in folder.snakemake("publish", code=1, UNCROSSED_ALLOW="\n".join(reported[:-1]), **who).stdout
    folder.snakemake("publish", UNCROSSED_ALLOW="\n".join(["", *reported, ""]), **who)
    assert json.loads((folder.results / "receipt.json").read_text())["allowed"] == reported
