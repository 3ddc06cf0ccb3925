"""Releasing and publishing a study: what is listed, what is refused, and that an upload is complete or not there."""

import base64
import csv
import hashlib
import json
import os
import platform
import random
import re
import shutil
import socket
import subprocess
import sys
import threading
from pathlib import Path

import google_crc32c
import numpy as np
import pytest

import gcs
import synthetic
from conftest import PATH, REPOSITORY, run, uncrossed
from uncrossed.analysis import analyse, attribution
from uncrossed.common.errors import InputError
from uncrossed.release import destinations, metadata, release, secrets, upload
from uncrossed.release.card import TITLE
from uncrossed.report import report
from uncrossed.results import checksums, tables
from uncrossed.study import manifest
from uncrossed.study.mechanisms import resolve

# How often an upload is killed at a random moment; more by UNCROSSED_INTERRUPTIONS=50.
INTERRUPTIONS = int(os.environ.get("UNCROSSED_INTERRUPTIONS", 5))
LIST = "RELEASE_SHA256SUMS"


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """A released study of made-up results."""
    return synthetic.released(tmp_path_factory.mktemp("release"))


@pytest.fixture
def folder(built, tmp_path):
    """A copy of the released study that a test may change."""
    return shutil.copytree(built, tmp_path / "results/made")


@pytest.fixture
def server():
    """A fault-free server; a test may set its share of faults."""
    with gcs.Server() as made:
        yield made
        made.shutdown()


def released_files(path: Path) -> dict[str, str]:
    """Names and SHA-256 in a list."""
    return checksums.read(path, "")[0]


def publish(folder, destination, receipt, *options, host="", **more):
    """Run `uncrossed publish`."""
    return uncrossed(
        *("publish", folder, destination, "--receipt", receipt, *options), STORAGE_EMULATOR_HOST=host, **more
    )


def prefix(folder: Path) -> str:
    return f"made/{hashlib.sha256((folder / LIST).read_bytes()).hexdigest()[:12]}/"


def check(server, folder: Path, base: str = "p/") -> None:
    """All files are there with the right bytes, each created once and the list last, and nothing else is."""
    names = [*released_files(folder / LIST), LIST]
    found = {name: data for name, (_, data) in server.objects.items()}
    assert found == {base + prefix(folder) + name: (folder / name).read_bytes() for name in names}
    assert len(server.created) == len(names)
    assert server.created[-1].endswith(f"/{LIST}")
    assert server.unsafe == []


def test_the_list_covers_everything_that_is_released(built):
    run("sha256sum", "-c", LIST, folder=built)
    listed = set(released_files(built / LIST))
    made = {str(path.relative_to(built)) for path in built.rglob("*") if path.is_file()}
    assert made - listed == {LIST}


def test_the_metadata_depend_on_results_alone(built, tmp_path):
    other = shutil.copytree(built, tmp_path / "elsewhere")
    for name in (*release.METADATA, LIST):
        (other / name).unlink()
    release.make(other)
    for name in (*release.METADATA, LIST):
        assert (other / name).read_bytes() == (built / name).read_bytes()
    assert TITLE in (REPOSITORY / "CITATION.cff").read_text()
    provenance = json.loads((built / "provenance.json").read_text())
    assert provenance["versions"]["tensorflow"] == {"keras": ["3.0"], "tensorflow": ["2.0"]}
    card = (built / "README.md").read_text()
    assert "6 pairs" in card
    assert "| diverged | 1 |" in card


def test_croissant_is_valid_and_loads_the_trials(built):
    import mlcroissant

    data = mlcroissant.Dataset(built / "croissant.json")
    assert not data.metadata.ctx.issues.errors
    records = list(data.records("trials"))
    table = tables.read(built)
    assert [record["trials/trial"].decode() for record in records] == list(table["trial"])
    for column in ("learning_rate", "batch_size", "pytorch_test_accuracy", "both_completed"):
        assert [record[f"trials/{column}"] for record in records] == list(table[column])
    assert len(list(data.records("curves"))) == 2 * 6 * 2 - 2


def test_the_context_is_that_of_croissant():
    import mlcroissant

    assert mlcroissant.Metadata(name="a", url="https://a.b").to_json()["@context"] == metadata.CONTEXT


