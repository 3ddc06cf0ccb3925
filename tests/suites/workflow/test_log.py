"""A log holds every attempt."""

import platform
import sys

import pytest

from helpers.commands import PATH
from helpers.studies import Folder

pytestmark = pytest.mark.more


def test_a_log_holds_every_attempt(tmp_path):
    """The first attempt fails; neither Snakemake, which removes logs, nor the second one removes what it said."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/python").write_text(
        f"""#!/bin/bash
echo "user site: $PYTHONNOUSERSITE"
[ "$3" = train ] && mkdir {tmp_path}/tried 2>/dev/null && more="--patience 0"
exec {sys.executable} "$@" $more
"""
    )
    (tmp_path / "bin/python").chmod(0o755)
    (tmp_path / "work").mkdir()
    folder = Folder(tmp_path / "work")
    target = "results/tiny/trials/first/pytorch.h5"
    folder.snakemake(target, "--retries", 1, PATH=f"{tmp_path / 'bin'}:{PATH}")
    log = (folder.results / "logs/trials/first/pytorch.log").read_text().splitlines()
    begun = f"training of {target} begun 2"
    assert [line.startswith(begun) for line in log[:5]] == [False, True, False, False, True]
    assert "--patience: found 0.0; allowed: a number > 0" in log[2]
    assert f" on {platform.node()}, process " in log[4]
    # Of the packages in a user's home folder jobs see none.
    assert log[0] == log[3] == "user site: 1"
    assert "epoch 2/2" in log[-1]
