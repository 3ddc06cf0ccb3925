"""Study files and what reaches the user through Snakemake when they are wrong."""

import re
from pathlib import Path

import pytest
import yaml

from conftest import REPOSITORY, Folder, run, uncrossed
from uncrossed.datasets import BUILT_IN, Definition
from uncrossed.errors import InputError
from uncrossed.search import Dimension, Search
from uncrossed.study import Configuration, Study
from uncrossed.trial import Settings, Trial

MINIMAL = {"study": "x", "dataset": "digits", "manifest": "rows.csv"}

FAULTS = {
    "unknown key": ({**MINIMAL, "manifset": "m.csv"}, ["'manifset'", "did you mean 'manifest'"]),
    "unknown setting": ({**MINIMAL, "settings": {"thread": 2}}, ["'settings.thread'", "did you mean 'threads'"]),
    "missing key": ({"study": "x", "manifest": "m.csv"}, ["missing key 'dataset'"]),
    "neither manifest nor search": ({"study": "x", "dataset": "digits"}, ["exactly one of", "'manifest'", "'search'"]),
    "study that is no name": ({**MINIMAL, "study": "My study"}, ["'study'", "'My study'", "[a-z0-9]"]),
    "unknown dataset": ({**MINIMAL, "dataset": "cifar"}, ["unknown dataset 'cifar'", "cifar10"]),
    "device": ({**MINIMAL, "settings": {"device": "tpu"}}, ["'settings.device'", "'tpu'", "cpu or gpu"]),
    "threads": ({**MINIMAL, "settings": {"threads": 0}}, ["'settings.threads'", "0", "1 to 1024"]),
    "built-in dataset redefined": (
        {**MINIMAL, "datasets": {"cifar10": {"train_examples": 5}}},
        ["cifar10", "built in"],
    ),
    "archive without a SHA-256": (
        {**MINIMAL, "datasets": {"y": {"format": "cifar10", "source": "a", "train_examples": 1, "test_examples": 1}}},
        ["datasets.y", "needs both 'source' and 'sha256'"],
    ),
    "dataset with two names": (
        {**MINIMAL, "datasets": {"y": {"name": "digits", "format": "digits", "train_examples": 5, "test_examples": 5}}},
        ["datasets.y", "'name'"],
    ),
    "digits with a source": (
        {**MINIMAL, "datasets": {"y": {"format": "digits", "source": "a", "train_examples": 5, "test_examples": 5}}},
        ["datasets.y", "leave out 'source'"],
    ),
    "more digits than there are": (
        {**MINIMAL, "datasets": {"y": {"format": "digits", "train_examples": 5000, "test_examples": 5}}},
        ["datasets.y", "5000", "1 to 1437"],
    ),
    "study named as the folder of datasets": ({**MINIMAL, "study": "datasets"}, ["'study'", "another name"]),
    "short SHA-256": (
        {**MINIMAL, "datasets": {"y": {"format": "cifar10", "sha256": "abc", "train_examples": 1, "test_examples": 1}}},
        ["datasets.y", "'sha256'", "64 hexadecimal digits"],
    ),
    "semantics that do not resolve": ({**MINIMAL, "semantics": {"mine": "stride=up"}}, ["semantics.mine", "'up'"]),
    "a list": ([1, 2], ["expected keys and values"]),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_named(fault, tmp_path):
    values, parts = FAULTS[fault]
    path = tmp_path / "study.yaml"
    path.write_text(yaml.safe_dump(values))
    with pytest.raises(InputError) as caught:
        Study.load(path)
    for part in [str(path), *parts]:
        assert part in str(caught.value)


def test_malformed_yaml_is_named(tmp_path):
    path = tmp_path / "study.yaml"
    path.write_text("study: [x\n")
    with pytest.raises(InputError, match=r"study\.yaml: not well-formed YAML"):
        Study.load(path)
    (tmp_path / "rows.csv").write_text("")
    assert "study.yaml" in uncrossed("manifest", "check", "--study", path, code=2).stdout


def test_the_manifest_is_found_beside_the_study_file(tmp_path, monkeypatch):
    folder = Folder(tmp_path)
    monkeypatch.chdir("/")
    assert list(Study.load(folder.path / "study.yaml").rows) == ["first", "second"]


def test_a_built_in_dataset_may_come_from_elsewhere(tmp_path):
    folder = Folder(tmp_path)
    folder.configure(dataset="cifar10", datasets={"cifar10": {"source": "archives/c.tar.gz"}})
    dataset = Study.load(tmp_path / "study.yaml").dataset
    assert Path(dataset.source).resolve() == tmp_path / "archives/c.tar.gz"
    assert dataset.identity() == BUILT_IN["cifar10"].identity()


def test_notes_do_not_reach_a_training(tmp_path):
    folder = Folder(tmp_path)
    before = Study.load(tmp_path / "study.yaml").job("first").canonical()
    folder.manifest.write_text(
        folder.manifest.read_text().replace("epochs\n", "epochs,base\n").replace(",2\n", ",2,b\n")
    )
    study = Study.load(tmp_path / "study.yaml")
    assert study.rows["first"].base == "b"
    assert study.job("first").canonical() == before
    folder.configure(settings={"threads": 2})
    assert Study.load(tmp_path / "study.yaml").job("first").canonical() != before


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


def test_two_study_files_are_refused(tmp_path):
    folder = Folder(tmp_path)
    (tmp_path / "other.yaml").write_text("study: other\n")
    both = ["--configfile", tmp_path / "study.yaml", tmp_path / "other.yaml"]
    output = run("snakemake", "-n", "--snakefile", folder.snakefile, "-d", tmp_path, *both, code=1).stdout
    assert "a study file stands alone" in output


def test_python_dash_m_is_the_command():
    assert run("python", "-m", "uncrossed", "--help").stdout == uncrossed("--help").stdout


@pytest.mark.parametrize("record", [Configuration, Settings, Definition, Trial, Search, Dimension])
def test_every_key_is_documented_as_errors_describe_it(record):
    document = (REPOSITORY / "config/README.md").read_text()
    for name, field in record.model_fields.items():
        if record is not Definition or name != "name":
            assert re.search(rf"^\| `{name}` \| .+ \| {re.escape(field.description)} \|$", document, re.MULTILINE), name