def unreadable(path: Path) -> None:
    """Let the operating system open a file, and refuse to read it."""
    path.unlink()
    path.symlink_to("/proc/self/mem")


MODEL = "trials/resnet50-0001/pytorch.h5"


@pytest.mark.parametrize("name", ["SHA256SUMS", LIST, "README.md", MODEL])
def test_what_cannot_be_read_is_not_published_and_not_called_damaged(name, folder, tmp_path):
    unreadable(folder / name)
    output = publish(folder, f"file://{tmp_path}/out", tmp_path / "r.json", code=1).stdout
    assert f"{name}: cannot be read (Input/output error)" in output
    assert "damaged" not in output


@pytest.mark.parametrize("name", ["SHA256SUMS", MODEL, MODEL.replace("h5", "json")])
def test_what_cannot_be_read_is_not_released_and_not_called_damaged(name, folder):
    unreadable(folder / name)
    output = uncrossed("release", folder, code=1).stdout
    assert f"{name}: cannot be read (Input/output error)" in output
    assert "damaged" not in output


ODD = ("001", "1e3", "na", "nan", "null", "true")


@pytest.fixture(scope="module")
def odd(tmp_path_factory):
    """A released ablation whose trials and base have names that look like numbers, or like nothing."""
    root = tmp_path_factory.mktemp("odd")
    rows = manifest.ablate(synthetic.rows(1, 2, ["smallcnn"]), [0])
    rows = [row.model_copy(update={"trial": name, "base": "nan"}) for name, row in zip(ODD, rows[:6], strict=True)]
    rows[-1] = rows[-1].model_copy(update={"semantics": resolve("aligned")})
    return synthetic.released(root, rows)


def test_names_that_look_like_numbers_or_nothing_stay_names_in_croissant(odd):
    import mlcroissant

    data = mlcroissant.Dataset(odd / "croissant.json")
    for name, times in (("trials", 1), ("curves", 4)):
        found = [record[f"{name}/trial"] for record in data.records(name)]
        assert found == [trial.encode() for trial in ODD for _ in range(times)]
    assert [record["trials/base"] for record in data.records("trials")] == [b"nan"] * len(ODD)


def test_names_that_look_like_numbers_or_nothing_stay_names_in_every_command(odd):
    assert "nan (smallcnn, 1 seeds)" in uncrossed("attribution", odd).stdout
    uncrossed("analyse", odd)
    uncrossed("report", odd)
    page = (odd / "report.html").read_text()
    data = json.loads(re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.S)[1])
    assert data["trials"] == list(ODD)
    assert {row[data["parameters"].index("base")] for row in data["settings"]} == {"nan"}
    assert "In the trial nan" in page, "what the ablation says"
    for trial in ODD:
        assert re.search(f"^{trial} ", uncrossed("show", "--study", odd).stdout, re.MULTILINE)
        assert uncrossed("show", trial, "--study", odd).stdout.startswith(f"{trial}: smallcnn")
    rows = list(csv.DictReader((odd / "tables/disagreement.csv").open()))
    assert [row["trial"] for row in rows] == list(ODD)


def test_an_emulator_gets_all_files(built, tmp_path):
    from gcp_storage_emulator.server import create_server

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    emulator = create_server("127.0.0.1", port, in_memory=True, default_bucket="bucket")
    emulator.start()
    try:
        host = f"http://127.0.0.1:{port}"
        publish(built, "gs://bucket/p", tmp_path / "receipt.json", host=host)
        from google.auth.credentials import AnonymousCredentials
        from google.cloud import storage

        options = {"api_endpoint": host}
        client = storage.Client(project="p", credentials=AnonymousCredentials(), client_options=options)
        for name in (LIST, "tables/trials.csv", "trials/densenet121-0000/pytorch.h5"):
            blob = client.bucket("bucket").blob(f"p/{prefix(built)}{name}")
            assert blob.download_as_bytes() == (built / name).read_bytes()
    finally:
        emulator.stop()


