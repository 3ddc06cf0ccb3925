"""The names of user and machine are found where they are used as names."""

import os
import platform
import re

import pytest

from helpers import synthetic
from helpers.publishing import LIST, publish, released_files, scanned
from uncrossed.analysis import analyse, attribution
from uncrossed.release import secrets
from uncrossed.report import report
from uncrossed.results import tables
from uncrossed.study import factorial
from uncrossed.study.architectures import PACKAGED


def test_the_names_of_study_and_trials_are_searched(folder, monkeypatch):
    monkeypatch.setenv("LOGNAME", "somebody")
    other = folder.rename(folder.with_name("somebody"))
    assert secrets.scan(other, []) == ["somebody: the study's name: this user's name"]
    (other / "list").write_text(f"{'0' * 64}  trials/somebody/pytorch.h5\n")
    assert "list: line 1: this user's name" in secrets.scan(other, ["list"])


WORDS = ("adam", "data", "test", "model", "trial", "epoch", "gpu", "node", "1000")
LEAKS = [
    "/scratch/{}/x",
    "C:\\\\data\\\\{}",
    "file:///{}/x",
    "~{}/x",
    "{}@example",
    "who@{}",
    "http://{}:80/",
    "host: {}",
]


def called(monkeypatch, login: str, host: str) -> None:
    """Let this process' user and machine have these names."""
    monkeypatch.setenv("LOGNAME", login)
    monkeypatch.setattr(platform, "node", lambda: host)


@pytest.mark.parametrize("word", WORDS)
def test_a_name_that_is_also_a_word_is_found_only_where_it_is_used_as_a_name(word, built, tmp_path, monkeypatch):
    names = [*released_files(built / LIST), LIST]
    for login, host, what in ((word, "elsewhere", "this user's name"), ("somebody", word, "this machine's name")):
        called(monkeypatch, login, host)
        assert secrets.scan(built, names) == []
        for leak in LEAKS:
            assert scanned(tmp_path, "a.json", f'{{"x": "{leak.format(word)}"}}') == [f"a.json: line 1: {what}"], leak
        assert scanned(tmp_path, "a.csv", f"trial,user\na,{word}\n") == [f"a.csv: line 2: {what}"]
        assert f"a.txt: line 1: {what}" in scanned(tmp_path, "a.txt", f"/home/{word}/x")


def test_a_rare_name_is_found_wherever_it_stands(tmp_path, monkeypatch):
    """Also one that a comment or a docstring of the package holds."""
    called(monkeypatch, "weinberger", "elsewhere")
    assert scanned(tmp_path, "a.txt", "by weinberger") == ["a.txt: line 1: this user's name"]
    called(monkeypatch, "adamsky", "node17.example.org")
    for text in ("by adamsky", "trial,adamsky,2", "on node17", "node17.example.org:80"):
        assert len(scanned(tmp_path, "a.txt", text)) == 1, text
    assert scanned(tmp_path, "a.txt", "adam adamskys node node1") == []


def test_every_word_that_a_study_has_of_itself_is_known(tmp_path):
    """Tables, metadata, figures and report of a factorial: who is called by a word of these is not told by it."""
    folder = tmp_path / "made"
    (base,) = synthetic.rows(1, 2)
    crossed = factorial.cross(base, PACKAGED[base.architecture].touching, [0, 1])
    rows = [row.model_copy(update={"trial": f"t{k}"}) for k, row in enumerate(crossed)]
    synthetic.write(folder, rows, diverged="t1")
    tables.make(folder)
    attribution.make(folder)
    analyse.make(folder)
    report.make(folder)
    known = secrets.known_words()
    for path in sorted(path for path in folder.rglob("*") if path.is_file() and path.suffix != ".png"):
        for place, text in secrets.texts_of(path):
            if "base64" in text:
                continue
            text = re.sub("(?m)^ARROW:schema: .*", "", text)
            unknown = set(re.findall(r"(?<![\w.-])[a-z]{4,}(?![\w-])", text)) - known
            assert not {word for word in unknown if not re.fullmatch("[a-f]+", word)}, f"{path}: {place}"


def test_who_is_called_as_a_column_is_publishes(built, folder, tmp_path):
    (tmp_path / "names").mkdir()
    (tmp_path / "names/sitecustomize.py").write_text("import platform; platform.node = lambda: 'test'")
    path = os.pathsep.join(filter(None, (str(tmp_path / "names"), os.environ.get("PYTHONPATH"))))
    who = {"LOGNAME": "adam", "PYTHONPATH": path}
    publish(built, f"file://{tmp_path}/out", tmp_path / "r.json", **who)
    (folder / "trials/resnet50-0001/pytorch.json").write_text('{"seconds_per_epoch": [],\n"by": "adam@test"}')
    output = publish(folder, f"file://{tmp_path}/out", tmp_path / "s.json", code=2, **who).stdout
    for what in ("this machine's name", "this user's name"):
        assert f"trials/resnet50-0001/pytorch.json: line 2: {what}\n" in output


def test_a_report_is_searched_but_not_the_library_that_draws_its_plots(folder, tmp_path, monkeypatch):
    """Who is called as a word of that is not told by it; what stands below it is found in its line."""
    called(monkeypatch, "sankey", "elsewhere")
    text = report.make(folder).read_text()
    assert "sankey" in text
    assert scanned(tmp_path, "report.html", text) == []
    line = text.count("\n") + 1
    assert scanned(tmp_path, "report.html", text + "by sankey") == [f"report.html: line {line}: this user's name"]


def test_names_of_user_and_home_are_found_in_attributes(folder, tmp_path):
    import h5py

    with h5py.File(folder / "trials/resnet50-0001/pytorch.h5", "r+") as file:
        file.attrs["device"] = "gpu of somebody"
        file["curves/test_loss"].attrs["from"] = f"{tmp_path}/x"
    output = publish(
        folder, f"file://{tmp_path}/out", tmp_path / "r.json", LOGNAME="somebody", HOME=str(tmp_path), code=2
    )
    assert "trials/resnet50-0001/pytorch.h5: attribute 'device' of /: this user's name" in output.stdout
    assert "attribute 'from' of /curves/test_loss: this user's home path" in output.stdout
