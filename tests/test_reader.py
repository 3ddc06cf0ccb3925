"""Reading a study from a folder and over HTTP: right or refused, whatever the network does, and at a bounded cost."""

import json
import multiprocessing
import operator
import pickle
import shutil
import ssl
import subprocess
import sys
import threading
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from urllib.parse import quote

import h5py
import numpy as np
import pandas as pd
import pytest

import synthetic
import uncrossed as package
from conftest import need, no_more_files, run
from server import Proxy, Server
from uncrossed.common import remote, url_cache
from uncrossed.common.errors import InputError, UnreadableError
from uncrossed.results import checksums, tables, trial_file, trials_table
from uncrossed.study.trial import FRAMEWORKS, Trial

BIG = "vgg16-0002"
EXTRA = 256 * 1024


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """A study of six made-up trials; the files of one have 600 arrays, 12 MB and two kept epochs, one diverged."""
    folder = tmp_path_factory.mktemp("built")
    trials = synthetic.rows(6, 3)
    synthetic.write(folder, trials, diverged="resnet50-0004")
    random = np.random.default_rng(0)
    for framework in FRAMEWORKS:
        path = folder / f"trials/{BIG}/{framework}.h5"
        result = trial_file.read(path)
        part = "kernel" if framework == "tensorflow" else "weight"
        shapes = {k: (3, 3, 128, 32) if k % 100 == 7 else (64, 16) for k in range(600)}
        separator = "/" if framework == "tensorflow" else "."
        result.weights = {
            epoch: {
                f"features_{k}_block{separator}{part}": random.standard_normal(shape).astype(np.float32)
                for k, shape in shapes.items()
            }
            for epoch in (0, 3)
        }
        trial_file.write(path, result)
        assert path.stat().st_size > 6_000_000
    tables.make(folder)
    (folder / "report.html").write_text("a report")
    checksums.make(folder)
    return folder


@pytest.fixture
def copy(built, tmp_path):
    """A copy of the study that a test may damage."""
    return Path(shutil.copytree(built, tmp_path / "copy"))


def name_of(framework: str, k: int) -> str:
    return f"features_{k}_block" + {"pytorch": ".weight", "tensorflow": "/kernel"}[framework]


def test_tables_trials_and_arrays_are_those_of_the_files(place, built):
    study = package.open(place)
    pd.testing.assert_frame_equal(study.trials, tables.read(built))
    pd.testing.assert_frame_equal(study.curves, pd.read_parquet(built / "tables/curves.parquet"))
    assert len(study) == 6
    assert str(study).endswith("6 trials>")
    for framework in FRAMEWORKS:
        side = getattr(study.trial(BIG), framework)
        expected = trial_file.read(built / f"trials/{BIG}/{framework}.h5")
        assert side.attributes == expected.attributes
        assert (side.status, side.epochs) == ("completed", (0, 3))
        np.testing.assert_array_equal(side.logits, expected.logits)
        np.testing.assert_array_equal(side.labels, expected.labels)
        for name in trial_file.CURVES:
            np.testing.assert_array_equal(side.curves[name], expected.curves[name])
        for weights, epoch in ((side.weights, 3), (side.weights_at(0), 0)):
            assert list(weights) == list(expected.weights[epoch])
            for name, array in weights.items():
                assert array.dtype == np.float32
                np.testing.assert_array_equal(array, expected.weights[epoch][name])
    assert study.trial("resnet50-0004").tensorflow.status == "diverged"


def test_select_by_value_and_by_comparison(built):
    study = package.open(built)
    trials = study.trials
    chosen = study.select(architecture="resnet50", difference=">0", batch_size="<= 250", both_completed=True)
    expected = trials.query("architecture == 'resnet50' and difference > 0 and both_completed")
    assert list(chosen.trials["trial"]) == list(expected["trial"])
    assert set(chosen.curves["trial"]) == set(expected["trial"])
    assert len(study.select(architecture="!=vgg16")) == 4
    assert len(study.select(space="3")) == len(study.select(space=3)) == len(study.select(space=">=3", trial="<r")) == 1
    assert len(study.select(both_completed="false")) == 1
    assert list(study.select(trial=[BIG, "vgg16-0005"], seed=0).trials["trial"]) == [BIG, "vgg16-0005"]
    assert len(study.select(base="x")) == 0 if "base" in trials else True
    names = trials["trial"][::-1]
    for several in (names, names.to_numpy(), set(names), (name for name in names)):
        assert len(study.select(trial=several)) == 6
    assert len(study.select(space=range(3))) == 3
    assert len(study.select(difference=[float("nan"), None])) == 0
    with pytest.raises(InputError, match=r"no column 'architectur'; .* did you mean 'architecture'\?"):
        study.select(architectur="vgg16")
    with pytest.raises(InputError, match="column 'difference': found 'large'; allowed: a number"):
        study.select(difference=">large")
    with pytest.raises(InputError, match="column 'both_completed': found 'yes'"):
        study.select(both_completed="yes")