@pytest.mark.parametrize("share", [0, 0.3])
def test_an_upload_is_complete_whatever_fails_and_its_receipt_says_so(share, built, server, tmp_path):
    server.share = share
    receipt = tmp_path / "receipt.json"
    publish(built, "gs://bucket/p", receipt, host=server.address)
    check(server, built)
    assert not share or all(server.failed.values()), server.failed
    listed = released_files(built / LIST)
    objects = json.loads(receipt.read_text())["objects"]
    assert {entry["object"].removeprefix(f"p/{prefix(built)}") for entry in objects} == {*listed, LIST}
    for entry in objects:
        generation, data = server.objects[entry["object"]]
        assert (entry["generation"], entry["size"]) == (generation, len(data))
        assert entry["sha256"] == hashlib.sha256(data).hexdigest()
        assert entry["crc32c"] == base64.b64encode(google_crc32c.Checksum(data).digest()).decode()
    # Again, nothing is uploaded, and the receipt is the same.
    server.share, before = 0, receipt.read_bytes()
    publish(built, "gs://bucket/p", receipt, host=server.address)
    assert receipt.read_bytes() == before
    check(server, built)


def test_an_upload_that_is_killed_at_any_moment_is_finished_by_the_same_command(built, server, tmp_path):
    chance = random.Random(1)
    receipt = tmp_path / "receipt.json"
    command = [sys.executable, "-m", "uncrossed", "publish", built, "gs://bucket/p", "--receipt", receipt]
    environment = {**os.environ, "PATH": PATH, "STORAGE_EMULATOR_HOST": server.address}
    killed = 0
    while killed < INTERRUPTIONS:
        server.share = 0.1
        if any(name.endswith(LIST) for name in server.objects):  # a whole upload: begin another
            server.objects.clear()
            server.created.clear()
        receipt.unlink(missing_ok=True)
        process = subprocess.Popen(list(map(str, command)), env=environment, stderr=subprocess.DEVNULL)
        at = server.requests + chance.randrange(1, 34)
        server.on_request = lambda number, at=at, process=process: process.kill() if number == at else None
        killed += process.wait() == -9
        assert receipt.exists() == (process.returncode == 0)
        if not any(name.endswith(LIST) for name in server.objects):
            assert not receipt.exists()
    server.on_request = lambda number: None
    publish(built, "gs://bucket/p", receipt, host=server.address)
    check(server, built)
    assert len(json.loads(receipt.read_text())["objects"]) == len(server.objects)


