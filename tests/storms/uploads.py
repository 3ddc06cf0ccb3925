"""Kill an upload at random moments, finish it, and read the release with an installation that has no framework.

`python tests/storms/uploads.py [results/STUDY]` takes two minutes; without a study it uploads made-up results. A server
that fails as Cloud Storage may gets the upload. The readers' installation is a fresh virtual environment, with pip's
usual index. Exit code 1 when anything is not what was released.
"""

import argparse
import contextlib
import hashlib
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from helpers import gcs, synthetic
from uncrossed.results import checksums
from uncrossed.study import layout

REPOSITORY = Path(__file__).resolve().parents[2]
BASE = "p/"

# What a user reads, against the files: all tables, every array, and a copy of the whole study.
READER = """
import importlib.util, sys
from pathlib import Path
import h5py, numpy as np, pandas as pd
import uncrossed

folder, copy, *places = sys.argv[1:]
assert "site-packages" in uncrossed.__file__, uncrossed.__file__
there = [name for name in ("torch", "tensorflow", "keras", "snakemake", "google") if importlib.util.find_spec(name)]
assert not there, f"importable: {there}"
arrays = 0
for place in places:
    study = uncrossed.open(place)
    for name in ("trials", "curves"):
        pd.testing.assert_frame_equal(getattr(study, name), pd.read_parquet(Path(folder, f"tables/{name}.parquet")))
    for trial in study.trials["trial"]:
        for framework in ("pytorch", "tensorflow"):
            path = Path(folder, f"trials/{trial}/{framework}.h5")
            if not path.exists():
                continue
            side, read = getattr(study.trial(trial), framework), {}
            read |= {f"curves/{name}": array for name, array in side.curves.items()}
            read |= {"predictions/logits": side.logits, "predictions/labels": side.labels}
            for epoch in side.epochs:
                read |= {f"weights/{epoch:04d}/{name}": array for name, array in side.weights_at(epoch).items()}
            with h5py.File(path) as file:
                wanted = {}
                file.visititems(lambda name, node: wanted.update({name: node[()]} if hasattr(node, "dtype") else {}))
                assert side.attributes["content_sha256"] == file.attrs["content_sha256"], path
            assert read.keys() == wanted.keys(), path
            for name, array in wanted.items():
                assert read[name].dtype == array.dtype, (path, name)
                np.testing.assert_array_equal(read[name], array, err_msg=f"{path} {name}")
            arrays += len(wanted)
    print(f"{place}: {len(study)} trials, {arrays} arrays so far", flush=True)
study.download(copy, progress=False)
"""


