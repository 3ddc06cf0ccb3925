"""A secret in any file is found, refused and not repeated."""

import hashlib
import json

import numpy as np
import pytest

from helpers.publishing import HEX, LIST, publish, scanned
from uncrossed.release import secrets

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
