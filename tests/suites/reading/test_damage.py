"""A file that is damaged, replaced or another's gives no array."""

import shutil

import h5py
import pytest

import uncrossed as package
from helpers.big import BIG, name_of
from helpers.commands import no_more_files
from uncrossed.common.errors import InputError, UnreadableError
from uncrossed.results import tables


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