def test_two_uploads_at_once_both_succeed(built, server, tmp_path):
    server.share = 0.05
    codes = []

    def one(number: int) -> None:
        codes.append(publish(built, "gs://bucket/p", tmp_path / f"{number}.json", host=server.address).returncode)

    threads = [threading.Thread(target=one, args=(number,)) for number in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert codes == [0, 0]
    check(server, built)
    assert (tmp_path / "0.json").read_bytes() == (tmp_path / "1.json").read_bytes()


def test_another_content_is_not_overwritten(built, server, tmp_path):
    name = f"p/{prefix(built)}tables/trials.csv"
    server.objects[name] = (1, b"another")
    output = publish(built, "gs://bucket/p", tmp_path / "r.json", host=server.address, code=1).stdout
    assert f"gs://bucket/{name} holds another content (7 bytes" in output
    assert str(built / "tables/trials.csv") in output
    assert server.objects[name] == (1, b"another")
    assert not any(name.endswith(LIST) for name in server.objects)
    assert not (tmp_path / "r.json").exists()


@pytest.mark.parametrize("name", ["trials/densenet121-0000/tensorflow.h5", "README.md"])
def test_a_changed_file_is_not_published(name, folder, server, tmp_path):
    path = folder / name
    times = path.stat().st_atime_ns, path.stat().st_mtime_ns
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    os.utime(path, ns=times)
    output = publish(folder, "gs://bucket/p", tmp_path / "r.json", host=server.address, code=2).stdout
    assert f"{name}: " in output
    assert not any(found.endswith((LIST, name)) for found in server.objects)
    assert not (tmp_path / "r.json").exists()


def test_a_folder_is_a_destination_like_a_bucket(built, tmp_path):
    destination, receipt = f"file://{tmp_path}/out", tmp_path / "receipt.json"
    planned = publish(built, destination, receipt, "--dry-run").stdout
    names = [*released_files(built / LIST), LIST]
    assert planned.count("create file://") == len(names)
    assert not (tmp_path / "out").exists()
    publish(built, destination, receipt)
    before = receipt.read_bytes()
    place = tmp_path / "out" / prefix(built)
    run("sha256sum", "-c", LIST, folder=place)
    assert {str(path.relative_to(place)) for path in place.rglob("*") if path.is_file()} == set(names)
    # What a killed upload left is completed and removed.
    (place / LIST).unlink()
    (place / "README.md").rename(place / ".README.md.01234567.partial")
    publish(built, destination, receipt)
    run("sha256sum", "-c", LIST, folder=place)
    assert not list(place.rglob(".*"))
    assert receipt.read_bytes() == before
    (place / "README.md").write_text("another")
    assert "README.md holds another content" in publish(built, destination, receipt, code=1).stdout
    assert (place / "README.md").read_text() == "another"
    # Nor by its own receipt.
    output = publish(built, destination, place / "trials/receipt.json", code=2).stdout
    assert "receipt.json: is in the folder of the release; allowed: another place" in output
    assert not (place / "trials/receipt.json").exists()


def test_a_list_that_lacks_a_file_is_not_released(folder, built, tmp_path):
    path = folder / "SHA256SUMS"
    for lost in ("manifest.csv", "tables/trials.csv", "/tensorflow.h5"):
        lines = path.read_text().splitlines(keepends=True)
        path.write_text("".join(line for line in lines if not line.endswith(f"{lost}\n")))
        output = publish(folder, f"file://{tmp_path}/out", tmp_path / "receipt.json", code=2).stdout
        assert re.search(r"SHA256SUMS: does not list \S+; run `uncrossed checksums ", output)
        with pytest.raises(InputError, match="does not list"):
            release.make(folder)
        checksums.make(folder)
    assert not (tmp_path / "out").exists()


SECRETS = {
    "a home path": "/home/someone/data",
    "an AWS key": "AKIA" + "ABCDEFGHIJKLMNOP",
    "a Google key": "AIza" + "b" * 35,
    "a GitHub token": "ghp_" + "c" * 36,
    "a wandb key": "wandb login " + "0123456789" * 4,
    "an access token": "sk-" + "d" * 40,
    "a password in a URL": "https://someone:pass" + "word@host/",
    "a private key": "-----BEGIN RSA " + "PRIVATE KEY-----",
}


def test_a_secret_is_refused_and_not_repeated(folder, tmp_path):
    path = folder / "trials/resnet50-0001/pytorch.json"
    path.write_text(json.dumps({"seconds_per_epoch": [], **SECRETS}, indent=1))
    output = publish(folder, f"file://{tmp_path}/out", tmp_path / "r.json", code=2).stdout
    for number, (what, secret) in enumerate(SECRETS.items(), start=3):
        assert f"trials/resnet50-0001/pytorch.json: line {number}: {what}\n" in output
        assert secret not in output
    assert not (tmp_path / "out").exists()


HEX = "0123456789abcdef" * 2 + "01234567"


def scanned(folder: Path, name: str, content: str | bytes) -> list[str]:
    """What a scan says of one file with this content."""
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(content.encode() if isinstance(content, str) else content)
    return secrets.scan(folder, [name])


def test_forty_hexadecimal_digits_are_a_key_where_they_are_called_one(tmp_path):
    for text in (f"commit {HEX}", f'{{"code_sha1": "{HEX}"}}', f"api_key = {HEX}f", f"monkeys\n{HEX}"):
        assert scanned(tmp_path, "a.txt", text) == []
    assert scanned(tmp_path, "a.csv", f"trial,commit\na,{HEX}\n") == []
    for text in (f'"WANDB_API_KEY": "{HEX}"', f"machine api.wandb.ai login user password {HEX}", f"token: {HEX}"):
        assert scanned(tmp_path, "a.txt", text) == ["a.txt: line 1: a wandb key"]
    assert scanned(tmp_path, "a.csv", f"trial,api_key\na,{HEX}\n") == ["a.csv: line 2: a wandb key"]


GITHUB = "ghp_" + "c" * 36


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("run.log", GITHUB),
        ("no-suffix", GITHUB),
        ("key.pem", "-----BEGIN OPENSSH " + "PRIVATE KEY-----"),
        ("figure.svg", f"<svg><metadata>{GITHUB}</metadata></svg>"),
        ("figure.png", b"\x89PNG\r\n\x1a\n\0\0tEXtComment\0/home/someone\0\xff\xfe"),
        ("latin.txt", "caf\u00e9 /home/someone".encode("latin-1")),
        ("utf16.txt", f"key {GITHUB}".encode("utf-16")),
        ("escaped.json", '{"path": "\\/home\\/someone"}'),
        ("escaped.json", '{"path": "\\u002fhome\\u002Fsomeone"}'),
        ("link.html", '<a href="file://%2Fhome%2Fsomeone">'),
        ("entity.html", "&#47;home&#x2f;someone"),
        ("windows.txt", "C:\\Users\\someone"),
        ("windows.json", '"C:\\\\Users\\\\someone"'),
    ],
)
def test_a_secret_is_found_in_any_kind_of_file(name, content, tmp_path):
    assert len(scanned(tmp_path, name, content)) == 1
    assert scanned(tmp_path, name, "nothing") == []


