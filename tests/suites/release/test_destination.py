"""Any destination that holds gets the same files, and what is wrong with another is one clear line."""

import pytest

from helpers.commands import run
from helpers.publishing import LIST, check, prefix, publish, released_files
from uncrossed.release import destinations, upload


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
