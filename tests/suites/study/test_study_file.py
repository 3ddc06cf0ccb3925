"""A study file is a study or one line that says why not; what is only a note reaches no training."""

import copy
import datetime
import json
import math
import random
import re
import time
from pathlib import Path
from typing import Any

import pytest
import yaml

from helpers.commands import REPOSITORY, told
from helpers.studies import Folder
from uncrossed.common.errors import LONGEST, InputError
from uncrossed.datasets.definition import BUILT_IN_DATASETS, Definition
from uncrossed.study.search import Dimension, Search
from uncrossed.study.study import Configuration, Study
from uncrossed.study.trial import Settings, Trial

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


SCRAPS = (
    *(None, True, False, -1, 0, 3, 10**9, 10**400, -0.5, 1e-320, 1e30, 1e308, math.nan, math.inf, -math.inf),
    *("", " ", "é\u2028\x1b\ud800", "x" * 10**5, "a\nb", "native", "1e-4", "../..", "=;=;", b"", b"\xff\x00"),
    *(
        datetime.date(2021, 1, 1),
        datetime.datetime(2021, 1, 1, 12),
        (),
        [],
        [[]],
        ["vgg16"] * 1000,
        [None],
        list("abc"),
    ),
    *({}, {"low": 1}, {"low": 1, "high": 2}, {"low": 1e-320, "high": 1e30, "log": True}, {1: 2}, {"a": {"b": [{}]}}),
)


def mutated(values: dict, chance: random.Random) -> Any:
    """A study's values with a few changes of the kind that hands and programs make."""
    values = {"": copy.deepcopy(values)}
    for _ in range(chance.randint(1, 3)):
        places, waiting = [], [values]
        while waiting:
            inside = waiting.pop()
            for key in list(inside) if isinstance(inside, dict) else range(len(inside)):
                places.append((inside, key))
                if isinstance(inside[key], dict | list):
                    waiting.append(inside[key])
        (inside, key), (other, place) = chance.choice(places), chance.choice(places)
        found, what = inside[key], chance.randrange(7)
        if what == 0 and inside is not values:
            del inside[key]
        elif what == 1 and isinstance(inside, dict) and inside is not values:
            name = chance.choice([f"{key}s", str(key)[1:], str(key).upper(), "name", 3, None, True, "x" * 1000, (1, 2)])
            inside[name] = inside.pop(key)
        elif what == 2:
            other[place] = copy.deepcopy(found)
        elif what == 3 and isinstance(other[place], dict):
            other[place][key] = copy.deepcopy(found)
        elif what == 4 and inside is not values and other is not values:
            inside[key], other[place] = copy.deepcopy((other[place], found))
        elif what == 5:
            inside[key] = chance.choice([[found], {key: found}, [found, found], {"": found}])
        else:
            inside[key] = copy.deepcopy(chance.choice(SCRAPS))
    return values[""]


@pytest.mark.parametrize("name", ["demo", "explain-digits", "speeds", "search", "search-digits"])
def test_whatever_is_in_a_study_file_is_a_study_or_one_line(name, tmp_path):
    source, chance = REPOSITORY / f"config/{name}.yaml", random.Random(f"{name} 1")
    values = yaml.safe_load(source.read_text())
    values["semantics"] = {"mine": "published;batchnorm_momentum=pytorch", "theirs": "aligned"}
    values |= {"datasets": {"few": {"format": "digits", "train_examples": 90, "test_examples": 9}, "cifar10": {}}}
    values["datasets"]["cifar10"]["source"] = "c.tar.gz"
    values["dataset"] = "few" if "search" not in name else "cifar10"
    studies, refused, slowest = 0, [], 0.0
    for number in range(400):
        changed, start = mutated(values, chance), time.process_time()
        try:
            if number % 10:
                study = Study(changed, source)
            else:
                (tmp_path / "study.yaml").write_text(yaml.dump(changed))
                study = Study.load(tmp_path / "study.yaml")
        except InputError as error:
            refused.append(str(error))
        else:
            studies += 1
            assert study.common["dataset"]["train_examples"] >= 1
            if study.search:
                trials = list(study.trials)
                assert all(study.largest(trial) for trial in (trials[0], trials[-1]))
            try:
                assert study.search or study.rows
            except InputError as error:
                refused.append(str(error))
        slowest = max(slowest, time.process_time() - start)
    assert 0 < studies < 400
    for message in refused:
        assert 0 < len(message) <= LONGEST
        assert message.isprintable()
    assert slowest < 5