def test_a_secret_is_found_in_every_part_of_a_table_and_an_hdf5_file(folder):
    import h5py
    import pandas as pd

    table = pd.DataFrame({"a": [1.0], f"n {GITHUB}": [1.0], "texts": [["x", GITHUB]], "bytes": [GITHUB.encode()]})
    table.to_parquet(folder / "t.parquet")
    found = {line.split(": ")[1] for line in secrets.scan(folder, ["t.parquet"])}
    assert found == {"metadata", "column 'texts'", "column 'bytes'"}
    pd.DataFrame({"api_key": [HEX], "commit": [HEX]}).to_parquet(folder / "t.parquet")
    assert secrets.scan(folder, ["t.parquet"]) == ["t.parquet: column 'api_key': a wandb key"]
    name = "trials/resnet50-0001/pytorch.h5"
    assert secrets.scan(folder, [name]) == []
    with h5py.File(folder / name, "r+") as file:
        file.create_dataset(f"weights/0002/{GITHUB}", data=[1.0])
        file.create_dataset("texts", data=["x", GITHUB])
        file.create_dataset("fixed", data=np.array([GITHUB.encode()]))
        file["curves/test_loss"].attrs["list"] = ["x", GITHUB]
        file.attrs["bytes"] = np.bytes_(GITHUB)
    places = {line.split(": ")[1] for line in secrets.scan(folder, [name])}
    assert places == {
        f"/weights/0002/{GITHUB}",
        "content of /texts",
        "content of /fixed",
        "attribute 'list' of /curves/test_loss",
        "attribute 'bytes' of /",
    }


def test_the_names_of_study_and_trials_are_searched(folder, monkeypatch):
    monkeypatch.setenv("LOGNAME", "somebody")
    other = folder.rename(folder.with_name("somebody"))
    assert secrets.scan(other, []) == ["somebody: the study's name: this user's name"]
    (other / "list").write_text(f"{'0' * 64}  trials/somebody/pytorch.h5\n")
    assert "list: line 1: this user's name" in secrets.scan(other, ["list"])


def test_a_false_alarm_is_allowed_by_its_exact_line_and_recorded(folder, tmp_path):
    path = folder / "trials/resnet50-0001/pytorch.json"
    path.write_text(f'{{\n"token": "{HEX}",\n"key": "{HEX}"\n}}\n')
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    lines = (folder / LIST).read_text().splitlines(keepends=True)
    name = "trials/resnet50-0001/pytorch.json"
    (folder / LIST).write_text("".join(f"{digest}  {name}\n" if name in line else line for line in lines))
    destination, receipt = f"file://{tmp_path}/out", tmp_path / "r.json"
    reported = publish(folder, destination, receipt, code=2).stdout.splitlines()[:2]
    assert reported == [f"{name}: line {number}: a wandb key" for number in (2, 3)]
    output = publish(folder, destination, receipt, "--allow", reported[0], code=2).stdout
    assert reported[0] not in output
    assert reported[1] in output
    for wrong in (f"{name}: line 3", f"{name}: line 3: a GitHub token", f"{name}: line 3: *"):
        publish(folder, destination, receipt, "--allow", reported[0], "--allow", wrong, code=2)
    assert not (tmp_path / "out").exists()
    publish(folder, destination, receipt, "--allow", reported[0], "--allow", reported[1], "--allow", "x: y: z")
    assert json.loads(receipt.read_text())["allowed"] == reported


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
    """Tables, metadata, figures and report of an ablation: who is called by a word of these is not told by it."""
    folder = tmp_path / "made"
    rows = [
        row.model_copy(update={"trial": f"t{k}"}) for k, row in enumerate(manifest.ablate(synthetic.rows(1, 2), [0]))
    ]
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


