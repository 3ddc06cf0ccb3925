"""`config/published-explained.yaml` without TensorFlow: PyTorch does as TensorFlow does, on a GPU.

    python tests/benchmarks/imitation.py DATASET.h5 --output docs/published-explained/imitation.csv
    python tests/benchmarks/imitation.py DATASET.h5 --device cpu --only densenet121-11fe1410 --output FILE.csv

PyTorch trains both sides of each row: its own, and TensorFlow's, with every mechanism that the row leaves native as
TensorFlow has it. By the proof (`uncrossed prove`) that is TensorFlow's training up to rounding and random draws. Each
model is tested with the running statistics of both frameworks' momentum (views). Rows that differ in nothing else share
a training, as in a build.

150 trainings take 23 minutes on an H200. `--natives` trains nothing but the pairs as they were published: 68 trainings,
eleven minutes. The file has a line for each training as soon as it is done; trainings that it has are not trained
again. Exit code 1: one failed.
"""

import argparse
import json
import math
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
sys.path[:0] = [str(REPOSITORY / "workflow"), str(REPOSITORY / "tests")]

from helpers.imitating import ACCURACY, KEPT, MANIFEST, MOMENTUM, first_rows, imitating  # noqa: E402
from uncrossed.common.files import write_text  # noqa: E402 - the package comes before what is installed
from uncrossed.results import trial_file, views_file  # noqa: E402
from uncrossed.study import layout, manifest  # noqa: E402
from uncrossed.study.architectures import PACKAGED  # noqa: E402
from uncrossed.study.trial import FRAMEWORKS, Trial  # noqa: E402
from uncrossed.study2021.published_study import SEMANTICS  # noqa: E402
from uncrossed.training.views import SIDES  # noqa: E402

COLUMNS = ["trial", "as", "train_loss", "train_accuracy", *(f"{ACCURACY}_momentum_{side}" for side in SIDES)]
COLUMNS += ["dataset", "device", "torch"]


def train(row: Trial, side: str, dataset: Path, device: str) -> dict[str, Any]:
    """Train one side of a row, and say what came of it.

    Raises:
        subprocess.CalledProcessError: the training failed; with what it said.
    """
    trained = imitating(row, side)
    path = os.pathsep.join([str(REPOSITORY / "workflow"), os.environ.get("PYTHONPATH", "")])
    views = MOMENTUM in PACKAGED[row.architecture].touching
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder, "pytorch.h5")
        command = [sys.executable, "-m", "uncrossed", "train", "pytorch", "--dataset", dataset, "--output", output]
        command += ["--row", trained.model_dump_json(exclude_none=True)]
        command += ["--settings", json.dumps({"device": device, "threads": 1}), *(["--views"] if views else [])]
        environment = os.environ | {"PYTHONPATH": path.rstrip(os.pathsep)}
        subprocess.run(list(map(str, command)), check=True, env=environment, capture_output=True, text=True)
        attributes, curves = trial_file.read_curves(output)
        last = {name: float(values[-1]) for name, values in curves.items()}
        found = {"trial": row.trial, "as": side, "dataset": attributes["dataset"]["name"]}
        found |= {"device": attributes["device"]}
        found |= {name: last[name] for name in ("train_loss", "train_accuracy")}
        own = trained.semantics[MOMENTUM].replace("native", FRAMEWORKS[0]) if views else side
        found |= {f"{ACCURACY}_momentum_{own}": last[ACCURACY], "torch": attributes["versions"]["torch"]}
        for other in set(SIDES) - {own} if views else ():
            view, _ = views_file.read(layout.views_beside(output), f"{MOMENTUM}={other};batchnorm_variance=pytorch")
            found[f"{ACCURACY}_momentum_{other}"] = float(view.curves[ACCURACY][-1])
    return found


def distance(table: pd.DataFrame) -> str:
    """How far the accuracies of a table are from those that are kept, in words."""
    columns = [name for name in COLUMNS if name.startswith(ACCURACY)]
    kept = pd.read_csv(KEPT).set_index(["trial", "as"])[columns]
    apart = (table.set_index(["trial", "as"])[columns] - kept).stack().dropna()
    where = KEPT.relative_to(REPOSITORY)
    if apart.empty:
        return f"none of them is in {where}"
    return (
        f"{len(apart)} test accuracies are in {where}, too: from there they are {(apart**2).mean() ** 0.5:.4f} away "
        f"(root mean square; the furthest {apart.abs().max():.4f})"
    )


def main() -> int:
    """Train what the file does not have yet."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dataset", type=Path, help="`uncrossed dataset cifar10 --output FILE.h5` makes it")
    parser.add_argument("--output", type=Path, required=True, metavar="FILE.csv")
    parser.add_argument("--device", choices=("gpu", "cpu"), default="gpu")
    parser.add_argument("--natives", action="store_true", help="the pairs as they were published, and no others")
    parser.add_argument("--only", nargs="+", metavar="BASE", help="published pairs; default: all of the study")
    parser.add_argument("--workers", type=int, default=8, help="trainings at once (%(default)s)")
    parser.add_argument("--minutes", type=float, default=math.inf, help="then none is begun any more")
    options = parser.parse_args()
    end, lock, failed = time.monotonic() + 60 * options.minutes, Lock(), []
    there = pd.read_csv(options.output).to_dict("records") if options.output.exists() else []
    rows, done = manifest.read(MANIFEST), {(line["trial"], line["as"]) for line in there}
    wanted = [
        (rows[trial], side)
        for trial, side in first_rows().values()
        if (trial, side) not in done
        and (not options.natives or rows[trial].spelled() == SEMANTICS)
        and (not options.only or rows[trial].base in options.only)
    ]

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
            table = pd.DataFrame(there, columns=COLUMNS).sort_values(COLUMNS[:2])
            write_text(options.output, table.to_csv(index=False, lineterminator="\n", float_format="%.6g"))

    with ThreadPoolExecutor(options.workers) as pool:
        list(tqdm(pool.map(work, wanted), total=len(wanted), unit="training", disable=None))
    print("\n".join(failed) or f"{len(there)} trainings in {options.output}", file=sys.stderr)
    if there:
        print(distance(pd.DataFrame(there)), file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
