"""A statement that trial files contradict is found."""

import hashlib

import pytest

from helpers.commands import told
from helpers.publishing import LIST


@pytest.mark.parametrize(
    ("name", "old", "new", "fault"),
    [
        ("study.json", '"threads": 1', '"threads": 2', "was made with settings="),
        ("provenance.json", '"threads": 1', '"threads": 2', "its study is not the one in study.json"),
        ("provenance.json", '"2.0"', '"2.1"', "does not name torch 2.0, with which"),
        ("provenance.json", '"train_examples": 1000', '"train_examples": 999', "says dataset"),
        ("croissant.json", "crossedwires-made", "crossedwires-other", "its name is crossedwires-other"),
        ("README.md", "# CrossedWires: made", "# CrossedWires: other", "is no card of the study made"),
    ],
)
def test_verify_finds_a_statement_that_trial_files_contradict(folder, name, old, new, fault):
    path = folder / name
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))
    for sums in ("SHA256SUMS", LIST):  # as if it had been made so
        lines = (folder / sums).read_text().splitlines()
        digests = {line[66:]: hashlib.sha256((folder / line[66:]).read_bytes()).hexdigest() for line in lines}
        (folder / sums).write_text("".join(f"{digest}  {name}\n" for name, digest in digests.items()))
    assert fault in told("verify", folder, code=1)
