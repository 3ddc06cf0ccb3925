"""A study file as it is read: as Snakemake reads it, but that a key that is written twice is refused."""

import json
import os
import re
from typing import Any

import yaml

from uncrossed.common.errors import InputError, shown
from uncrossed.common.files import read_text


class _Loader(yaml.SafeLoader):
    """YAML, but for what PyYAML lets pass, two equal keys, and what it lets out, errors of Python's own."""

    def compose_mapping_node(self, anchor: str | None) -> yaml.MappingNode:
        node = super().compose_mapping_node(anchor)
        seen = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode):
                _check_new(key.value, key.start_mark.line, seen)
        return node

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        try:
            return super().construct_object(node, deep)
        except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
            text = f"{shown(node.value)} is no {node.tag.rpartition(':')[2]}, for all its form; in quotes it is text"
            raise yaml.constructor.ConstructorError(problem=text, problem_mark=node.start_mark) from error


def _check_new(key: str, line: int, seen: set[str]) -> None:
    if key in seen:
        raise InputError(f"line {line + 1}: key {shown(key)} is written for the second time; allowed: once")
    seen.add(key)


def _check_json_keys(text: str) -> None:
    """Refuse a key that is written twice in well-formed JSON, of which Python takes the last."""
    objects: list[set[str]] = []
    for token in re.finditer(r'("(?:[^"\\]|\\.)*")\s*(:?)|[{}]', text):
        if token[0] == "{":
            objects.append(set())
        elif token[0] == "}":
            objects.pop()
        elif token[2]:
            _check_new(json.loads(token[1]), text.count("\n", 0, token.start()), objects[-1])


def read_values(path: str | os.PathLike[str]) -> Any:
    """What stands in a study file: as Snakemake reads it, first as JSON, then as YAML 1.1.

    Raises:
        InputError: a file that cannot be read or is neither, or a key that is written twice.
    """
    text, form = read_text(path), "YAML"
    try:
        try:
            values = json.loads(text)
        except ValueError as error:
            form = f"JSON ({error}) or YAML" if text.lstrip().startswith("{") else "YAML"
            return yaml.load(text, _Loader)
        _check_json_keys(text)
    except InputError as error:
        raise InputError(f"{path}: {error}") from error
    except RecursionError as error:
        raise InputError(f"{path}: keys and lists lie too deep in one another") from error
    except yaml.YAMLError as error:
        raise InputError(f"{path}: not well-formed {form}: {error}") from error
    return values
