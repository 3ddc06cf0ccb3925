"""A list and its files have to agree, and what is listed is never moved."""

from helpers.commands import told
from helpers.verified import FIRST, SECOND, change
from uncrossed.results import checksums
from uncrossed.results.verify import verify


def test_every_table_and_figure_is_listed_but_for_what_depends_on_the_machine(folder):
    (folder / "figures").mkdir()
    for name in ("tables/new.csv", "tables/new.parquet", "figures/new.svg", "figures/new.png", "figures/.DS_Store"):
        (folder / name).write_text("new")
    checksums.make(folder)
    listed, _ = checksums.read(folder / "SHA256SUMS", "")
    there = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    unlisted = {"SHA256SUMS", "tables/runs.parquet", "figures/new.png", "figures/.DS_Store"}
    assert there - listed.keys() == unlisted | {name for name in there if name.endswith(".json")} - {"study.json"}


def test_lists_that_disagree(folder):
    lines = (folder / "SHA256SUMS").read_text().splitlines(keepends=True)
    (folder / "RELEASE_SHA256SUMS").write_text("".join(["0" * 64 + lines[0][64:], *lines[1:]]))
    output = told("verify", folder, code=1)
    assert "SHA256SUMS and RELEASE_SHA256SUMS disagree" in output
    assert ": 1 fault\n" in output


def test_a_list_that_lacks_a_file_is_named(folder):
    path = folder / "SHA256SUMS"
    text = path.read_text()
    for lost in ("manifest.csv", "tables/curves.parquet", f"trials/{FIRST}/tensorflow.h5"):
        path.write_text("".join(line for line in text.splitlines(keepends=True) if not line.endswith(f"  {lost}\n")))
        assert verify(folder).faults == [f"{path}: does not list {lost}"]
    path.write_text("")
    assert verify(folder).faults == [f"{path}: lists nothing"]


def test_what_is_listed_is_never_moved(folder):
    change(folder / f"trials/{FIRST}/pytorch.h5", lambda result: result.curves["test_loss"].__setitem__(-1, 7.0))
    (folder / f"trials/{SECOND}/pytorch.h5").write_bytes(b"no HDF5")
    tables_as_they_are = (folder / "SHA256SUMS").read_text()
    checksums.make(folder)
    assert (folder / "SHA256SUMS").read_text() != tables_as_they_are
    output = told("verify", folder, "--quarantine", code=1)
    assert f"{FIRST}/pytorch.h5: its SHA-256 is the listed one, but: records test loss 7.0" in output
    assert f"{SECOND}/pytorch.h5: its SHA-256 is the listed one, but: " in output
    assert "moved to" not in output