def test_names_that_are_not_there(place):
    study = package.open(place)
    with pytest.raises(InputError, match=r"no trial 'vgg16-002'; .* did you mean 'vgg16-0002'\?"):
        study.trial("vgg16-002")
    side = study.trial(BIG).pytorch
    with pytest.raises(KeyError, match=r"no array 'features_1_block.weigh' .*mean 'features_1_block.weight'\?"):
        side.weights["features_1_block.weigh"]
    assert side.weights.get("nothing") is None
    assert "" not in side.weights
    assert "/curves/test_loss" not in side.weights
    with pytest.raises(InputError, match="no weights of epoch 2; allowed: 0, 3"):
        side.weights_at(2)
    with pytest.raises(InputError, match=r"no search: it has no tables/trajectory\.csv"):
        study.search  # noqa: B018


def test_a_search_has_its_trajectory(place, copy):
    pd.DataFrame({"trial": [BIG, "densenet121-0000"], "objective": [0.5, 0.1]}).to_csv(copy / "tables/trajectory.csv")
    assert list(package.open(place).search["objective"]) == [0.5, 0.1]
    assert list(package.open(place).select(trial=BIG).search["trial"]) == [BIG]


def test_names_of_trials_that_look_like_numbers_stay_names(tmp_path):
    trials = [row.model_copy(update={"trial": f"00{k}"}) for k, row in enumerate(synthetic.rows(2, 1))]
    trials[1] = trials[1].model_copy(update={"base": "000"})
    synthetic.write(tmp_path, trials)
    tables.make(tmp_path)
    for table in (trials_table.read_csv(tmp_path / "tables/trials.csv"), package.open(tmp_path).trials):
        assert list(table["trial"]) == ["000", "001"]
        assert table["base"][1] == "000"
        assert table["base"].isna()[0]


def test_a_url_is_quoted_where_it_must_be(built):
    with Server(built.parent) as server:
        (built.parent / "a study #1é").symlink_to(built)
        for name in ("a study %231é", "a%20study%20%231%C3%A9"):
            assert len(package.open(f"{server.url}/{name}")) == len(package.open(f"file://{built.parent}/{name}")) == 6
        for place in (f"{server.url}/a study #1é", f"file://{built.parent}/a study #1é", f"{server.url}/x?y=1"):
            with pytest.raises(InputError, match="found a query or fragment"):
                package.open(place)
        with pytest.raises(InputError, match="found host 'host'; allowed: file:///folder"):
            package.open("file://host/folder")
        with pytest.raises(InputError, match="found no URL"):
            package.open("http://[::1/x")


def test_a_file_without_bytes_is_one(server, tmp_path):
    (server.folder / "report.html").write_bytes(b"")
    checksums.make(server.folder)
    folder = package.open(server.url).download(tmp_path / "got", progress=False)
    assert (folder / "report.html").read_bytes() == b""


@pytest.mark.parametrize("place", ["nowhere", "ftp://host/study", "https://host/study?key=1"])
def test_what_is_no_study_is_refused(place):
    with pytest.raises(InputError, match="allowed: "):
        package.open(place)


def test_a_url_without_a_study_is_refused(server):
    with pytest.raises(InputError, match="no built study there; allowed: results/STUDY"):
        package.open(f"{server.url}/tables")


