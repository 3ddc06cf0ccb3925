"""The benchmark measures what it says, whatever the figures are."""

import json

import pytest

from helpers.commands import REPOSITORY, uncrossed

SMALL = ("--architecture", "smallcnn", "--batch-size", 10, "--rounds", 1, "--seconds", 0.1, "--deterministic-only")


def check(framework: str, case: dict, started: dict, output: str) -> None:
    """The loop of a framework is measured beside its limit and its peer, and so is the start of a job."""
    assert (case["framework"], case["batch_size"], case["deterministic"]) == (framework, 10, True)
    assert case["loop"] > 0
    # Speeds are rounded to a tenth of an image.
    assert case["loop/bare"] == pytest.approx(case["loop"] / case["bare"], rel=0.01)
    assert case["loop/plain"] == pytest.approx(case["loop"] / case["plain"], rel=0.01)
    assert started["import"] > 0
    # Of one process; how long another takes to import the framework is another figure.
    assert 0 < started["to_first_step"] < started["after_first_step"]
    assert f"| smallcnn | {framework} | 10 | {case['loop']:.0f} | {case['loop/bare']:.3f} |" in output


@pytest.mark.long
def test_both_frameworks_are_measured(tmp_path):
    output = uncrossed("bench", *SMALL, "--threads", 1, "--json", tmp_path / "found.json").stdout
    found = json.loads((tmp_path / "found.json").read_text())
    assert found["failed"] == []
    for framework, case, started in zip(("pytorch", "tensorflow"), found["training"], found["start_up"], strict=True):
        check(framework, case, started, output)


def test_a_figure_that_makes_no_sense_is_one_clear_line():
    assert "allowed: numbers > 0" in uncrossed("bench", "--rounds", 0, code=2).stdout
    assert "allowed: numbers > 0" in uncrossed("bench", "--seconds", "nan", code=2).stdout
    assert "'settings.threads': found 5000" in uncrossed("bench", "--threads", 5000, code=2).stdout
    assert "from 1 to 5000" in uncrossed("bench", "--batch-size", 10, "--batch-size", 5001, code=2).stdout


@pytest.mark.long
def test_one_framework_is_measured_though_the_other_fails(tmp_path):
    """Here it cannot be imported, as in an environment that has only the other one."""
    (tmp_path / "tensorflow.py").write_text("raise ModuleNotFoundError('no such framework here')")
    path, paths = tmp_path / "found.json", f"{tmp_path}:{REPOSITORY / 'workflow'}"
    output = uncrossed("bench", *SMALL, "--threads", 1, "--json", path, code=1, PYTHONPATH=paths).stdout
    found = json.loads(path.read_text())
    assert found["machine"]["cores"] >= 1
    (case,), (started,) = found["training"], found["start_up"]
    check("pytorch", case, started, output)
    assert [case["framework"] for case in found["failed"]] == ["tensorflow", "tensorflow"]
    assert "smallcnn tensorflow batch 10 FAILED: ModuleNotFoundError: no such framework here" in output