def test_what_is_wrong_with_a_destination_is_one_clear_line(built, server, tmp_path):
    def said(destination: str, code: int = 1, **options) -> str:
        output = publish(built, destination, tmp_path / "r.json", code=code, **options).stdout
        assert len(output.splitlines()) == 1, output
        return output

    assert "allowed: gs://BUCKET/PREFIX" in said("s3://bucket/p", code=2)
    assert "found ?, #" in said("gs://bucket/p#1", code=2)
    assert "found ?, #" in said(f"file://{tmp_path}/a?b", code=2)
    assert "found ?, #" in said(f"file://{tmp_path}/a\tb", code=2)
    assert "no such bucket" in said("gs://another/p", host=server.address)
    server.refuse = 403
    assert "no permission" in said("gs://bucket/p", host=server.address)
    server.refuse = 401
    assert "credentials are not accepted" in said("gs://bucket/p", host=server.address)
    nowhere = {"HOME": str(tmp_path), "NO_GCE_CHECK": "true", "GOOGLE_APPLICATION_CREDENTIALS": ""}
    assert "no credentials" in said("gs://bucket/p", **nowhere)


def test_a_server_that_stays_down_is_given_up_in_one_clear_line(built, server, tmp_path, monkeypatch):
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", server.address)
    monkeypatch.setattr(destinations, "SECONDS", 1)
    server.refuse = 503
    with pytest.raises(OSError, match=r"^gs://bucket: no answer in time \(.*503"):
        upload.publish(built, "gs://bucket/p", tmp_path / "r.json")
    requests = server.requests
    server.refuse, server.on_request = 0, lambda number: setattr(server, "refuse", 503 * (number > requests + 3))
    with pytest.raises(OSError, match=r"no answer in time \(.*503"):
        upload.publish(built, "gs://bucket/p", tmp_path / "r.json", seconds=1)
    server.refuse, server.on_request = 0, lambda number: None
    upload.publish(built, "gs://bucket/p", tmp_path / "r.json")
    check(server, built)


@pytest.mark.parametrize("trusting", [False, True])
def test_a_bit_flipped_on_the_way_up_is_an_error(trusting, built, server, tmp_path):
    server.flips, server.trusting = 1, trusting
    output = publish(built, "gs://bucket/p", tmp_path / "r.json", host=server.address, code=1).stdout
    assert ("holds another content" if trusting else "the server refused the content") in output
    assert not any(name.endswith(LIST) for name in server.objects)
    assert not (tmp_path / "r.json").exists()
    if not trusting:
        publish(built, "gs://bucket/p", tmp_path / "r.json", host=server.address)
        check(server, built)


@pytest.mark.parametrize("size", ["small", "large"])
def test_a_bit_flipped_in_the_last_chunk_is_an_error(size, built, server, tmp_path):
    """Of one file only: whatever else fails, it is this one's content that is refused."""
    publish(built, "gs://bucket/p", tmp_path / "r.json", host=server.address)
    name = "trials/densenet121-0000/pytorch.h5" if size == "large" else "README.md"
    for gone in (name, LIST):
        del server.objects[f"p/{prefix(built)}{gone}"]
        server.created.remove(f"p/{prefix(built)}{gone}")
    (tmp_path / "r.json").unlink()
    server.flips, server.trusting = 1, True
    output = publish(built, "gs://bucket/p", tmp_path / "r.json", host=server.address, code=1).stdout
    assert f"{prefix(built)}{name} holds another content" in output
    assert not (tmp_path / "r.json").exists()
    assert server.unsafe == []