def main() -> int:
    """Run the storm and print what was found."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", nargs="?", type=Path, help="a released results/STUDY; made-up results without one")
    parser.add_argument("--kills", type=int, default=50, help="(%(default)s)")
    parser.add_argument("--share", type=float, default=0.1, help="of requests that fail (%(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="of the moments (%(default)s)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as root, gcs.Server(options.share, options.seed) as server:
        folder = (options.folder or synthetic.released(Path(root))).resolve()
        faults = upload(folder, server, Path(root), options.kills, random.Random(options.seed))
        print(f"injected into uploads: {', '.join(f'{count} {name}' for name, count in server.failed.items())}")
        faults += read(folder, server, Path(root))
        count = len(objects(folder))
        server.shutdown()
    for fault in faults:
        print(f"FAULT: {fault}")
    print(f"{options.kills} kills, {count} objects, {len(faults)} faults")
    return 1 if faults else 0


def upload(folder: Path, server: gcs.Server, root: Path, kills: int, chance: random.Random) -> list[str]:
    """Kill uploads so often, then let one end; what is at the destination is checked after each."""
    receipt, wanted = root / "receipt.json", objects(folder)

    def start() -> subprocess.Popen:
        command = [sys.executable, "-m", "uncrossed", "publish", folder, f"gs://bucket/{BASE}", "--receipt", receipt]
        environment = {**os.environ, "STORAGE_EMULATOR_HOST": server.address, "TQDM_DISABLE": "1"}
        return subprocess.Popen(list(map(str, command)), env=environment, stdout=subprocess.DEVNULL)

    def afresh() -> None:
        server.objects.clear()
        server.created.clear()
        receipt.unlink(missing_ok=True)

    begun = time.monotonic()
    if start().wait():
        raise SystemExit("the uninterrupted upload failed")
    seconds, faults = time.monotonic() - begun, check(server, wanted, True)
    afresh()
    killed = {"before its first request": 0, "uploading": 0, "after the list": 0}
    runs = wholes = 0
    while sum(killed.values()) < kills and not faults:
        requests, process = server.requests, start()
        # A run that goes on has less to do: one in four is killed soon after a request, the others at any moment.
        if chance.random() < 0.25:
            count = requests + chance.randrange(1, len(wanted))
            while process.poll() is None and server.requests < count:
                time.sleep(0.001)
        else:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(chance.uniform(0, seconds))
        process.kill()
        code, runs = process.wait(), runs + 1
        if code not in (0, -9):
            faults.append(f"an upload ended with exit code {code}")
        complete = any(name.endswith(layout.RELEASE_CHECKSUMS) for name in server.objects)
        if code == -9:
            moment = "before its first request" if server.requests == requests else "uploading"
            killed["after the list" if complete else moment] += 1
        if receipt.exists() and not complete:
            faults.append("a receipt of an incomplete release")
        faults += check(server, wanted, complete)
        if code == 0:
            wholes += 1
            afresh()
    left = len(wanted) - len(server.objects)
    if start().wait():
        faults.append("the last upload failed")
    faults += check(server, wanted, True)
    moments = ", ".join(f"{count} {moment}" for moment, count in killed.items())
    print(f"{runs} runs of up to {seconds:.1f} s: {sum(killed.values())} killed ({moments}), {wholes} ended before")
    print(f"the last run made {left} of {len(wanted)} objects; each was created once", flush=True)
    return faults


def objects(folder: Path) -> dict[str, str]:
    """The SHA-256 of each object that a release must have, by name."""
    content = (folder / layout.RELEASE_CHECKSUMS).read_bytes()
    version = hashlib.sha256(content).hexdigest()
    names = checksums.read(folder / layout.RELEASE_CHECKSUMS, "")[0] | {layout.RELEASE_CHECKSUMS: version}
    return {f"{BASE}{folder.name}/{version[:12]}/{name}": digest for name, digest in names.items()}


def check(server: gcs.Server, wanted: dict[str, str], complete: bool) -> list[str]:
    """What is wrong at the destination."""
    with server.lock:
        found = {name: hashlib.sha256(data).hexdigest() for name, (_, data) in server.objects.items()}
        faults = [f"{name}: another content" for name in found if found[name] != wanted.get(name)]
        faults += [f"{name}: created twice" for name in found if server.created.count(name) != 1]
    faults += [f"{name}: missing, but the release is complete" for name in wanted if complete and name not in found]
    return faults + [f"unsafe: {request}" for request in server.unsafe]


def read(folder: Path, server: gcs.Server, root: Path) -> list[str]:
    """Install the reader elsewhere, read everything with it, and check its copy."""
    source, python, copy = root / "source", root / "venv/bin/python", root / "copy"
    ignored = shutil.ignore_patterns("__pycache__", "*.egg-info")
    shutil.copytree(REPOSITORY / "workflow", source / "workflow", ignore=ignored)
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(REPOSITORY / name, source)
    environment = {key: value for key, value in os.environ.items() if key not in ("PYTHONPATH", "VIRTUAL_ENV")}
    subprocess.run([sys.executable, "-m", "venv", root / "venv"], check=True)
    subprocess.run([python, "-m", "pip", "install", "-qq", f"{source}[reader]"], check=True, env=environment)
    version = hashlib.sha256((folder / layout.RELEASE_CHECKSUMS).read_bytes()).hexdigest()[:12]
    place = f"bucket/{BASE}{folder.name}/{version}"
    command = [python, "-c", READER, folder, copy, f"gs://{place}", f"{server.address}/{place}"]
    environment |= {"STORAGE_EMULATOR_HOST": server.address, "XDG_CACHE_HOME": str(root / "cache")}
    before, begun = server.requests, time.monotonic()
    if subprocess.run(command, env=environment, cwd=root).returncode:
        return ["the reader failed"]
    print(f"read twice and copied in {server.requests - before} requests, {time.monotonic() - begun:.0f} s")
    done = subprocess.run(
        ["sha256sum", "-c", "--quiet", layout.RELEASE_CHECKSUMS], cwd=copy, capture_output=True, text=True
    )
    names = {str(path.relative_to(copy)) for path in copy.rglob("*") if path.is_file()}
    print(f"sha256sum -c {layout.RELEASE_CHECKSUMS} in the copy of {len(names)} files: exit code {done.returncode}")
    strangers = names ^ {*checksums.read(folder / layout.RELEASE_CHECKSUMS, "")[0], layout.RELEASE_CHECKSUMS}
    return [*(done.stdout + done.stderr).splitlines(), *(f"only on one side: {name}" for name in strangers)]


if __name__ == "__main__":
    sys.exit(main())
