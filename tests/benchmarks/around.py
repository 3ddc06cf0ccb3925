"""What surrounds trainings: what Snakemake adds to a job, and how fast results are verified and published.

`python tests/benchmarks/around.py` runs small real jobs, alone and through Snakemake; then it verifies and publishes
made-up files, beside the plain tools that read or copy the same bytes.
"""

import argparse
import json
import statistics
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import yaml

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from scale import timed

from helpers import gcs, synthetic
from uncrossed.results import checksums, tables, trial_file

REPOSITORY = Path(__file__).resolve().parents[2]


def seconds(*command: object, folder: Path, **environment: str) -> float:
    """Wall time of a command that must end well."""
    return timed(list(command), folder, **environment)[0]


def jobs(count: int, folder: Path) -> dict[str, float]:
    """Seconds that Snakemake adds to a job: `count` one-epoch trainings through it, against the same commands alone."""
    header = "trial,architecture,learning_rate,batch_size,adam_epsilon,epochs"
    rows = [f"t{k},smallcnn,0.01{k},64,1e-7,1" for k in range(count)]
    (folder / "rows.csv").write_text("\n".join([header, *rows]) + "\n")
    study = {"study": "jobs", "dataset": "digits", "manifest": "rows.csv", "settings": {"threads": 1}}
    (folder / "study.yaml").write_text(yaml.safe_dump(study))
    build = ["snakemake", "--snakefile", REPOSITORY / "Snakefile", "--cores", "1"]
    seconds(*build, "results/datasets/digits.h5", "--configfile", "study.yaml", folder=folder)
    through = seconds(*build, "pytorch", "--configfile", "study.yaml", folder=folder)
    alone = 0.0
    for k, row in enumerate(rows):
        values = dict(zip(header.split(","), row.split(","), strict=True))
        job = {name: value if name in ("trial", "architecture") else float(value) for name, value in values.items()}
        job |= {name: int(job[name]) for name in ("batch_size", "epochs")}
        command = ["uncrossed", "train", "pytorch", "--row", json.dumps(job), "--dataset", "results/datasets/digits.h5"]
        alone += seconds(*command, "--output", f"alone/{k}.h5", folder=folder)
    return {"job alone, s": alone / count, "Snakemake adds, s": (through - alone) / count}


def throughput(pairs: int, megabytes: int, folder: Path) -> dict[str, float]:
    """MB a second of `verify` and `publish` beside sha256sum and cp, over files that the cache of the system holds."""
    results = folder / "results/made-up"
    synthetic.write(results, synthetic.rows(pairs, 3))
    for number, path in enumerate(sorted(results.glob("trials/*/*.h5"))):
        result = trial_file.read(path)
        random = np.random.default_rng(number)
        result.weights[3] = {"w": random.standard_normal(megabytes * 250_000, dtype=np.float32)}
        trial_file.write(path, result)
    tables.make(results)
    checksums.make(results)
    (folder / "study.yaml").write_text(
        yaml.safe_dump({"study": "made-up", "dataset": "cifar10", "manifest": "results/made-up/manifest.csv"})
    )
    seconds("uncrossed", "release", results, folder=folder)
    size = sum(path.stat().st_size for path in results.rglob("*") if path.is_file()) / 1e6
    number = iter(range(100))

    def rate(run: Callable[[], float], repeat: int = 3) -> float:
        return size / statistics.median(run() for _ in range(repeat))

    def publish(destination: str, **environment: str) -> float:
        command = ["uncrossed", "publish", results, destination, "--receipt", folder / f"{next(number)}.json"]
        return seconds(*command, folder=folder, **environment)

    found = {
        "sha256sum -c": rate(lambda: seconds("sha256sum", "-c", "RELEASE_SHA256SUMS", folder=results)),
        "uncrossed verify": rate(lambda: seconds("uncrossed", "verify", results, folder=folder)),
        "cp -r": rate(lambda: seconds("cp", "-r", results, folder / f"copy{next(number)}", folder=folder)),
        "uncrossed publish file://": rate(lambda: publish(f"file://{folder}/out{next(number)}")),
    }
    with gcs.Server() as server:
        to_server = {"STORAGE_EMULATOR_HOST": server.address}
        found["uncrossed publish gs:// (local server)"] = rate(lambda: publish("gs://bucket/a", **to_server), 1)
    return {f"{name}, MB/s": value for name, value in found.items()}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--jobs", type=int, default=6, help="(%(default)s)")
    parser.add_argument("--pairs", type=int, default=8, help="of two files each (%(default)s)")
    parser.add_argument("--megabytes", type=int, default=40, help="of each file (%(default)s)")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as first, tempfile.TemporaryDirectory() as second:
        found = jobs(options.jobs, Path(first)) | throughput(options.pairs, options.megabytes, Path(second))
    for name, value in found.items():
        print(f"{name:46} {value:8.2f}")
    if options.json:
        options.json.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