@pytest.mark.parametrize("how", ["replaced", "removed"])
def test_an_object_that_changes_between_listing_and_upload_is_an_error(how, built, server, tmp_path):
    publish(built, "gs://bucket/p", tmp_path / "r.json", host=server.address)
    (tmp_path / "r.json").unlink()
    del server.objects[f"p/{prefix(built)}{LIST}"]
    name = f"p/{prefix(built)}README.md"
    listed = server.requests + -(-len(server.objects) // gcs.PAGE)

    def change(number: int) -> None:
        if number == listed + 1:
            server.objects[name] = (1, b"another")
            if how == "removed":
                del server.objects[name]

    server.on_request = change
    output = publish(built, "gs://bucket/p", tmp_path / "r.json", host=server.address, code=1).stdout
    what = "holds another content (7 bytes" if how == "replaced" else "is gone; publish again"
    assert f"gs://bucket/{name} {what}" in output
    assert not any(name.endswith(LIST) for name in server.objects)
    assert not (tmp_path / "r.json").exists()


CLOCK = """
import random, time
wall, chance = time.time, random.Random(0)
time.time = lambda: wall() + chance.choice((-3600, 0, 3600))
"""


def test_a_clock_that_is_an_hour_off_and_set_meanwhile_changes_nothing(built, folder, server, tmp_path):
    """The clock jumps by an hour between any two looks at it, and files are from the future."""
    (tmp_path / "clock").mkdir()
    (tmp_path / "clock/sitecustomize.py").write_text(CLOCK)
    path = os.pathsep.join(filter(None, (str(tmp_path / "clock"), os.environ.get("PYTHONPATH"))))
    shifted = run(sys.executable, "-c", "import time; print(time.time.__name__)", PYTHONPATH=path).stdout
    assert shifted == "<lambda>\n"
    for number, file in enumerate(sorted(folder.rglob("*"))):
        os.utime(file, (file.stat().st_mtime + 3600 * (number % 3 - 1),) * 2)
    before = (folder / LIST).read_bytes()
    uncrossed("release", folder, PYTHONPATH=path)
    assert (folder / LIST).read_bytes() == before
    server.share = 0.3
    publish(folder, "gs://bucket/p", tmp_path / "r.json", host=server.address, PYTHONPATH=path)
    check(server, folder)


def test_a_full_disk_at_the_destination_is_one_clear_line(built, tmp_path):
    command = ["uncrossed", "publish", built, f"file://{tmp_path}/out", "--receipt", tmp_path / "r.json"]
    words = " ".join(f"'{word}'" for word in command)
    output = run("bash", "-c", f"ulimit -f 1000; exec {words}", code=1, TQDM_DISABLE="1").stdout
    assert len(output.splitlines()) == 1, output
    assert "File too large" in output
    assert not list(tmp_path.glob(f"out/**/{LIST}"))
    assert not list(tmp_path.glob("out/**/*.partial"))
    assert not (tmp_path / "r.json").exists()
    run(*command)
    run("sha256sum", "-c", "--quiet", LIST, folder=tmp_path / "out" / prefix(built))


def test_what_is_no_file_is_refused_and_what_cannot_be_created_is_given_up(folder, tmp_path):
    path = folder / "tables/trials.csv"
    path.rename(tmp_path / "kept")
    for make in (os.mkfifo, os.mkdir, lambda place: os.symlink("nowhere", place)):
        make(path)
        output = publish(folder, f"file://{tmp_path}/out", tmp_path / "r.json", code=2).stdout
        assert f"{path}: listed in {LIST}, but there is no such file" in output
        path.rmdir() if path.is_dir() else path.unlink()
    (tmp_path / "kept").rename(path)
    place = tmp_path / "out" / prefix(folder)
    place.mkdir(parents=True)
    (place / "README.md").symlink_to("nowhere")
    with pytest.raises(OSError, match=r"README\.md: something is there that cannot be read"):
        upload.publish(folder, f"file://{tmp_path}/out", tmp_path / "r.json", seconds=1)
    assert not (place / LIST).exists()


@pytest.mark.parametrize("name", [LIST, "tables/trials.csv"])
def test_a_receipt_never_replaces_what_is_released(name, folder, tmp_path):
    before = (folder / name).read_bytes()
    output = publish(folder, f"file://{tmp_path}/out", folder / name, code=2).stdout
    assert "is a file of the release" in output
    assert (folder / name).read_bytes() == before
    publish(folder, f"file://{tmp_path}/out", folder / "receipt.json")


def test_a_list_that_was_edited_by_hand_is_refused(folder, tmp_path):
    lines = (folder / LIST).read_text().splitlines(keepends=True)
    number = next(k for k, line in enumerate(lines) if "resnet50-0001/pytorch.h5" in line)

    def refused(edited: list[str], message: str) -> None:
        (folder / LIST).write_text("".join(edited))
        output = publish(folder, f"file://{tmp_path}/out", tmp_path / "r.json", code=2).stdout
        assert f"{LIST}: {message}" in output
        assert not (tmp_path / "out").exists()

    name = lines[number].split()[1]
    refused(lines[:number] + lines[number + 1 :], f"lists {name} otherwise than SHA256SUMS, or not")
    refused([*lines, lines[number]], f"line {len(lines) + 1} is not a checksum and another name")
    refused([*lines, f"{'0' * 64}  ../study.yaml\n"], f"line {len(lines) + 1} is not a checksum and another name")
    refused([*lines, f"{'0' * 64}  /etc/hostname\n"], f"line {len(lines) + 1} is not a checksum and another name")
    refused([line for line in lines if not line.endswith("  SHA256SUMS\n")], "does not list SHA256SUMS")


def test_a_list_that_is_made_again_meanwhile_is_not_published(folder, server, tmp_path):
    """Names of one list never come under the version of another."""
    old, begun = prefix(folder), server.requests

    def change(number: int) -> None:
        if number == begun + 3:
            (folder / LIST).write_text((folder / LIST).read_text().replace("README.md", "READ.ME"))

    server.on_request = change
    output = publish(folder, "gs://bucket/p", tmp_path / "r.json", host=server.address, code=2).stdout
    assert f"{LIST}: its SHA-256 is not the one in {LIST}" in output
    assert all(name.startswith(f"p/{old}") for name in server.objects)
    assert not any(name.endswith(LIST) for name in server.objects)


def test_two_versions_stand_beside_each_other(folder, server, tmp_path):
    publish(folder, "gs://bucket/p", tmp_path / "r.json", host=server.address)
    first, before = prefix(folder), dict(server.objects)
    (folder / "README.md").write_text("another card")
    lines = (folder / LIST).read_text().splitlines(keepends=True)
    digest = hashlib.sha256(b"another card").hexdigest()
    (folder / LIST).write_text("".join(f"{digest}  README.md\n" if "README" in line else line for line in lines))
    publish(folder, "gs://bucket/p", tmp_path / "r.json", host=server.address)
    assert prefix(folder) != first
    assert {name: found for name, found in server.objects.items() if name in before} == before
    assert server.objects[f"p/{prefix(folder)}README.md"][1] == b"another card"
    assert len(server.created) == len(set(server.created)) == 2 * len(before)


@pytest.mark.skipif("UNCROSSED_SLOW" not in os.environ, reason="UNCROSSED_SLOW is not set")
def test_ten_thousand_objects(tmp_path, server):
    folder = tmp_path / "made"
    lines = []
    for number in range(10_000):
        path = folder / f"trials/{number // 100}/{number}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{number}\n")
        lines.append(f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.relative_to(folder)}\n")
    (folder / "SHA256SUMS").write_text("".join(lines))
    lines.append(f"{hashlib.sha256((folder / 'SHA256SUMS').read_bytes()).hexdigest()}  SHA256SUMS\n")
    (folder / LIST).write_text("".join(lines))
    receipt = tmp_path / "r.json"
    publish(folder, "gs://bucket/p", receipt, host=server.address)
    check(server, folder)
    before = receipt.read_bytes()
    assert {entry["object"] for entry in json.loads(before)["objects"]} == server.objects.keys()
    # What is there is found on all 1,430 pages, and only what is not there is made.
    removed = [f"p/{prefix(folder)}{name}" for name in ("trials/0/0.json", "trials/55/5555.json", LIST)]
    for name in removed:
        del server.objects[name]
        server.created.remove(name)
    requests = server.requests
    publish(folder, "gs://bucket/p", receipt, host=server.address)
    check(server, folder)
    assert server.requests - requests < 2 * (10_002 // gcs.PAGE + 1) + 10
    found = {entry["object"]: entry for entry in json.loads(receipt.read_text())["objects"]}
    assert {name for name, entry in found.items() if entry not in json.loads(before)["objects"]} == set(removed)


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
    assert fault in uncrossed("verify", folder, code=1).stdout
