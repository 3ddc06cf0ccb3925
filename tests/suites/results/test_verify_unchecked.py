"""What cannot be checked is named, and is no success."""

import hashlib
import sys

import pytest

from helpers.commands import REPOSITORY, run, told
from helpers.verified import FIRST, SOUND

LACKING = {
    "manifest.csv": "not checked: whether trials are missing, of other rows, or otherwise in the tables, as ",
    "SHA256SUMS": "not checked: whether files are those that were made, as ",
    "tables/trials.csv": "not checked: what {} says, as it is not there",
    "tables/trials.parquet": "not checked: what {} says, as it is not there",
}


@pytest.mark.parametrize("name", LACKING)
def test_what_cannot_be_checked_is_named_and_no_success_unless_what_is_missing_is_ignored(name, folder):
    (folder / "SHA256SUMS").unlink()
    (folder / name).unlink(missing_ok=True)
    for options, code in (((), 1), (("--ignore-missing",), 0)):
        output = told("verify", folder, *options, code=code)
        assert LACKING[name].format(folder / name) in output
        assert (SOUND in output) == (code == 0)
        assert "fault" not in output.replace("no fault in what could be checked, but that is not all", "")
    # What is there has to be sound all the same.
    (folder / f"trials/{FIRST}/pytorch.h5").write_bytes(b"")
    assert ": 1 fault\n" in told("verify", folder, "--ignore-missing", code=1)


def test_a_manifest_that_cannot_be_read_is_no_success_though_it_is_the_listed_one(folder):
    path = folder / "manifest.csv"
    path.write_text(path.read_text().replace("learning_rate", "rate", 1))
    listed = (folder / "SHA256SUMS").read_text().splitlines()
    line = next(line for line in listed if line.endswith("manifest.csv"))
    listed[listed.index(line)] = f"{hashlib.sha256(path.read_bytes()).hexdigest()}  manifest.csv"
    (folder / "SHA256SUMS").write_text("\n".join(listed) + "\n")
    for options in ((), ("--ignore-missing",)):
        output = told("verify", folder, *options, code=1)
        assert "or otherwise in the tables: " in output
        assert "unknown column 'rate'" in output


@pytest.mark.parametrize("module", ["pandas", "pyarrow"])
def test_tables_that_cannot_be_read_for_want_of_a_package_are_not_checked(module, folder, tmp_path):
    (tmp_path / f"without/{module}").mkdir(parents=True)
    (tmp_path / f"without/{module}/__init__.py").write_text(f"raise ImportError(\"No module named '{module}'\")")
    path = f"{tmp_path / 'without'}:{REPOSITORY / 'workflow'}"
    for options in ((), ("--ignore-missing",)):
        output = run(sys.executable, "-m", "uncrossed", "verify", folder, *options, code=1, PYTHONPATH=path).stdout
        assert "pip install 'uncrossed[reader]'" in output
        assert "no fault in what could be checked, but that is not all" in output