@pytest.mark.parametrize("framework", FRAMEWORKS)
@pytest.mark.parametrize("k", [7, 300, 599])
def test_one_array_costs_its_bytes_and_at_most_256_kib(k, framework, server):
    study = package.open(server.url)
    server.reset()
    array = getattr(study.trial(BIG), framework).weights[name_of(framework, k)]
    assert server.sent <= array.nbytes + EXTRA
    assert len(server.requests) <= 16


def test_the_bound_holds_with_attributes_logits_and_a_list_of_names(server):
    side = package.open(server.url).trial(BIG).pytorch
    server.reset()
    nbytes = side.logits.nbytes + sum(array.nbytes for array in side.curves.values())
    assert side.attributes["row"]["trial"] == BIG
    assert len(list(side.weights)) == 600
    assert server.sent <= nbytes + EXTRA


def test_all_arrays_in_order_come_in_large_steps(server):
    side = package.open(server.url).trial(BIG).pytorch
    server.reset()
    assert len(dict(side.weights)) == 600
    size = (server.folder / f"trials/{BIG}/pytorch.h5").stat().st_size
    assert len(server.requests) < 30
    assert server.sent < size


@pytest.mark.parametrize(
    "faults",
    [
        [429, 503],
        [500, 502, 504, 429, 503],
        ["reset", "truncated"],
        ["truncated"] * 3,
        ["slow"],
        ["moved"],
        ["unended"],
    ],
)
def test_what_passes_is_tried_again(faults, server):
    server.faults = list(faults)
    study = package.open(server.url)
    assert server.faults == []
    side, expected = study.trial(BIG).tensorflow, trial_file.read(server.folder / f"trials/{BIG}/tensorflow.h5")
    server.faults = list(faults)
    name = name_of("tensorflow", 7)
    np.testing.assert_array_equal(side.weights[name], expected.weights[3][name])
    server.faults = list(faults)
    for name, array in side.weights.items():
        np.testing.assert_array_equal(array, expected.weights[3][name])
    assert server.faults == []


def test_a_server_that_stays_down_is_given_up(server, tmp_path):
    side = package.open(server.url).trial(BIG).pytorch
    server.faults = [503] * 100
    with pytest.raises(InputError, match=r"pytorch\.h5: no sound answer in 6 attempts; the last: status 503"):
        side.logits  # noqa: B018
    shutil.rmtree(tmp_path / "cache")
    server.faults = ["reset"] * 100
    with pytest.raises(InputError, match=r"trials\.parquet: no sound answer in 6 attempts"):
        package.open(server.url)


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ("whole", r"sends the file whole .* range requests are needed"),
        ("page", r"sends the file whole \(text/html\)"),
        ("shifted", "Content-Range is 'bytes"),
        (400, "status 400"),
    ],
)
def test_answers_that_are_not_the_bytes_asked_for_are_refused(fault, message, server):
    study = package.open(server.url)
    server.faults = [fault]
    with pytest.raises(InputError, match=message):
        study.trial(BIG).pytorch.logits  # noqa: B018
    side = study.trial(BIG).pytorch
    assert side.status == "completed"
    server.faults = [fault]
    with pytest.raises(InputError, match=message):
        side.weights[name_of("pytorch", 507)]
    assert side.weights[name_of("pytorch", 507)].nbytes == 147456


def test_a_web_page_instead_of_a_table_is_refused(server):
    server.faults = ["page"]
    with pytest.raises(InputError, match=r"trials\.parquet: a web page came instead of the file"):
        package.open(server.url)


def test_a_flipped_byte_names_file_and_array(server):
    side = package.open(server.url).trial(BIG).pytorch
    name = name_of("pytorch", 7)
    assert name in side.weights
    before = len(server.requests)
    side._file["weights/0003"][name].attrs["sha256"]
    server.faults = ["corrupted"]
    with pytest.raises(InputError, match=rf"trials/{BIG}/pytorch\.h5: array 'weights/0003/{name}' does not match"):
        side.weights[name]
    assert server.faults == []
    assert side.weights[name].shape == (3, 3, 128, 32)
    assert len(server.requests) > before


