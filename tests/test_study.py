"""Study files and what reaches the user through Snakemake when they are wrong."""

import contextlib
import copy
import datetime
import json
import math
import random
import re
import time
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
import yaml
from pydantic import Field
from snakemake.common.configfile import load_configfile
from snakemake.exceptions import WorkflowError

from conftest import REPOSITORY, Folder, run, uncrossed
from uncrossed.common.checked import Model, Name
from uncrossed.common.errors import LONGEST, InputError
from uncrossed.datasets.definition import BUILT_IN_DATASETS, Definition
from uncrossed.study.search import Dimension, Search
from uncrossed.study.study import Configuration, Study
from uncrossed.study.study_file import read_values
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


class Inner(Model):
    """A record in a record."""

    size: int = Field(ge=1, description="a size")
    names: tuple[Name, ...] = Field(default=(), description="a list of names")


class Outer(Model):
    """Every way in which a fault can lie inside of something."""

    one: Inner | None = Field(default=None, description="a record")
    listed: tuple[Inner, ...] = Field(default=(), description="a list of records")
    sides: dict[str, Inner | float] = Field(default={}, description="sizes or one number")
    either: list[dict[Name, Inner | int | None]] | str = Field(default="", description="a list of mappings, or text")
    free: dict[Name, Annotated[dict[str, Any], Field(description="keys and values")]] = Field(default={})
    kind: Literal["a", "b"] | int = Field(default="a", description="a, b or a number")


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"one": {}}, "missing key 'one.size'; it is a size"),
        ({"one": 3}, "key 'one': found 3; allowed: the keys size, names"),
        ({"one": {"size": 1, "names": ["a", 5]}}, "'one.names.1': found 5; allowed: a name that matches"),
        ({"one": {"sise": 1}}, "unknown key 'one.sise'; allowed: names, size; did you mean 'size'? (and 1 more)"),
        ({"listed": [{"size": 1}, {"size": 0}]}, "key 'listed.1.size': found 0; allowed: a size"),
        ({"listed": {"size": 1}}, "key 'listed': found {'size': 1}; allowed: a list of records"),
        ({"sides": {"x": {"names": []}}}, "missing key 'sides.x.size'; it is a size"),
        ({"sides": {"x": {"size": 1, "seize": 2}}}, "unknown key 'sides.x.seize'; allowed: names, size"),
        ({"sides": {"x": [1]}}, "key 'sides.x': found [1]; allowed: sizes or one number"),
        ({"sides": {"x": None}}, "key 'sides.x': found nothing; allowed: sizes or one number"),
        ({"sides": {"x": "big"}}, "key 'sides.x': found 'big'; allowed: sizes or one number"),
        ({"either": [{"a": {"size": "?"}}]}, "key 'either.0.a.size': found '?'; allowed: a size"),
        ({"either": [{"a": []}]}, "key 'either.0.a': found []; allowed: a list of mappings, or text"),
        ({"either": 5}, "key 'either': found 5; allowed: a list of mappings, or text"),
        ({"free": {"a": 5}}, "key 'free.a': found 5; allowed: keys and values"),
        ({"free": {"A": {}}}, "key 'free.A': found 'A'; allowed: a name that matches"),
        ({"free": {datetime.date(2021, 1, 1): {}}}, "allowed: a name that matches [a-z0-9][a-z0-9_-]{0,63}; in quotes"),
        ({"kind": []}, "key 'kind': found []; allowed: a, b or a number"),
    ],
)
def test_a_fault_inside_of_anything_is_one_line_with_its_path(values, message):
    with pytest.raises(InputError) as caught:
        Outer.check(values, "here")
    assert message in str(caught.value)
    assert "[key]" not in str(caught.value)
    assert str(caught.value).endswith("(and 1 more)") == message.endswith("(and 1 more)")


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


@pytest.mark.parametrize("name", ["demo", "ablation", "speeds", "search", "search-digits"])
def test_whatever_is_in_a_study_file_is_a_study_or_one_line(name, tmp_path):
    source, chance = REPOSITORY / f"config/{name}.yaml", random.Random(f"{name} 1")
    values = yaml.safe_load(source.read_text())
    values["semantics"] = {"mine": "published;batchnorm_momentum=pytorch", "theirs": "aligned"}
    values |= {"datasets": {"few": {"format": "digits", "train_examples": 90, "test_examples": 9}, "cifar10": {}}}
    values["datasets"]["cifar10"]["source"] = "c.tar.gz"
    values["dataset"] = "few" if "search" not in name else "cifar10"
    studies, refused, slowest = 0, [], 0.0
    for number in range(400):
        changed, start = mutated(values, chance), time.monotonic()
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
        slowest = max(slowest, time.monotonic() - start)
    assert 0 < studies < 400
    for message in refused:
        assert 0 < len(message) <= LONGEST
        assert message.isprintable()
    assert slowest < 5


