"""The native pairs of `config/published-explained.yaml` without TensorFlow: PyTorch does as TensorFlow does, on a GPU.

    python tests/benchmarks/imitation.py DATASET.h5 --output docs/published-explained/imitation.csv    # eleven minutes
    python tests/benchmarks/imitation.py DATASET.h5 --device cpu --only densenet121-11fe1410 --output FILE.csv

Each row is trained twice by PyTorch: as it is, and with every mechanism as TensorFlow has it but `batchnorm_variance`,
which `published` sets. By the proof (`uncrossed prove`) the second is TensorFlow's training up to rounding and random
draws. With momentum of running statistics at either framework's value, each is tested twice (by views). So a gap of a
pair, and what it is if `batchnorm_momentum` alone is aligned, are known without TensorFlow.

The file has a line for each training as soon as it is done; trainings that it has are not trained again. Exit code 1:
a training failed.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Lock
from typing import Any

import pandas as pd
from tqdm import tqdm

REPOSITORY = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(REPOSITORY / "workflow"))

from uncrossed.common.files import write_text  # noqa: E402 - the package comes before what is installed
from uncrossed.results import trial_file, views_file  # noqa: E402
from uncrossed.study import layout, manifest  # noqa: E402
from uncrossed.study.architectures import PACKAGED  # noqa: E402
from uncrossed.study.trial import Trial  # noqa: E402
from uncrossed.study2021.published_study import SEMANTICS  # noqa: E402
from uncrossed.training.views import SIDES  # noqa: E402

MANIFEST = REPOSITORY / "config/manifests/published-explained.csv"
# How PyTorch trains, by whose mechanisms it has.
AS = {"pytorch": SEMANTICS, "tensorflow": "tensorflow;batchnorm_variance=pytorch"}
ACCURACY = "test_accuracy"
COLUMNS = ["base", "seed", "as", "train_loss", "train_accuracy", *(f"{ACCURACY}_momentum_{side}" for side in SIDES)]
COLUMNS += ["device", "torch"]


def train(row: Trial, side: str, dataset: Path, device: str) -> dict[str, Any]:
    """Train a row as one side does, and say what came of it.

    Raises:
        subprocess.CalledProcessError: the training failed; with what it said.
    """
    values = row.model_dump(mode="json", exclude_none=True) | {"semantics": AS[side]}
    environment = os.environ | {
        "PYTHONPATH": f"{REPOSITORY / 'workflow'}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"
    }
    views = "batchnorm_momentum" in PACKAGED[row.architecture].touching
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder, "pytorch.h5")
        command = [sys.executable, "-m", "uncrossed", "train", "pytorch", "--dataset", dataset, "--output", output]
        command += ["--row", json.dumps(values), "--settings", json.dumps({"device": device, "threads": 1})]
        command += ["--views"] if views else []
        subprocess.run(list(map(str, command)), check=True, env=environment, capture_output=True, text=True)
        attributes, curves = trial_file.read_curves(output)
        last = {name: float(values[-1]) for name, values in curves.items()}
        found = {"base": row.base, "seed": row.seed, "as": side, "device": attributes["device"]}
        found |= {name: last[name] for name in ("train_loss", "train_accuracy")}
        found |= {f"{ACCURACY}_momentum_{side}": last[ACCURACY], "torch": attributes["versions"]["torch"]}
        for other in set(SIDES) - {side} if views else ():
            name = f"batchnorm_momentum={other};batchnorm_variance=pytorch"
            view, _ = views_file.read(layout.views_beside(output), name)
            found[f"{ACCURACY}_momentum_{other}"] = float(view.curves[ACCURACY][-1])
    return found


def main() -> int:
    """Train what the file does not have yet."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dataset", type=Path, help="`uncrossed dataset cifar10 --output FILE.h5` makes it")
    parser.add_argument("--output", type=Path, required=True, metavar="FILE.csv")
    parser.add_argument("--device", choices=("gpu", "cpu"), default="gpu")
    parser.add_argument("--only", nargs="+", metavar="BASE", help="published pairs; default: all of the study")
    parser.add_argument("--workers", type=int, default=8, help="trainings at once (%(default)s)")
    parser.add_argument("--minutes", type=float, default=60, help="then none is begun any more (%(default)s)")
    options = parser.parse_args()
    end, lock, failed = time.monotonic() + 60 * options.minutes, Lock(), []
    there = pd.read_csv(options.output).to_dict("records") if options.output.exists() else []
    done = {(line["base"], line["seed"], line["as"]) for line in there}
    rows = [row for row in manifest.read(MANIFEST).values() if row.spelled() == SEMANTICS]
    rows = [row for row in rows if not options.only or row.base in options.only]
    # Repeats last.
    rows.sort(key=lambda row: row.seed % 2)
    wanted = [(row, side) for row in rows for side in AS if (row.base, row.seed, side) not in done]

    def work(job: tuple[Trial, str]) -> None:
        if time.monotonic() > end:
            return
        try:
            found = train(*job, options.dataset, options.device)
        except subprocess.CalledProcessError as error:
            failed.append(f"{job[0].trial} as {job[1]}: {(error.stderr.strip().splitlines() or ['no word'])[-1]}")
            return
        with lock:
            there.append(found)
            table = pd.DataFrame(there, columns=COLUMNS).sort_values(COLUMNS[:3])
            write_text(options.output, table.to_csv(index=False, lineterminator="\n", float_format="%.6g"))

    with ThreadPoolExecutor(options.workers) as pool:
        list(tqdm(pool.map(work, wanted), total=len(wanted), unit="training", disable=None))
    print("\n".join(failed) or f"{len(there)} trainings in {options.output}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
