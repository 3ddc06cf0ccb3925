"""What documents refer to is there: pages, headings, commands with their options, targets of make."""

import argparse
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from helpers.commands import REPOSITORY
from uncrossed.cli.main import parser

PAGES = [REPOSITORY / "README.md", REPOSITORY / "config/README.md", *sorted(REPOSITORY.glob("docs/*.md"))]
FENCED = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
page = pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(REPOSITORY)))


def headings(path: Path) -> set[str]:
    """The anchors of a page's headings."""
    titles = re.findall(r"^#+ (.*)", FENCED.sub("", path.read_text()), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def code(text: str) -> Iterator[str]:
    """All code of a page, by lines, and what stands in the text."""
    for block in FENCED.findall(text):
        yield from block.replace("\\\n", " ").splitlines()
    text = FENCED.sub("", text)
    yield from re.findall(r"^ {4}.*", text.replace("\\\n", " "), re.MULTILINE)
    yield from (" ".join(words.split()) for words in re.findall(r"`([^`]+)`", text))


def of_command(words: list[str]) -> argparse.ArgumentParser:
    """The grammar of the command that words begin with."""
    grammar = parser()
    while groups := [action for action in grammar._actions if isinstance(action, argparse._SubParsersAction)]:
        word = words.pop(0)
        assert word in groups[0].choices, f"no command {word}"
        grammar = groups[0].choices[word]
        if not words:
            break
    return grammar


@page
def test_links_lead_somewhere(page):
    for link in re.findall(r"\]\(([^)]+)\)", FENCED.sub("", page.read_text())):
        if "://" not in link:
            name, _, heading = link.partition("#")
            path = page.parent / name if name else page
            assert path.exists(), link
            assert not heading or heading in headings(path), link


@page
def test_commands_and_options_are_there(page):
    targets = (REPOSITORY / "Makefile").read_text()
    for line in code(page.read_text()):
        command, _, _ = line.partition(" #")
        for found in re.findall(r"\buncrossed ([a-z].*)", command):
            words = found.split()
            known = of_command(words)._option_string_actions
            assert [word for word in words if word.startswith("--") and word not in known] == [], line
        for target in re.findall(r"\bmake ([a-z-]+)", command):
            assert re.search(rf"^{target}:", targets, re.MULTILINE), line


def test_the_first_page_is_for_two_minutes():
    assert (REPOSITORY / "README.md").read_text().count("\n") <= 150