def test_damage_in_a_local_file_names_file_and_array(copy):
    path = copy / f"trials/{BIG}/pytorch.h5"
    with h5py.File(path) as file:
        place = file["predictions/logits"].id.get_offset()
    content = bytearray(path.read_bytes())
    content[place] ^= 1
    path.write_bytes(content)
    side = package.open(copy).trial(BIG).pytorch
    with pytest.raises(InputError, match=rf"{path}: array 'predictions/logits' does not match its sha256"):
        side.logits  # noqa: B018
    with h5py.File(path) as file:  # though the reader has it open
        assert len(file["weights"]) == 2
    path.write_bytes(content[:100000])
    with pytest.raises(InputError, match=f"{path}: damaged, or not a trial file"):
        package.open(copy).trial(BIG).pytorch.logits  # noqa: B018
    path.unlink()
    with pytest.raises(InputError, match=f"{path}: no such file"):
        package.open(copy).trial(BIG).pytorch.logits  # noqa: B018
    shutil.copy(path.with_name("tensorflow.h5"), path)
    with pytest.raises(InputError, match="holds framework 'tensorflow'; allowed there: 'pytorch'"):
        package.open(copy).trial(BIG).pytorch.attributes  # noqa: B018


def test_a_file_that_cannot_be_read_now_is_read_later(copy):
    study = package.open(copy)
    side = study.trial(BIG).pytorch
    with no_more_files():
        for read in (lambda: side.logits, lambda: study.curves, lambda: tables.read(copy)):
            with pytest.raises(UnreadableError, match=r"cannot be read \(Too many open files\)"):
                read()
    assert side.logits.shape == (200, 10)
    with no_more_files():  # it is open
        assert len(side.weights) == 600
    assert len(study.curves)
    path = copy / f"trials/{BIG}/tensorflow.h5"
    path.unlink()
    path.mkdir()
    with pytest.raises(UnreadableError, match=rf"^{path}: cannot be read \(Is a directory\)$"):
        study.trial(BIG).tensorflow.logits  # noqa: B018


def test_what_was_used_can_be_sent_to_another_process(copy):
    study = package.open(copy)
    pair = study.trial(BIG)
    side = pair.pytorch
    weights, name = side.weights, name_of("pytorch", 7)
    expected = weights[name], side.logits, list(weights), len(study.curves)
    # As a DataLoader's workers are started on macOS and Windows, and everywhere from Python 3.14 on.
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        np.testing.assert_array_equal(pool.submit(operator.getitem, weights, name).result(), expected[0])
        for sent, what in ((side, "logits"), (pair, "pytorch.logits")):
            np.testing.assert_array_equal(pool.submit(operator.attrgetter(what), sent).result(), expected[1])
        assert pool.submit(list, weights).result() == expected[2]
        assert len(pool.submit(operator.attrgetter("curves"), study).result()) == expected[3]
        np.testing.assert_array_equal(pool.submit(operator.attrgetter("labels"), pair.tensorflow).result(), side.labels)
    np.testing.assert_array_equal(weights[name], expected[0])


@pytest.mark.parametrize("platform", ["win32", "darwin"])
def test_a_study_is_read_where_linux_is_not(platform, copy, tmp_path):
    program = """
import os, pickle, sys
import concurrent.futures.thread, pandas, pyarrow.parquet, tqdm.auto, urllib.request
sys.modules |= {"fcntl": None, "resource": None}
del os.preadv, os.sched_getaffinity
sys.platform = sys.argv[1]
import uncrossed
study = uncrossed.open(sys.argv[2])
side = study.trial(sys.argv[3]).pytorch
before = side.logits, side.weights
again = pickle.loads(pickle.dumps(before[1]))
assert all((again[name] == array).all() for name, array in before[1].items())
assert len(study.curves)
study.select(trial=sys.argv[3]).download(sys.argv[4], progress=False)
assert (uncrossed.open(sys.argv[4]).trial(sys.argv[3]).pytorch.logits == before[0]).all()
from uncrossed.cli.main import main
for command in (["show", "--study", sys.argv[2]], ["tables", sys.argv[2]], ["checksums", sys.argv[2]]):
    try:
        main(command)
    except SystemExit as end:
        assert not end.code, command
row = '{"trial": "a", "architecture": "smallcnn", "learning_rate": 1, "batch_size": 1, "adam_epsilon": 1}'
main(["train", "pytorch", "--row", row, "--dataset", "a", "--output", sys.argv[4] + "/a.h5"])
"""
    output = run(sys.executable, "-c", program, platform, copy, BIG, tmp_path / "got", code=2).stdout
    assert output.splitlines()[-1] == f"uncrossed: training needs Linux; found {platform}; studies can be read here"
    assert "Traceback" not in output
    run("sha256sum", "-c", "--quiet", "--ignore-missing", "SHA256SUMS", folder=tmp_path / "got")


