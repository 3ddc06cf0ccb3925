"""With `--sdm apptainer` each framework's jobs run in its image."""

import pytest

from helpers.commands import PATH, STAND_IN
from helpers.studies import Folder

pytestmark = pytest.mark.more


def test_a_training_runs_in_its_frameworks_image(tmp_path):
    folder, said = Folder(tmp_path), tmp_path / "said"
    target = "results/tiny/trials/first/pytorch.h5"
    options = ["--sdm", "apptainer", "--apptainer-args=--nv"]
    folder.snakemake(target, *options, PATH=f"{STAND_IN}:{PATH}", APPTAINER_SAID=str(said))
    assert (folder.path / target).exists()
    assert said.read_text() == "envs/pytorch.sif\n"
    assert folder.planned(target) == []
