"""A file appears when it is complete, and what a killed writer left is removed."""

import subprocess
import sys

import pytest

from helpers.commands import run
from uncrossed.common.files import complete, is_below


def test_what_a_killed_writer_left_is_removed_and_a_living_one_is_not(tmp_path):
    program = """
import sys, time
from uncrossed.common.files import complete
with complete(sys.argv[1]) as temporary:
    temporary.write_text("half")
    print("writing", flush=True)
    time.sleep(float(sys.argv[2]))
    temporary.write_text("living")
"""
    start = [sys.executable, "-c", program, tmp_path / "x"]
    killed = subprocess.Popen([*start, "60"], stdout=subprocess.PIPE)
    killed.stdout.readline()
    killed.kill()
    killed.wait()
    (left,) = tmp_path.iterdir()
    living = subprocess.Popen([*start, "1"], stdout=subprocess.PIPE)
    living.stdout.readline()
    assert not left.exists()
    run(*start, "0")
    assert living.wait() == 0
    assert [path.name for path in tmp_path.iterdir()] == ["x"]


def test_an_interrupted_write_leaves_nothing(tmp_path):
    def write() -> None:
        with complete(tmp_path / "x") as temporary:
            temporary.write_text("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write()
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "name", ["..", "../a", "/a", ".", "a/../b", "a/../../b", "a//b", "..\\..\\a", "C:\\a", "C:a", "a:b"]
)
def test_no_name_leads_out_of_a_folder(name):
    assert not is_below(name)
    assert is_below("trials/a/pytorch.h5")
