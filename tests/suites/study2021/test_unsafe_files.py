"""Nothing in a published file is ever run."""

import pickle
from pathlib import Path

import pytest

from helpers.published_files import side, weights_of
from uncrossed.common.errors import InputError


class Attack:
    """A pickle that creates a file where it is loaded."""

    def __init__(self, path: Path):
        """Take the file."""
        self.path = path

    def __reduce__(self):
        """Create it."""
        return (open, (str(self.path), "w"))


@pytest.mark.parametrize("form", ["pickle", "protocol 2", "zip", "legacy", "beside tensors"])
@pytest.mark.filterwarnings("ignore:Detected pickle protocol", "ignore:Environment variable TORCH_FORCE")
def test_a_malicious_file_is_refused_and_not_run(form, place, server, tmp_path, monkeypatch):
    import torch

    monkeypatch.setenv("TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD", "1")
    path, victim = server.folder / f"{weights_of('vgg16')}.pt_model.pt", tmp_path / "victim"
    attack = {"a": torch.zeros(2), "b": Attack(victim)} if form == "beside tensors" else Attack(victim)
    if form in ("pickle", "protocol 2"):
        path.write_bytes(pickle.dumps(attack, protocol=2 if form == "protocol 2" else None))
    else:
        torch.save(attack, path, _use_new_zipfile_serialization=form != "legacy")
    # The attack works on those who let it.
    pickle.loads(path.read_bytes()).close() if form in ("pickle", "protocol 2") else torch.load(path)
    victim.unlink()
    opened = side(place)
    for read in (lambda: opened.weights, opened.model):
        with pytest.raises(InputError, match="not a state dict of tensors") as error:
            read()
        assert str(path.name) in str(error.value)
        assert "weights_only" not in str(error.value)
        assert "\n" not in str(error.value)
    assert not victim.exists()


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "Error"),
        (b"<html>No such bucket</html>", ""),
        ("half", ""),
        ({}, "it holds a dict"),
        ([1], "it holds a list"),
        ({"epoch": 3}, "it holds a int named 'epoch'"),
        ({"state_dict": {}}, "it holds a dict named 'state_dict'"),
    ],
)
def test_what_is_no_state_dict_is_refused(content, reason, copy):
    import torch

    path = copy / f"{weights_of('vgg16')}.pt_model.pt"
    if content == "half":
        content = path.read_bytes()[: path.stat().st_size // 2]
    path.write_bytes(content) if isinstance(content, bytes) else torch.save(content, path)
    with pytest.raises(InputError, match=rf"{path}: not a state dict of tensors \(.*{reason}"):
        side(copy).weights  # noqa: B018