def test_the_file_of_another_trial_gives_no_array(place, copy, tmp_path):
    shutil.copy(copy / f"trials/{BIG}/pytorch.h5", copy / "trials/vgg16-0005/pytorch.h5")
    (copy / "SHA256SUMS").unlink()
    study = package.open(place)
    side = study.trial("vgg16-0005").pytorch
    for read in (lambda: side.logits, lambda: side.epochs, lambda: side.curves):
        with pytest.raises(InputError, match=f"holds trial '{BIG}'; allowed there: 'vgg16-0005'"):
            read()
    with pytest.raises(InputError, match=f"holds trial '{BIG}'"):
        study.select(trial="vgg16-0005").download(tmp_path / "got", progress=False)
    assert not (tmp_path / "got/trials/vgg16-0005/pytorch.h5").exists()


def test_processes_that_are_forked_read_what_their_parent_opened(built):
    code = f"""
import os
from multiprocessing import get_context
import uncrossed
side = uncrossed.open({str(built)!r}).trial({BIG!r}).pytorch
names = list(side.weights)
def read(part):
    for name in names[part::2] * 3:
        side.weights[name]
    return len(names)
if __name__ == "__main__":
    with get_context("fork").Pool(2) as pool:
        assert pool.map(read, [0, 1]) == [600, 600]
"""
    run(sys.executable, "-W", "ignore", "-c", code)


@pytest.mark.parametrize("tags", [True, False])
def test_a_file_replaced_between_two_reads_is_an_error(tags, server):
    server.tags = tags
    side = package.open(server.url).trial(BIG).pytorch
    assert side.logits.shape == (200, 10)
    path = server.folder / f"trials/{BIG}/pytorch.h5"
    # Without an ETag only the size can tell.
    path.write_bytes(path.read_bytes()[:-4] + (b"abcd" if tags else b"abcdefgh"))
    with pytest.raises(InputError, match=r"pytorch\.h5: has changed since it was first read; open the study again"):
        side.weights[name_of("pytorch", 7)]


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


def test_tables_are_cached_by_etag_and_content(server, tmp_path):
    first = package.open(server.url)
    first.curves  # noqa: B018
    server.reset()
    pd.testing.assert_frame_equal(package.open(server.url).trials, first.trials)
    pd.testing.assert_frame_equal(package.open(server.url).curves, first.curves)
    assert server.requests
    assert server.sent == 0
    entries = list((tmp_path / "cache/uncrossed").iterdir())
    assert len(entries) == 3
    for entry in entries:
        entry.write_bytes(entry.read_bytes()[:-1] + b"!")
    pd.testing.assert_frame_equal(package.open(server.url).trials, first.trials)
    assert server.sent > 0
    (server.folder / "tables/trials.parquet").write_bytes((server.folder / "tables/curves.parquet").read_bytes())
    with pytest.raises(InputError, match=r"trials\.parquet: its SHA-256 is not the one in SHA256SUMS"):
        package.open(server.url)


@pytest.mark.parametrize("spoiled", ["a file in its place", "full"])
def test_a_cache_that_cannot_be_written_is_not_used(spoiled, server, tmp_path, monkeypatch):
    if spoiled == "full":

        def full(path: Path):
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(url_cache, "complete", full)
    else:
        (tmp_path / "cache").write_text("")
    assert len(package.open(server.url)) == len(package.open(server.url)) == 6


def test_a_full_disk_under_the_cache_costs_only_the_cache(server, built, tmp_path):
    program = f"""
import resource, signal, uncrossed
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
for _ in range(2):
    study = uncrossed.open({server.url!r})
    print(len(study), len(study.curves), study.trial("{BIG}").pytorch.logits.shape)
"""
    assert (
        run(sys.executable, "-c", program).stdout.splitlines() == [f"6 {len(package.open(built).curves)} (200, 10)"] * 2
    )
    assert [path.name for path in (tmp_path / "cache").rglob("*")] == ["uncrossed"]


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


