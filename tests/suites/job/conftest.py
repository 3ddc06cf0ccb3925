"""A training that has ended, and a checkpoint of it."""

import pytest

from helpers.commands import run
from helpers.trainings import command


@pytest.fixture(scope="session")
def ended(few, tmp_path_factory):
    """The bytes of a training, and a checkpoint of it."""
    folder = tmp_path_factory.mktemp("ended")
    run(*command("pytorch", few, folder / "a.h5"))
    # Saved in its last epoch: its run record cannot be written, as its name is a folder, nor then its trial file.
    (folder / "b.json").mkdir()
    run(*command("pytorch", few, folder / "b.h5"), code=1)
    return {"whole": (folder / "a.h5").read_bytes(), "checkpoint": folder / "b.checkpoint.h5"}