def test_a_sha256_is_the_same_dataset_in_upper_case(tmp_path):
    folder, jobs = Folder(tmp_path), []
    for digest in ("6d958be0" * 8, "6D958BE0" * 8):
        values = {"format": "cifar10", "source": "c", "sha256": digest, "train_examples": 200, "test_examples": 60}
        folder.configure(dataset="mine", datasets={"mine": values})
        jobs.append(Study.load(tmp_path / "study.yaml").job("first").canonical())
    assert jobs[0] == jobs[1]
    assert "6d958be0" in jobs[0]


def test_the_manifest_is_found_beside_the_study_file(tmp_path, monkeypatch):
    folder = Folder(tmp_path)
    monkeypatch.chdir("/")
    assert list(Study.load(folder.path / "study.yaml").rows) == ["first", "second"]


def test_a_built_in_dataset_may_come_from_elsewhere(tmp_path):
    folder = Folder(tmp_path)
    folder.configure(dataset="cifar10", datasets={"cifar10": {"source": "archives/c.tar.gz"}})
    dataset = Study.load(tmp_path / "study.yaml").dataset
    assert Path(dataset.source).resolve() == tmp_path / "archives/c.tar.gz"
    assert dataset.identity() == BUILT_IN_DATASETS["cifar10"].identity()


def test_notes_do_not_reach_a_training(tmp_path):
    folder = Folder(tmp_path)
    before = Study.load(tmp_path / "study.yaml").job("first").canonical()
    folder.manifest.write_text(
        folder.manifest.read_text().replace("epochs\n", "epochs,base,origin\n").replace(",2\n", ",2,b,guided\n")
    )
    study = Study.load(tmp_path / "study.yaml")
    assert (study.rows["first"].base, study.rows["first"].origin) == ("b", "guided")
    assert study.job("first").canonical() == before
    folder.configure(settings={"threads": 2})
    assert Study.load(tmp_path / "study.yaml").job("first").canonical() != before


@pytest.mark.parametrize("record", [Configuration, Settings, Definition, Trial, Search, Dimension])
def test_every_key_is_documented_as_errors_describe_it(record):
    document = (REPOSITORY / "config/README.md").read_text()
    for name, field in record.model_fields.items():
        if record is not Definition or name != "name":
            assert re.search(rf"^\| `{name}` \| .+ \| {re.escape(field.description)} \|$", document, re.MULTILINE), name


def test_an_architecture_of_ones_own_has_no_name_of_the_packages(tmp_path):
    folder = Folder(tmp_path)
    folder.configure(architectures={"vgg16": "vgg16.py"})
    output = told("manifest", "check", "--study", tmp_path / "study.yaml", code=2)
    assert "architecture 'vgg16' is built in; choose another name" in output


def test_no_architecture_is_named_as_tables_name_all_of_them(tmp_path):
    folder = Folder(tmp_path)
    folder.configure(architectures={"all": "all.py"})
    output = told("manifest", "check", "--study", tmp_path / "study.yaml", code=2)
    assert "architecture 'all': in tables that is all of them together; choose another name" in output


def test_of_a_built_study_no_file_is_run(tmp_path):
    (tmp_path / "mine.py").write_text(f"open({str(tmp_path / 'run')!r}, 'w')\n")
    keys = {"study": "x", "dataset": "digits", "architectures": {"mine": "mine.py"}}
    box = {"learning_rate": 0.1, "batch_size": 20, "epochs": 1, "adam_epsilon": 1e-7}
    search = {"architectures": ["mine"], "trials": 1, "start": 1, "box": box}
    text = json.dumps(keys | {"search": search})
    study = Study.stated(text, tmp_path / "study.json")
    assert study.search.architectures == ("mine",)
    assert not (tmp_path / "run").exists()
    with pytest.raises(InputError):  # while a study that is to be built is checked by running the file
        Study(json.loads(text), tmp_path / "study.yaml")
    assert (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("text", "found"),
    [("{", "no JSON"), ('{"study": "demo"}', "JSON without 'keys'"), ('{"keys": {}}', "JSON without 'file'")],
)
def test_a_study_as_json_that_is_none_is_refused(text, found):
    output = told("search", "check", "--study", text, code=2)
    assert f"--study: found {found}" in output
    assert 'allowed: a study file, or {"file": its path, "keys": its keys and values}' in output


def test_a_damaged_statement_is_no_study(tmp_path):
    with pytest.raises(InputError, match=r"study\.json: damaged"):
        Study.stated("[" * 100_000, tmp_path / "study.json")
