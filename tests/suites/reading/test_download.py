"""A download is the files of its list, or an error that leaves no half of one."""

import sys
import threading

import pandas as pd
import pytest

import uncrossed as package
from helpers.big import BIG
from helpers.commands import run
from uncrossed.common import remote
from uncrossed.common.errors import InputError
from uncrossed.results import checksums
from uncrossed.study.trial import FRAMEWORKS


def test_a_file_without_bytes_is_one(server, tmp_path):
    (server.folder / "report.html").write_bytes(b"")
    checksums.make(server.folder)
    folder = package.open(server.url).download(tmp_path / "got", progress=False)
    assert (folder / "report.html").read_bytes() == b""


def test_a_file_replaced_within_a_download_is_an_error(server, tmp_path, monkeypatch):
    monkeypatch.setattr(remote, "CHUNK", 2**20)
    path = server.folder / f"trials/{BIG}/pytorch.h5"

    def replace(asked: str) -> None:
        if asked.endswith(f"{BIG}/pytorch.h5") and sum(asked in line for line in server.requests) == 3:
            path.write_bytes(b"x" + path.read_bytes()[1:])

    server.before = replace
    with pytest.raises(InputError, match="has changed since"):
        package.open(server.url).select(trial=BIG).download(tmp_path / "got", progress=False)
    assert not (tmp_path / f"got/trials/{BIG}/pytorch.h5").exists()
    assert not list(tmp_path.glob("got/**/*.partial"))


@pytest.mark.parametrize("name", ["tables/curves.parquet", "SHA256SUMS", f"trials/{BIG}/pytorch.h5"])
def test_a_bit_flipped_on_the_way_down_is_an_error_that_does_not_last(name, server, tmp_path):
    """Not even in the cache."""
    server.only, server.faults = name, ["middle"]
    with pytest.raises(InputError):
        package.open(server.url).download(tmp_path / "got", progress=False)
    assert server.faults == []
    package.open(server.url).curves  # noqa: B018
    package.open(server.url).download(tmp_path / "got", progress=False)
    run("sha256sum", "-c", "--quiet", "SHA256SUMS", folder=tmp_path / "got")


def test_a_copy_has_the_list_by_which_it_was_checked(server, built, tmp_path):
    """Though the server's changes while files are copied."""
    path = server.folder / "SHA256SUMS"

    def change(asked: str) -> None:
        if asked.endswith("report.html"):
            path.write_text("0" * 64 + path.read_text()[64:])

    server.before = change
    folder = package.open(server.url).download(tmp_path / "got", progress=False)
    assert (folder / "SHA256SUMS").read_bytes() == (built / "SHA256SUMS").read_bytes() != path.read_bytes()


def test_download_copies_the_selection_once(place, built, server, tmp_path):
    study = package.open(place).select(architecture="vgg16")
    folder = study.download(tmp_path / "got", progress=False)
    names = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    trials = [f"trials/vgg16-000{k}/{f}.{kind}" for k in (2, 5) for f in FRAMEWORKS for kind in ("h5", "json")]
    kinds = ("trials.csv", "trials.parquet", "curves.parquet", "runs.parquet")
    assert names == {*trials, *(f"tables/{kind}" for kind in kinds), "manifest.csv", "study.json", "SHA256SUMS"}
    assert all((folder / name).read_bytes() == (built / name).read_bytes() for name in names)
    run("sha256sum", "-c", "--quiet", "--ignore-missing", "SHA256SUMS", folder=folder)
    assert package.open(folder).trial(BIG).pytorch.logits.shape == (200, 10)
    (folder / f"trials/{BIG}/pytorch.h5").write_bytes(b"damaged")
    server.reset()
    inode = (folder / f"trials/{BIG}/tensorflow.h5").stat().st_ino
    study.download(folder, progress=False)
    assert (folder / f"trials/{BIG}/pytorch.h5").read_bytes() == (built / f"trials/{BIG}/pytorch.h5").read_bytes()
    assert (folder / f"trials/{BIG}/tensorflow.h5").stat().st_ino == inode
    assert not any("tensorflow.h5" in line for line in server.requests)


def test_a_copy_of_the_whole_study_is_checked_by_one_plain_command(place, server, built, tmp_path):
    folder = package.open(place).download(tmp_path / "got", progress=False)
    run("sha256sum", "-c", "--quiet", "SHA256SUMS", folder=folder)
    assert (folder / "report.html").read_text() == "a report"
    (server.folder / "report.html").unlink()
    (folder / "report.html").unlink()
    with pytest.raises(InputError, match=r"report\.html: no such file"):
        package.open(place).download(folder, progress=False)


def test_a_list_or_table_that_leads_out_of_the_folder_is_refused(copy, tmp_path):
    outside = copy.parent / "outside"
    outside.mkdir()
    (outside / "pytorch.h5").write_bytes(b"x")
    sums = (copy / "SHA256SUMS").read_text()
    (copy / "SHA256SUMS").write_text(sums + f"{'0' * 64}  tables/../../outside/pytorch.h5\n")
    with pytest.raises(InputError, match=r"SHA256SUMS: line \d+ is not a checksum and another name in its folder"):
        package.open(copy).download(tmp_path / "a/b", progress=False)
    table = pd.read_csv(copy / "tables/trials.csv")
    table.loc[0, "trial"] = "../../outside"
    (copy / "tables/trials.parquet").unlink()
    table.to_csv(copy / "tables/trials.csv", index=False)
    (copy / "SHA256SUMS").unlink()
    with pytest.raises(InputError, match="leads out of the study"):
        package.open(copy).download(tmp_path / "a/b", progress=False)
    assert not (tmp_path / "a/outside").exists()


def test_downloads_beside_each_other_and_through_faults(server, built, tmp_path):
    server.faults = [503, "reset", "truncated", 429, "slow", "reset", 500]
    study, errors = package.open(server.url), []

    def download() -> None:
        try:
            package.open(server.url).download(tmp_path / "got", progress=False)
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=download) for _ in range(3)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    assert errors == []
    for row in study.trials["trial"]:
        for framework in FRAMEWORKS:
            name = f"trials/{row}/{framework}.h5"
            assert (tmp_path / "got" / name).read_bytes() == (built / name).read_bytes()
    assert not list(tmp_path.glob("got/**/*.partial"))


@pytest.mark.parametrize("listed", ["SHA256SUMS", "RELEASE_SHA256SUMS", ""])
def test_a_damaged_file_is_not_downloaded(listed, server, tmp_path):
    sums = server.folder / "SHA256SUMS"
    sums.rename(server.folder / listed) if listed else sums.unlink()
    path = server.folder / f"trials/{BIG}/pytorch.h5"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    message = "its SHA-256 is not the one in SHA256SUMS" if listed else "does not match its sha256"
    with pytest.raises(InputError, match=rf"{server.url}/trials/{BIG}/pytorch\.h5: .*{message}"):
        package.open(server.url).download(tmp_path / "got", progress=False)
    assert not (tmp_path / f"got/trials/{BIG}/pytorch.h5").exists()


def test_a_full_disk_is_one_clear_line(built, tmp_path):
    program = f"""
import resource, signal, uncrossed
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))
uncrossed.open({str(built)!r}).download({str(tmp_path / "got")!r}, progress=False)
"""
    done = run(sys.executable, "-c", program, code=1, TQDM_DISABLE="1")
    line = done.stdout.splitlines()[-1]
    assert f"InputError: {tmp_path}/got: File too large after" in line
    assert line.endswith("make room and download again")
    assert not list(tmp_path.glob("got/**/*.partial"))