@pytest.mark.parametrize("name", ["trials.parquet", "curves.parquet"])
def test_a_table_flipped_on_the_way_is_not_cached(name, server):
    server.only, server.faults = name, ["middle"]
    with pytest.raises(InputError, match=rf"{name}: its SHA-256 is not the one in SHA256SUMS"):
        package.open(server.url).curves  # noqa: B018
    assert len(package.open(server.url).curves)


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


def test_a_bucket_is_read_from_the_emulator_where_one_is_named(server, monkeypatch):
    (server.folder / "bucket").mkdir()
    (server.folder / "bucket/a study").symlink_to(server.folder)
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", server.url.removeprefix("http://"))
    assert len(package.open("gs://bucket/a study/")) == 6
    monkeypatch.delenv("STORAGE_EMULATOR_HOST")
    asked = []
    monkeypatch.setattr(remote.RemoteFolder, "read", lambda self, name: asked.append(self.where(name)) or b"")
    with pytest.raises(InputError):
        package.open("gs://bucket/prefix")
    assert "https://storage.googleapis.com/bucket/prefix/tables/trials.parquet" in asked


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """A server's certificate and key in one file."""
    need(shutil.which("openssl"), "openssl")
    path = tmp_path_factory.mktemp("certificate") / "server.pem"
    command = "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=server -addext subjectAltName=IP:127.0.0.1"
    run(*command.split(), "-addext", "keyUsage=digitalSignature,keyCertSign", "-keyout", path, "-out", f"{path}.cert")
    path.write_bytes(path.read_bytes() + Path(f"{path}.cert").read_bytes())
    return path


