"""Two studies are built from one folder at the same time."""

import subprocess

import pytest
import yaml

from helpers.commands import REPOSITORY
from helpers.studies import Folder


@pytest.mark.long
def test_two_studies_are_built_at_the_same_time_once_their_dataset_is_there(tmp_path):
    folder = Folder(tmp_path)
    folder.snakemake("results/datasets/digits-few.h5")
    (tmp_path / "other.yaml").write_text(yaml.safe_dump(folder.configuration | {"study": "other"}))
    command = ["snakemake", "pytorch", "--snakefile", folder.snakefile, "--profile", REPOSITORY / "profiles/local"]
    both = [
        subprocess.Popen([*map(str, command), "--configfile", name], cwd=tmp_path, stderr=subprocess.PIPE, text=True)
        for name in ("study.yaml", "other.yaml")
    ]
    for process in both:
        said = process.communicate()[1]
        assert process.returncode == 0, said
    for trial in ("first", "second"):
        one, other = (tmp_path / f"results/{name}/trials/{trial}/pytorch.h5" for name in ("tiny", "other"))
        assert one.read_bytes() == other.read_bytes()
