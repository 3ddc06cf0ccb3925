"""A result that cannot be read is not trained again."""

import shutil
from pathlib import Path

import pytest

from helpers.commands import no_more_files
from helpers.damage import damaged, truncated
from uncrossed.common.errors import UnreadableError
from uncrossed.results import trial_file


@pytest.mark.more
def test_a_result_that_cannot_be_read_is_not_trained_again(tmp_path, ended):
    path = str(shutil.copy(ended["checkpoint"].with_name("a.h5"), tmp_path / "a.h5"))
    with no_more_files(), pytest.raises(UnreadableError, match="cannot be read"):
        trial_file.is_wanted(path, {"framework": "pytorch"})
    assert trial_file.is_wanted(path, {"framework": "pytorch"})
    assert not trial_file.is_wanted(path, {"framework": "tensorflow"})
    damaged(Path(path))
    truncated(Path(path))
    assert not trial_file.is_wanted(path, {"framework": "pytorch"})
