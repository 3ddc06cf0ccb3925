"""A study file is read as Snakemake reads it, or refused with one line."""

import contextlib
import datetime
import math

import pytest
from snakemake.common.configfile import load_configfile
from snakemake.exceptions import WorkflowError

from helpers.commands import uncrossed
from uncrossed.common.errors import InputError
from uncrossed.study.study import Study
from uncrossed.study.study_file import read_values


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
