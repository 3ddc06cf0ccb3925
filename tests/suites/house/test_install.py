"""The environment of `make` is made of the very files that the lists name, or not at all."""

import hashlib
import subprocess
import zipfile

import pytest

from helpers.commands import REPOSITORY
from helpers.modules import program

SCRIPT = REPOSITORY / "envs/install.py"
script = program("envs/install.py")


def wheel(path, content):
    """A wheel of a package with one module, at a place from which pip takes it; the line of a list that names it."""
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("tiny.py", content)
        file.writestr("tiny-1.dist-info/METADATA", "Metadata-Version: 2.1\nName: tiny\nVersion: 1\n")
        file.writestr("tiny-1.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        file.writestr("tiny-1.dist-info/RECORD", "")
    return f"tiny==1 --hash=sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}"


def test_a_file_with_other_content_than_the_list_says_is_an_error(tmp_path, monkeypatch):
    # What installs comes with Python here.
    monkeypatch.setattr(script, "FIRST", ())
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    monkeypatch.setenv("PIP_CONSTRAINT", "")
    path = tmp_path / "tiny-1-py3-none-any.whl"
    sound = wheel(path, "value = 1")
    (tmp_path / "tiny.txt").write_text(f"{sound}\n")
    content = path.read_bytes()
    swapped = wheel(path, "value = 2")
    with pytest.raises(SystemExit) as ended:
        script.main(["--list", str(tmp_path / "tiny.txt"), "--venv", str(tmp_path / "venv")])
    (line,) = str(ended.value).splitlines()
    assert line.startswith(f"install.py: {tmp_path}/tiny.txt: THESE PACKAGES DO NOT MATCH THE HASHES")
    assert all(one.partition("sha256:")[2] in line for one in (sound, swapped))
    python = tmp_path / "venv/bin/python"
    assert subprocess.run([python, "-c", "import tiny"], stderr=subprocess.DEVNULL).returncode
    path.write_bytes(content)
    assert script.install(python, [sound]) == ""
    assert not subprocess.run([python, "-c", "import tiny; assert tiny.value == 1"]).returncode


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("sys.version_info", (3, 10, 1), "Python 3.10; allowed: 3.11 to 3.13, which both frameworks support"),
        ("sys.version_info", (3, 14, 0), "Python 3.14; allowed: 3.11 to 3.13, which both frameworks support"),
        ("platform.machine", lambda: "aarch64", "this is Linux on aarch64; allowed: Linux on x86_64"),
        ("platform.system", lambda: "Darwin", "this is Darwin on x86_64; allowed: Linux on x86_64"),
    ],
)
def test_a_python_or_machine_without_packages_is_refused(monkeypatch, name, value, said):
    monkeypatch.setattr(name, value)
    with pytest.raises(SystemExit, match=said):
        script.check_machine()


def test_a_full_disk_is_named_before_anything_is_downloaded(tmp_path):
    with pytest.raises(SystemExit, match=f"^install.py: {tmp_path}: .* GB free on its disk; all takes up to 1e"):
        script.check_room(tmp_path / "not/there", 1e9, "all")
