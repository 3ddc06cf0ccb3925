"""A study is read where Linux or a package is not."""

import sys

import pytest

from helpers.big import BIG
from helpers.commands import run


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