@pytest.fixture(params=["http", "https"])
def proxied(request, network, tmp_path, monkeypatch):
    """A server of either scheme that has one file, and a proxy that knows one user, whom the environment names."""
    tls = None
    if request.param == "https":
        path = request.getfixturevalue("certificate")
        tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        tls.load_cert_chain(path)
        monkeypatch.setenv("SSL_CERT_FILE", str(path))
    (tmp_path / "served").mkdir()
    (tmp_path / "served/a").write_bytes(b"content")
    for name in ("http_proxy", "https_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    with Server(tmp_path / "served", tls) as server, Proxy("us er:p@ss/w#€%") as proxy:
        monkeypatch.setenv(f"{request.param}_proxy", f"http://{quote('us er', safe='')}:{SECRET}@{proxy.place}")
        yield server, proxy


SECRET = quote("p@ss/w#€%", safe="")


def test_a_proxy_is_told_who_asks(proxied):
    server, proxy = proxied
    place = remote.folder_at(server.url)
    assert place.read("a") == place.fetch("a", 0, 7)[0] == b"content"
    assert proxy.requests
    assert all(known for _, known in proxy.requests)
    assert len(server.requests) == 2
    if server.url.startswith("https"):
        assert len(proxy.requests) == 1  # one tunnel, which stays open


def test_a_proxy_that_refuses_the_password_is_asked_once_and_named_in_one_line(proxied, monkeypatch):
    server, proxy = proxied
    scheme = server.url.partition(":")[0]
    monkeypatch.setenv(f"{scheme}_proxy", f"http://user:hidden@{proxy.place}")
    place = remote.folder_at(server.url)
    with pytest.raises(InputError, match=r"the proxy answers status 407 .*; set http_proxy and https_proxy") as error:
        place.read("a")
    assert "hidden" not in str(error.value)
    assert "\n" not in str(error.value)
    assert len(proxy.requests) == 1
    monkeypatch.setenv(f"{scheme}_proxy", f"http://us%20er:{SECRET}@{proxy.place}")
    assert place.read("a") == b"content"


def test_a_proxy_that_is_not_there_is_named_without_its_password(proxied, monkeypatch):
    server, _ = proxied
    monkeypatch.setenv(f"{server.url.partition(':')[0]}_proxy", "http://user:hidden@127.0.0.1:1")
    with pytest.raises(remote.UnreachableError, match=r"Unable to connect to proxy.*port=1") as error:
        remote.folder_at(server.url).read("a")
    assert "hidden" not in str(error.value)


@pytest.mark.parametrize(
    "url", ["user:hid/den@127.0.0.1:1", "user:1#hidden@127.0.0.1:1", "socks5://user:hidden@127.0.0.1:1", "hid den:1"]
)
def test_what_is_no_url_of_a_proxy_is_refused_and_not_shown(url, proxied, monkeypatch):
    server, _ = proxied
    name = f"{server.url.partition(':')[0]}_proxy"
    monkeypatch.setenv(name, url if "://" in url else f"http://{url}")
    with pytest.raises(InputError, match=f"{name}: found no URL of a proxy .*; allowed: http://HOST:PORT") as error:
        remote.folder_at(server.url).read("a")
    assert "hid" not in str(error.value)


def test_no_proxy_holds_for_each_host_that_an_answer_leads_to(server, monkeypatch):
    with Proxy("user:password") as proxy:
        monkeypatch.setenv("http_proxy", f"http://user:password@{proxy.place}")
        monkeypatch.delenv("NO_PROXY", raising=False)
        monkeypatch.setenv("no_proxy", "localhost")
        elsewhere = server.url.replace("127.0.0.1", "localhost")
        server.faults = [(302, b"", {"Location": f"{elsewhere}/report.html"})]
        assert remote.folder_at(server.url).read("report.html") == b"a report"
        assert proxy.requests == [(f"GET {server.url}/report.html", True)]
        assert len(server.requests) == 2


PAYS = "Bucket is a requester pays bucket but no user project provided."


@pytest.mark.parametrize(
    ("status", "body", "message"),
    [
        (400, f"<?xml version='1.0'?><Error><Code>UserProjectMissing</Code><Message>{PAYS}</Message></Error>", PAYS),
        (400, json.dumps({"error": {"code": 400, "message": PAYS, "errors": [{"message": "other"}]}}, indent=1), PAYS),
        (
            403,
            "<Error><Code>AccessDenied</Code><Details>Anonymous &amp; denied</Details></Error>",
            "Anonymous & denied",
        ),
        (404, json.dumps({"error": "no such\n\x1b[1mthing"}), r"status 404 .*: no such \[1mthing"),
        (
            401,
            "<html><head><title>No</title></head><body>\n<h1>Log\nin</h1></body>",
            "status 401 Unauthorized: Log in$",
        ),
        (418, "x " * 5000, r"status 418 .*: x x .* \.\.\.$"),
        (410, "", "status 410 Gone$"),
    ],
    ids=["pays in XML", "pays in JSON", "XML", "JSON", "HTML", "long", "nothing"],
)
def test_what_a_server_says_of_its_refusal_is_told_in_one_line(status, body, message, server):
    server.faults = [(status, body.encode(), {"Content-Type": "application/xml"})]
    with pytest.raises(InputError, match=message) as error:
        remote.folder_at(server.url).read("report.html")
    assert len(server.requests) == 1
    assert str(error.value).isprintable()
    assert len(str(error.value)) < 500
    hint = "copy it with `gcloud storage cp --recursive --billing-project=PROJECT gs://BUCKET/FOLDER .`, and open the"
    assert (hint in str(error.value)) == (PAYS in body)


def test_a_bucket_whose_readers_pay_is_no_study_and_says_why(server):
    server.faults = [(400, f"<Error><Message>{PAYS}</Message></Error>".encode(), {})]
    with pytest.raises(InputError, match=f"tables/trials.parquet: status 400 Bad Request: {PAYS}; whoever reads"):
        package.open(server.url)


def test_what_a_server_says_while_it_is_busy_is_told_too(server):
    server.faults = [(503, b"try again later", {"Retry-After": "soon"})] * 6
    with pytest.raises(remote.UnreachableError, match=r"the last: status 503 Service Unavailable: try again later$"):
        remote.folder_at(server.url).read("report.html")


@pytest.mark.parametrize(("url", "message"), [("http://ho st/x", "found no URL"), ("http://a:hidden@b/x", "user name")])
def test_a_url_that_cannot_be_asked_is_refused_at_once(url, message, network, monkeypatch):
    monkeypatch.setattr(remote.time, "sleep", None)
    with pytest.raises(InputError, match=message) as error:
        remote.folder_at(url).read("a")
    assert "hidden" not in str(error.value)


def test_what_was_got_before_a_connection_broke_is_not_asked_for_again(server):
    body = np.random.default_rng(0).bytes(100_000)
    (server.folder / "big").write_bytes(body)
    server.faults = ["reset", "reset"]
    assert remote.folder_at(server.url).fetch("big", 0, 100_000)[0] == body
    assert [line.partition("=")[2] for line in server.requests] == ["0-99999", "50000-99999", "75000-99999"]


def test_a_place_that_is_pickled_reads(server):
    place = remote.folder_at(server.url)
    body = place.read("report.html")
    again = pickle.loads(pickle.dumps(place))
    assert (again.root, again.read("report.html")) == (place.root, body)
    program = f"""
from multiprocessing import get_context
from uncrossed.common.remote import folder_at
if __name__ == "__main__":
    place = folder_at({server.url!r})
    place.read("report.html")
    with get_context("spawn").Pool(1) as pool:
        print(pool.map(place.read, ["report.html"]))
"""
    assert run(sys.executable, "-c", program).stdout == f"[{body!r}]\n"


def test_processes_that_are_forked_have_connections_of_their_own(server):
    """Answers to one would else be read by the other."""
    path = f"trials/{BIG}/pytorch.h5"
    program = f"""
from multiprocessing import get_context
from pathlib import Path
from uncrossed.common.remote import folder_at
place, body = folder_at({server.url!r}), Path({str(server.folder)!r}, {path!r}).read_bytes()
place.fetch({path!r}, 0, 1)
def read(part):
    return [place.fetch({path!r}, k, k + 500)[0] == body[k : k + 500] for k in range(part, 50_000, 500)]
if __name__ == "__main__":
    with get_context("fork").Pool(3) as pool:
        print({{same for part in pool.map(read, [0, 1, 2], chunksize=1) for same in part}}, read(3)[0])
"""
    assert run(sys.executable, "-W", "ignore", "-c", program).stdout == "{True} True\n"


def test_without_pyarrow_the_table_of_trials_is_read_from_csv(built):
    program = f"""
import sys
sys.modules["pyarrow"] = None
import uncrossed
study = uncrossed.open({str(built)!r})
print(len(study), study.trials["space"].dtype, study.trial("{BIG}").pytorch.logits.shape, flush=True)
study.curves
"""
    done = run(sys.executable, "-c", program, code=1)
    assert done.stdout.startswith("6 Int64 (200, 10)\n")
    assert "curves.parquet: needs pyarrow: pip install 'uncrossed[reader]'" in done.stdout.splitlines()[-1]


def test_what_is_missing_is_named_and_importing_is_light(built):
    program = f"""
import sys, uncrossed
assert not {{"h5py", "numpy", "pandas", "pydantic"}} & sys.modules.keys()
study = uncrossed.open({str(built)!r})
side = study.trial("{BIG}").tensorflow
side.weights
assert not {{"torch", "tensorflow", "keras"}} & sys.modules.keys()
sys.modules["tensorflow"] = sys.modules["keras"] = None
side.model()
"""
    done = run(sys.executable, "-c", program, code=1)
    assert "tensorflow.h5: its model needs tensorflow (" in done.stdout.splitlines()[-1]
    program = f"import sys, uncrossed; sys.modules['pandas'] = None; uncrossed.open({str(built)!r})"
    assert "need pandas: pip install 'uncrossed[reader]'" in run(sys.executable, "-c", program, code=1).stdout


def test_models_give_the_stored_logits(few, server):
    """Of the row's semantics too, whatever the session's user has set; weights of another model are refused."""
    folder = server.folder / "models"
    row = synthetic.rows(1, 1, ["smallcnn"])[0].model_dump()
    semantics = {"plain": "native", "changed": "aligned-tensorflow", "broken": "native"}
    rows = [Trial.check({**row, "trial": trial, "semantics": text}, "test") for trial, text in semantics.items()]
    synthetic.write(folder, rows, examples=40)
    tables.make(folder)
    command = [sys.executable, Path(__file__).with_name("checks") / "models.py"]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    running = [
        subprocess.Popen([*command, framework, folder, f"{server.url}/models", few], **pipes)
        for framework in FRAMEWORKS
    ]
    for process in running:
        output, _ = process.communicate()
        assert process.returncode == 0, output