def test_malformed_yaml_is_named(tmp_path):
    path = tmp_path / "study.yaml"
    path.write_text("study: [x\n")
    with pytest.raises(InputError, match=r"study\.yaml: not well-formed YAML"):
        Study.load(path)
    (tmp_path / "rows.csv").write_text("")
    assert "study.yaml" in uncrossed("manifest", "check", "--study", path, code=2).stdout


# What a text stands for, in YAML 1.1 and in JSON, to Snakemake and to the commands alike.
READINGS = {
    "a: 1e-4": {"a": "1e-4"},
    "a: 1.0e-4": {"a": 1e-4},
    "a: 1_000": {"a": 1000},
    "a: 0o17": {"a": "0o17"},
    "a: 017": {"a": 15},
    "a: 0x1F": {"a": 31},
    "a: 1:30": {"a": 90},
    "a: yes\nb: off\nc: 'on'\nd: y": {"a": True, "b": False, "c": "on", "d": "y"},
    "a: 2021-01-01": {"a": datetime.date(2021, 1, 1)},
    "a: ~\nb:\nc: ''": {"a": None, "b": None, "c": ""},
    "a: .inf\nb: '.inf'": {"a": math.inf, "b": ".inf"},
    "x: &x {b: 1, c: 2}\ny: {<<: *x, b: 3}\nz: *x": {
        "x": {"b": 1, "c": 2},
        "y": {"b": 3, "c": 2},
        "z": {"b": 1, "c": 2},
    },
    "\ufeffa: 1": {"a": 1},
    '\ufeff{"a": 1}': {"a": 1},
    "a: 1\r\nb: é\r\n": {"a": 1, "b": "é"},
    '{"a": 1e-4, "b": true, "c": null, "d": Infinity}': {"a": 1e-4, "b": True, "c": None, "d": math.inf},
    '{\n\t"a": {\n\t\t"b": [{"b": "{\\"}:"}, {"b": 2}]\n\t}\n}': {"a": {"b": [{"b": '{"}:'}, {"b": 2}]}},
    "{'a': 1, b: 2,}": {"a": 1, "b": 2},
}


@pytest.mark.parametrize("text", READINGS)
def test_a_study_file_is_read_as_snakemake_reads_it(text, tmp_path):
    path = tmp_path / "study.yaml"
    path.write_bytes(text.encode())
    assert read_values(path) == load_configfile(path) == READINGS[text]


# What is no study file: its bytes, whether Snakemake refuses it too, and what the message says.
UNREADABLE = {
    "empty": (b"", True, "expected keys and values"),
    "list": (b"- a\n", True, "expected keys and values"),
    "two documents": (b"a: 1\n---\nb: 2\n", True, "expected a single document"),
    "tabs in YAML": (b"a:\n\tb: 1\n", True, "not well-formed YAML"),
    "almost JSON": (b'{\n\t"a": 1,\n}\n', True, "not well-formed JSON (Expecting property name"),
    "UTF-16": ("a: 1".encode("utf-16"), True, "text in UTF-16; allowed: text in UTF-8"),
    "UTF-16 without a mark": ("a: 1".encode("utf-16-le"), True, "UTF-16; allowed: text in UTF-8"),
    "Latin-1": ("a: é".encode("latin-1"), True, "not UTF-8"),
    "a day that is none": (b"study: 2021-13-01\n", True, "'2021-13-01' is no timestamp"),
    "5000 digits": (b"study: " + b"9" * 5000, True, "is no int"),
    "very deep": (b'{"a":' * 10**5, True, "too deep"),
    "huge hexadecimal": (b"study: 0x" + b"f" * 6000, False, "'study': found int too large to be shown"),
    "recursive": (b"study: &a [*a]\n", False, "'study': found [[["),
    "key twice": (b"study: a\ndataset: digits\nstudy: b\n", False, "line 3: key 'study' is written for the second"),
    "key twice inside": (b"settings:\n  threads: 1\n  'threads': 2\n", False, "line 3: key 'threads'"),
    "key twice in a list": (b"search: {box: [{low: 1, low: 2}]}\n", False, "line 1: key 'low'"),
    "key twice in JSON": (b'{\n"study": 1,\n"a": {"b": {},\n"\\u0062": 2}}', False, "line 4: key 'b'"),
    "Python": (b"study: !!python/name:os.system\n", False, "not well-formed YAML"),
    "a template": (b"__use_yte__: true\nstudy: ?'a'\n", False, "unknown key '__use_yte__'"),
}


@pytest.mark.parametrize("name", UNREADABLE)
def test_what_is_no_study_file_is_refused_with_one_line(name, tmp_path):
    content, both, message = UNREADABLE[name]
    path = tmp_path / "study.yaml"
    path.write_bytes(content)
    with pytest.raises(InputError) as caught:
        Study.load(path)
    assert str(path) in str(caught.value)
    assert message in str(caught.value)
    with pytest.raises((WorkflowError, ValueError, RecursionError)) if both else contextlib.nullcontext():
        load_configfile(path)


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
    assert "2 trials" in uncrossed("manifest", "check", "--study", tmp_path / "study.yaml").stdout
    assert len(folder.planned()) == 4


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
